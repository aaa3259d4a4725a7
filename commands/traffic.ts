import {string as word} from '@oclif/core/args'
import {boolean, string} from '@oclif/core/flags'
import {Host} from '../src/server/index.ts'
import {
  notice,
  type SelectionFlags,
  ServersCommand,
  trafficMonthTable,
  trafficTable,
} from '../src/ui/index.ts'

export default class Traffic extends ServersCommand {
  static override summary = 'Show what servers have sent and received.'
  static override description =
    `Bytes and packets of IP, in and out as the server sees it, by class of who is at the other end: local (other servers and this host), world, and the classes that /etc/vps/host.yaml names (network.classes: {office: [198.51.100.0/24]}). Dropped packets are not counted. Counts go back to the first traffic or the last --reset, over restarts of the server and boots of the host; JSON has IPv4 and IPv6 apart.

--month is for billing; it also knows servers that were destroyed, and no --reset changes it. docs/traffic.md says what is counted where.`
  static override usage = ['[NAME… | --all | --tag T] [--month MONTH]', 'NAME… | --all | --tag T --reset']
  static override examples = [
    'vps traffic',
    'vps traffic web1 db1',
    {description: 'what to bill', command: 'vps traffic --month last --json'},
    {
      description: 'who sent most to the world this month',
      command: `vps traffic --month now --json | jq -r 'sort_by(-.classes.world.out.bytes)[] | "\\(.name) \\(.classes.world.out.bytes)"'`,
    },
    {description: 'begin anew', command: 'vps traffic web1 --reset'},
  ]
  static override strict = false
  static override args = {names: word({description: 'Servers; default: all.'})}
  static override flags = {
    month: string({
      description: 'Of a month (UTC): 2026-11, now, or last.',
      helpValue: 'MONTH',
      exclusive: ['reset'],
    }),
    reset: boolean({description: 'Set the counts to 0; months stay.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Traffic)
    const names = this.settle(parsed)
    const {flags} = parsed
    if (flags.reset) return await this.#reset(names, flags)
    const selected = this.allUnlessChosen(names, flags)
    const host = await Host.open({notice})
    if (flags.month === undefined) {
      const servers = await host.traffic(selected)
      await this.answer(servers, () =>
        servers.every(({since}) => since === null)
          ? 'No traffic was counted.'
          : trafficTable(servers, this.paint),
      )
    } else {
      const months = await host.trafficMonths(flags.month, selected)
      await this.answer(months, () =>
        months.length === 0 ? 'No traffic was counted.' : trafficMonthTable(months, this.paint),
      )
    }
  }

  async #reset(names: readonly string[], flags: SelectionFlags): Promise<void> {
    const host = await Host.open({notice})
    await this.each(
      await this.chosen(host, names, flags),
      async name => {
        await host.resetTraffic(name)
        return {}
      },
      (_, name) => `${name}: counts of traffic begin anew`,
    )
  }
}
