import {randomBytes} from 'node:crypto'
import {closeSync, fchmodSync, mkdirSync, openSync, renameSync, statSync, writeFileSync} from 'node:fs'
import {type FileHandle, open, readdir, rename, rm} from 'node:fs/promises'
import {basename, dirname, join} from 'node:path'
import {errno, ifMissing, writeError} from './errno.ts'

/** Temporary files of `writeFileAtomic` look like `.NAME.XXXXXXXX.tmp`. */
const TEMPORARY = /^\..+\.[0-9a-f]{8}\.tmp$/

export interface WriteOptions {
  /** Permission bits of the file, default 0644. */
  readonly mode?: number
  /**
   * Default true: the file and its directory are flushed, so a power cut leaves the old file or the new one. `data`: the caller
   * flushes the directory (`syncDirectory`), when he has done all that he has to do in there.
   */
  readonly sync?: boolean | 'data'
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
  const temporary = join(directory, `.${basename(path)}.${randomBytes(4).toString('hex')}.tmp`)
  try {
    if (sync === false) replaceNow(path, temporary, data, mode)
    else {
      const file = await open(temporary, 'wx', mode)
      try {
        await file.chmod(mode) // whatever the caller's umask is
        await file.writeFile(data)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, path)
      if (sync === true) await syncDirectory(directory)
    }
  } catch (error) {
    await rm(temporary, {force: true}).catch(() => {}) // the first error is the one to tell
    throw await writeError(path, error)
  }
}

/** Writes a definition: for root's eyes alone, as it may hold hashes of passwords. */
export async function writeDefinition(
  path: string,
  text: string,
  options: Pick<WriteOptions, 'sync'> = {},
): Promise<void> {
  await writeFileAtomic(path, text, {...options, mode: 0o600})
}

/** What waits for no disk is over sooner than a thread of the pool would be awake. */
function replaceNow(path: string, temporary: string, data: string | Uint8Array, mode: number): void {
  const file = openSync(temporary, 'wx', mode)
  try {
    fchmodSync(file, mode)
    writeFileSync(file, data)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}

/**
 * Writes a file that is not there yet, in a place where nobody takes half of it for the whole.
 * @returns once it is there, a promise of its data being flushed; durable it is with a flush of its directory, too
 * @throws VpsError as `writeFileAtomic` does; the file may be there then
 */
export async function writeNewFile(
  path: string,
  data: string,
  mode: number,
): Promise<{readonly flushed: Promise<void>}> {
  try {
    const file = await open(path, 'wx', mode)
    let flushed: Promise<void> | undefined
    try {
      await file.chmod(mode)
      await file.writeFile(data)
      flushed = flushAndClose(file, path)
    } finally {
      if (flushed === undefined) await file.close()
    }
    flushed.catch(() => {}) // whoever awaits it is told
    return {flushed}
  } catch (error) {
    throw await writeError(path, error)
  }
}

async function flushAndClose(file: FileHandle, path: string): Promise<void> {
  try {
    await file.sync()
  } catch (error) {
    throw await writeError(path, error)
  } finally {
    await file.close()
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
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } catch (error) {
    if (errno(error) !== 'EINVAL') throw error // a file system without fsync of directories
  } finally {
    await handle.close()
  }
}

/** rename(2), durable on both sides. */
export async function renameDurable(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
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

/** Removes temporary files that a crash left in `directory`, of the file `name` only when given. Returns their names. */
export async function removeTemporaries(directory: string, name?: string): Promise<string[]> {
  const entries = await ifMissing(readdir(directory), [])
  const stale = entries.filter(
    entry => TEMPORARY.test(entry) && (name === undefined || entry.slice(1, -13) === name),
  )
  for (const entry of stale) await rm(join(directory, entry), {force: true})
  return stale
}
