import {closeSync, constants, openSync} from 'node:fs'
import {addon, type NativeEntry, type TreeStat} from './addon.ts'
import {checked, type Ownership, plain} from './tree.ts'

/** Something to be made in the empty layer of a new server; paths are the server's, absolute and without links. */
export type LayerEntry =
  /** A directory of the image, as it is there, for what comes in it. */
  | {readonly kind: 'image'; readonly path: string}
  /** A new one; `ofImage`: or one of the image, with another owner and mode. */
  | {
      readonly kind: 'directory'
      readonly path: string
      readonly owned: Ownership
      readonly ofImage: boolean
    }
  | {readonly kind: 'file'; readonly path: string; readonly owned: Ownership; readonly bytes: Buffer}
  /** A symbolic link of root's. */
  | {readonly kind: 'link'; readonly path: string; readonly target: string}

/**
 * Makes all of these in the empty layer `upper`, parents before what is in them; that of another thread. Half of it may be there after
 * a failure: then the layer is to be thrown away.
 * @param image the root that the layer will lie on
 * @throws NativeError with the server's path; EEXIST if the layer is not empty
 */
export async function fillLayer(image: string, upper: string, entries: readonly LayerEntry[]): Promise<void> {
  await addon().layerFill(plain(image), plain(upper), entries.map(converted))
}

function converted(entry: LayerEntry): NativeEntry {
  const path = plain(entry.path)
  if (entry.kind === 'image') return ['image', path, 0, 0, 0, undefined]
  if (entry.kind === 'link') return ['link', path, 0, 0, 0, plain(entry.target)]
  const {mode, uid, gid} = checked(entry.owned)
  if (entry.kind === 'file') return ['file', path, mode, uid, gid, entry.bytes]
  return ['directory', path, mode, uid, gid, entry.ofImage]
}

/** The root of an image, to be looked at. Paths are as a server would see them, and no link on their way is followed. */
export class ImageRoot {
  readonly #rootfs: string

  constructor(rootfs: string) {
    this.#rootfs = plain(rootfs)
  }

  /** What stands there, a link itself included; undefined where nothing is. */
  stat(path: string): TreeStat | undefined {
    return this.#within(root => addon().treeStat(root, plain(path), false))
  }

  /** A regular file's bytes; undefined where nothing is. @throws NativeError EINVAL, EISDIR for what is no file, EFBIG */
  read(path: string, most: number): Buffer | undefined {
    return this.#within(root => addon().treeRead(root, plain(path), false, most))
  }

  /** Where a symbolic link leads; undefined where there is none. */
  readLink(path: string): string | undefined {
    return this.#within(root => addon().treeReadLink(root, plain(path), false))
  }

  /** The names in a directory; undefined where there is none. */
  list(path: string): string[] | undefined {
    return this.#within(root => addon().treeList(root, plain(path), false))
  }

  #within<Answer>(ask: (root: number) => Answer): Answer {
    const root = openSync(this.#rootfs, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    try {
      return ask(root)
    } finally {
      closeSync(root)
    }
  }
}
