import {string as word} from '@oclif/core/args'
import {string} from '@oclif/core/flags'
import {Host, sortTop, TOP_ORDERS, type TopOrder, type TopReport, type TopRow} from '../src/server/index.ts'
import {
  bound,
  bytes,
  countFlag,
  durationFlag,
  notice,
  type Paint,
  percent,
  ServersCommand,
  showPages,
  table,
} from '../src/ui/index.ts'

/** Letters that choose an order, on a terminal. */
const KEYS: Readonly<Record<string, TopOrder>> = {c: 'cpu', m: 'memory', p: 'pids', i: 'io', n: 'name'}

export default class Top extends ServersCommand {
  static override summary = 'Watch what running servers use: CPU, memory, processes, I/O, pressure.'
  static override description =
    `CPU: 100% is one processor kept busy. PRESSURE: the share of the last 10 seconds in which processes had to wait for CPU, memory and I/O. A dash: this host can't tell, for it lacks the controller.

On a terminal the page is drawn in place; the keys c, m, p, i and n sort by CPU, memory, processes, I/O and name, q ends. Elsewhere one table follows the other, with --json one object a line.`
  static override usage = '[NAME…] [--tag T] [--project P] [--sort KEY] [--interval D] [--iterations N]'
  static override examples = [
    'vps top',
    'vps top --sort memory --interval 10s',
    {
      description: 'the five busiest, once',
      command: `vps top --iterations 1 --json | jq -r '.servers[:5][] | "\\(.name) \\(.cpuPercent)"'`,
    },
  ]
  static override strict = false
  static override args = {names: word({description: 'Only these servers.'})}
  static override flags = {
    sort: string({
      description: 'What to sort by, the largest first.',
      helpValue: 'KEY',
      options: [...TOP_ORDERS],
      default: 'cpu',
    }),
    interval: durationFlag({description: 'Time between two looks; default 2s.'}),
    iterations: countFlag({description: 'End after N looks.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Top)
    const names = this.settle(parsed)
    const {interval, iterations} = parsed.flags
    const selected = this.allUnlessChosen(names, parsed.flags)
    const host = await Host.open({notice})
    let order = parsed.flags.sort as TopOrder
    const sorted = async function* (signal: AbortSignal): AsyncGenerator<TopReport> {
      for await (const report of host.top({...selected, intervalMs: interval, signal}))
        yield {...report, servers: sortTop(report.servers, order)}
    }
    await showPages({
      values: sorted,
      count: iterations,
      json: this.json,
      render: report => page({...report, servers: sortTop(report.servers, order)}, order, this.paint),
      key: key => {
        order = KEYS[key] ?? order
      },
    })
  }
}

function page({time, servers}: TopReport, order: TopOrder, paint: Paint): string {
  const heading = `${time}  ${servers.length} running, by ${order}`
  return `${heading}\n${topTable(servers, paint)}`
}

function topTable(rows: readonly TopRow[], paint: Paint): string {
  return table(
    rows,
    [
      {title: 'NAME', value: row => row.name},
      {title: 'CPU', value: row => percent(row.cpuPercent), right: true},
      {title: 'LIMIT', value: row => bound(row.cpuLimit, cpus => percent(cpus * 100)), right: true},
      {title: 'MEMORY', value: row => bound(row.memory, bytes), right: true},
      {title: 'LIMIT', value: row => bound(row.memoryLimit, bytes), right: true},
      {title: 'PIDS', value: row => bound(row.pids), right: true},
      {title: 'LIMIT', value: row => bound(row.pidsLimit), right: true},
      {title: 'READ/S', value: row => bound(row.ioReadBytesPerSecond, bytes), right: true},
      {title: 'WRITE/S', value: row => bound(row.ioWriteBytesPerSecond, bytes), right: true},
      {title: 'PRESSURE CPU', value: row => percent(row.pressure?.cpu), right: true},
      {title: 'MEMORY', value: row => percent(row.pressure?.memory), right: true},
      {title: 'IO', value: row => percent(row.pressure?.io), right: true},
    ],
    paint,
  )
}
