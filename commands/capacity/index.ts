import process from 'node:process'
import {ExitCode} from '../../src/errors.ts'
import {Host} from '../../src/server/index.ts'
import {capacityTable, notice, VpsCommand} from '../../src/ui/index.ts'

export default class Capacity extends VpsCommand {
  static override summary = 'Compare what servers were promised with what the host has.'
  static override description =
    `Adds up the limits (PROMISED) and what is kept for servers (GUARANTEED) of all servers that were created, whether they run or not; RUNNING is the part of PROMISED of those that run. RATIO is PROMISED by HOST and may be as large as ALLOWED, the factors of \`overcommit\` in host.yaml. Servers without a limit are in no sum; they are counted and named.

Ends with 6 when a state is \`over\`, so that monitoring can ask. Nothing else refuses: \`vps create\` and \`vps start\` do not look at sums, but for dedicated CPUs and guarantees, which can't be kept twice.`
  static override usage = ['', 'split N [--name PROFILE] [--reserve 10%]']
  static override examples = [
    'vps capacity',
    {
      description: 'in a check of the monitoring',
      command: 'vps capacity >/dev/null || echo "too much was sold"',
    },
    {
      description: 'how much memory may still be sold, in bytes',
      command: `vps capacity --json | jq '.rows[] | select(.resource == "memory") | .host * .allowed - .promised'`,
    },
    {description: 'a profile for ten equal servers', command: 'vps capacity split 10'},
  ]

  async run(): Promise<void> {
    this.settle(await this.parse(Capacity))
    const host = await Host.open({notice})
    const report = await host.capacity()
    await this.answer(report, () => capacityTable(report, this.paint))
    if (!report.ok) process.exitCode = ExitCode.overcommitted
  }
}
