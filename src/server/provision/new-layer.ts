import {constants as fileModes} from 'node:fs'
import {constants} from 'node:os'
import {Fresh} from '../../host/index.ts'
import {
  fillLayer,
  ImageRoot,
  type LayerEntry,
  MOST_BYTES,
  NativeError,
  type Ownership,
  type Tree,
  type TreeStat,
  type TreeType,
  treeType,
  type Way,
} from '../../native/index.ts'

/*
 * The tree of a server that is just being made: all there is in it is the image. So nothing has to be mounted: what is read is the
 * image's, which many servers made at once have in common, and what is written is kept until `commit`, which makes it in one go.
 */

const MOST_LINKS = 40

type Made = Exclude<LayerEntry, {kind: 'image'}>

export class NewLayer implements Tree {
  readonly #image: SeenImage
  readonly #rootfs: string
  readonly #upper: string
  /** By path; parents before what is in them. */
  readonly #made = new Map<string, Made>()

  constructor(rootfs: string, upper: string) {
    this.#rootfs = rootfs
    this.#upper = upper
    this.#image = seen.get(rootfs, () => new SeenImage(rootfs))
  }

  stat(path: string, {links = true}: Way = {}): TreeStat | undefined {
    return this.#look(links ? this.#resolve(path, false) : path)
  }

  type(path: string, way: Way = {}): TreeType | undefined {
    return treeType(this.stat(path, way))
  }

  read(
    path: string,
    {links = true, most = MOST_BYTES}: Way & {readonly most?: number} = {},
  ): Buffer | undefined {
    const place = links ? this.#resolve(path, true) : path
    const made = this.#made.get(place)
    if (made === undefined || (made.kind === 'directory' && made.ofImage))
      return this.#image.read(place, most)
    if (made.kind !== 'file') throw refusal(made.kind === 'directory' ? 'EISDIR' : 'ELOOP', 'open', path)
    if (made.bytes.length > most) throw refusal('EFBIG', 'open', path)
    return made.bytes
  }

  readLink(path: string, {links = true}: Way = {}): string | undefined {
    const place = links ? this.#resolve(path, false) : path
    const made = this.#made.get(place)
    if (made === undefined) return this.#image.readLink(place)
    return made.kind === 'link' ? made.target : undefined
  }

  list(path: string, {links = true}: Way = {}): string[] | undefined {
    const place = links ? this.#resolve(path, true) : path
    if (treeType(this.#look(place)) !== 'directory') return undefined
    const own = [...this.#made.keys()].filter(made => parentOf(made) === place).map(nameOf)
    return [...new Set([...(this.#image.list(place) ?? []), ...own])]
  }

  write(path: string, bytes: Buffer, owned: Ownership, way: Way = {}): void {
    const place = this.#placeFor(path, way)
    if (treeType(this.#look(place)) === 'directory') throw refusal('EISDIR', 'open', path)
    this.#put({kind: 'file', path: place, bytes, owned})
  }

  link(path: string, target: string, way: Way = {}): void {
    const place = this.#placeFor(path, way)
    if (treeType(this.#look(place)) === 'directory') throw refusal('EISDIR', 'symlink', path)
    this.#put({kind: 'link', path: place, target})
  }

  directory(
    path: string,
    owned: Ownership,
    {own = false, ...way}: Way & {readonly own?: boolean} = {},
  ): boolean {
    const place = this.#placeFor(path, way)
    const type = treeType(this.#look(place))
    if (type !== undefined && type !== 'directory') throw refusal('ENOTDIR', 'mkdir', path)
    const made = this.#made.get(place)
    const ofImage =
      type === 'directory' && (made === undefined || (made.kind === 'directory' && made.ofImage))
    if (type === undefined || own) this.#put({kind: 'directory', path: place, owned, ofImage})
    return type === undefined
  }

  async commit(): Promise<void> {
    await fillLayer(this.#rootfs, this.#upper, this.#entries())
    this.#made.clear()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#made.clear()
  }

  /** What was made, behind the directories of the image that it is in. */
  #entries(): LayerEntry[] {
    const entries = new Map<string, LayerEntry>()
    const add = (path: string): void => {
      if (path === '' || entries.has(path)) return
      add(parentOf(path) === '/' ? '' : parentOf(path))
      entries.set(path, this.#made.get(path) ?? {kind: 'image', path})
    }
    for (const path of this.#made.keys()) add(path)
    return [...entries.values()]
  }

  #put(made: Made): void {
    this.#made.set(made.path, made)
  }

  /** Where something comes to stand: the directory must be there. */
  #placeFor(path: string, {links = true}: Way): string {
    const place = links ? this.#resolve(path, false) : path
    const parent = treeType(this.#look(parentOf(place)))
    if (parent === 'link') throw refusal('ELOOP', 'open', path)
    if (parent !== 'directory') throw refusal(parent === undefined ? 'ENOENT' : 'ENOTDIR', 'open', path)
    return place
  }

  /** What stands at a path without links. */
  #look(place: string): TreeStat | undefined {
    const made = this.#made.get(place)
    if (made === undefined) return this.#image.stat(place)
    if (made.kind === 'link') return {mode: fileModes.S_IFLNK | 0o777, uid: 0, gid: 0, names: 1}
    const {mode, uid, gid} = made.owned
    if (made.kind === 'file') return {mode: fileModes.S_IFREG | mode, uid, gid, names: 1}
    return {mode: fileModes.S_IFDIR | mode, uid, gid, names: 2}
  }

  /** The path without links that `path` leads to, inside the tree; the last part of it may be missing. */
  #resolve(path: string, followLast: boolean): string {
    const todo = partsOf(path)
    let place = ''
    let links = 0
    for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
      if (part === '..') {
        place = place.slice(0, Math.max(0, place.lastIndexOf('/')))
        continue
      }
      const here = `${place}/${part}`
      const isLast = todo.length === 0
      const target = isLast && !followLast ? undefined : this.readLink(here, {links: false})
      if (target === undefined) place = here
      else {
        if (++links > MOST_LINKS) throw refusal('ELOOP', 'open', path)
        if (target.startsWith('/')) place = ''
        todo.unshift(...partsOf(target))
      }
    }
    return place === '' ? '/' : place
  }
}

/** What was seen of an image, for as long as facts are believed. */
class SeenImage {
  readonly #root: ImageRoot
  readonly #stats = new Map<string, TreeStat | undefined>()
  readonly #links = new Map<string, string | undefined>()
  readonly #lists = new Map<string, string[] | undefined>()
  readonly #files = new Map<string, Buffer | undefined>()

  constructor(rootfs: string) {
    this.#root = new ImageRoot(rootfs)
  }

  stat(path: string): TreeStat | undefined {
    return once(this.#stats, path, () => this.#root.stat(path))
  }

  read(path: string, most: number): Buffer | undefined {
    return once(this.#files, `${most} ${path}`, () => this.#root.read(path, most))
  }

  readLink(path: string): string | undefined {
    if (treeType(this.stat(path)) !== 'link') return undefined
    return once(this.#links, path, () => this.#root.readLink(path))
  }

  list(path: string): string[] | undefined {
    return once(this.#lists, path, () => this.#root.list(path))
  }
}

const seen = new Fresh<SeenImage>()

function once<Answer>(known: Map<string, Answer>, path: string, ask: () => Answer): Answer {
  if (!known.has(path)) known.set(path, ask())
  return known.get(path) as Answer
}

function partsOf(path: string): string[] {
  return path.split('/').filter(part => part !== '' && part !== '.')
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** What the kernel would have said. */
function refusal(
  code: 'EISDIR' | 'ENOTDIR' | 'ENOENT' | 'ELOOP' | 'EFBIG',
  syscall: string,
  path: string,
): NativeError {
  return new NativeError(code, constants.errno[code], syscall, path, code)
}
