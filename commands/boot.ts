import process from 'node:process'
import {boolean} from '@oclif/core/flags'
import {ExitCode} from '../src/errors.ts'
import {type BootOutcome, bootProblem, FleetHost} from '../src/fleet/index.ts'
import {hookError} from '../src/server/index.ts'
import {
  countFlag,
  duration,
  durationFlag,
  errorJson,
  notice,
  progressLine,
  renderError,
  VpsCommand,
} from '../src/ui/index.ts'

export default class Boot extends VpsCommand {
  static override summary = 'Start the servers that shall run once the host is up.'
  static override description =
    `The service of \`vps install-service\` runs this when the host boots. Started are the servers with \`autostart\`, and those that ran when the host went down, by a crash or by \`vps shutdown\`, if their \`restart.policy\` is not \`no\`. Servers that run are left alone, so a second boot does nothing.

A server that is to come \`after\` others is started once these are up: ready and, with a \`health\` check, healthy. All others are started side by side, and none waits for a slow one. One that fails, or is not ready within two minutes, keeps those that come after it from being started; they are named. Servers that wait for each other are reported with the way round.

Ends with 1 if a server is not up.`
  static override usage = '[--parallel N] [--deadline D] [--go-on]'
  static override examples = [
    'vps boot',
    {
      description: 'when a server fails, start those that come after it all the same',
      command: 'vps boot --go-on',
    },
    {
      description: 'what is not up after it',
      command: `vps boot --json | jq -r '.servers[] | select(.result != "started" and .result != "running") | .name'`,
    },
  ]
  static override flags = {
    parallel: countFlag({
      description: 'How many are being started at once; default: one per processor, at least 2.',
    }),
    deadline: durationFlag({description: 'Begin nothing after this time; default: 5m.'}),
    'go-on': boolean({description: 'Start servers though one that they come after is not up.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Boot)
    this.settle(parsed)
    const {parallel, deadline, 'go-on': goOn} = parsed.flags
    const host = await FleetHost.open({notice})
    const progress = progressLine()
    const report = await host.boot({
      ...(parallel !== undefined && {parallel: Math.max(1, parallel)}),
      ...(deadline !== undefined && {deadlineMs: deadline}),
      goOn,
      progress: progress.report,
      onServer: outcome => {
        progress.clear()
        this.#tell(outcome)
      },
    })
    progress.end()
    const {servers} = report
    await this.answer(
      {
        ...report,
        servers: servers.map(server => ({...server, error: server.error && errorJson(server.error)})),
      },
      () => summary(servers, report.tookMs),
    )
    const problem = bootProblem(report)
    const unwell = servers.some(({hookFailures}) => hookFailures.length > 0)
    if (problem !== undefined && !this.json) process.stderr.write(`${renderError(problem)}\n`)
    if (problem !== undefined || unwell) process.exitCode = ExitCode.failed
  }

  /** Servers that wait for each other share one error. */
  readonly #told = new Set<unknown>()

  #tell({name, result, tookMs, because, error, hookFailures}: BootOutcome): void {
    if (this.json) return
    const say = (line: string) => process.stdout.write(`${line}\n`)
    if (result === 'started') say(`${name}: started in ${duration(tookMs)}`)
    if (result === 'skipped') say(`${name}: not started, as it comes after ${because}`)
    if (result === 'not-begun') say(`${name}: not started, the time was over`)
    const news = error === null || this.#told.has(error) ? [] : [error]
    this.#told.add(error)
    for (const problem of [...news, ...hookFailures.map(hookError)])
      process.stderr.write(`${renderError(problem)}\n`)
  }
}

function summary(servers: readonly BootOutcome[], tookMs: number): string {
  const count = (result: BootOutcome['result']) => servers.filter(server => server.result === result).length
  if (servers.length === 0) return 'no server is to start at a boot'
  const [started, running] = [count('started'), count('running')]
  if (started === 0 && running === servers.length) return `nothing to start: ${running} run already`
  return `${started} started, ${running} ran already, ${servers.length - started - running} not up; ${duration(tookMs)}`
}
