import {closeSync} from 'node:fs'
import {type Definition, loadDefinition} from '../definition/index.ts'
import {VpsError} from '../errors.ts'
import {errno, exists, serverPaths, throwIfAborted} from '../host/index.ts'
import {pidfdOpen, pidfdSignal, pidfdWait} from '../native/index.ts'
import {freezeCgroup} from '../resources/index.ts'
import {request} from './control.ts'
import {runHook} from './hooks.ts'
import {noteLoss, removeRun} from './remains.ts'
import {guestGroup, isProcess, type RunState, readRun, readText, withoutTime} from './run-state.ts'
import {wrongState} from './session.ts'
import type {Context, HookFailure, StopReport} from './types.ts'
import {noteDown} from './wanted.ts'

export interface StopOptions {
  /** How long init may take before it is killed; default: the definition's. */
  readonly timeoutMs?: number | undefined
  /** Does not ask. */
  readonly kill?: boolean | undefined
  /** It is stopped for now and still wanted up: the next boot starts it, if it should. */
  readonly stayWanted?: boolean | undefined
  /** When all of it is to be over, as `performance.now()` counts: what init and hooks get is cut to what is left. */
  readonly until?: number | undefined
}

const DEFAULT_TIMEOUT_MS = 30_000
/** What a supervisor may need beyond the time that init is given. */
const GRACE_MS = 15_000
const SIGKILL = 9
/** The longest that a supervisor is told to wait: a year. */
const LONGEST_MS = 365 * 24 * 3_600_000

/** Stops the server `name`, under its lock, and waits until its supervisor is gone and nothing of it is left. */
export async function stop(context: Context, name: string, options: StopOptions): Promise<StopReport> {
  const begin = performance.now()
  const run = readRun(context.paths, name)
  if (run.kind !== 'alive') throw wrongState(`server ${name} is not running`)
  if (!options.stayWanted) noteDown(context.paths, name) // first: whatever becomes of this stop, it is the admin's wish
  const definition = await definitionOf(context, name)
  const leftMs = () => (options.until ?? Number.POSITIVE_INFINITY) - performance.now()
  const hookFailures: HookFailure[] = []
  const hook = async (which: 'preStop' | 'postStop', ended?: string): Promise<void> => {
    if (definition === undefined) return
    const failed = await runHook(context, name, {hook: which, definition, exit: ended, mostMs: leftMs()})
    if (failed !== undefined) hookFailures.push(failed)
  }
  if (options.kill !== true && leftMs() > 0) await hook('preStop')
  const ownMs = options.timeoutMs ?? timeoutOf(definition)
  const timeoutMs = Math.round(Math.max(0, Math.min(ownMs, leftMs())))
  const before = exitText(context, name)
  const told = await askToStop(context, name, run.state, {...options, timeoutMs})
  await removeRun(context, name)
  const exit = told ?? (await foundExit(context, name, before))
  await hook('postStop', exit)
  const tookMs = Math.round(performance.now() - begin)
  return {name, exit, tookMs, killed: options.kill === true || exit === `signaled ${SIGKILL}`, hookFailures}
}

/** Returns what the supervisor said of init's end; `undefined` when it was gone before it could. */
async function askToStop(
  {paths, notice, signal}: Context,
  name: string,
  state: RunState,
  {kill, timeoutMs}: StopOptions & {timeoutMs: number},
): Promise<string | undefined> {
  const pidfd = openSupervisor(state)
  if (pidfd === undefined) return undefined
  try {
    await thaw(state)
    const words = kill ? ['kill'] : ['stop', String(Math.min(timeoutMs, LONGEST_MS)), '0']
    const limit = (kill ? 0 : timeoutMs) + GRACE_MS
    const lines = await request(serverPaths(paths, name).socket, words, {
      timeoutMs: limit,
      signal,
      what: `stop ${name}`,
    })
    await pidfdWait(pidfd, {signal: AbortSignal.timeout(GRACE_MS)})
    return exitOf(lines)
  } catch (error) {
    if (isGone(error, state)) return undefined
    throwIfAborted(signal, `stop ${name}`) // the server goes on stopping
    notice(`server ${name}'s supervisor does not answer; it is killed, and its server with it`)
    pidfdSignal(pidfd, SIGKILL)
    await pidfdWait(pidfd, {signal: AbortSignal.timeout(GRACE_MS)})
    return undefined
  } finally {
    closeSync(pidfd)
  }
}

/** A descriptor of the supervisor that surely is this one: opened first, compared then. */
function openSupervisor(state: RunState): number | undefined {
  try {
    const pidfd = pidfdOpen(state.supervisor)
    if (isProcess(state.supervisor, state.supervisorStart)) return pidfd
    closeSync(pidfd)
  } catch (error) {
    if (errno(error) !== 'ESRCH') throw error
  }
  return undefined
}

/** A frozen init hears nothing. */
async function thaw(state: RunState): Promise<void> {
  const group = guestGroup(state)
  if (await exists(group)) await freezeCgroup(group, false)
}

function isGone(error: unknown, state: RunState): boolean {
  const lost = error instanceof VpsError || errno(error) !== undefined
  return lost && !isProcess(state.supervisor, state.supervisorStart)
}

function exitOf(lines: readonly string[]): string | undefined {
  const line = lines.findLast(text => text.startsWith('stopped\t'))
  return line === undefined ? undefined : withoutTime(line.slice('stopped\t'.length))
}

/** What the exit file says, if that is news. */
async function foundExit(context: Context, name: string, before: string | undefined): Promise<string> {
  const after = exitText(context, name)
  if (after !== undefined && after !== before) return withoutTime(after)
  await noteLoss(context, name)
  return 'lost'
}

function exitText({paths}: Context, name: string): string | undefined {
  return readText(serverPaths(paths, name).exit)?.trim()
}

/** Undefined when nobody can read it: a definition that was removed or broken shall not keep its server running. */
async function definitionOf({paths}: Context, name: string): Promise<Definition | undefined> {
  try {
    const loaded = await loadDefinition(serverPaths(paths, name).definition, {profiles: paths.profiles})
    return loaded.definition
  } catch {
    return undefined
  }
}

function timeoutOf(definition: Definition | undefined): number {
  const timeout = definition?.stop.timeout ?? DEFAULT_TIMEOUT_MS
  return Number.isFinite(timeout) ? timeout : DEFAULT_TIMEOUT_MS
}
