import {lstatSync} from 'node:fs'
import {chmod, lchown, mkdir} from 'node:fs/promises'
import {join} from 'node:path'
import {execa} from 'execa'
import {errno, makeDirectory, removeTree, syncDirectory, writeError} from '../host/index.ts'

/** The parts of an overlay that are one server's own. */
export interface LayerPaths {
  /** `layer` of a server's storage directory. */
  readonly layer: string
  readonly upper: string
  /** Same file system as `upper`, as overlayfs wants it. */
  readonly work: string
}

/** The layer's paths in a server's storage directory, or in a journal of one. */
export function layerPaths(storage: string): LayerPaths {
  const layer = join(storage, 'layer')
  return {layer, upper: join(layer, 'upper'), work: join(layer, 'work')}
}

/**
 * Makes the empty layer of a new server in `storage`, which exists. The server's root directory is `upper` to everyone inside, so it
 * gets owner and mode of the image's. Costs three mkdir.
 * @throws VpsError NO_SPACE, WRITE_FAILED
 */
export async function makeLayer(storage: string, rootfs: string): Promise<LayerPaths> {
  const paths = layerPaths(storage)
  const image = lstatSync(rootfs)
  await makeDirectory(paths.layer, 0o700)
  try {
    await mkdir(paths.upper, {recursive: true})
    await lchown(paths.upper, image.uid, image.gid)
    await chmod(paths.upper, image.mode & 0o7777)
    await mkdir(paths.work, {recursive: true, mode: 0o700})
    await syncDirectory(paths.layer)
  } catch (error) {
    throw await writeError(paths.layer, error)
  }
  return paths
}

/**
 * Removes a directory that a guest has written to: any depth, any names. No mount may be below it; links are not followed.
 * A missing one is fine.
 */
export async function removeLayer(path: string): Promise<void> {
  try {
    await removeTree(path)
  } catch (error) {
    // Deeper than one path can name. coreutils goes down step by step.
    if (errno(error) !== 'ENAMETOOLONG') throw error
    await execa('rm', ['-rf', '--one-file-system', '--', path])
  }
}
