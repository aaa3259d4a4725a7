import process from 'node:process'
import {string} from '@oclif/core/args'
import {helpPage, readManifest, VpsCommand} from '../src/ui/index.ts'

export default class Help extends VpsCommand {
  static override summary = 'Say what vps or one of its commands does.'
  static override description = 'Without a command: the list of all. Topics: exit-codes, image, template.'
  static override usage = '[COMMAND]'
  static override examples = ['vps help', 'vps help start', 'vps help image build', 'vps help exit-codes']
  static override strict = false
  static override args = {command: string({description: 'A command or a topic.'})}

  async run(): Promise<void> {
    const words = this.settle(await this.parse(Help))
    const manifest = readManifest(this.config.root)
    const width = Math.min(process.stdout.columns ?? 100, 110)
    const text = helpPage(words, manifest, {paint: this.paint, width})
    const commands = Object.values(manifest.commands).map(({id, summary}) => ({
      name: id.replaceAll(':', ' '),
      summary,
    }))
    await this.answer(words.length === 0 ? {commands} : {text}, () => text)
  }
}
