import {close, constants} from 'node:fs'
import {promisify} from 'node:util'
import {addon, type TreeStat} from './addon.ts'

export type {TreeStat} from './addon.ts'

/** Permission bits, and an owner by the server's own numbers: 0 to 65535. */
export interface Ownership {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** Which links may be followed: `links: false` for a place that somebody in the server could have led astray. */
export interface Way {
  /** Default true: symbolic links on the way are followed, inside the tree. */
  readonly links?: boolean
}

/** The file tree of a server that does not run, for reading it and writing into it. */
export interface Tree extends AsyncDisposable {
  /** What stands at `path`, a link itself included; undefined where nothing is. */
  stat(path: string, way?: Way): TreeStat | undefined
  /** The type of what stands at `path`. */
  type(path: string, way?: Way): TreeType | undefined
  /** A regular file's bytes; undefined where nothing is. @throws NativeError EINVAL for what is no file, EFBIG */
  read(path: string, way?: Way & {readonly most?: number}): Buffer | undefined
  /** Where a symbolic link leads; undefined where there is none. */
  readLink(path: string, way?: Way): string | undefined
  /** The names in a directory, in no order; undefined where there is none. */
  list(path: string, way?: Way): string[] | undefined
  /** Writes a file in one go; what stands there is replaced, and not followed if it is a link. The directory must be there. */
  write(path: string, bytes: Buffer, owned: Ownership, way?: Way): void
  /** The same with a symbolic link, owned by root. */
  link(path: string, target: string, way?: Way): void
  /**
   * Makes a directory if it is not there; its parent must be. With `own`, one that is there gets the owner and the mode too.
   * @returns whether it was made
   * @throws NativeError ENOTDIR, ELOOP when something else stands there
   */
  directory(path: string, owned: Ownership, way?: Way & {readonly own?: boolean}): boolean
  /** All that was written is there with the end of this. */
  commit(): Promise<void>
}

export type TreeType = 'file' | 'directory' | 'link' | 'other'

const LAST_ID = 65_535
/** A file of accounts is smaller. */
export const MOST_BYTES = 1024 * 1024

const closed = promisify(close)

/**
 * The file tree of a server that does not run, as the server would see it: the image below, its own layer on top. What is written
 * goes to its own layer. Paths are the server's, absolute; no link and no `..` leads out of the tree, and nothing but regular
 * files and directories is ever opened.
 *
 * But for the mount and its end the calls are synchronous: each takes microseconds. Failures are NativeErrors with the server's path.
 */
export class ServerTree implements Tree {
  #fd: number

  private constructor(fd: number) {
    this.#fd = fd
  }

  /**
   * Nothing else may have the layer mounted meanwhile. The mount is attached nowhere, and ends with this process at the latest.
   * @param lower the image's directories, the uppermost first
   */
  static async open(lower: readonly string[], upper: string, work: string): Promise<ServerTree> {
    return new ServerTree(await addon().treeOpen(lower.map(plain), plain(upper), plain(work)))
  }

  stat(path: string, {links = true}: Way = {}): TreeStat | undefined {
    return addon().treeStat(this.#fd, absolute(path), links)
  }

  type(path: string, way: Way = {}): TreeType | undefined {
    return treeType(this.stat(path, way))
  }

  read(
    path: string,
    {links = true, most = MOST_BYTES}: Way & {readonly most?: number} = {},
  ): Buffer | undefined {
    return addon().treeRead(this.#fd, absolute(path), links, most)
  }

  readLink(path: string, {links = true}: Way = {}): string | undefined {
    return addon().treeReadLink(this.#fd, absolute(path), links)
  }

  list(path: string, {links = true}: Way = {}): string[] | undefined {
    return addon().treeList(this.#fd, absolute(path), links)
  }

  /**
   * A descriptor of a directory, to be closed; undefined where there is none. Names in it that are opened by it, and no link followed,
   * are in the tree as well.
   */
  enter(path: string, {links = true}: Way = {}): number | undefined {
    return addon().treeEnter(this.#fd, absolute(path), links)
  }

  write(path: string, bytes: Buffer, owned: Ownership, {links = true}: Way = {}): void {
    const {mode, uid, gid} = checked(owned)
    addon().treeWrite(this.#fd, absolute(path), links, bytes, mode, uid, gid)
  }

  link(path: string, target: string, {links = true}: Way = {}): void {
    addon().treeLink(this.#fd, absolute(path), links, plain(target), 0, 0)
  }

  directory(
    path: string,
    owned: Ownership,
    {links = true, own = false}: Way & {readonly own?: boolean} = {},
  ): boolean {
    const {mode, uid, gid} = checked(owned)
    return addon().treeDirectory(this.#fd, absolute(path), links, mode, uid, gid, own)
  }

  /** Nothing waits: each call has written what it says. */
  async commit(): Promise<void> {}

  /** The end of the mount takes milliseconds. With the promise it is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    const fd = this.#fd
    this.#fd = -1
    if (fd >= 0) await closed(fd)
  }
}

export function treeType(found: TreeStat | undefined): TreeType | undefined {
  if (found === undefined) return undefined
  const type = found.mode & constants.S_IFMT
  if (type === constants.S_IFREG) return 'file'
  if (type === constants.S_IFDIR) return 'directory'
  return type === constants.S_IFLNK ? 'link' : 'other'
}

function absolute(path: string): string {
  if (!path.startsWith('/')) throw new RangeError(`not an absolute path: ${path}`)
  return plain(path)
}

export function plain(path: string): string {
  if (path.includes('\0')) throw new RangeError('a path contains a NUL byte')
  return path
}

export function checked(owned: Ownership): Ownership {
  const {mode, uid, gid} = owned
  const isId = (id: number): boolean => Number.isInteger(id) && id >= 0 && id <= LAST_ID
  if (!isId(uid) || !isId(gid) || !Number.isInteger(mode) || mode < 0 || mode > 0o7777)
    throw new RangeError(`not a mode and an owner: ${mode} ${uid} ${gid}`)
  return owned
}
