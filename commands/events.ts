import {string as word} from '@oclif/core/args'
import {boolean, string} from '@oclif/core/flags'
import {EVENT_TYPES, type EventOptions, type EventType} from '../src/host/index.ts'
import {Host} from '../src/server/index.ts'
import {eventLines, momentFlag, VpsCommand, write} from '../src/ui/index.ts'

export default class Events extends VpsCommand {
  static override summary = 'Print what happened on this host: starts, ends, changes, limits that were hit.'
  static override description =
    `Commands and supervisors write it down as it happens, in /var/lib/vps/events: two files of 4 MiB at most, the older one goes when the newer is full. Names may be of servers that were destroyed, and patterns such as 'web*'. Without -f prints what is there. Times are local; with --json they are UTC, one object a line.

Types: ${EVENT_TYPES.join(', ')}.`
  static override usage = '[NAME…] [-f] [--since WHEN] [--type T]'
  static override examples = [
    'vps events',
    {description: 'the last hour of one server', command: 'vps events web1 --since 1h'},
    {description: 'go on as it comes', command: 'vps events -f'},
    {
      description: 'tell somebody of each failed start',
      command:
        'vps events -f --type failed --json | jq --unbuffered -r \'.server\' | while read -r name; do echo "$name"; done',
    },
  ]
  static override strict = false
  static override args = {names: word({description: 'Only events of these servers.'})}
  static override flags = {
    follow: boolean({char: 'f', description: 'Go on printing what happens, until Ctrl-C.'}),
    since: momentFlag({description: 'Only from then on: how long ago, or a time.'}),
    type: string({
      description: 'Only events of this type; may be given several times.',
      helpValue: 'T',
      multiple: true,
      options: [...EVENT_TYPES],
    }),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Events)
    const names = this.settle(parsed)
    const {follow, since, type} = parsed.flags
    const host = await Host.open()
    const options: EventOptions = {
      ...(names.length > 0 && {names}),
      ...(type !== undefined && {types: type as EventType[]}), // the parser lets nothing else through
      ...(since !== undefined && {since}),
      follow,
    }
    const line = eventLines(this.paint)
    for await (const event of host.events(options)) {
      const text = this.json ? JSON.stringify({...event, detail: event.detail ?? {}}) : line(event)
      if (!(await write(`${text}\n`))) return
    }
  }
}
