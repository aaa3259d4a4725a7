import {readFileSync} from 'node:fs'
import {dirname} from 'node:path'
import {VpsError} from '../../errors.ts'
import {type ImageInfo, resolveInRoot} from '../../image/index.ts'
import {type Ownership, ServerTree, type Tree} from '../../native/index.ts'
import {NewLayer} from './new-layer.ts'

const MOST_LINKS = 40
const PLAIN_DIRECTORY: Ownership = {mode: 0o755, uid: 0, gid: 0}

export interface RootPlace {
  readonly image: Pick<ImageInfo, 'rootfs' | 'hostTrees'>
  readonly upper: string
  readonly work: string
  /** Nothing was ever in it. */
  readonly isNew: boolean
}

/**
 * The root of a server that does not run, for writing into it. Who was root in the server, or only a user of it, may have put
 * anything anywhere: what is made here for one user must not become another's.
 *
 * So links are followed only where root has made them: a link of somebody else's, or one in a directory of somebody else's, is
 * refused by name. What is left is a path without links, which the kernel is told to take for that.
 */
export class ServerRoot implements AsyncDisposable {
  readonly tree: Tree
  readonly #image: RootPlace['image']
  readonly #known = new Map<string, string>()

  private constructor(image: RootPlace['image'], tree: Tree) {
    this.#image = image
    this.tree = tree
  }

  static async open({image, upper, work, isNew}: RootPlace): Promise<ServerRoot> {
    const tree = isNew
      ? new NewLayer(image.rootfs, upper)
      : await ServerTree.open([image.rootfs], upper, work)
    return new ServerRoot(image, tree)
  }

  /** Writes a file in one go; directories on the way are made. */
  write(path: string, content: string | Buffer, owned: Ownership): void {
    this.#refuseShared(path)
    const place = this.#place(path)
    if (this.tree.type(place, NO_LINKS) === 'directory') throw inTheWay(path, 'a directory')
    this.tree.write(place, typeof content === 'string' ? Buffer.from(content) : content, owned, NO_LINKS)
  }

  link(path: string, target: string): void {
    this.tree.link(this.#place(path), target, NO_LINKS)
  }

  /** The text of a file; undefined where none is. What is no file is refused by name. */
  text(path: string): string | undefined {
    const found = this.#follow(path)
    const type = this.tree.type(found, NO_LINKS)
    if (type === undefined) return undefined
    if (type !== 'file') throw inTheWay(path, type === 'directory' ? 'a directory' : 'no regular file')
    return this.tree.read(found, NO_LINKS)?.toString('utf8')
  }

  /** The text of a file that may be in a directory of the host which the server sees. */
  shown(path: string): string | undefined {
    const {rootfs, hostTrees} = this.#image
    if (hostTrees.length === 0) return this.text(path)
    const {onHost, stat} = resolveInRoot(rootfs, path, {trees: hostTrees})
    return stat?.isFile() ? readFileSync(onHost, 'utf8') : undefined
  }

  /** Makes a directory with this owner; one that is there only gets it with `own`. Returns whether it was made. */
  directory(path: string, owned: Ownership, own = false): boolean {
    const place = this.#place(path)
    const type = this.tree.type(place, NO_LINKS)
    if (type !== undefined && type !== 'directory')
      throw inTheWay(path, type === 'link' ? 'a link' : 'no directory')
    return this.tree.directory(place, owned, {...NO_LINKS, own})
  }

  /** Whether there is a file or a program, also in a directory of the host that the server sees. */
  has(path: string): boolean {
    const {rootfs, hostTrees} = this.#image
    if (hostTrees.length > 0 && resolveInRoot(rootfs, path, {trees: hostTrees}).stat !== undefined)
      return true
    return this.tree.stat(path) !== undefined
  }

  /** With the end of this all that was written is there. */
  async commit(): Promise<void> {
    await this.tree.commit()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tree[Symbol.asyncDispose]()
  }

  /** The place of `path` by a way without links, its directory made if need be. The last part may be anything. */
  #place(path: string): string {
    const parent = this.#directory(dirname(path))
    return `${parent === '/' ? '' : parent}/${path.slice(path.lastIndexOf('/') + 1)}`
  }

  #directory(path: string): string {
    const known = this.#known.get(path)
    if (known !== undefined) return known
    const real = this.#walk(path, true)
    this.#known.set(path, real)
    return real
  }

  /** Where `path` leads, links in the last place followed too. */
  #follow(path: string): string {
    return this.#walk(path, false)
  }

  #walk(path: string, make: boolean): string {
    const todo = parts(path)
    let done: string[] = []
    let isRoots = true // nobody but root could have put anything here
    let links = 0
    for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
      if (part === '..') {
        done.pop()
        continue
      }
      const here = `/${[...done, part].join('/')}`
      const type = this.tree.type(here, NO_LINKS)
      if (type === 'link') {
        if (!isRoots || this.tree.stat(here, NO_LINKS)?.uid !== 0 || ++links > MOST_LINKS)
          throw inTheWay(here, 'a link that is not root’s')
        const target = this.tree.readLink(here, NO_LINKS) ?? ''
        if (target.startsWith('/')) done = []
        todo.unshift(...parts(target))
        continue
      }
      if (make && type === undefined) this.tree.directory(here, PLAIN_DIRECTORY, NO_LINKS)
      else if (make && type !== 'directory') throw inTheWay(here, 'no directory')
      if (type === 'directory' && this.tree.stat(here, NO_LINKS)?.uid !== 0) isRoots = false
      done.push(part)
    }
    return `/${done.join('/')}`
  }

  /** What is written below a directory of the host would never be seen, and never reach the host either. */
  #refuseShared(path: string): void {
    const {hostTrees, rootfs} = this.#image
    if (hostTrees.length === 0) return
    const real = resolveInRoot(rootfs, path, {trees: hostTrees, followLast: false}).path
    const shared = hostTrees.find(({target}) => real.startsWith(`${target}/`))
    if (shared === undefined) return
    throw new VpsError(
      'CANNOT_PROVISION',
      `cannot write ${path}: ${shared.target} of this server is the host's, read-only`,
      {
        suggestions: ['write it elsewhere, or use a template with a root of its own, such as debian'],
      },
    )
  }
}

const NO_LINKS = {links: false} as const

function parts(path: string): string[] {
  return path.split('/').filter(part => part !== '' && part !== '.')
}

function inTheWay(path: string, what: string): VpsError {
  return new VpsError('CANNOT_PROVISION', `${path} in the server is ${what}: nothing is written there`, {
    suggestions: ['look at it in the server, and remove it if nobody needs it'],
  })
}
