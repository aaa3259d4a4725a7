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
import type {Parser, ReadEntry} from 'tar'
import {VpsError} from '../../errors.ts'
import {readable} from './inside.ts'

/** What may come from a server. */
export interface ReceiveLimits {
  /** Of all files together. */
  readonly bytes: number
  readonly entries: number
}

type Kind = 'directory' | 'file' | 'link'

/** What an entry takes in an archive beside its contents, long names included; and what may follow the end. */
const OVERHEAD = 16 * 1024
const SLACK = 1024 * 1024
const LONGEST_PATH = 4000

/**
 * Writes what an archive has that a hostile tenant may have made, into an empty directory that nobody else can reach. Nothing is
 * followed: an entry lies in directories that were made here, and nowhere else; no name is written twice.
 *
 * Files, directories and symbolic links, owned by who runs this; permissions without set-user-ID and its like.
 */
export class Receiver {
  readonly #server: string
  readonly #root: string
  readonly #limits: ReceiveLimits
  readonly #parser: Parser
  /** All that was made, by path. */
  readonly #made = new Map<string, Kind>()
  readonly #directories: {readonly path: string; readonly entry: ReadEntry}[] = []
  #base = ''
  #open: number | undefined
  #entries = 0
  #bytes = 0
  #raw = 0
  #failure: unknown

  private constructor(
    server: string,
    root: string,
    limits: ReceiveLimits,
    base: string,
    TarParser: typeof Parser,
  ) {
    this.#server = server
    this.#root = root
    this.#limits = limits
    this.#base = base
    this.#parser = new TarParser({
      gzip: false,
      brotli: false,
      zstd: false,
      onReadEntry: entry => this.#guarded(entry, () => this.#take(entry)),
      onwarn: (_, message) => this.#guarded(undefined, () => this.#refuse(`is damaged: ${String(message)}`)),
    })
    this.#parser.on('ignoredEntry', entry => this.#guarded(entry, () => this.#takeUnknown(entry)))
  }

  /** @param base the name that was asked for: all else is refused */
  static async open(server: string, root: string, base: string, limits: ReceiveLimits): Promise<Receiver> {
    const {Parser: TarParser} = await import('tar')
    return new Receiver(server, root, limits, base, TarParser)
  }

  get entries(): number {
    return this.#entries
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Synchronous, so that whoever sends has to wait. @throws VpsError BAD_ARCHIVE, TOO_LARGE; what a write throws */
  write(chunk: Buffer): void {
    this.#raw += chunk.length
    this.#parser.write(chunk)
    if (this.#failure === undefined && this.#raw > this.#bytes + this.#entries * OVERHEAD + SLACK)
      this.#guarded(undefined, () => this.#refuse('does not end'))
    this.#throwFailure()
  }

  /** After the last chunk: permissions and times of directories, which were ours to write in until now. */
  end(): void {
    this.#parser.end()
    if (this.#failure === undefined && this.#open !== undefined)
      this.#guarded(undefined, () => this.#refuse('ends in the middle of a file'))
    this.#throwFailure()
    if (!this.#made.has(this.#base)) this.#refuse(`does not have ${readable(this.#base)}`)
    for (const {path, entry} of this.#directories.reverse()) {
      utimesSync(path, ...timesOf(entry))
      chmodSync(path, permissions(entry))
    }
  }

  /** Closes what a failure left open. */
  close(): void {
    if (this.#open !== undefined) closeSync(this.#open)
    this.#open = undefined
  }

  #throwFailure(): void {
    if (this.#failure === undefined) return
    this.close()
    throw this.#failure
  }

  /** The parser calls this from its midst: errors are kept until it is done, and after one nothing is done any more. */
  #guarded(entry: ReadEntry | undefined, work: () => void): void {
    if (this.#failure === undefined) {
      try {
        work()
        return
      } catch (error) {
        this.#failure = error
      }
    }
    entry?.resume()
  }

  #take(entry: ReadEntry): void {
    const parts = this.#partsOf(entry.path)
    this.#count(entry)
    this.#makeParents(parts)
    const path = parts.join('/')
    switch (entry.type) {
      case 'File':
      case 'OldFile':
      case 'ContiguousFile':
        this.#takeFile(path, entry)
        return
      case 'Directory':
        this.#takeDirectory(path, entry)
        break
      case 'SymbolicLink':
        this.#takeLink(path, entry)
        break
      case 'Link':
        this.#takeName(path, entry)
        break
      default:
        this.#takeUnknown(entry)
    }
    entry.resume()
  }

  #takeFile(path: string, entry: ReadEntry): void {
    const {O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW} = constants
    this.#makeNew(path, 'file')
    const fd = openSync(this.#at(path), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    this.#open = fd
    const finish = () => {
      fchmodSync(fd, permissions(entry))
      futimesSync(fd, ...timesOf(entry))
      this.close()
    }
    if (entry.size === 0) {
      finish()
      entry.resume()
      return
    }
    entry.on('data', chunk => this.#guarded(undefined, () => writeAll(fd, chunk)))
    entry.on('end', () => this.#guarded(undefined, finish))
  }

  #takeDirectory(path: string, entry: ReadEntry): void {
    if (this.#made.get(path) !== 'directory') this.#makeDirectory(path)
    this.#directories.push({path: this.#at(path), entry})
  }

  #takeLink(path: string, entry: ReadEntry): void {
    this.#makeNew(path, 'link')
    symlinkSync(entry.linkpath ?? '', this.#at(path))
    lutimesSync(this.#at(path), ...timesOf(entry))
  }

  /** A further name of a file that came before. */
  #takeName(path: string, entry: ReadEntry): void {
    const other = this.#partsOf(entry.linkpath ?? '').join('/')
    if (this.#made.get(other) !== 'file')
      this.#refuse(`has a hard link to what is no file of it: ${readable(`${path} to ${other}`)}`)
    this.#makeNew(path, 'file')
    linkSync(this.#at(other), this.#at(path))
  }

  #takeUnknown({path, type, meta}: ReadEntry): never {
    if (meta) this.#refuse('has a name or header that is too long')
    this.#refuse(
      `has an entry that is neither file, directory nor symbolic link: ${readable(path)} (${type})`,
    )
  }

  /** Its names, from the one that was asked for. */
  #partsOf(path: string): string[] {
    const shown = readable(path.slice(0, 200))
    if (path.startsWith('/')) this.#refuse(`has an absolute path: ${shown}`)
    if (path.includes('\0') || path.includes('\uFFFD'))
      this.#refuse(`has a name that is no UTF-8 text: ${shown}`)
    if (path.length > LONGEST_PATH) this.#refuse(`has a path that is too long: ${shown}…`)
    const parts = path.split('/').filter(part => part !== '' && part !== '.')
    if (parts.includes('..')) this.#refuse(`has a path that leads out of it: ${shown}`)
    if (parts[0] !== this.#base) this.#refuse(`has what was not asked for: ${shown}`)
    return parts
  }

  #makeParents(parts: readonly string[]): void {
    for (let depth = 1; depth < parts.length; depth++) {
      const path = parts.slice(0, depth).join('/')
      const kind = this.#made.get(path)
      if (kind === undefined) this.#makeDirectory(path)
      else if (kind !== 'directory')
        this.#refuse(
          `has an entry behind a ${kind === 'link' ? 'symbolic link' : kind}: ${readable(parts.join('/'))}`,
        )
    }
  }

  /** The name must be free, too: file systems differ in which names are the same. */
  #makeDirectory(path: string): void {
    this.#makeNew(path, 'directory')
    mkdirSync(this.#at(path), 0o700)
  }

  #makeNew(path: string, kind: Kind): void {
    if (this.#made.has(path)) this.#refuse(`has a name twice: ${readable(path)}`)
    this.#made.set(path, kind)
    this.#entries++
    if (this.#entries > this.#limits.entries) this.#tooLarge(`more than ${this.#limits.entries} entries`)
  }

  #count({size, path, type}: ReadEntry): void {
    if (!Number.isSafeInteger(size) || size < 0)
      this.#refuse(`has an entry without a size: ${readable(path)}`)
    if (size > 0 && !/File$/.test(type)) this.#refuse(`has contents where there are none: ${readable(path)}`)
    this.#bytes += size
    if (this.#bytes > this.#limits.bytes)
      this.#tooLarge(`more than the ${this.#limits.bytes} bytes that it may be, with ${readable(path)}`)
  }

  #at(path: string): string {
    return `${this.#root}/${path}`
  }

  #tooLarge(what: string): never {
    throw new VpsError('TOO_LARGE', `what ${this.#server} sends is ${what}`, {
      suggestions: ['copy less of it, or see --max-size'],
    })
  }

  #refuse(what: string): never {
    throw new VpsError('BAD_ARCHIVE', `the archive that ${this.#server} sends ${what}`, {
      suggestions: ['nothing of it was kept; have a look at tar in that server'],
    })
  }
}

function writeAll(fd: number, chunk: Uint8Array): void {
  for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done)
}

function permissions({mode = 0o600}: ReadEntry): number {
  return mode & 0o777
}

/** Access and modification, as it says; now where it says nonsense. */
function timesOf({mtime}: ReadEntry): [Date, Date] {
  const seconds = (mtime?.getTime() ?? Number.NaN) / 1000
  const time = mtime !== undefined && Math.abs(seconds) < 2 ** 33 ? mtime : new Date()
  return [time, time]
}
