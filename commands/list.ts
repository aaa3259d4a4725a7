import {string as word} from '@oclif/core/args'
import {boolean} from '@oclif/core/flags'
import {listServers, type ServerView} from '../src/server/index.ts'
import {type Column, type Paint, paintState, percent, ServersCommand, since, table} from '../src/ui/index.ts'

export default class List extends ServersCommand {
  static override summary = 'List servers: state, template, init, how long they are up, tags.'
  static override description =
    `States: running, starting, stopping, paused, stopped; crashed (its supervisor died, and the server with it); defined (there is a definition, but \`vps create\` was not run yet); invalid (the definition has errors, see \`vps show\`).

A star after the state: the server runs without some of its limits, because this host cannot enforce them.

HEALTH is there where some server has checks of its health (see \`health\` in the definition): starting, healthy, unhealthy.

INIT-PID is the host's number of the server's first process.`
  static override usage = '[NAME…] [--tag T] [--project P] [--state S] [--fleet F] [--pressure]'
  static override examples = [
    'vps list',
    'vps list --tag web',
    {description: 'patterns are quoted', command: `vps list 'lab-0[0-9]' --state running`},
    {
      description: 'names of all running servers',
      command: `vps list --state running --json | jq -r '.[].name'`,
    },
  ]
  static override strict = false
  static override args = {names: word({description: 'Only these servers.'})}
  static override flags = {
    pressure: boolean({
      description:
        'Also show the share of the last 10 seconds in which processes waited for CPU, memory and I/O.',
    }),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(List)
    const names = this.settle(parsed)
    const {pressure} = parsed.flags
    const selected = this.allUnlessChosen(names, parsed.flags)
    const servers = await listServers({...selected, pressure: pressure || this.json})
    await this.answer(servers, () =>
      servers.length === 0
        ? selected.all
          ? 'There are no servers. Make one: vps create NAME'
          : 'No server is like that.'
        : `${listTable(servers, pressure, this.paint)}${starNote(servers)}`,
    )
  }
}

function listTable(servers: readonly ServerView[], pressure: boolean, paint: Paint): string {
  return table(
    servers,
    [
      {title: 'NAME', value: server => server.name},
      {title: 'STATE', value: server => stateWord(server, paint)},
      {title: 'TEMPLATE', value: server => server.template ?? ''},
      ...(servers.some(({health}) => health !== null) ? [healthColumn] : []),
      {title: 'INIT-PID', value: server => `${server.pid ?? ''}`, right: true},
      {title: 'UP', value: server => (server.pid === null ? '' : since(server.since)), right: true},
      ...(pressure ? pressureColumns : []),
      {title: 'TAGS', value: server => server.tags.join(',')},
    ],
    paint,
  )
}

/** A star for a server that runs without some of its limits. */
function stateWord({state, unenforced}: ServerView, paint: Paint): string {
  return `${paintState(state, paint)}${unenforced.length > 0 ? paint('warning', '*') : ''}`
}

function starNote(servers: readonly ServerView[]): string {
  return servers.some(({unenforced}) => unenforced.length > 0)
    ? '\n\n* runs without limits that this host cannot enforce: see `vps show NAME`'
    : ''
}

const healthColumn: Column<ServerView> = {title: 'HEALTH', value: server => server.health ?? ''}

const pressureColumns: readonly Column<ServerView>[] = [
  {title: 'PRESSURE CPU', value: server => percent(server.pressure?.cpu), right: true},
  {title: 'MEMORY', value: server => percent(server.pressure?.memory), right: true},
  {title: 'IO', value: server => percent(server.pressure?.io), right: true},
]
