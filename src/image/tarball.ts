import {createHash} from 'node:crypto'
import {createReadStream} from 'node:fs'
import {lstat, readdir, rename, rmdir, stat, statfs} from 'node:fs/promises'
import {join} from 'node:path'
import {pipeline} from 'node:stream/promises'
import {VpsError} from '../errors.ts'
import {rootNames} from './accounts-of-root.ts'
import {type Archive, checkArchive, openArchive} from './archive.ts'
import type {BuildContext, Builder, BuildRequest} from './builder.ts'
import {recipeEntries} from './entries.ts'
import {numberParameter, textParameter} from './parameters.ts'
import {requireProgram, runConfined} from './sandbox.ts'
import {writeTree} from './tree.ts'

/* Any root file system in a tar archive, of any origin: checked, unpacked where it can do no harm, and looked at again. */

const DEFAULT_LIMIT = 32 * 2 ** 30
const MOST_ENTRIES = 2_000_000
/** Stays free on the images' file system. */
const RESERVE = 64 * 2 ** 20

/** Names that the top of a root file system has; a single directory of another name is taken for a wrapping. */
const TOP = [
  'bin',
  'boot',
  'dev',
  'etc',
  'home',
  'lib',
  'lib64',
  'mnt',
  'opt',
  'proc',
  'root',
  'run',
  'sbin',
  'srv',
  'sys',
  'tmp',
  'usr',
  'var',
]

export const tarballBuilder: Builder = {
  async prepare(request) {
    const source = textParameter(request.parameters, 'source') ?? ''
    const archive = await openArchive(source)
    await requireProgram('tar', 'tar', 'to unpack archives')
    return {
      facts: {sha256: await hashOf(source)},
      hostTrees: [],
      build: async context => await buildTarball(request, archive, context),
    }
  },
}

async function buildTarball(
  {recipe, parameters}: BuildRequest,
  archive: Archive,
  context: BuildContext,
): Promise<void> {
  const {rootfs, progress} = context
  const {bsize, bavail} = await statfs(rootfs)
  const room = Math.max(0, bsize * bavail - RESERVE)
  const limit = (numberParameter(parameters, 'maxGiB') ?? DEFAULT_LIMIT / 2 ** 30) * 2 ** 30
  progress(`checking ${archive.file}`)
  const summary = await checkArchive(archive, {bytes: Math.min(room, limit), entries: MOST_ENTRIES})
  progress(`unpacking ${summary.entries} entries`)
  await unpack(archive, context)
  await unwrap(context)
  await writeTree(rootfs, recipeEntries(recipe, rootNames(rootfs)))
}

/** GNU tar, which restores what the npm package can not: owners, special files, ACLs, attributes, holes. */
async function unpack({file, decompress}: Archive, {rootfs, signal}: BuildContext): Promise<void> {
  const command = [
    'tar',
    '--extract',
    '--file=-',
    '--directory=/target',
    ...(decompress === undefined ? [] : [`--use-compress-program=${decompress.join(' ')}`]),
    '--numeric-owner',
    '--same-owner',
    '--preserve-permissions',
    '--acls',
    '--xattrs',
    '--xattrs-include=*',
    // What overlayfs itself writes: in a lower layer it would mean something.
    '--xattrs-exclude=trusted.*',
    '--xattrs-exclude=user.overlay.*',
    '--warning=no-timestamp',
    '--warning=no-unknown-keyword',
  ]
  try {
    await runConfined({command, input: file, target: rootfs, signal})
  } catch (error) {
    throw await unpackError(file, rootfs, error)
  }
}

async function unpackError(file: string, rootfs: string, error: unknown): Promise<unknown> {
  if (!(error instanceof VpsError)) return error
  const {writeError} = await import('../host/index.ts')
  if (error.message.includes('No space left on device'))
    return await writeError(rootfs, Object.assign(new Error(error.message), {code: 'ENOSPC'}))
  return new VpsError('BAD_ARCHIVE', `the archive ${file} can not be unpacked: ${error.message}`, {
    cause: error,
  })
}

/** `rootfs/…` in the archive instead of `…`: the one directory becomes the root. */
async function unwrap({rootfs, progress}: BuildContext): Promise<void> {
  const [only, ...others] = await readdir(rootfs)
  if (only === undefined || others.length > 0 || TOP.includes(only)) return
  const wrapping = join(rootfs, only)
  if (!(await lstat(wrapping)).isDirectory()) return
  if (!(await readdir(wrapping)).some(name => TOP.includes(name))) return
  progress(`taking the directory ${only} of the archive as the root`)
  const aside = `${rootfs}.wrapped`
  await rename(wrapping, aside)
  await rmdir(rootfs)
  await rename(aside, rootfs)
}

/** Hashes by what identifies a state of a file, so that many servers made by one process read the archive once. */
const hashes = new Map<string, string>()

async function hashOf(file: string): Promise<string> {
  const {dev, ino, size, mtimeNs, ctimeNs} = await stat(file, {bigint: true})
  const key = [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  const known = hashes.get(key)
  if (known !== undefined) return known
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, {highWaterMark: 1024 * 1024}), hash)
  const digest = hash.digest('hex')
  hashes.set(key, digest)
  return digest
}
