import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  lchownSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {basename, dirname, join} from 'node:path'
import {VpsError} from '../errors.ts'
import {writeError} from '../host/index.ts'
import {resolveInRoot} from './resolve.ts'
import type {Entry} from './types.ts'

/**
 * Makes `entries`, in their order, in `rootfs`; what is there already is replaced, but a directory only gets its mode and owner.
 * Symbolic links of the root are followed inside it only. Parents that are missing are made as root's, 0755.
 * @throws VpsError NO_SPACE, WRITE_FAILED
 */
export async function writeTree(rootfs: string, entries: readonly Entry[]): Promise<void> {
  const known = new Map<string, string>()
  for (const entry of entries) {
    try {
      // Hundreds of tiny calls on files just made: synchronous ones are several times faster here.
      writeEntry(rootfs, entry, known)
    } catch (error) {
      throw await writeError(join(rootfs, entry.path), error)
    }
  }
}

function writeEntry(rootfs: string, entry: Entry, known: Map<string, string>): void {
  if (entry.kind === 'directory') {
    const path = directory(rootfs, entry.path, known)
    lchownSync(path, entry.uid, entry.gid)
    chmodSync(path, entry.mode)
    return
  }
  const path = join(directory(rootfs, dirname(entry.path), known), basename(entry.path))
  rmSync(path, {force: true})
  if (entry.kind === 'link') {
    symlinkSync(entry.target, path)
    lchownSync(path, entry.uid, entry.gid)
    return
  }
  const file = openSync(path, 'wx', 0o600)
  try {
    writeFileSync(file, entry.content)
    fchownSync(file, entry.uid, entry.gid)
    fchmodSync(file, entry.mode) // after chown, which takes setuid away
  } finally {
    closeSync(file)
  }
}

/** The host's path of the guest's directory `path`, made if need be. */
function directory(rootfs: string, path: string, known: Map<string, string>): string {
  const seen = known.get(path)
  if (seen !== undefined) return seen
  if (path !== '/') directory(rootfs, dirname(path), known)
  const {onHost, stat} = resolveInRoot(rootfs, path)
  if (stat === undefined) {
    mkdirSync(onHost, 0o755)
    chmodSync(onHost, 0o755) // whatever the caller's umask is
  } else if (!stat.isDirectory()) {
    throw new VpsError('NOT_A_DIRECTORY', `${path} in the new root is not a directory`)
  }
  known.set(path, onHost)
  return onHost
}
