import {randomBytes} from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fsync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import {rm} from 'node:fs/promises'
import {basename, dirname, join} from 'node:path'
import {promisify} from 'node:util'
import {errno, writeError} from './errno.ts'
import {Fresh} from './fresh.ts'

/** What waits for the disk is for another thread; what does not is over sooner than that would be awake. */
const flush = promisify(fsync)

/** Temporary files of `writeFileAtomic` look like `.NAME.XXXXXXXX.tmp`. */
const TEMPORARY = /^\..+\.[0-9a-f]{8}\.tmp$/

export interface WriteOptions {
  /** Permission bits of the file, default 0644. */
  readonly mode?: number
  /** Default true: the file and its directory are flushed, so a power cut leaves the old file or the new one. */
  readonly sync?: boolean
}

/**
 * Writes `path` so that everyone, at any moment, sees the old file or the whole new one.
 * @throws VpsError NO_SPACE, READ_ONLY, WRITE_FAILED; the temporary file is gone then
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  {mode = 0o644, sync = true}: WriteOptions = {},
): Promise<void> {
  const directory = dirname(path)
  const temporary = temporaryOf(path)
  try {
    const file = openSync(temporary, 'wx', mode)
    try {
      fill(file, data, mode)
      if (sync) await flush(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
    if (sync) await syncDirectory(directory)
  } catch (error) {
    await rm(temporary, {force: true}).catch(() => {}) // the first error is the one to tell
    throw await writeError(path, error)
  }
}

function temporaryOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.${nextSuffix()}.tmp`)
}

let suffix: number | undefined

/** Eight hex digits that no other writer has: those of this program follow each other from a random one. */
function nextSuffix(): string {
  suffix = ((suffix ?? randomBytes(4).readUInt32BE()) + 1) >>> 0
  return suffix.toString(16).padStart(8, '0')
}

/** Writes a definition: for root's eyes alone, as it may hold hashes of passwords. */
export async function writeDefinition(path: string, text: string): Promise<void> {
  await writeFileAtomic(path, text, {mode: 0o600})
}

function fill(file: number, data: string | Uint8Array, mode: number): void {
  fchmodSync(file, mode) // whatever the caller's umask is
  writeFileSync(file, data)
}

/**
 * Writes a file that is not there yet, in a place where nobody takes half of it for the whole. It is not flushed.
 * @throws VpsError as `writeFileAtomic` does; the file may be there then
 */
export async function writeNewFile(path: string, data: string, mode: number): Promise<void> {
  try {
    writeWhole(path, data, mode)
  } catch (error) {
    throw await writeError(path, error)
  }
}

/**
 * Writes a definition beside its place. It is to be flushed and renamed there (`durably`).
 * @returns where it is
 * @throws VpsError as `writeFileAtomic` does; it is gone then
 */
export async function stageDefinition(path: string, text: string): Promise<string> {
  const temporary = temporaryOf(path)
  try {
    writeWhole(temporary, text, 0o600)
    return temporary
  } catch (error) {
    await rm(temporary, {force: true}).catch(() => {}) // the first error is the one to tell
    throw await writeError(path, error)
  }
}

function writeWhole(path: string, data: string, mode: number): void {
  const file = openSync(path, 'wx', mode)
  try {
    fill(file, data, mode)
  } finally {
    closeSync(file)
  }
}

/** A flush of a directory under way, and the one after it, which all can share that ask meanwhile. */
interface Flushes {
  readonly running: Promise<void>
  next?: Promise<void>
}

const flushes = new Map<string, Flushes>()

/**
 * Makes the names in `directory` durable: what was created, renamed or removed there. A flush takes milliseconds, so many callers at
 * once, who have each made a server in it, share one: that which begins after their change.
 */
export async function syncDirectory(directory: string): Promise<void> {
  const known = flushes.get(directory)
  if (known === undefined) return await begin(directory)
  known.next ??= known.running.then(
    () => begin(directory),
    () => begin(directory),
  )
  return await known.next
}

function begin(directory: string): Promise<void> {
  const own: Flushes = {running: flushDirectory(directory)}
  flushes.set(directory, own)
  const forget = () => {
    if (own.next === undefined) flushes.delete(directory)
  }
  own.running.then(forget, forget)
  return own.running
}

async function flushDirectory(directory: string): Promise<void> {
  const file = openSync(directory, 'r')
  try {
    await flush(file)
  } catch (error) {
    if (errno(error) !== 'EINVAL') throw error // a file system without fsync of directories
  } finally {
    closeSync(file)
  }
}

/** rename(2), durable on both sides. */
export async function renameDurable(from: string, to: string): Promise<void> {
  try {
    renameSync(from, to)
    await syncDirectory(dirname(to))
    if (dirname(from) !== dirname(to)) await syncDirectory(dirname(from))
  } catch (error) {
    throw await writeError(to, error)
  }
}

/** mkdir -p of a directory of ours. @throws VpsError as `writeFileAtomic` does */
export async function makeDirectory(path: string, mode = 0o755): Promise<void> {
  try {
    // Mostly it is there, which one look tells.
    if (!isDirectory(path)) mkdirSync(path, {recursive: true, mode})
  } catch (error) {
    throw await writeError(path, error)
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, {throwIfNoEntry: false})?.isDirectory() === true
}

/** rm -rf. Crosses no symbolic link; a missing tree is fine. */
export async function removeTree(path: string): Promise<void> {
  await rm(path, {recursive: true, force: true, maxRetries: 3, retryDelay: 20})
}

/** Names in directories, as they were a moment ago. */
const listed = new Fresh<readonly string[]>()

/** Removes temporary files that a crash left in `directory`. Returns their names. */
export function removeTemporaries(directory: string): string[] {
  return removeStale(directory, namesIn(directory))
}

/**
 * Removes those of the file `name`, which nobody else writes now. In a directory that all servers have something in: a program that changes
 * many of them looks at it now and then, and may leave what another left in the same moment to the next one.
 */
export function removeTemporariesOf(directory: string, name: string): void {
  const names = listed.get(directory, () => namesIn(directory).filter(entry => TEMPORARY.test(entry)))
  removeStale(
    directory,
    names.filter(entry => entry.slice(1, -13) === name),
  )
}

function removeStale(directory: string, names: readonly string[]): string[] {
  const stale = names.filter(entry => TEMPORARY.test(entry))
  for (const entry of stale) rmSync(join(directory, entry), {force: true})
  return stale
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return []
    throw error
  }
}
