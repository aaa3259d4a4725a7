import {chmodSync, mkdirSync} from 'node:fs'
import {dirname} from 'node:path'
import {VpsError} from '../errors.ts'
import {storagePaths, syncDirectory, writeError} from '../host/index.ts'
import {runProgram} from '../native/index.ts'

/**
 * Makes the directories of a server below `storage`, which must not exist. `upper` becomes the server's root directory, so
 * it has the owner and the mode of one; everything above it is closed to the host's users, whom the guest's set-uid files
 * must not serve. Costs a few mkdir, whatever the image's size.
 * @throws VpsError NO_SPACE, READ_ONLY, WRITE_FAILED
 */
export async function makeStorage(storage: string): Promise<void> {
  const {upper, work, log} = storagePaths(storage)
  try {
    mkdirSync(storage, 0o700)
    for (const directory of [dirname(upper), work, log]) mkdirSync(directory, 0o700)
    mkdirSync(upper)
    chmodSync(upper, 0o755) // whatever the caller's umask is
  } catch (error) {
    throw await writeError(storage, error)
  }
}

/**
 * Removes a tree that a guest wrote to; a missing one is fine. By rm(1): it walks by descriptors, so a path deeper than
 * PATH_MAX, which a guest can make on purpose, is no obstacle, and it stays on one file system.
 * @throws VpsError REMOVE_FAILED
 */
export async function removeStorage(storage: string): Promise<void> {
  const {code, stderr} = await runProgram('rm', ['-rf', '--one-file-system', '--', storage])
  if (code !== 0) {
    const [reason] = stderr.trim().split('\n')
    throw new VpsError('REMOVE_FAILED', `cannot remove ${storage}: ${reason || 'rm was ended'}`)
  }
  await syncDirectory(dirname(storage))
}
