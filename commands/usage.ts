import {setTimeout as sleep} from 'node:timers/promises'
import {string as word} from '@oclif/core/args'
import {boolean, string} from '@oclif/core/flags'
import {Host, type ServerMonth, type ServerRefusal, type ServerUsage} from '../src/server/index.ts'
import {
  beancounterTable,
  durationFlag,
  monthTable,
  notice,
  refusalTable,
  type Selected,
  type SelectionFlags,
  ServersCommand,
  showPages,
  usagePage,
} from '../src/ui/index.ts'

const DEFAULT_INTERVAL_MS = 2000

export default class Usage extends ServersCommand {
  static override summary = 'Show what servers use, have used, and were refused.'
  static override description =
    `One table for each server in the manner of /proc/user_beancounters: what it holds now (of CPU and I/O: in all), the most it held, what it is guaranteed, its limits, and how often the kernel refused it more (failcnt; of CPU: in how many periods it was throttled). Counts and peaks go back to the server's first start or the last --reset, over restarts of the server and boots of the host. A ~ marks a peak that this kernel does not keep: it is the largest of samples.

--refusals lists who hit which limit and when. --month is for billing; it also knows servers that were destroyed. docs/accounting.md says what each row means.`
  static override usage = [
    '[NAME… | --all | --tag T] [--raw] [--watch [--interval D]]',
    '[NAME… | --all | --tag T] --refusals [--since D]',
    '[NAME… | --all | --tag T] --month MONTH',
    'NAME… | --all | --tag T --reset',
  ]
  static override examples = [
    'vps usage web1',
    'vps usage web1 --watch',
    {
      description: 'servers that were refused memory',
      command: `vps usage --json | jq -r '.[] | select(.resources.memory.failcnt > 0).name'`,
    },
    {description: 'exact numbers for awk', command: `vps usage --raw | awk '$2 == "pids" && $8 > 0'`},
    {description: 'who hit what, when', command: 'vps usage --refusals --since 1h'},
    {description: 'what to bill', command: 'vps usage --month last --json'},
    {description: 'begin anew', command: 'vps usage web1 --reset'},
  ]
  static override strict = false
  static override args = {names: word({description: 'Servers; default: all.'})}
  static override flags = {
    raw: boolean({
      description: 'One table of all servers with exact numbers: bytes, microseconds, counts.',
      exclusive: ['refusals', 'month', 'reset'],
    }),
    watch: boolean({
      description: 'Go on showing it, until Ctrl-C or q.',
      exclusive: ['refusals', 'month', 'reset'],
    }),
    interval: durationFlag({
      description: 'With --watch: how often; default 2s, at least 100ms.',
      dependsOn: ['watch'],
    }),
    refusals: boolean({
      description: 'List refusals: time, server, resource, process; the newest last.',
      exclusive: ['month', 'reset'],
    }),
    since: durationFlag({description: 'With --refusals: only of the last D.', dependsOn: ['refusals']}),
    month: string({
      description: 'What was used in a month (UTC): 2026-11, now, or last.',
      helpValue: 'MONTH',
      exclusive: ['reset'],
    }),
    reset: boolean({description: 'Set counts and peaks to 0; refusals and months stay.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Usage)
    const names = this.settle(parsed)
    const {flags} = parsed
    if (flags.reset) return await this.#reset(names, flags)
    const selected = this.allUnlessChosen(names, flags)
    const host = await Host.open({notice})
    if (flags.refusals) await this.#refusals(host, selected, flags.since)
    else if (flags.month !== undefined) await this.#month(host, selected, flags.month)
    else if (flags.watch) await this.#watch(selected, flags)
    else {
      const servers = await host.usage(selected)
      await this.answer(servers, () => this.#page(servers, flags.raw))
    }
  }

  #page(servers: readonly ServerUsage[], raw: boolean): string {
    if (servers.length === 0) return 'There are no servers.'
    return raw ? beancounterTable(servers, this.paint) : usagePage(servers, this.paint)
  }

  /** A notice would tear the page apart: it becomes the page's last line. */
  async #watch(
    selected: Selected,
    {raw, interval = DEFAULT_INTERVAL_MS}: {raw: boolean; interval?: number | undefined},
  ): Promise<void> {
    let note = ''
    const host = await Host.open({
      notice: line => {
        note = `\n${line}`
      },
    })
    await showPages({
      json: this.json,
      values: async function* (signal): AsyncGenerator<readonly ServerUsage[]> {
        while (!signal.aborted) {
          note = ''
          yield await host.usage(selected)
          await sleep(Math.max(interval, 100), undefined, {signal}).catch(() => {}) // ended
        }
      },
      render: servers => this.#page(servers, raw) + note,
    })
  }

  async #refusals(host: Host, selected: Selected, since: number | undefined): Promise<void> {
    const found: ServerRefusal[] = await host.refusals(selected, since === undefined ? 0 : Date.now() - since)
    await this.answer(found, () =>
      found.length === 0 ? 'Nothing was refused.' : refusalTable(found, this.paint),
    )
  }

  async #month(host: Host, selected: Selected, month: string): Promise<void> {
    const found: ServerMonth[] = await host.months(month, selected)
    await this.answer(found, () => (found.length === 0 ? 'Nothing was used.' : monthTable(found, this.paint)))
  }

  async #reset(names: readonly string[], flags: SelectionFlags): Promise<void> {
    const host = await Host.open({notice})
    await this.each(
      await this.chosen(host, names, flags),
      async name => {
        await host.resetUsage(name)
        return {}
      },
      (_, name) => `${name}: counts and peaks begin anew`,
    )
  }
}
