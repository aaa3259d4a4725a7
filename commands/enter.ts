import process from 'node:process'
import {string as word} from '@oclif/core/args'
import {string} from '@oclif/core/flags'
import {Host} from '../src/server/index.ts'
import {becomeAttach, VpsCommand} from '../src/ui/index.ts'

export default class Enter extends VpsCommand {
  static override summary = 'Open a login shell in a running server.'
  static override description =
    `The shell is the one that the user has in the server's /etc/passwd. Its terminal belongs to the server: nothing inside can reach the terminal you sit at. From a pipe the shell reads its commands from standard input.

Ends with the shell's status; 125 when vps itself fails.`
  static override examples = [
    'vps enter web1',
    'vps enter web1 --user www-data',
    'echo "id; hostname" | vps enter web1',
  ]
  static override args = {name: word({description: 'The server.', required: true})}
  static override flags = {
    user: string({description: 'Name or number, in the server; default: root.', helpValue: 'U'}),
  }
  static override failsWith = 125

  async run(): Promise<void> {
    const parsed = await this.parse(Enter)
    const [name = ''] = this.settle(parsed)
    const {user} = parsed.flags
    const host = await Host.open()
    const tty = process.stdin.isTTY === true
    await becomeAttach(
      await host.attachWords(name, {argv: [], login: true, tty, ...(user !== undefined && {user})}),
    )
  }
}
