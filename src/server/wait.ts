import {closeSync} from 'node:fs'
import {serverName} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {aborted, errno, serverPaths, throwIfAborted, Watch, type Watched} from '../host/index.ts'
import {pidfdOpen, pidfdWait} from '../native/index.ts'
import {formatDuration} from '../units.ts'
import {isServer, noSuchServer} from './known.ts'
import {guestGroup, isPaused, isProcess, type Run, type RunState, readRun} from './run-state.ts'
import {wrongState} from './session.ts'
import type {Context} from './types.ts'

/**
 * What can be waited for. `running`: its init runs. `ready`: it said that it is up. `healthy`: the checks of its `health:` are
 * passed. `stopped`: it does not run, for whatever reason. `gone`: there is no such server.
 */
export const WAIT_STATES = ['running', 'ready', 'healthy', 'stopped', 'gone'] as const

export type WaitState = (typeof WAIT_STATES)[number]

export interface WaitOptions {
  readonly state: WaitState
  /** Default: a minute; `Infinity` for as long as it takes. */
  readonly timeoutMs?: number | undefined
  /** Calls the waiting off: it throws ABORTED. */
  readonly signal?: AbortSignal | undefined
}

export interface WaitReport {
  readonly name: string
  readonly state: WaitState
  readonly tookMs: number
}

const TIMEOUT_MS = 60_000
/** The longest that a timer of Node can be. */
const LONGEST_MS = 0x7fff_ffff

/**
 * Returns once a server is so: the kernel tells of each change, so the waiting itself costs nothing.
 * @throws VpsError WAIT_TIMEOUT (exit 4); NO_SUCH_SERVER (exit 3); WRONG_STATE (exit 4) for `healthy` of a server whose health
 *   nobody checks; ABORTED
 */
export async function wait(
  {paths}: Pick<Context, 'paths'>,
  name: string,
  {state, timeoutMs = TIMEOUT_MS, signal}: WaitOptions,
): Promise<WaitReport> {
  serverName(name) // before it becomes part of a path
  const begin = performance.now()
  const limit = timeoutMs > LONGEST_MS ? undefined : AbortSignal.timeout(timeoutMs)
  for (;;) {
    throwIfAborted(signal, `wait for ${name}`)
    const run = readRun(paths, name)
    using watch = new Watch(placesOf(paths, name, run)) // before the look that counts
    const now = readRun(paths, name)
    if (isSo(paths, name, now, state)) return {name, state, tookMs: Math.round(performance.now() - begin)}
    if (!isSameRun(run, now)) continue
    if (limit?.aborted) throw tooLate(paths, name, state, timeoutMs)
    using end = state === 'stopped' && now.kind === 'alive' ? new EndOfProcess(now.state) : undefined
    await watch.next(AbortSignal.any([signal, limit, end?.signal].filter(one => one !== undefined)))
    if (signal?.aborted) throw aborted(signal, `wait for ${name}`)
  }
}

function isSo(paths: Context['paths'], name: string, run: Run, state: WaitState): boolean {
  if (state === 'gone') return !isServer(paths, name)
  if (!isServer(paths, name)) throw noSuchServer(name)
  if (state === 'stopped') return run.kind === 'none' || run.kind === 'dead'
  if (run.kind !== 'alive' || run.state.state !== 'running' || isPaused(run.state)) return false
  if (state === 'running') return true
  if (state === 'ready') return run.state.ready
  const {health} = run.state
  if (health !== null) return health === 'healthy'
  throw wrongState(
    `nobody checks the health of server ${name}`,
    'say how with `health:` in its definition, or wait with `--state ready`',
  )
}

/** All that changes when the server does. */
function placesOf(paths: Context['paths'], name: string, run: Run): Watched[] {
  const alive = run.kind === 'alive' ? [{directory: `${guestGroup(run.state)}/cgroup.events`}] : [] // paused or not
  return [
    {directory: paths.definitions, entry: `${name}.yaml`},
    {directory: paths.servers, entry: name},
    {directory: paths.runServers, entry: name},
    {directory: serverPaths(paths, name).run},
    ...alive,
  ]
}

/** Else the watches are of the wrong files. */
function isSameRun(before: Run, after: Run): boolean {
  return before.kind === 'alive' && after.kind === 'alive'
    ? before.state.supervisor === after.state.supervisor
    : before.kind === after.kind
}

/** Tells of the end of a supervisor, which no file does when it is killed. */
class EndOfProcess implements Disposable {
  readonly #end = new AbortController()
  readonly #done = new AbortController()

  constructor({supervisor, supervisorStart}: RunState) {
    void this.#wait(supervisor, supervisorStart)
  }

  get signal(): AbortSignal {
    return this.#end.signal
  }

  async #wait(pid: number, start: string): Promise<void> {
    let pidfd: number | undefined
    try {
      pidfd = pidfdOpen(pid)
      if (isProcess(pid, start)) await pidfdWait(pidfd, {signal: this.#done.signal})
      this.#end.abort()
    } catch (error) {
      if (errno(error) === 'ESRCH') this.#end.abort()
    } finally {
      if (pidfd !== undefined) closeSync(pidfd)
    }
  }

  [Symbol.dispose](): void {
    this.#done.abort()
  }
}

function tooLate(paths: Context['paths'], name: string, state: WaitState, timeoutMs: number): VpsError {
  const run = readRun(paths, name)
  const now =
    state === 'gone'
      ? 'still there'
      : run.kind === 'alive'
        ? `${isPaused(run.state) ? 'paused' : run.state.state}${run.state.ready ? '' : ' and not ready'}`
        : run.kind === 'bare'
          ? 'starting'
          : 'stopped'
  return new VpsError(
    'WAIT_TIMEOUT',
    timeoutMs === 0
      ? `server ${name} is not ${state}: it is ${now}`
      : `server ${name} was not ${state} within ${formatDuration(timeoutMs)}: it is ${now}`,
    {suggestions: ['wait longer with `--timeout`'], exitCode: ExitCode.wrongState},
  )
}
