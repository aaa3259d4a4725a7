import process from 'node:process'
import {ExitCode} from '../src/errors.ts'
import {FleetHost, type ShutdownOutcome} from '../src/fleet/index.ts'
import {hookError} from '../src/server/index.ts'
import {
  duration,
  durationFlag,
  errorJson,
  notice,
  progressLine,
  renderError,
  VpsCommand,
} from '../src/ui/index.ts'

export default class Shutdown extends VpsCommand {
  static override summary = 'Stop all servers for a shutdown of the host, and remember who ran.'
  static override description =
    `The service of \`vps install-service\` runs this when the host goes down. The host itself is not touched. All running servers are stopped side by side, but each only once those are down that come \`after\` it. One that does not stop when asked is killed when its \`stop.timeout\` is over, and whatever still runs at the deadline is killed then.

The next \`vps boot\` starts them again, if they should: see \`vps boot --help\`. To stop servers for good use \`vps stop --all\`.`
  static override usage = '[--deadline D]'
  static override examples = [
    'vps shutdown',
    {description: 'the power supply lasts for another minute', command: 'vps shutdown --deadline 40s'},
  ]
  static override flags = {
    deadline: durationFlag({description: 'Kill what still runs after this time; default: 90s.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Shutdown)
    this.settle(parsed)
    const {deadline} = parsed.flags
    const host = await FleetHost.open({notice})
    const progress = progressLine()
    const report = await host.shutdown({
      ...(deadline !== undefined && {deadlineMs: deadline}),
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
    if (servers.some(({result, hookFailures}) => result === 'failed' || hookFailures.length > 0))
      process.exitCode = ExitCode.failed
  }

  #tell({name, result, tookMs, exit, error, hookFailures}: ShutdownOutcome): void {
    if (this.json) return
    if (result !== 'failed')
      process.stdout.write(
        `${name}: ${result} after ${duration(tookMs)}${exit === null ? '' : ` (${exit})`}\n`,
      )
    for (const problem of [...(error === null ? [] : [error]), ...hookFailures.map(hookError)])
      process.stderr.write(`${renderError(problem)}\n`)
  }
}

function summary(servers: readonly ShutdownOutcome[], tookMs: number): string {
  if (servers.length === 0) return 'no server runs'
  const killed = servers.filter(({result}) => result === 'killed').length
  const failed = servers.filter(({result}) => result === 'failed').length
  const notes = [
    ...(killed > 0 ? [`${killed} had to be killed`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
  ]
  return `${servers.length - failed} stopped${notes.length === 0 ? '' : `, ${notes.join(', ')}`}; ${duration(tookMs)}`
}
