import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import type {Attributes, Sink} from './sink.ts'

/**
 * Into an empty directory of the host that nobody else can reach: all is new there, and owned by who runs this. A name must be free,
 * too: file systems differ in which names are the same.
 */
export class HostSink implements Sink {
  readonly #root: string
  readonly #directories: {readonly path: string; readonly attributes: Attributes}[] = []
  #open: {readonly fd: number; readonly attributes: Attributes} | undefined
  readonly #made = new Set<string>()

  constructor(root: string) {
    this.#root = root
  }

  directory(path: string, attributes?: Attributes): void {
    if (!this.#made.has(path)) {
      mkdirSync(this.#at(path), 0o700)
      this.#made.add(path)
    }
    if (attributes !== undefined) this.#directories.push({path: this.#at(path), attributes})
  }

  file(path: string, _size: number, attributes: Attributes): void {
    const {O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW} = constants
    const fd = openSync(this.#at(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    this.#open = {fd, attributes}
  }

  data(chunk: Uint8Array): void {
    if (this.#open !== undefined) writeAll(this.#open.fd, chunk)
  }

  endFile(): void {
    if (this.#open === undefined) return
    const {fd, attributes} = this.#open
    fchmodSync(fd, attributes.mode)
    futimesSync(fd, attributes.modified, attributes.modified)
    this.close()
  }

  link(path: string, target: string, {modified}: Attributes): void {
    symlinkSync(target, this.#at(path))
    lutimesSync(this.#at(path), modified, modified)
  }

  name(path: string, other: string): void {
    linkSync(this.#at(other), this.#at(path))
  }

  /** Permissions and times of directories, which were ours to write in until now. */
  finish(): void {
    for (const {path, attributes} of this.#directories.reverse()) {
      utimesSync(path, attributes.modified, attributes.modified)
      chmodSync(path, attributes.mode)
    }
  }

  close(): void {
    if (this.#open !== undefined) closeSync(this.#open.fd)
    this.#open = undefined
  }

  #at(path: string): string {
    return `${this.#root}/${path}`
  }
}

export function writeAll(fd: number, chunk: Uint8Array): void {
  for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done)
}
