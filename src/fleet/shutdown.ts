import {VpsError} from '../errors.ts'
import {type Progress, recordEvent} from '../host/index.ts'
import {
  type Context,
  type HookFailure,
  type Host,
  killNow,
  noteUp,
  type Place,
  readPlaces,
  type StopReport,
} from '../server/index.ts'
import {inOrder, reversed, untangle} from './order.ts'

export interface ShutdownOptions {
  /** After this time whatever still runs is killed, in milliseconds; default: 90 seconds. */
  readonly deadlineMs?: number | undefined
  readonly progress?: Progress | undefined
  readonly signal?: AbortSignal | undefined
  /** Told how each server fared the moment it is known. */
  readonly onServer?: ((outcome: ShutdownOutcome) => void) | undefined
}

export interface ShutdownOutcome {
  readonly name: string
  /** `killed`: it did not stop when asked. `failed`: it may still run. */
  readonly result: 'stopped' | 'killed' | 'failed'
  readonly tookMs: number
  /** How its init ended; null for one that failed. */
  readonly exit: string | null
  readonly error: unknown
  readonly hookFailures: readonly HookFailure[]
}

export interface ShutdownReport {
  /** In the order of their names. */
  readonly servers: readonly ShutdownOutcome[]
  readonly tookMs: number
}

const DEADLINE_MS = 90_000
/** Waiting for an init costs the host nothing, what surrounds it does. */
const PARALLEL = 100
/** What a supervisor needs to clean up after the deadline, and a command that holds a server's lock to let go of it. */
const GRACE_MS = 10_000
/** Servers that others start meanwhile are stopped, too, but not forever. */
const MOST_ROUNDS = 3

/** `vps shutdown`: stops all servers in the reverse order, and remembers who ran. */
export async function shutdown(
  host: Host,
  context: Context,
  options: ShutdownOptions,
): Promise<ShutdownReport> {
  const begin = performance.now()
  const until = begin + (options.deadlineMs ?? DEADLINE_MS)
  const outcomes = new Map<string, ShutdownOutcome>()
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const running = (await readPlaces(context.paths)).filter(
      place => place.running && !outcomes.has(place.name),
    )
    if (running.length === 0) break
    for (const {name} of running) noteUp(context.paths, name) // those, too, that an older version has started
    await stopAll(host, context, running, {...options, until, outcomes})
  }
  const servers = [...outcomes.values()].sort((one, other) => (one.name < other.name ? -1 : 1))
  const tookMs = Math.round(performance.now() - begin)
  const count = (result: ShutdownOutcome['result']) =>
    servers.filter(server => server.result === result).length
  const detail = {stopped: count('stopped'), killed: count('killed'), failed: count('failed'), tookMs}
  recordEvent(context.paths, {type: 'shutdown', server: null, detail})
  return {servers, tookMs}
}

interface Round extends ShutdownOptions {
  readonly until: number
  readonly outcomes: Map<string, ShutdownOutcome>
}

async function stopAll(
  host: Host,
  context: Context,
  running: readonly Place[],
  {until, outcomes, onServer, progress, signal}: Round,
): Promise<void> {
  const stopOne = async ({name}: Place): Promise<void> => {
    const begin = performance.now()
    const tell = progress && ((line: string) => progress(`${name}: ${line}`))
    const outcome = await outcomeOf(name, () => stopBy(host, context, name, {until, progress: tell, signal}))
    const settled = {...outcome, tookMs: Math.round(performance.now() - begin)}
    outcomes.set(name, settled)
    onServer?.(settled)
  }
  // A server whose stop failed is no reason to let those run that it came after.
  await inOrder(reversed(untangle(running).servers), stopOne, {parallel: PARALLEL, goOn: true, signal})
}

/** Stops a server; when a command that has its lock does not let go of it, its supervisor is told past that. */
async function stopBy(
  host: Host,
  context: Context,
  name: string,
  {until, progress, signal}: {until: number; progress: Progress | undefined; signal: AbortSignal | undefined},
): Promise<StopReport> {
  const leftMs = Math.max(0, until - performance.now())
  const last = setTimeout(() => void killNow(context.paths, name).catch(() => undefined), leftMs + GRACE_MS)
  try {
    return await host.stop(name, {until, stayWanted: true, progress, signal})
  } finally {
    clearTimeout(last)
  }
}

async function outcomeOf(
  name: string,
  work: () => Promise<StopReport>,
): Promise<Omit<ShutdownOutcome, 'tookMs'>> {
  try {
    const {exit, killed, hookFailures} = await work()
    return {name, result: killed ? 'killed' : 'stopped', exit, error: null, hookFailures}
  } catch (error) {
    const gone = error instanceof VpsError && error.code === 'WRONG_STATE' // it ended before its turn
    return {
      name,
      result: gone ? 'stopped' : 'failed',
      exit: null,
      error: gone ? null : error,
      hookFailures: [],
    }
  }
}
