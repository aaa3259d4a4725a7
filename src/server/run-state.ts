import {existsSync, readFileSync} from 'node:fs'
import {errno, type HostPaths, isMissing, serverPaths} from '../host/index.ts'
import {needsRoot} from './journal.ts'

/** `starting`: no check was passed since the start, and not enough have failed. */
export type Health = 'starting' | 'healthy' | 'unhealthy'

/** The state file of a supervisor, see the contract of the control socket. */
export interface RunState {
  readonly name: string
  readonly uuid: string
  readonly supervisor: number
  /** Field 22 of /proc/PID/stat: with the pid it names one process for good. */
  readonly supervisorStart: string
  readonly init: number
  readonly initStart: string
  readonly state: 'starting' | 'running' | 'stopping' | 'restarting'
  readonly ready: boolean
  /** What the checks of its health say; null when there are none. */
  readonly health: Health | null
  /** Unix seconds; 0 without checks */
  readonly healthSince: number
  /** Why the last check failed; empty when it was passed. */
  readonly healthReason: string
  /** Unix seconds */
  readonly since: number
  readonly restarts: number
  /** Absolute directory */
  readonly cgroup: string
  readonly idBase: number
}

/**
 * What /run knows about a server. `none`: it was stopped cleanly or never started. `alive`: its supervisor lives.
 * `dead`: its supervisor is gone and left its files. `bare`: there is a run directory without a state in it, so a start
 * is under way or was cut off.
 */
export type Run =
  | {readonly kind: 'none'}
  | {readonly kind: 'alive'; readonly state: RunState}
  | {readonly kind: 'dead'; readonly state: RunState}
  | {readonly kind: 'bare'}

/** Reads two small files at most; synchronous, see `readJournals`. */
export function readRun(paths: HostPaths, name: string): Run {
  const {state: file, run} = serverPaths(paths, name)
  const text = readText(file)
  const state = text === undefined ? undefined : parseRunState(text)
  if (state === undefined) return existsSync(run) ? {kind: 'bare'} : {kind: 'none'}
  return {kind: isProcess(state.supervisor, state.supervisorStart) ? 'alive' : 'dead', state}
}

/** The lines of a state file or of a `status` answer; `undefined` when they name no supervisor. */
export function parseRunState(text: string): RunState | undefined {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const split = line.indexOf('=')
    if (split > 0) values.set(line.slice(0, split), line.slice(split + 1))
  }
  const number = (key: string): number => Number(values.get(key) ?? 0)
  const state = values.get('state')
  if (number('supervisor') <= 0 || !isState(state)) return undefined
  return {
    name: values.get('name') ?? '',
    uuid: values.get('uuid') ?? '',
    supervisor: number('supervisor'),
    supervisorStart: values.get('supervisor_start') ?? '',
    init: number('init'),
    initStart: values.get('init_start') ?? '',
    state,
    ready: values.get('ready') === '1',
    health: healthOf(values.get('health')),
    healthSince: number('health_since'),
    healthReason: values.get('health_reason') ?? '',
    since: number('since'),
    restarts: number('restarts'),
    cgroup: values.get('cgroup') ?? '',
    idBase: number('id_base'),
  }
}

/** Where a server's processes are, those of attached commands too; its supervisor is beside it. */
export function guestGroup({cgroup}: Pick<RunState, 'cgroup'>): string {
  return `${cgroup}/payload`
}

/** Whether the server's processes are frozen; a file of the cgroup tells. */
export function isPaused(state: Pick<RunState, 'cgroup'>): boolean {
  return isFrozen(readText(`${guestGroup(state)}/cgroup.freeze`))
}

/** @param freeze what the file cgroup.freeze says */
export function isFrozen(freeze: string | undefined): boolean {
  return freeze?.trim() === '1'
}

/** `exited 0 1790000000` without the Unix seconds at its end, and without what the restart policy noted before them. */
export function withoutTime(exit: string): string {
  return exit.replace(/( gave-up \d+)? \d{6,}$/, '')
}

/** Whether process `pid` still is the one that started at `start` (clock ticks since boot), and no zombie. */
export function isProcess(pid: number, start: string): boolean {
  return isProcessIn(readText(`/proc/${pid}/stat`), start)
}

/** @param fields what /proc/PID/stat says; `undefined` without such a process */
export function isProcessIn(fields: string | undefined, start: string): boolean {
  if (fields === undefined) return false
  // The name, field 2, may hold anything; what follows its last parenthesis is safe to split. See proc_pid_stat(5).
  const rest = fields.slice(fields.lastIndexOf(')') + 2).split(' ')
  return rest[0] !== 'Z' && rest[0] !== 'X' && rest[19] === start
}

function healthOf(text: string | undefined): Health | null {
  return text === 'starting' || text === 'healthy' || text === 'unhealthy' ? text : null
}

/** Whether a server is up: it says so, and is healthy if anybody looks. */
export function isUp({ready, health}: Pick<RunState, 'ready' | 'health'>): boolean {
  return ready && (health === null || health === 'healthy')
}

function isState(text: string | undefined): text is RunState['state'] {
  return text === 'starting' || text === 'running' || text === 'stopping' || text === 'restarting'
}

/** The text of a file that may be gone at any time, a process's file included (ESRCH); a directory has none. */
export function readText(path: string): string | undefined {
  try {
    if (isMissing(path)) return undefined
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = errno(error)
    if (['ENOENT', 'ENOTDIR', 'EISDIR', 'ESRCH'].includes(code ?? '')) return undefined
    if (code === 'EACCES') throw needsRoot(path)
    throw error
  }
}
