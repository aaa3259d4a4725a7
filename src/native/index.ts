/**
 * The native room: the typed face of the addon and the only importer of the .node file. It knows where the C programs
 * are, and offers the system calls Node has not got. Every failed call throws a {@link NativeError}.
 */

import {accessSync, constants} from 'node:fs'
import process from 'node:process'
import {addon} from './addon.ts'
import {nativeFile} from './files.ts'

export {NativeError} from './error.ts'
export {mainProgram, type NativeName, nativeFile, vpsProgram} from './files.ts'
export {fileVersions, readTargets, readTexts} from './glance.ts'
export {fillLayer, ImageRoot, type LayerEntry} from './layer.ts'
export {type Ended, type ProgramOptions, runProgram, SYSTEM_PATH} from './program.ts'
export {
  MOST_BYTES,
  type Ownership,
  ServerTree,
  type Tree,
  type TreeStat,
  type TreeType,
  treeType,
  type Way,
} from './tree.ts'

/** Refuses what is not a descriptor or a pid before it reaches C, where NaN would become 0. */
function natural(value: number, what: string): number {
  if (!Number.isInteger(value) || value < 0 || value > 0x7fffffff)
    throw new RangeError(`not ${what}: ${value}`)
  return value
}

function withoutNul(value: string, what: string): string {
  if (value.includes('\0')) throw new RangeError(`${what} contains a NUL byte`)
  return value
}

export interface LaunchOptions {
  /** Path of the supervisor; default: the one built with this package. */
  readonly supervisor?: string
  /** The encoded launch plan. */
  readonly words: Buffer
  /** The server's name, for `ps`. */
  readonly name: string
}

export interface Launched {
  /** The process that was spawned; it forks the supervisor and goes. The supervisor's own pid comes as `started`. */
  readonly pid: number
  /** Our end of the report channel: a stream socket, close-on-exec, still blocking. The caller closes it. */
  readonly reportFd: number
}

/**
 * Starts a supervisor: the plan in a sealed memfd at its descriptor 3, the report channel at 4, /dev/null at 0..2 and
 * nothing else; a session, signal settings and an environment (PATH only) of its own. Takes about a millisecond, of another thread.
 */
export async function launch(options: LaunchOptions): Promise<Launched> {
  const supervisor = options.supervisor ?? nativeFile('vps-supervisor')
  const title = `vps-supervisor: ${options.name}`
  return await addon().launch(withoutNul(supervisor, 'path'), withoutNul(title, 'name'), options.words)
}

/**
 * All that a report channel says up to the line `started …`, or to its end, in one piece; read by another thread. The caller closes the
 * descriptor after that, and not before.
 */
export function readReportText(fd: number): Promise<string> {
  return addon().readReport(natural(fd, 'a file descriptor'))
}

/** A file or a directory to be flushed, or a name to be changed. */
export type DurableStep = readonly [path: string] | readonly [from: string, to: string]

/** Does these one after the other, on one trip to another thread. @throws NativeError of the first that fails, with its path */
export async function durably(steps: readonly DurableStep[]): Promise<void> {
  await addon().durably(steps.map(step => step.map(path => withoutNul(path, 'path'))))
}

/**
 * flock(2) on an open file, without blocking the event loop.
 * @returns false when it is held elsewhere and `wait` is false
 */
export function flock(fd: number, mode: 'shared' | 'exclusive', wait: boolean): Promise<boolean> {
  return addon().flock(natural(fd, 'a file descriptor'), mode === 'exclusive', wait)
}

/** pidfd_open(2): a handle that means this very process, whatever happens to its number. Close it with `fs.closeSync`. */
export function pidfdOpen(pid: number): number {
  return addon().pidfdOpen(natural(pid, 'a process id'))
}

/** pidfd_send_signal(2); `signal` is a number (0 only checks), see `os.constants.signals`. */
export function pidfdSignal(pidfd: number, signal: number): void {
  addon().pidfdSignal(natural(pidfd, 'a file descriptor'), natural(signal, 'a signal'))
}

/**
 * Waits for the end of a process, child or not; costs neither a thread nor a timer, and keeps Node alive meanwhile.
 * @param options.signal gives up waiting and rejects with its reason
 */
export async function pidfdWait(pidfd: number, options: {readonly signal?: AbortSignal} = {}): Promise<void> {
  const {signal} = options
  signal?.throwIfAborted()
  const wait = addon().pidfdWait(natural(pidfd, 'a file descriptor'))
  signal?.addEventListener('abort', wait.cancel, {once: true})
  try {
    if (!(await wait.promise)) signal?.throwIfAborted()
  } finally {
    signal?.removeEventListener('abort', wait.cancel)
  }
}

/** A sealed, close-on-exec memfd with these bytes. The caller closes it. */
export function memfd(name: string, words: Buffer): number {
  return addon().memfd(withoutNul(name, 'name'), words)
}

/**
 * Becomes the C program `path` (vps-attach): same pid, the words in a sealed memfd at its descriptor 3, standard streams
 * as Node found them, an environment of TERM only. Never returns; nothing that waits in Node is run any more.
 */
export function execAttach(path: string, words: Buffer): never {
  accessSync(path, constants.X_OK) // a failing process.execve() aborts instead of throwing
  addon().prepareExec(words)
  const {TERM} = process.env
  // biome-ignore lint/style/noNonNullAssertion: typed optional because Windows lacks it
  return process.execve!(path, ['vps-attach'], TERM === undefined ? {} : {TERM})
}
