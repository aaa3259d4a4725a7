import {string as word} from '@oclif/core/args'
import {Host} from '../src/server/index.ts'
import {ServersCommand, table} from '../src/ui/index.ts'

export default class Ps extends ServersCommand {
  static override summary = 'List the processes of servers: host pid, guest pid, server, user, command.'
  static override description =
    'PID is what the host calls the process, GUEST-PID what it is called inside its server. Without a name: those of all running servers. The command is what the process says of itself.'
  static override usage = '[NAME…] [--tag T] [--project P]'
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

  async run(): Promise<void> {
    const parsed = await this.parse(Ps)
    const names = this.settle(parsed)
    const host = await Host.open()
    const rows = await host.processes(this.allUnlessChosen(names, parsed.flags))
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
