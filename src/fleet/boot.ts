import {availableParallelism} from 'node:os'
import {setTimeout as sleep} from 'node:timers/promises'
import {ExitCode, VpsError} from '../errors.ts'
import {type Progress, recordEvent} from '../host/index.ts'
import {
  type Context,
  type HookFailure,
  type Host,
  type Place,
  readPlaces,
  type StartReport,
  waitReady,
} from '../server/index.ts'
import {inOrder, type Outcome, type Turn, untangle} from './order.ts'

export interface BootOptions {
  /** How many servers are being started at once; default: as many as there are processors, at least 2. */
  readonly parallel?: number | undefined
  /** Nothing is begun after this time, in milliseconds; default: five minutes. */
  readonly deadlineMs?: number | undefined
  /** Starts servers though one that they come after failed or is not ready. */
  readonly goOn?: boolean | undefined
  readonly progress?: Progress | undefined
  readonly signal?: AbortSignal | undefined
  /** Told how each server fared the moment it is known. */
  readonly onServer?: ((outcome: BootOutcome) => void) | undefined
}

/**
 * `running`: it ran already. `skipped`: `because` failed, which it comes after. `not-begun`: the deadline or the signal came first.
 * `failed` also is a server that runs and did not get ready in time, where others wait for that.
 */
export type BootResult = 'started' | 'running' | 'failed' | 'skipped' | 'not-begun'

export interface BootOutcome {
  readonly name: string
  readonly result: BootResult
  /** From its turn on; what it waited for others is not in it. */
  readonly tookMs: number
  readonly because: string | null
  /** Of one that failed. */
  readonly error: unknown
  readonly hookFailures: readonly HookFailure[]
}

export interface BootReport {
  /** In the order of their names. */
  readonly servers: readonly BootOutcome[]
  readonly tookMs: number
}

const DEADLINE_MS = 5 * 60_000
const READY_MS = 2 * 60_000

/** `vps boot`: starts the servers that shall run once the host is up, in order. Those that run are left alone. */
export async function boot(host: Host, context: Context, options: BootOptions): Promise<BootReport> {
  const begin = performance.now()
  const {deadlineMs = DEADLINE_MS, parallel = Math.max(2, availableParallelism()), goOn, onServer} = options
  const places = await readPlaces(context.paths)
  const wanted = places.filter(isForBoot)
  tellOfProblems(context, places, wanted)
  const {servers, cycles} = untangle(
    withRunning(places, wanted).map(place => (place.running ? {...place, after: []} : place)),
  )
  const gates = new Set(servers.flatMap(({running, after}) => (running ? [] : after)))
  const deadline = AbortSignal.timeout(deadlineMs)
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal])
  const outcomes: BootOutcome[] = []
  const settle = (outcome: BootOutcome): void => {
    outcomes.push(outcome)
    onServer?.(outcome)
  }

  /** Starts it, and holds no place of others while it gets ready. */
  const bringUp = async (
    server: Place,
    turn: Turn,
  ): Promise<Pick<BootOutcome, 'result' | 'hookFailures'>> => {
    const cycle = cycles.get(server.name)
    if (cycle !== undefined) throw cycle
    const report = server.running ? undefined : await startUnlessRunning(host, server.name, options)
    turn.release()
    if (gates.has(server.name)) {
      const leftMs = Math.max(1, deadlineMs - (performance.now() - begin))
      await waitReady(context, report ?? runningReport(server.name), Math.min(READY_MS, leftMs))
    }
    return {result: report === undefined ? 'running' : 'started', hookFailures: report?.hookFailures ?? []}
  }

  const ends = await inOrder(
    servers,
    async (server, turn) => {
      const turnBegin = performance.now()
      const tookMs = () => Math.round(performance.now() - turnBegin)
      try {
        const brought = await bringUp(server, turn)
        settle({name: server.name, ...brought, tookMs: tookMs(), because: null, error: null})
      } catch (error) {
        const failed = {because: null, error, hookFailures: []}
        settle({name: server.name, result: 'failed', tookMs: tookMs(), ...failed})
        throw error
      }
    },
    {parallel, signal, goOn, before: waitDelay},
  )
  for (const end of ends) notBegun(end, settle)
  const report = {
    servers: outcomes.sort((one, other) => (one.name < other.name ? -1 : 1)),
    tookMs: Math.round(performance.now() - begin),
  }
  const started = report.servers.filter(({result}) => result === 'started').length
  const notUp =
    report.servers.length - started - report.servers.filter(({result}) => result === 'running').length
  recordEvent(context.paths, {type: 'boot', server: null, detail: {started, notUp, tookMs: report.tookMs}})
  return report
}

/** The policy: those with `autostart` always; others that ran when the host went down, if they are to be restarted at all. */
function isForBoot({autostart, wantedUp, restarts, problem}: Place): boolean {
  return autostart || (wantedUp && (restarts || problem !== null))
}

function tellOfProblems({notice}: Context, places: readonly Place[], wanted: readonly Place[]): void {
  const known = new Map(places.map(place => [place.name, place]))
  const starts = new Set(wanted.map(({name}) => name))
  for (const {name, problem} of places)
    if (problem !== null && !starts.has(name))
      notice(`server ${name} has no valid definition, so nobody knows whether it is to start: ${problem}`)
  for (const {name, after} of wanted)
    for (const other of after) {
      const place = known.get(other)
      if (place === undefined)
        notice(`server ${name} is to come after ${other}, which is no server of this host`)
      else if (!place.running && !starts.has(other))
        notice(`server ${name} is to come after ${other}, which a boot does not start`)
    }
}

/** Those that run already and others come after take part: they may not be ready yet. */
function withRunning(places: readonly Place[], wanted: readonly Place[]): Place[] {
  const chosen = new Set(wanted.map(({name}) => name))
  const named = new Set(wanted.flatMap(({after}) => after))
  return places.filter(({name, running}) => chosen.has(name) || (running && named.has(name)))
}

async function waitDelay({running, delay}: Place, signal: AbortSignal): Promise<void> {
  if (!running && delay > 0) await sleep(delay, undefined, {signal})
}

/** Undefined when another command has just started it. */
async function startUnlessRunning(
  host: Host,
  name: string,
  {progress, signal}: BootOptions,
): Promise<StartReport | undefined> {
  try {
    return await host.start(name, {progress: progress && (line => progress(`${name}: ${line}`)), signal})
  } catch (error) {
    if (error instanceof VpsError && error.code === 'WRONG_STATE') return undefined
    throw error
  }
}

function runningReport(name: string): StartReport {
  return {name, pid: 0, supervisor: 0, phases: [], ready: false, health: null, hookFailures: []}
}

function notBegun(end: Outcome<Place, void>, settle: (outcome: BootOutcome) => void): void {
  const none = {name: end.server.name, tookMs: 0, error: null, hookFailures: []}
  if (end.kind === 'skipped') settle({...none, result: 'skipped', because: end.because})
  else if (end.kind === 'aborted') settle({...none, result: 'not-begun', because: null})
}

/** Undefined when all went well. */
export function bootProblem({servers}: BootReport): VpsError | undefined {
  const down = servers.filter(({result}) => result !== 'started' && result !== 'running')
  if (down.length === 0) return undefined
  return new VpsError('BOOT_INCOMPLETE', `${down.length} of ${servers.length} servers are not up`, {
    exitCode: ExitCode.failed,
  })
}
