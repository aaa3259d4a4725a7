import {readFile, rm} from 'node:fs/promises'
import {constants} from 'node:os'
import {setTimeout as sleep} from 'node:timers/promises'
import {ExitCode, VpsError} from '../errors.ts'
import {exists} from '../host/index.ts'
import {runProgram} from '../native/index.ts'
import type {Scope} from './cgroup-place.ts'
import type {UnitProperty} from './unit.ts'

const BUS_NAME = 'org.freedesktop.systemd1'
const BUS_PATH = '/org/freedesktop/systemd1'

const MOVED_MS = 30_000
const GONE_MS = 30_000
/** systemd sees by itself that a scope is empty, and needs a moment; after this time it is told. */
const TELL_MS = 1_000

/** The unit of `vps install-service`; it need not be there. */
const HOST_SERVICE = 'vps.service'

/** Where systemd keeps what SetUnitProperties changed until the next boot; see systemd.unit(5). */
const CONTROL = '/run/systemd/system.control'

export interface ScopeRequest {
  readonly scope: Scope
  readonly server: string
  readonly pid: number
  readonly stopTimeoutMs: number
  /** What the scope counts among the others: weights, protected memory. */
  readonly properties: readonly UnitProperty[]
}

/**
 * Asks systemd for a delegated scope around the process `pid`, and waits until it is in there. `busctl` comes with
 * systemd and speaks its D-Bus API, org.freedesktop.systemd1(5).
 */
export async function enterScope(request: ScopeRequest): Promise<void> {
  const {scope, server, pid} = request
  await startScope(request)
  await until(() => isIn(pid, scope.unit), MOVED_MS, server, `process ${pid} was not moved to ${scope.unit}`)
}

/** Changes a unit that runs, until the next boot. @throws VpsError HOST_CANNOT (exit 5) with what systemd says */
export async function setUnitProperties(unit: string, properties: readonly UnitProperty[]): Promise<void> {
  const problem = await callManager([
    'SetUnitProperties',
    'sba(sv)',
    unit,
    'true', // runtime
    String(properties.length),
    ...properties.flat(),
  ])
  if (problem === undefined) return
  throw new VpsError('HOST_CANNOT', `systemd does not change ${unit}: ${problem.split('\n')[0]}`, {
    suggestions: ['see what it says: `journalctl -b -u init.scope`'],
    exitCode: ExitCode.hostCannot,
  })
}

/** Waits until systemd has removed the empty scope, whose cgroup is `directory`. */
export async function leaveScope({unit}: Scope, server: string, directory: string): Promise<void> {
  const begin = performance.now()
  let told = false
  const isGone = async (): Promise<boolean> => {
    if (!(await exists(directory))) return true
    if (!told && performance.now() - begin > TELL_MS) {
      told = true
      await stopUnit(unit)
    }
    return false
  }
  await until(isGone, GONE_MS, server, `${unit} does not end`)
  await forgetChanges(unit)
}

/** A unit whose changed properties were still kept could not be made anew: it would have a file already. */
async function forgetChanges(unit: string): Promise<void> {
  await rm(`${CONTROL}/${unit}.d`, {recursive: true, force: true})
}

/** A scope of the last run that is still known is in nobody's use: we hold the server's lock. It is stopped, and made again. */
async function startScope(request: ScopeRequest): Promise<void> {
  const {scope, server} = request
  const words = startArguments(request)
  await forgetChanges(scope.unit)
  const attempt = async (): Promise<boolean> => {
    const problem = await callManager(words)
    if (problem === undefined) return true
    if (!/already (exists|loaded)|has a fragment file/i.test(problem)) throw scopeError(server, problem)
    await stopUnit(scope.unit)
    return false
  }
  await until(attempt, GONE_MS, server, `${scope.unit} of the last run does not end`)
}

/** Stops any unit; one that is gone by now is as good. */
export async function stopUnit(unit: string): Promise<void> {
  await callManager(['StopUnit', 'ss', unit, 'replace'])
}

/** What went wrong; `undefined` when nothing did. */
async function callManager(words: readonly string[]): Promise<string | undefined> {
  const args = ['--quiet', 'call', BUS_NAME, BUS_PATH, `${BUS_NAME}.Manager`, ...words]
  try {
    const {code, stderr} = await runProgram('busctl', args)
    return code === 0 ? undefined : stderr.trim()
  } catch (error) {
    return String(error) // there is none
  }
}

async function until(
  isTrue: () => boolean | Promise<boolean>,
  timeoutMs: number,
  server: string,
  problem: string,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (let pause = 1; !(await isTrue()); pause = Math.min(pause * 2, 20)) {
    if (performance.now() > deadline) throw scopeError(server, problem)
    await sleep(pause)
  }
}

function startArguments({
  scope: {unit, slice},
  server,
  pid,
  stopTimeoutMs,
  properties: more,
}: ScopeRequest): string[] {
  const properties = [
    ['Description', 's', `private server ${server}`],
    ['Slice', 's', slice],
    ['PIDs', 'au', '1', String(pid)],
    ['Delegate', 'b', 'true'],
    ['CollectMode', 's', 'inactive-or-failed'],
    // At a shutdown of the host everybody in the scope is told, by a signal that only the supervisor takes up: it shuts the
    // server down in order and needs the time that it gives its init.
    ['KillSignal', 'i', String(constants.signals.SIGURG)],
    // And only once the service that stops servers in their order is done (src/fleet/service): what is before it when it starts is
    // behind it when it stops.
    ['Before', 'as', '1', HOST_SERVICE],
    ['TimeoutStopUSec', 't', String((stopTimeoutMs + 5_000) * 1000)],
    ...more,
  ]
  return [
    'StartTransientUnit',
    'ssa(sv)a(sa(sv))',
    unit,
    'fail',
    String(properties.length),
    ...properties.flat(),
    '0',
  ]
}

async function isIn(pid: number, unit: string): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '') // it may be gone: ENOENT or ESRCH
  return text.trimEnd().endsWith(`/${unit}`)
}

function scopeError(server: string, text: string): VpsError {
  return new VpsError('HOST_CANNOT', `systemd gave no scope to server ${server}: ${text.split('\n')[0]}`, {
    suggestions: ['see what it says: `journalctl -b -u init.scope`', 'see `vps doctor`'],
    exitCode: ExitCode.hostCannot,
  })
}
