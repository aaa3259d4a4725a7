import {string as word} from '@oclif/core/args'
import {Host} from '../src/server/index.ts'
import {notice, ServersCommand} from '../src/ui/index.ts'

export default class Resume extends ServersCommand {
  static override summary = 'Let paused servers run again.'
  static override description =
    'Their processes go on where `vps pause` stopped them; timers that ran out meanwhile fire at once.'
  static override usage = 'NAME… | --all | --tag T'
  static override examples = ['vps resume web1', 'vps resume --tag batch']
  static override strict = false
  static override args = {names: word({description: 'Servers to resume.'})}

  async run(): Promise<void> {
    const parsed = await this.parse(Resume)
    const words = this.settle(parsed)
    const host = await Host.open({notice})
    await this.each(
      await this.chosen(host, words, parsed.flags, ['paused']),
      async name => {
        await host.resume(name)
        return {}
      },
      (_, name) => `${name}: resumed`,
    )
  }
}
