import {closeSync, readlinkSync} from 'node:fs'
import {posix} from 'node:path'
import {VpsError} from '../../errors.ts'
import {serverPaths, writeError} from '../../host/index.ts'
import {showImage} from '../../image/index.ts'
import {ServerTree} from '../../native/index.ts'
import {loadValid} from '../plan.ts'
import {readRecord} from '../record.ts'
import {wrongState} from '../session.ts'
import type {Context} from '../types.ts'
import type {Found} from './in.ts'
import {isOfSystem} from './inside.ts'
import {wrongPlace} from './places.ts'
import type {Owner} from './tree-sink.ts'

/** What each start makes anew: nothing that is put there now is ever seen. */
const MADE_ANEW = ['/dev', '/proc', '/run', '/sys']
const LARGEST_TABLE = 16 * 1024 * 1024

/**
 * The file tree of a server that does not run. Paths are resolved by the kernel as if it were all there is; its mount is
 * attached nowhere, and gone with this process at the latest.
 */
export class StoppedServer implements AsyncDisposable {
  readonly #name: string
  readonly #tree: ServerTree
  /** What a start mounts over, and what that is. */
  readonly #covered: ReadonlyMap<string, string>
  /** Where on the host it is written to. */
  readonly #upper: string

  private constructor(name: string, upper: string, tree: ServerTree, covered: ReadonlyMap<string, string>) {
    this.#name = name
    this.#upper = upper
    this.#tree = tree
    this.#covered = covered
  }

  /** Under the server's lock, which its caller holds for as long. @throws VpsError WRONG_STATE (exit 4) */
  static async open(context: Context, name: string): Promise<StoppedServer> {
    const {paths} = context
    const record = readRecord(paths, name)
    if (record === undefined)
      throw wrongState(`server ${name} is not created yet`, `create it with \`vps create ${name}\``)
    const {definition} = await loadValid(context, name)
    const image = await showImage(record.image, {paths})
    const covered = new Map([
      ...MADE_ANEW.map(path => [path, 'made anew at each start'] as const),
      ...image.hostTrees.map(({target}) => [target, "the host's"] as const),
      ...definition.mounts.map(({target, source}) => [target, `${source} of the host`] as const),
    ])
    const {upper, work} = serverPaths(paths, name)
    return new StoppedServer(name, upper, await ServerTree.open([image.rootfs], upper, work), covered)
  }

  /** A descriptor of a directory, to be closed. @throws VpsError BAD_PLACE */
  enter(path: string): number | undefined {
    const fd = this.#tree.enter(this.absolute(path))
    if (fd === undefined) return undefined
    try {
      this.#refuseCovered(readlinkSync(`/proc/self/fd/${fd}`))
    } catch (error) {
      closeSync(fd)
      throw error
    }
    return fd
  }

  /** What stands where something is to be copied to, and who shall own it. @param owner `user` or `user:group` */
  look(path: string, user: string, group: string): Found {
    return {kind: this.#kind(path), ...this.#owner(user, group)}
  }

  /** The error for a write to it that failed. */
  async writeError(error: unknown): Promise<unknown> {
    return isOfSystem(error) ? await writeError(this.#upper, error) : error
  }

  /** As a path from the top; relative ones are from root's home. */
  absolute(path: string): string {
    return posix.resolve('/', this.#table('passwd').find(([name]) => name === 'root')?.[5] ?? '/root', path)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tree[Symbol.asyncDispose]()
  }

  #kind(path: string): Found['kind'] {
    const at = this.absolute(path)
    const isDirectory = (path: string): boolean => {
      const fd = this.enter(path)
      if (fd !== undefined) closeSync(fd)
      return fd !== undefined
    }
    if (isDirectory(at)) return 'directory'
    if (!isDirectory(posix.dirname(at))) return 'nowhere'
    return this.#tree.stat(at) === undefined ? 'none' : 'file'
  }

  #owner(user: string, group: string): Owner {
    const account = this.#table('passwd').find(([name, , uid]) => name === user || uid === user)
    const uid = this.#id('user', user, account?.[2])
    if (group === '') return {uid, gid: this.#id('group', account?.[3] ?? user)}
    const entry = this.#table('group').find(([name]) => name === group)
    return {uid, gid: this.#id('group', group, entry?.[2])}
  }

  #id(what: string, name: string, found = name): number {
    const id = /^\d{1,5}$/.test(found) ? Number(found) : -1
    if (id >= 0 && id <= 65_535) return id
    throw new VpsError('COPY_FAILED', `cannot copy to ${this.#name}: it has no ${what} ${name}`, {
      suggestions: [`give the number of a ${what}`],
    })
  }

  #table(name: 'passwd' | 'group'): string[][] {
    const path = `/etc/${name}`
    if (this.#tree.type(path) !== 'file') return []
    const text = this.#tree.read(path, {most: LARGEST_TABLE})?.toString('utf8') ?? ''
    return text.split('\n').map(line => line.split(':'))
  }

  #refuseCovered(path: string): void {
    for (const [place, what] of this.#covered)
      if (path === place || path.startsWith(`${place}/`))
        throw wrongPlace(
          `${place} of ${this.#name} is ${what}, and not of its own files`,
          `name another place, or start it first: \`vps start ${this.#name}\``,
        )
  }
}
