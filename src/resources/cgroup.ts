import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {readdir, readFile, rmdir, writeFile} from 'node:fs/promises'
import {join, relative} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {ExitCode, VpsError} from '../errors.ts'
import {errno} from '../host/index.ts'
import type {CgroupPlace} from './cgroup-place.ts'

/** How long killed processes may take to be gone; one in an uninterruptible wait may take longer, and is named then. */
const KILL_TIMEOUT_MS = 10_000

/**
 * Makes the servers' parent directory and hands controllers down to it: all on a pure v2 host; beside v1 hierarchies, which may
 * want them back, only those that are `required`. @throws VpsError HOST_CANNOT (exit 5) for a required one that it can't
 */
export async function prepareParent(
  {parent, mount, pure, systemd}: CgroupPlace,
  required: readonly string[] = [],
): Promise<void> {
  if (systemd) return // systemd makes the slice, and enables what delegated scopes may have
  mkdirSync(parent, {recursive: true})
  for (const directory of [mount, parent]) handDown(directory, required, pure)
}

/**
 * systemd does not know these (hugetlb, rdma, misc: as of version 252) and leaves them as they are, so we hand them down to
 * the scopes ourselves. To be called when the slice is there, that is with its first scope in it.
 */
export async function prepareSlice(
  {parent, mount, systemd}: CgroupPlace,
  required: readonly string[],
): Promise<void> {
  const ours = required.filter(name => UNKNOWN_TO_SYSTEMD.includes(name))
  if (!systemd || ours.length === 0) return
  const below = relative(mount, parent).split('/')
  const slices = below.map((_, index) => join(mount, ...below.slice(0, index + 1)))
  for (const directory of [mount, ...slices]) handDown(directory, ours, false)
}

const UNKNOWN_TO_SYSTEMD = ['hugetlb', 'rdma', 'misc']

/** Removes the parent directory if no server has a cgroup in it. */
export async function removeParent({parent, systemd}: CgroupPlace): Promise<void> {
  if (!systemd) await rmdir(parent).catch(() => {}) // in use, or never made
}

/** Hands controllers down within a server's own cgroup, after it was started. @throws VpsError HOST_CANNOT (exit 5) */
export async function handDownTo(cgroup: string, controllers: readonly string[]): Promise<void> {
  handDown(cgroup, controllers, false)
}

/** One controller that is in use elsewhere shall not stop the rest, unless it is required. */
function handDown(directory: string, required: readonly string[], all: boolean): void {
  if (!all && required.length === 0) return
  const file = join(directory, 'cgroup.subtree_control')
  const present = words(file)
  const wanted = all ? [...required, ...words(join(directory, 'cgroup.controllers'))] : required
  for (const name of new Set(wanted.filter(word => !present.includes(word)))) {
    try {
      writeFileSync(file, `+${name}`)
    } catch (error) {
      if (required.includes(name)) throw cannotHandDown(name, file, error)
    }
  }
}

function words(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split(/\s+/)
    .filter(word => word !== '')
}

function cannotHandDown(controller: string, file: string, cause: unknown): VpsError {
  const busy = errno(cause) === 'EBUSY' ? ['a process in that cgroup itself may be in the way'] : []
  return new VpsError('HOST_CANNOT', `cannot hand the ${controller} controller down to servers (${file})`, {
    cause,
    suggestions: [...busy, 'see `vps doctor`'],
    exitCode: ExitCode.hostCannot,
  })
}

/** Kills whatever is left in the tree `directory` and removes it, or all below it. A tree that is missing, or that goes, is fine. */
export async function removeCgroup(directory: string, {keepTop = false} = {}): Promise<void> {
  await ifGone(writeFile(join(directory, 'cgroup.kill'), '1'), undefined)
  const deadline = performance.now() + KILL_TIMEOUT_MS
  for (let pause = 1; !(await removeEmpty(directory, keepTop)); pause = Math.min(pause * 2, 50)) {
    if (performance.now() > deadline) throw await stillBusy(directory)
    await sleep(pause)
  }
}

/** Removes the tree bottom-up; false while there is a process in it. */
async function removeEmpty(directory: string, keepTop = false): Promise<boolean> {
  if (await eventIs(directory, 'populated', true)) return false
  for (const child of await childGroups(directory)) if (!(await removeEmpty(child))) return false
  if (keepTop) return true
  try {
    await rmdir(directory)
  } catch (error) {
    if (errno(error) === 'EBUSY') return false
    if (errno(error) !== 'ENOENT') throw error
  }
  return true
}

async function stillBusy(directory: string): Promise<VpsError> {
  const pids = await processesIn(directory)
  return new VpsError('CGROUP_BUSY', `processes do not die: ${pids.join(', ')} in ${directory}`, {
    suggestions: ['see what they wait for: cat /proc/PID/stack; then try again'],
  })
}

/** Freezes or thaws a cgroup and waits until it is so. One that is gone is thawed. */
export async function freezeCgroup(directory: string, frozen: boolean, timeoutMs = 10_000): Promise<void> {
  const written = writeFile(join(directory, 'cgroup.freeze'), frozen ? '1' : '0')
  await (frozen ? written : ifGone(written, undefined))
  const deadline = performance.now() + timeoutMs
  for (let pause = 1; !(await eventIs(directory, 'frozen', frozen)); pause = Math.min(pause * 2, 20)) {
    if (performance.now() > deadline)
      throw new VpsError('FREEZE_TIMEOUT', `a process does not ${frozen ? 'freeze' : 'thaw'} in ${directory}`)
    await sleep(pause)
  }
}

/** Whether a line of `cgroup.events` says `wanted`; a missing cgroup has neither processes nor frost. */
async function eventIs(directory: string, event: 'populated' | 'frozen', wanted: boolean): Promise<boolean> {
  const text = await ifGone(readFile(join(directory, 'cgroup.events'), 'utf8'), `${event} 0`)
  return new RegExp(`^${event} 1$`, 'm').test(text) === wanted
}

/** The pids of every process in the tree, by directory order. */
export async function processesIn(directory: string): Promise<number[]> {
  const text = await ifGone(readFile(join(directory, 'cgroup.procs'), 'utf8'), '')
  const own = text
    .split('\n')
    .filter(line => line !== '')
    .map(Number)
  const below = await Promise.all((await childGroups(directory)).map(processesIn))
  return [...own, ...below.flat()]
}

async function childGroups(directory: string): Promise<string[]> {
  const entries = await ifGone(readdir(directory, {withFileTypes: true}), [])
  return entries.filter(entry => entry.isDirectory()).map(entry => join(directory, entry.name))
}

/**
 * cgroup files of a group that was just removed (systemd does that once a scope is empty) answer ENODEV; threaded ones have no
 * list of processes (EOPNOTSUPP).
 */
async function ifGone<Value>(promise: Promise<Value>, fallback: Value): Promise<Value> {
  try {
    return await promise
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes(errno(error) ?? '')) return fallback
    throw error
  }
}
