import {string as word} from '@oclif/core/args'
import {Host} from '../src/server/index.ts'
import {notice, ServersCommand} from '../src/ui/index.ts'

export default class Pause extends ServersCommand {
  static override summary = 'Freeze servers.'
  static override description =
    'Every process of the server stops where it is, keeps its memory and gets no processor time until `vps resume`. Connections stay open as long as their other ends wait.'
  static override usage = 'NAME… | --all | --tag T'
  static override examples = ['vps pause web1', 'vps pause --tag batch']
  static override strict = false
  static override args = {names: word({description: 'Servers to pause.'})}

  async run(): Promise<void> {
    const parsed = await this.parse(Pause)
    const words = this.settle(parsed)
    const host = await Host.open({notice})
    await this.each(
      await this.chosen(host, words, parsed.flags, ['running', 'starting']),
      async name => {
        await host.pause(name)
        return {}
      },
      (_, name) => `${name}: paused`,
    )
  }
}
