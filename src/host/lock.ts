import {randomBytes} from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import {open} from 'node:fs/promises'
import {dirname} from 'node:path'
import process from 'node:process'

import {ExitCode, VpsError} from '../errors.ts'

import {flock} from '../native/index.ts'
import {throwIfAborted, pause as waitFor} from './abort.ts'
import {makeDirectory} from './atomic.ts'
import {errno, ifMissing, writeError} from './errno.ts'
import {type HostPaths, serverPaths} from './paths.ts'
import {type Progress, silent} from './progress.ts'

/** An flock(2) held; the kernel gives it back if this process dies. */
export interface Lock extends AsyncDisposable {
  readonly path: string
  /** Nobody but this program has had it since this program had it last. */
  readonly wasOurs: boolean
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

let mark: string | undefined

/** Tells this program from others, and from threads of it with modules of their own. Made on first use: most programs take no lock. */
function ours(): string {
  mark ??= randomBytes(8).toString('hex')
  return mark
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
    const file = await tryLock(path)
    if (file !== undefined) {
      const wasOurs = textOf(file).endsWith(`\n${ours()}\n`)
      await introduce(file, verb, path)
      return new HeldLock(path, file, wasOurs)
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
    const [first = ''] = (await file.readFile('utf8')).split('\n')
    const [, pid, verb] = /^(\d+) (.+)$/.exec(first) ?? []
    return pid && verb ? `vps ${verb} (pid ${pid}) is at work on it` : 'another command is at work on it'
  } finally {
    await file.close()
  }
}

class HeldLock implements Lock {
  readonly path: string
  readonly wasOurs: boolean
  #file: number | undefined

  constructor(path: string, file: number, wasOurs: boolean) {
    this.path = path
    this.#file = file
    this.wasOurs = wasOurs
  }

  async remove(): Promise<void> {
    // While we hold it: whoever waits sees that the name no longer leads to its file, and opens anew.
    if (this.#file !== undefined) removeFile(this.path)
    await this[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = this.#file
    this.#file = undefined
    if (file !== undefined) closeSync(file)
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error
  }
}

/** The locked file, or `undefined` when another has it. */
async function tryLock(path: string): Promise<number | undefined> {
  const file = await openLock(path)
  let kept = false
  try {
    kept = (await flock(file, 'exclusive', false)) && isStillAt(file, path)
    return kept ? file : undefined
  } finally {
    if (!kept) closeSync(file)
  }
}

async function openLock(path: string): Promise<number> {
  try {
    return openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  } catch (error) {
    throw await writeError(path, error)
  }
}

function isStillAt(file: number, path: string): boolean {
  const held = fstatSync(file)
  const named = statSync(path, {throwIfNoEntry: false})
  return named !== undefined && named.ino === held.ino && named.dev === held.dev
}

function textOf(file: number): string {
  const buffer = Buffer.alloc(256)
  return buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, 0))
}

/** Says in the file who we are. A full /run must not stop a verb: the text only helps those who wait. */
async function introduce(file: number, verb: string, path: string): Promise<void> {
  try {
    ftruncateSync(file, 0)
    writeSync(file, `${process.pid} ${verb}\n${ours()}\n`, 0)
  } catch (error) {
    const failure = await writeError(path, error)
    if (failure.code !== 'NO_SPACE') throw failure
  }
}
