import {string as word} from '@oclif/core/args'
import {Host} from '../src/server/index.ts'
import {notice, VpsCommand} from '../src/ui/index.ts'

export default class Rename extends VpsCommand {
  static override summary = 'Give a stopped server a new name.'
  static override description =
    'The definition, the layer and the log move along; the id range stays. A hostname that is set in the definition is kept.'
  static override examples = ['vps rename web1 web-old']
  static override args = {
    old: word({description: 'Its name now.', required: true}),
    new: word({description: 'Its name from now on.', required: true}),
  }

  async run(): Promise<void> {
    const [from = '', to = ''] = this.settle(await this.parse(Rename))
    const host = await Host.open({notice})
    await host.rename(from, to)
    await this.answer({name: to, formerName: from}, () => `${to}: was ${from}`)
  }
}
