import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import {writeAll} from './host-sink.ts'
import {readable} from './inside.ts'
import {wrongPlace} from './places.ts'
import type {Attributes, Sink} from './sink.ts'

const {O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY} = constants

/** By the server's own numbers. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

interface OpenDirectory {
  readonly path: string
  readonly fd: number
}

/**
 * Into a directory of a server that does not run, as `tar -x -p` does it in one that runs: directories that are there are added to,
 * all else is replaced. Each directory on the way is opened by the one that it is in and no link is followed, so that what a tenant
 * has planted leads nowhere.
 */
export class TreeSink implements Sink {
  readonly #top: OpenDirectory
  readonly #owner: Owner
  /** The way to where the last entry was. */
  #way: OpenDirectory[] = []
  readonly #directories = new Map<string, Attributes>()
  #open: {readonly fd: number; readonly attributes: Attributes} | undefined

  /** @param fd of the directory; it stays the caller's */
  constructor(fd: number, owner: Owner) {
    this.#top = {path: '', fd}
    this.#owner = owner
  }

  directory(path: string, attributes?: Attributes): void {
    const at = this.#at(path)
    if (this.#makeRoom(at, path, true)) {
      mkdirSync(at, 0o755)
      lchownSync(at, this.#owner.uid, this.#owner.gid)
    }
    if (attributes !== undefined) this.#directories.set(path, attributes)
  }

  file(path: string, _size: number, attributes: Attributes): void {
    const at = this.#at(path)
    this.#makeRoom(at, path)
    this.#open = {fd: openSync(at, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600), attributes}
  }

  data(chunk: Uint8Array): void {
    if (this.#open !== undefined) writeAll(this.#open.fd, chunk)
  }

  endFile(): void {
    if (this.#open === undefined) return
    this.#give(this.#open.fd, this.#open.attributes)
    closeSync(this.#open.fd)
    this.#open = undefined
  }

  link(path: string, target: string, {modified}: Attributes): void {
    const at = this.#at(path)
    this.#makeRoom(at, path)
    symlinkSync(target, at)
    lchownSync(at, this.#owner.uid, this.#owner.gid)
    lutimesSync(at, modified, modified)
  }

  name(path: string, other: string): void {
    const [directory, name] = split(other)
    const there = this.#openDirectory(directory)
    try {
      const at = this.#at(path)
      this.#makeRoom(at, path)
      linkSync(`${inFd(there.at(-1) ?? this.#top)}/${name}`, at)
    } finally {
      closeAll(there)
    }
  }

  finish(): void {
    for (const [path, attributes] of [...this.#directories].reverse()) {
      const fd = openSync(this.#at(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      try {
        this.#give(fd, attributes)
      } finally {
        closeSync(fd)
      }
    }
    this.#directories.clear()
  }

  close(): void {
    if (this.#open !== undefined) closeSync(this.#open.fd)
    this.#open = undefined
    closeAll(this.#way)
    this.#way = []
  }

  /** Mode last: chown(2) takes set-id bits away. */
  #give(fd: number, {mode, modified}: Attributes): void {
    fchownSync(fd, this.#owner.uid, this.#owner.gid)
    fchmodSync(fd, mode)
    futimesSync(fd, modified, modified)
  }

  /** The name of `path` in the directory that it is in, which stays open. */
  #at(path: string): string {
    const [directory, name] = split(path)
    const last = this.#way.at(-1) ?? this.#top
    if (last.path !== directory) {
      const way = this.#openDirectory(directory)
      closeAll(this.#way)
      this.#way = way
    }
    return `${inFd(this.#way.at(-1) ?? this.#top)}/${name}`
  }

  #openDirectory(path: string): OpenDirectory[] {
    const way: OpenDirectory[] = []
    try {
      for (const name of path === '' ? [] : path.split('/')) {
        const parent = way.at(-1) ?? this.#top
        const fd = openSync(`${inFd(parent)}/${name}`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        way.push({path: parent.path === '' ? name : `${parent.path}/${name}`, fd})
      }
      closeAll(way.slice(0, -1))
      return way.slice(-1)
    } catch (error) {
      closeAll(way)
      throw error
    }
  }

  /** Removes what stands at a name. False where it is a directory and may stay. @throws VpsError BAD_PLACE */
  #makeRoom(at: string, path: string, forDirectory = false): boolean {
    const found = lstatSync(at, {throwIfNoEntry: false})
    if (found === undefined) return true
    if (!found.isDirectory()) {
      unlinkSync(at)
      return true
    }
    if (forDirectory) return false
    throw wrongPlace(`${readable(path)} is a directory in the server, and no directory would take its place`)
  }
}

function inFd({fd}: OpenDirectory): string {
  return `/proc/self/fd/${fd}`
}

function closeAll(directories: readonly OpenDirectory[]): void {
  for (const {fd} of directories) closeSync(fd)
}

function split(path: string): [directory: string, name: string] {
  const slash = path.lastIndexOf('/')
  return [path.slice(0, Math.max(0, slash)), path.slice(slash + 1)]
}
