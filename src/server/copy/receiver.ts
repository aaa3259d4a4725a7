import type {Parser, ReadEntry} from 'tar'
import {VpsError} from '../../errors.ts'
import {readable} from './inside.ts'
import {wrongPlace} from './places.ts'
import type {Attributes, Sink} from './sink.ts'

/** What may come from a server. */
export interface ReceiveLimits {
  /** Of all files together. */
  readonly bytes: number
  readonly entries: number
}

/** Whose archive it is, and what becomes of it. */
export interface Receiving {
  /** Who sends it, for messages. */
  readonly from: string
  /** What was asked for, by name, and what it is called where it goes: all else is refused. */
  readonly names: ReadonlyMap<string, string>
  readonly sink: Sink
  readonly limits: ReceiveLimits
  /** Whether set-user-ID and its like are believed; default: no. */
  readonly setId?: boolean
  /** The name of a file that is to be replaced, so that it must be no directory. */
  readonly fileAt?: string | undefined
}

type Kind = 'directory' | 'file' | 'link'

/** What an entry takes in an archive beside its contents, long names included; and what may follow the end. */
const OVERHEAD = 16 * 1024
const SLACK = 1024 * 1024
const LONGEST_PATH = 4000

/**
 * Looks at what an archive has that a hostile tenant may have made, before it goes anywhere: files, directories and symbolic links
 * that were asked for. Nothing is followed: an entry lies in directories that came before, and nowhere else; no name comes twice.
 */
export class Receiver {
  readonly #receiving: Receiving
  readonly #parser: Parser
  /** All that came, by path. */
  readonly #made = new Map<string, Kind>()
  #isOpen = false
  #entries = 0
  #bytes = 0
  #raw = 0
  #failure: unknown

  private constructor(receiving: Receiving, TarParser: typeof Parser) {
    this.#receiving = receiving
    this.#parser = new TarParser({
      gzip: false,
      brotli: false,
      zstd: false,
      onReadEntry: entry => this.#guarded(entry, () => this.#take(entry)),
      onwarn: (_, message) => this.#guarded(undefined, () => this.#refuse(`is damaged: ${String(message)}`)),
    })
    this.#parser.on('ignoredEntry', entry => this.#guarded(entry, () => this.#takeUnknown(entry)))
  }

  static async open(receiving: Receiving): Promise<Receiver> {
    const {Parser: TarParser} = await import('tar')
    return new Receiver(receiving, TarParser)
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

  /** After the last chunk. */
  end(): void {
    this.#parser.end()
    if (this.#failure === undefined && this.#isOpen)
      this.#guarded(undefined, () => this.#refuse('ends in the middle of a file'))
    this.#throwFailure()
    for (const [name, as] of this.#receiving.names)
      if (!this.#made.has(as)) this.#refuse(`does not have ${readable(name)}`)
    this.#receiving.sink.finish()
  }

  /** Closes what a failure left open. */
  close(): void {
    this.#receiving.sink.close()
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
    const {sink} = this.#receiving
    this.#note(path, 'file')
    sink.file(path, entry.size, this.#attributes(entry))
    this.#isOpen = true
    const finish = () => {
      this.#isOpen = false
      sink.endFile()
    }
    if (entry.size === 0) {
      finish()
      entry.resume()
      return
    }
    entry.on('data', chunk => this.#guarded(undefined, () => sink.data(chunk)))
    entry.on('end', () => this.#guarded(undefined, finish))
  }

  #takeDirectory(path: string, entry: ReadEntry): void {
    if (path === this.#receiving.fileAt)
      throw wrongPlace(`${path} is there and no directory, and one would take its place`)
    if (this.#made.get(path) !== 'directory') this.#note(path, 'directory')
    this.#receiving.sink.directory(path, this.#attributes(entry))
  }

  #takeLink(path: string, entry: ReadEntry): void {
    this.#note(path, 'link')
    this.#receiving.sink.link(path, entry.linkpath ?? '', this.#attributes(entry))
  }

  /** A further name of a file that came before. */
  #takeName(path: string, entry: ReadEntry): void {
    const other = this.#partsOf(entry.linkpath ?? '').join('/')
    if (this.#made.get(other) !== 'file')
      this.#refuse(`has a hard link to what is no file of it: ${readable(`${path} to ${other}`)}`)
    this.#note(path, 'file')
    this.#receiving.sink.name(path, other)
  }

  #takeUnknown({path, type, meta}: ReadEntry): never {
    if (meta) this.#refuse('has a name or header that is too long')
    this.#refuse(
      `has an entry that is neither file, directory nor symbolic link: ${readable(path)} (${type})`,
    )
  }

  /** Its names, from what the one that was asked for is to be called. */
  #partsOf(path: string): string[] {
    const shown = readable(path.slice(0, 200))
    if (path.startsWith('/')) this.#refuse(`has an absolute path: ${shown}`)
    if (path.includes('\0') || path.includes('\uFFFD'))
      this.#refuse(`has a name that is no UTF-8 text: ${shown}`)
    if (path.length > LONGEST_PATH) this.#refuse(`has a path that is too long: ${shown}…`)
    const parts = path.split('/').filter(part => part !== '' && part !== '.')
    if (parts.includes('..')) this.#refuse(`has a path that leads out of it: ${shown}`)
    const as = this.#receiving.names.get(parts[0] ?? '')
    if (as === undefined) this.#refuse(`has what was not asked for: ${shown}`)
    return [as, ...parts.slice(1)]
  }

  #makeParents(parts: readonly string[]): void {
    for (let depth = 1; depth < parts.length; depth++) {
      const path = parts.slice(0, depth).join('/')
      const kind = this.#made.get(path)
      if (kind === undefined) {
        this.#note(path, 'directory')
        this.#receiving.sink.directory(path)
      } else if (kind !== 'directory')
        this.#refuse(
          `has an entry behind a ${kind === 'link' ? 'symbolic link' : kind}: ${readable(parts.join('/'))}`,
        )
    }
  }

  #note(path: string, kind: Kind): void {
    if (this.#made.has(path)) this.#refuse(`has a name twice: ${readable(path)}`)
    this.#made.set(path, kind)
    this.#entries++
    const {entries} = this.#receiving.limits
    if (this.#entries > entries) this.#tooLarge(`more than ${entries} entries`)
  }

  #attributes(entry: ReadEntry): Attributes {
    const {mode = 0o600} = entry
    return {mode: mode & (this.#receiving.setId === true ? 0o7777 : 0o777), modified: timeOf(entry)}
  }

  #count({size, path, type}: ReadEntry): void {
    if (!Number.isSafeInteger(size) || size < 0)
      this.#refuse(`has an entry without a size: ${readable(path)}`)
    if (size > 0 && !/File$/.test(type)) this.#refuse(`has contents where there are none: ${readable(path)}`)
    this.#bytes += size
    if (this.#bytes > this.#receiving.limits.bytes)
      this.#tooLarge(
        `more than the ${this.#receiving.limits.bytes} bytes that it may be, with ${readable(path)}`,
      )
  }

  #tooLarge(what: string): never {
    throw new VpsError('TOO_LARGE', `what ${this.#receiving.from} sends is ${what}`, {
      suggestions: ['copy less of it, or see --max-size'],
    })
  }

  #refuse(what: string): never {
    throw new VpsError('BAD_ARCHIVE', `the archive that ${this.#receiving.from} sends ${what}`, {
      suggestions: ['nothing of it was kept; have a look at tar in that server'],
    })
  }
}

/** When it was changed, as it says; now where it says nonsense. */
function timeOf({mtime}: ReadEntry): Date {
  const seconds = (mtime?.getTime() ?? Number.NaN) / 1000
  return mtime !== undefined && Math.abs(seconds) < 2 ** 33 ? mtime : new Date()
}
