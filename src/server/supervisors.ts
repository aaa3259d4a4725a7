import {open} from 'node:fs/promises'
import {join} from 'node:path'
import {type HostPaths, ifMissing, serverPaths} from '../host/index.ts'
import {flock} from '../native/index.ts'
import {listDirectory} from './journal.ts'
import {readText} from './run-state.ts'

/**
 * Whether a supervisor is at work in the run directory of `name`: one that has not written its state yet, or one that has
 * ended and whose last child still cleans up.
 */
export async function isSupervised(paths: HostPaths, name: string): Promise<boolean> {
  return (await isRunLocked(paths, name)) ?? hasSupervisor(name)
}

/** Whether a supervisor holds the lock of its run directory, from its first steps until nothing is left; no file, no answer. */
export async function isRunLocked(paths: HostPaths, name: string): Promise<boolean | undefined> {
  const file = await ifMissing(open(join(serverPaths(paths, name).run, 'lock'), 'r'), undefined)
  if (file === undefined) return undefined
  try {
    return !(await flock(file.fd, 'exclusive', false))
  } finally {
    await file.close()
  }
}

/**
 * Whether a supervisor calls itself that of `name`, as /proc tells. For the moment between its start and its lock; the name
 * may also be that of another host's server (`VPS_ROOT`), so the answer is a reason to wait, not to act.
 */
function hasSupervisor(name: string): boolean {
  const title = `vps-supervisor: ${name}`
  return listDirectory('/proc').some(entry => {
    if (!/^\d+$/.test(entry)) return false
    return readText(`/proc/${entry}/cmdline`)?.split('\0')[0] === title
  })
}
