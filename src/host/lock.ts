import {constants} from 'node:fs'
import {type FileHandle, open, stat, unlink} from 'node:fs/promises'
import {dirname} from 'node:path'
import process from 'node:process'

import {ExitCode, VpsError} from '../errors.ts'

import {flock} from '../native/index.ts'
import {throwIfAborted, pause as waitFor} from './abort.ts'
import {makeDirectory} from './atomic.ts'
import {ifMissing, writeError} from './errno.ts'
import {type HostPaths, serverPaths} from './paths.ts'
import {type Progress, silent} from './progress.ts'

/** An flock(2) held; the kernel gives it back if this process dies. */
export interface Lock extends AsyncDisposable {
  readonly path: string
  /** Releases the lock and removes its file: for a thing that no longer exists. */
  remove(): Promise<void>
}

export interface LockOptions {
  /** What the holder does, for those who wait: `start`. */
  readonly verb: string
  readonly progress?: Progress | undefined
  /** How the locked thing is called in messages: `server web1`. */
  readonly what: string
  /** Gives up waiting. */
  readonly signal?: AbortSignal | undefined
  /** False: does not wait for another that has it. */
  readonly wait?: boolean | undefined
}

const SAY_AFTER_MS = 300
const LONGEST_PAUSE_MS = 25

/** Locks the server `name`; every verb that changes a server holds this lock. */
export async function lockServer(
  paths: HostPaths,
  name: string,
  verb: string,
  progress?: Progress,
  signal?: AbortSignal,
): Promise<Lock> {
  return await lockFile(serverPaths(paths, name).lock, {verb, progress, signal, what: `server ${name}`})
}

/**
 * Takes the lock file `path`, waiting for as long as another process or another call in this one has it.
 * @throws VpsError BUSY (exit 4) naming the holder, if it is not to wait
 *
 * The wait polls: a flock that blocks would hold a thread of libuv's small pool, and the holder, who may be in this very
 * process, needs that pool to finish.
 */
export async function lockFile(
  path: string,
  {verb, what, progress = silent, signal, wait}: LockOptions,
): Promise<Lock> {
  throwIfAborted(signal, `${verb}: ${what}`)
  await makeDirectory(dirname(path), 0o700)
  const start = performance.now()
  let said = false
  for (let pause = 1; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const handle = await tryLock(path)
    if (handle !== undefined) {
      await introduce(handle, verb, path)
      return new HeldLock(path, handle)
    }
    if (wait === false) throw await busy(path, what)
    if (!said && performance.now() - start > SAY_AFTER_MS) {
      said = true
      progress(`waiting for ${what}: ${await holder(path)}`)
    }
    await waitFor(pause, signal, `${verb}: ${what}`)
  }
}

async function busy(path: string, what: string): Promise<VpsError> {
  return new VpsError('BUSY', `${what}: ${await holder(path)}`, {
    suggestions: ['wait until it is done, and try again'],
    exitCode: ExitCode.wrongState,
  })
}

/** Who has the lock, as far as the file tells: `vps stop (pid 4711) is at work on it`. */
export async function holder(path: string): Promise<string> {
  const file = await ifMissing(open(path, 'r'), undefined)
  if (file === undefined) return 'another command is at work on it'
  try {
    const [, pid, verb] = /^(\d+) (.+)$/.exec((await file.readFile('utf8')).trim()) ?? []
    return pid && verb ? `vps ${verb} (pid ${pid}) is at work on it` : 'another command is at work on it'
  } finally {
    await file.close()
  }
}

class HeldLock implements Lock {
  readonly path: string
  #handle: FileHandle | undefined

  constructor(path: string, handle: FileHandle) {
    this.path = path
    this.#handle = handle
  }

  async remove(): Promise<void> {
    // While we hold it: whoever waits sees that the name no longer leads to its file, and opens anew.
    if (this.#handle !== undefined) await ifMissing(unlink(this.path), undefined)
    await this[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }
}

/** The locked file, or `undefined` when another has it. */
async function tryLock(path: string): Promise<FileHandle | undefined> {
  const handle = await openLock(path)
  let kept = false
  try {
    kept = (await flock(handle.fd, 'exclusive', false)) && (await isStillAt(handle, path))
    return kept ? handle : undefined
  } finally {
    if (!kept) await handle.close()
  }
}

async function openLock(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  } catch (error) {
    throw await writeError(path, error)
  }
}

async function isStillAt(handle: FileHandle, path: string): Promise<boolean> {
  const [held, named] = await Promise.all([handle.stat(), ifMissing(stat(path), undefined)])
  return named !== undefined && named.ino === held.ino && named.dev === held.dev
}

/** Says in the file who we are. A full /run must not stop a verb: the text only helps those who wait. */
async function introduce(handle: FileHandle, verb: string, path: string): Promise<void> {
  try {
    await handle.truncate(0)
    await handle.write(`${process.pid} ${verb}\n`, 0)
  } catch (error) {
    const failure = await writeError(path, error)
    if (failure.code !== 'NO_SPACE') throw failure
  }
}
