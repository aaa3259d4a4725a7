import process from 'node:process'
import {boolean} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../src/errors.ts'
import {type ApplyEvent, type ApplyReport, type FleetPlan, Host} from '../src/index.ts'
import {
  applyEventJson,
  applySummary,
  canAsk,
  confirm,
  countFlag,
  exitCodeOf,
  FleetProgress,
  fleetFlags,
  fleetPlanText,
  interruption,
  notice,
  planOptions,
  VpsCommand,
  write,
} from '../src/ui/index.ts'

export default class Apply extends VpsCommand {
  static override summary = 'Make the servers of this host what fleet files say.'
  static override description =
    `Shows the plan (see \`vps plan\`), asks, and then creates, changes, restarts, starts, stops and, with --prune, destroys servers until all is as the files say. Only servers of this fleet are touched. Servers are worked on in parallel, each after those that its \`after\` names. One that fails does not keep the others from being done; the exit code is that of the first that failed.

Ctrl-C finishes what is under way and begins nothing else. After that, and after a kill -9 at any moment, the same command does what is left, and nothing twice. When all is as the files say it changes nothing.

With --atomic the first failure has everything taken back: what was created is destroyed, what was changed, started or stopped is as before. Servers that --prune destroys go last then, once all else is done, for that can't be taken back.

There is one apply on a host at a time; a second one waits, or with --no-wait ends with 4.

With --json it writes one JSON object a line for each thing that happens.`
  static override usage =
    '-f FILE… [--var name=value] [--yes] [--prune] [--adopt] [--parallel N] [--fail-fast | --atomic] [--no-restart] [--no-fit] [--no-wait]'
  static override examples = [
    'vps apply -f fleet.yaml',
    {description: 'in a script', command: 'vps apply -f fleet.yaml --yes'},
    {description: 'all or nothing', command: 'vps apply -f fleet.yaml --yes --atomic'},
    {
      description: 'servers that are in the files no more go',
      command: 'vps apply -f fleet.yaml --prune',
    },
    {
      description: 'which servers failed, and why',
      command: `vps apply -f fleet.yaml --yes --json | jq -r 'select(.outcome == "failed") | "\\(.name): \\(.error.message)"'`,
    },
  ]
  static override flags = {
    ...fleetFlags,
    yes: boolean({description: 'Do not ask.'}),
    parallel: countFlag({
      description: 'How many servers are worked on at once; default: twice the processors, 16 at most.',
      helpValue: 'N',
    }),
    'fail-fast': boolean({description: 'Begin nothing else once a server has failed.'}),
    atomic: boolean({description: 'Take everything back once a server has failed.'}),
    'no-wait': boolean({description: 'Do not wait for another apply that is under way.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Apply)
    this.settle(parsed)
    const {flags} = parsed
    const progress = new FleetProgress()
    const host = await Host.open({notice: this.json ? notice : line => progress.say(`vps: ${line}`)})
    using stop = interruption(() => {
      if (!this.json) progress.say('vps: finishing what is under way; Ctrl-C once more ends at once')
    })
    const report = await host
      .apply(flags.file, {
        ...planOptions(flags),
        parallel: flags.parallel,
        failFast: flags['fail-fast'],
        atomic: flags.atomic,
        wait: !flags['no-wait'],
        signal: stop.signal,
        confirm: async plan => await this.agreed(plan, flags.yes, progress),
        onEvent: event => this.tell(event, progress),
      })
      .finally(() => progress.end())
    process.exitCode = exitCodeFor(report)
    if (report.servers.length > 0) await this.print(applySummary(report))
  }

  private tell(event: ApplyEvent, progress: FleetProgress): void {
    if (this.json) void write(applyEventJson(event))
    else if (event.event !== 'plan') progress.tell(event)
    else if (!event.plan.pending)
      void this.print(fleetPlanText(event.plan, this.paint, process.stdout.columns))
  }

  private async agreed(plan: FleetPlan, yes: boolean, progress: FleetProgress): Promise<boolean> {
    await this.print(`${fleetPlanText(plan, this.paint, process.stdout.columns)}\n`)
    if (!yes && (this.json || !canAsk()))
      throw new VpsError('NOT_CONFIRMED', 'not changing servers without being asked to on a terminal', {
        exitCode: ExitCode.wrongUse,
        suggestions: ['add --yes'],
      })
    if (!yes && !(await confirm(`Apply this to fleet ${plan.fleet}?`, false))) return false
    progress.expect(plan.servers.filter(({steps}) => steps.length > 0).length)
    return true
  }
}

/** That of the first server that failed, unless it was called off. */
function exitCodeFor({ok, interrupted, servers}: ApplyReport): number {
  if (ok) return ExitCode.done
  const failed = servers.find(({outcome}) => outcome === 'failed')
  if (failed !== undefined) return exitCodeOf(failed.error)
  return interrupted ? ExitCode.interrupted : ExitCode.failed
}
