import {string as word} from '@oclif/core/args'
import {string} from '@oclif/core/flags'
import {Host} from '../src/server/index.ts'
import {table, VpsCommand} from '../src/ui/index.ts'

export default class Ps extends VpsCommand {
  static override summary = 'List the processes of servers: host pid, guest pid, server, user, command.'
  static override description =
    'PID is what the host calls the process, GUEST-PID what it is called inside its server. Without a name: those of all running servers. The command is what the process says of itself.'
  static override usage = '[NAME…] [--tag T]'
  static override examples = [
    'vps ps',
    'vps ps web1',
    {
      description: 'to which server does a process belong',
      command: 'vps ps --json | jq ".[] | select(.pid == 4711)"',
    },
  ]
  static override strict = false
  static override args = {names: word({description: 'Only these servers.'})}
  static override flags = {
    tag: string({description: 'Only servers that have this tag.', helpValue: 'T'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Ps)
    const names = this.settle(parsed)
    const {tag} = parsed.flags
    const host = await Host.open()
    const chosen = tag === undefined ? names : await host.resolve({names, tag})
    const rows =
      tag !== undefined && chosen.length === 0
        ? []
        : await host.processes(chosen.length > 0 ? chosen : undefined)
    await this.answer(rows, () =>
      table(
        rows,
        [
          {title: 'PID', value: row => `${row.pid}`, right: true},
          {title: 'GUEST-PID', value: row => `${row.guestPid}`, right: true},
          {title: 'SERVER', value: row => row.server},
          {title: 'USER', value: row => row.user},
          {title: 'COMMAND', value: row => row.command},
        ],
        this.paint,
      ),
    )
  }
}
