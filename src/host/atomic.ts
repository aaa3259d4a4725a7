import {randomBytes} from 'node:crypto'
import {mkdir, open, readdir, rename, rm} from 'node:fs/promises'
import {basename, dirname, join} from 'node:path'
import {errno, ifMissing, writeError} from './errno.ts'

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
  const temporary = join(directory, `.${basename(path)}.${randomBytes(4).toString('hex')}.tmp`)
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.chmod(mode) // whatever the caller's umask is
      await file.writeFile(data)
      if (sync) await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    if (sync) await syncDirectory(directory)
  } catch (error) {
    await rm(temporary, {force: true}).catch(() => {}) // the first error is the one to tell
    throw await writeError(path, error)
  }
}

/** Makes the names in `directory` durable: what was created, renamed or removed there. */
export async function syncDirectory(directory: string): Promise<void> {
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
    await mkdir(path, {recursive: true, mode})
  } catch (error) {
    throw await writeError(path, error)
  }
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
