import {string as word} from '@oclif/core/args'
import {Host} from '../src/server/index.ts'
import {becomeAttach, VpsCommand} from '../src/ui/index.ts'

export default class Console extends VpsCommand {
  static override summary = "Attach to a server's console; Ctrl-] detaches."
  static override description =
    "Shows the last 4 KiB of the console and then what comes; what you type goes to the server's console, for example to its login prompt. Several may be attached at once. `vps logs` shows what was said before."
  static override examples = ['vps console web1']
  static override args = {name: word({description: 'The server.', required: true})}

  async run(): Promise<void> {
    const [name = ''] = this.settle(await this.parse(Console))
    const host = await Host.open()
    await becomeAttach(await host.consoleWords(name))
  }
}
