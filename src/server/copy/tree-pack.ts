import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs'
import {setImmediate as turn} from 'node:timers/promises'
import {VpsError} from '../../errors.ts'
import {readable} from './inside.ts'
import {END, padding, type TarEncoder, type TarEntry, tarEncoder} from './tar-entry.ts'

const CHUNK = 256 * 1024
const LONGEST_PATH = 4000
const {O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK} = constants

/**
 * A file or a directory of a server that does not run, as a tar stream like its own tar would send: for a `Receiver`, who has the
 * last word on it. Each directory is opened by the one that it is in, no link is followed, and only regular files are read.
 * @param directory a descriptor; it stays the caller's
 */
export async function* packedTree(server: string, directory: number, base: string): AsyncGenerator<Buffer> {
  const encode = await tarEncoder()
  yield* new TreePacker(server, encode).pack(`/proc/self/fd/${directory}/${base}`, `./${base}`)
  yield END
}

class TreePacker {
  readonly #server: string
  readonly #encode: TarEncoder
  /** By inode, the first name of files that have several. */
  readonly #names = new Map<string, string>()

  constructor(server: string, encode: TarEncoder) {
    this.#server = server
    this.#encode = encode
  }

  async *pack(at: string, path: string): AsyncGenerator<Buffer> {
    await turn() // the tree is read without a wait: others want to be heard, too
    if (path.length > LONGEST_PATH)
      throw this.#refused(`has a path that is too long: ${readable(path.slice(0, 200))}…`)
    const stat = lstatSync(at)
    if (stat.isSocket()) return // tar leaves them out as well
    if (stat.isDirectory()) yield* this.#directory(at, path, stat)
    else if (stat.isFile()) yield* this.#file(at, path, stat)
    else {
      const target = stat.isSymbolicLink() ? readlinkSync(at) : ''
      yield this.#header(path, stat, {type: typeOf(stat), target})
    }
  }

  async *#directory(at: string, path: string, stat: Stats): AsyncGenerator<Buffer> {
    const fd = openSync(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    try {
      yield this.#header(`${path}/`, stat, {type: 'Directory'})
      for (const name of readdirSync(`/proc/self/fd/${fd}`).sort()) {
        if (name.includes('\uFFFD'))
          throw this.#refused(`has a name that is no UTF-8 text: ${readable(`${path}/${name}`)}`)
        yield* this.pack(`/proc/self/fd/${fd}/${name}`, `${path}/${name}`)
      }
    } finally {
      closeSync(fd)
    }
  }

  async *#file(at: string, path: string, stat: Stats): AsyncGenerator<Buffer> {
    const inode = `${stat.dev} ${stat.ino}`
    const other = stat.nlink > 1 ? this.#names.get(inode) : undefined
    if (other !== undefined) {
      yield this.#header(path, stat, {type: 'Link', target: other})
      return
    }
    if (stat.nlink > 1) this.#names.set(inode, path)
    const fd = openSync(at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    try {
      yield this.#header(path, stat, {type: 'File', size: stat.size})
      for (let left = stat.size; left > 0; ) {
        const chunk = Buffer.allocUnsafe(Math.min(CHUNK, left))
        const length = readSync(fd, chunk)
        if (length === 0) throw this.#refused(`breaks off in ${readable(path)}`)
        left -= length
        yield chunk.subarray(0, length)
        await turn()
      }
      yield padding(stat.size)
    } finally {
      closeSync(fd)
    }
  }

  #header(
    path: string,
    {mode, uid, gid, mtime}: Stats,
    entry: Pick<TarEntry, 'type' | 'size' | 'target'>,
  ): Buffer {
    return this.#encode({path, mode: mode & 0o7777, uid, gid, modified: mtime, ...entry})
  }

  #refused(what: string): VpsError {
    return new VpsError('BAD_ARCHIVE', `what is to be copied from ${this.#server} ${what}`, {
      suggestions: ['nothing of it was kept; copy less of it'],
    })
  }
}

function typeOf(stat: Stats): TarEntry['type'] {
  if (stat.isSymbolicLink()) return 'SymbolicLink'
  if (stat.isFIFO()) return 'FIFO'
  return stat.isBlockDevice() ? 'BlockDevice' : 'CharacterDevice'
}
