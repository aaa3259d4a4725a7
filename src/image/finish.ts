import {chmodSync, lstatSync, mkdirSync, readdirSync, rmSync, type Stats} from 'node:fs'
import {join} from 'node:path'
import {VpsError} from '../errors.ts'
import {errno, type Progress, writeError} from '../host/index.ts'
import type {PreparedBuild} from './builder.ts'
import {removeIdentity} from './identity.ts'
import {detectInit} from './init.ts'
import type {Init} from './types.ts'

/** Where the launcher mounts the kernel's file systems; a link there could lead it astray. */
const MOUNT_POINTS = ['proc', 'sys', 'dev', 'run'] as const
const LAST_ID = 65_535

export interface FinishedRoot {
  readonly init: Init
  readonly sizeBytes: number
}

/**
 * Makes a root that a builder left fit for servers: mount points, owner ids in range, no device nodes; then flushes it to disk.
 * @throws VpsError UNFIT_ROOT naming the file
 */
export async function finishRoot(
  rootfs: string,
  prepared: PreparedBuild,
  progress: Progress,
): Promise<FinishedRoot> {
  try {
    for (const name of MOUNT_POINTS) mountPoint(rootfs, name)
    const identity = removeIdentity(rootfs)
    if (identity.length > 0)
      progress(`left out ${countOf(identity, 'part')} of a machine's identity: each server gets its own`)
  } catch (error) {
    throw await writeError(rootfs, error)
  }
  const sizeBytes = inspect(rootfs, progress)
  const init = prepared.init ?? detectInit(rootfs)
  await flush(rootfs)
  return {init, sizeBytes}
}

function mountPoint(rootfs: string, name: string): void {
  const path = join(rootfs, name)
  const stat = lstatSync(path, {throwIfNoEntry: false})
  if (stat === undefined) {
    mkdirSync(path)
    chmodSync(path, 0o755)
  } else if (!stat.isDirectory()) {
    throw new VpsError('UNFIT_ROOT', `/${name} of the new root is not a directory`)
  }
}

/** Checks every file; returns the bytes that all take on disk, a file with several names counted once. */
function inspect(rootfs: string, progress: Progress): number {
  const seen = new Set<string>()
  const removed: string[] = []
  let bytes = 0
  for (const {path, stat} of walk(rootfs, '')) {
    checkOwner(path, stat)
    if (stat.isCharacterDevice() || stat.isBlockDevice()) {
      rmSync(join(rootfs, path))
      removed.push(path)
      continue
    }
    if (stat.nlink > 1 && !stat.isDirectory()) {
      if (seen.has(`${stat.dev}:${stat.ino}`)) continue
      seen.add(`${stat.dev}:${stat.ino}`)
    }
    bytes += stat.blocks * 512
  }
  if (removed.length > 0) progress(`left out ${countOf(removed, 'device node')}: servers get their own /dev`)
  return bytes
}

interface Found {
  /** As the guest sees it; '' for the root itself. */
  readonly path: string
  readonly stat: Stats
}

function* walk(rootfs: string, path: string): Generator<Found> {
  try {
    const stat = lstatSync(`${rootfs}${path}`)
    yield {path: path === '' ? '/' : path, stat}
    if (!stat.isDirectory()) return
    for (const name of readdirSync(`${rootfs}${path}`)) yield* walk(rootfs, `${path}/${name}`)
  } catch (error) {
    if (errno(error) !== 'ENAMETOOLONG') throw error
    throw new VpsError(
      'UNFIT_ROOT',
      `directories are nested too deeply in the new root: ${path.slice(0, 60)}…`,
      {cause: error},
    )
  }
}

function checkOwner(path: string, {uid, gid}: Stats): void {
  if (uid <= LAST_ID && gid <= LAST_ID) return
  throw new VpsError(
    'UNFIT_ROOT',
    `${path} belongs to ${uid}:${gid}, but a server's ids are 0 to ${LAST_ID}`,
    {
      suggestions: [
        'change its owner in the archive; archives of id-shifted roots have to be shifted back first',
      ],
    },
  )
}

/** `3 device nodes (/dev/null, /dev/zero, …)` */
function countOf(paths: readonly string[], what: string): string {
  const some = paths.slice(0, 3).join(', ')
  return `${paths.length} ${what}${paths.length === 1 ? '' : 's'} (${some}${paths.length > 3 ? ', …' : ''})`
}

/** A power cut after the rename must not find empty files behind it. See syncfs(2). */
async function flush(rootfs: string): Promise<void> {
  const {execa} = await import('execa')
  await execa('sync', ['--file-system', rootfs])
}
