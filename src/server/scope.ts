import {execFile} from 'node:child_process'
import {setTimeout as sleep} from 'node:timers/promises'
import {promisify} from 'node:util'
import {ExitCode, VpsError} from '../errors.ts'
import type {Scope} from './cgroup-place.ts'
import {readText} from './run-state.ts'

const run = promisify(execFile)

/** systemd forgets the scope of the last run a moment after its last process. */
const RETRY_MS = 10_000
const MOVED_MS = 30_000

/**
 * Asks systemd for a delegated scope around the process `pid`, and waits until it is in there. `busctl` comes with
 * systemd and speaks its D-Bus API, org.freedesktop.systemd1(5).
 */
export async function enterScope(
  scope: Scope,
  server: string,
  pid: number,
  stopTimeoutMs: number,
): Promise<void> {
  await startScope(scope, server, pid, stopTimeoutMs)
  const deadline = performance.now() + MOVED_MS
  while (!isIn(pid, scope.unit)) {
    if (performance.now() > deadline)
      throw scopeError(server, `process ${pid} was not moved to ${scope.unit}`)
    await sleep(1)
  }
}

async function startScope(scope: Scope, server: string, pid: number, stopTimeoutMs: number): Promise<void> {
  const deadline = performance.now() + RETRY_MS
  for (;;) {
    try {
      await run('busctl', startArguments(scope, server, pid, stopTimeoutMs))
      return
    } catch (error) {
      const text = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
      const stillThere = /already (exists|loaded)|has a fragment file/i.test(text)
      if (!stillThere || performance.now() > deadline) throw scopeError(server, text)
      await sleep(10)
    }
  }
}

function startArguments({unit, slice}: Scope, server: string, pid: number, stopTimeoutMs: number): string[] {
  const properties = [
    ['Description', 's', `private server ${server}`],
    ['Slice', 's', slice],
    ['PIDs', 'au', '1', String(pid)],
    ['Delegate', 'b', 'true'],
    ['CollectMode', 's', 'inactive-or-failed'],
    // At a shutdown of the host the supervisor is told like everybody in the scope, and needs the time it gives its init.
    ['TimeoutStopUSec', 't', String((stopTimeoutMs + 5_000) * 1000)],
  ]
  return [
    '--quiet',
    'call',
    'org.freedesktop.systemd1',
    '/org/freedesktop/systemd1',
    'org.freedesktop.systemd1.Manager',
    'StartTransientUnit',
    'ssa(sv)a(sa(sv))',
    unit,
    'fail',
    String(properties.length),
    ...properties.flat(),
    '0',
  ]
}

function isIn(pid: number, unit: string): boolean {
  return readText(`/proc/${pid}/cgroup`)?.trimEnd().endsWith(`/${unit}`) === true
}

function scopeError(server: string, text: string): VpsError {
  return new VpsError('HOST_CANNOT', `systemd gave no scope to server ${server}: ${text.split('\n')[0]}`, {
    suggestions: ['see what it says: `journalctl -b -u init.scope`', 'see `vps doctor`'],
    exitCode: ExitCode.hostCannot,
  })
}
