import {statSync} from 'node:fs'
import {statfs} from 'node:fs/promises'
import {dirname} from 'node:path'
import {VpsError} from '../errors.ts'

/** The kernel's error name of `error` (`ENOENT` …), or `undefined` for errors that are none of a system call. */
export function errno(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/**
 * Whether there is nothing at `path`, by one look: for a file that mostly is not there, as a read that fails is dearer than a look.
 * @throws what keeps from looking (EACCES)
 */
export function isMissing(path: string): boolean {
  return statSync(path, {throwIfNoEntry: false}) === undefined
}

/** `promise`, with `fallback` in place of a missing file (ENOENT; also ENOTDIR). */
export async function ifMissing<Value, Fallback>(
  promise: Promise<Value>,
  fallback: Fallback,
): Promise<Value | Fallback> {
  try {
    return await promise
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return fallback
    throw error
  }
}

/** An error of a write to `path` as a sentence: a full disk names the file and its file system. */
export async function writeError(path: string, error: unknown): Promise<VpsError> {
  const code = errno(error)
  if (error instanceof VpsError) return error
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const where = await fileSystemOf(path)
    return new VpsError('NO_SPACE', `no space left to write ${path}${where}`, {
      cause: error,
      suggestions: ['free some space on that file system, then try again; nothing was changed'],
    })
  }
  if (code === 'EROFS')
    return new VpsError('READ_ONLY', `cannot write ${path}: its file system is read-only`, {cause: error})
  return new VpsError('WRITE_FAILED', `cannot write ${path}`, {cause: error})
}

async function fileSystemOf(path: string): Promise<string> {
  try {
    const {mountOf} = await import('./mounts.ts')
    const mount = await mountOf(dirname(path))
    const room = await statfs(mount.target)
    const reason =
      room.bavail > 0 && room.ffree === 0 ? 'no inodes are left' : `${room.bavail * room.bsize} bytes free`
    return ` (file system ${mount.target}, ${mount.source}, ${reason})`
  } catch {
    return ''
  }
}
