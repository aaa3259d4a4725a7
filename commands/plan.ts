import process from 'node:process'
import {ExitCode} from '../src/errors.ts'
import {Host} from '../src/index.ts'
import {fleetFlags, fleetPlanText, notice, planOptions, VpsCommand} from '../src/ui/index.ts'

export default class Plan extends VpsCommand {
  static override summary = 'Say what applying a fleet would change.'
  static override description =
    `Reads fleet files and compares them with the servers of this host: which would be created, changed (key by key, from what to what, at once or after a restart), restarted, started, stopped, and with --prune destroyed. Changes nothing.

A server that is there already and is not of this fleet is an error, unless --adopt takes it over. So is a fleet that this host cannot hold: the memory, CPUs, addresses and kernel limits of all servers together are added up, by the policy of \`overcommit\` in host.yaml.

Ends with 0 when there is nothing to do, and with 6 when there is.`
  static override usage = '-f FILE… [--var name=value] [--prune] [--adopt] [--no-restart] [--no-fit]'
  static override examples = [
    'vps plan -f fleet.yaml',
    {
      description: 'servers that are in the files no more are to go',
      command: 'vps plan -f fleet.yaml --prune',
    },
    {
      description: 'in a script',
      command: 'vps plan -f fleet.yaml >/dev/null; [ $? -eq 6 ] && echo "the host is not as the files say"',
    },
    {
      description: 'which servers would be restarted',
      command: `vps plan -f fleet.yaml --json | jq -r '.servers[] | select(.steps | index("restart")).name'`,
    },
  ]
  static override flags = fleetFlags

  async run(): Promise<void> {
    const parsed = await this.parse(Plan)
    this.settle(parsed)
    const host = await Host.open({notice})
    const plan = await host.plan(parsed.flags.file, planOptions(parsed.flags))
    await this.answer(plan, () => fleetPlanText(plan, this.paint, process.stdout.columns))
    if (plan.pending) process.exitCode = ExitCode.changesPending
  }
}
