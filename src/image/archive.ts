import type {EventEmitter} from 'node:events'
import {once} from 'node:events'
import {constants, createReadStream} from 'node:fs'
import {open} from 'node:fs/promises'
import {posix} from 'node:path'
import type {ReadEntry} from 'tar'
import {ExitCode, VpsError} from '../errors.ts'
import {readConfined, requireProgram} from './sandbox.ts'

/** How an archive is compressed: the program that undoes it, its Debian package, and the first bytes that tell. */
interface Compression {
  readonly program: string
  readonly debianPackage: string
  readonly magic: readonly number[]
  readonly arguments: readonly string[]
}

const COMPRESSIONS: readonly Compression[] = [
  {program: 'gzip', debianPackage: 'gzip', magic: [0x1f, 0x8b], arguments: []},
  {program: 'xz', debianPackage: 'xz-utils', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], arguments: []},
  {program: 'zstd', debianPackage: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd], arguments: ['--long=31']},
  {program: 'bzip2', debianPackage: 'bzip2', magic: [0x42, 0x5a, 0x68], arguments: []},
]

export interface Archive {
  readonly file: string
  /** The program that undoes its compression, with what it needs beside -d and -c; none: it is plain tar. */
  readonly decompress: readonly string[] | undefined
}

/** Looks at the first bytes. @throws VpsError MISSING_PROGRAM (exit 5), NO_SUCH_ARCHIVE (exit 2) */
export async function openArchive(file: string): Promise<Archive> {
  const head = await readHead(file)
  const compression = COMPRESSIONS.find(({magic}) => magic.every((byte, index) => head[index] === byte))
  if (compression === undefined) return {file, decompress: undefined}
  await requireProgram(compression.program, compression.debianPackage, `to unpack ${file}`)
  return {file, decompress: [compression.program, ...compression.arguments]}
}

export interface ArchiveLimits {
  /** Bytes that all files together may have. */
  readonly bytes: number
  readonly entries: number
}

export interface ArchiveSummary {
  readonly entries: number
  readonly bytes: number
  readonly devices: readonly string[]
}

const LAST_ID = 65_535

/**
 * Reads the archive with the npm `tar` package and refuses what no honest archive of a root has. This is for clear messages and
 * to stop early: what is unpacked is unpacked in a place that it can not leave, and looked at again afterwards.
 * @throws VpsError BAD_ARCHIVE naming the entry
 */
export async function checkArchive(archive: Archive, limits: ArchiveLimits): Promise<ArchiveSummary> {
  const {Parser} = await import('tar')
  const checker = new ArchiveChecker(archive.file, limits)
  const parser = new Parser({
    gzip: false,
    brotli: false,
    zstd: false,
    onReadEntry: entry => {
      checker.look(entry)
      entry.resume()
    },
    onwarn: (_, message) => checker.warn(String(message)),
  })
  parser.on('ignoredEntry', entry => checker.look(entry))
  for await (const chunk of plainTar(archive)) {
    if (!parser.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) await drained(parser)
    if (checker.blind) break
  }
  parser.end()
  return checker.summary()
}

class ArchiveChecker {
  readonly #file: string
  readonly #limits: ArchiveLimits
  /** Targets of the symbolic links seen so far, by path. */
  readonly #links = new Map<string, string>()
  readonly #devices: string[] = []
  #entries = 0
  #bytes = 0
  /** Past an old GNU sparse entry, whose layout the `tar` package does not know, it would read nonsense. */
  blind = false

  constructor(file: string, limits: ArchiveLimits) {
    this.#file = file
    this.#limits = limits
  }

  look(entry: ReadEntry): void {
    if (this.blind) return
    if (entry.meta) this.#refuse(`has a name or header of ${entry.size} bytes, more than any root needs`)
    if (entry.type === 'SparseFile') this.blind = true
    this.#count(entry)
    this.#checkOwner(entry)
    const path = this.#checkPath(entry)
    if (entry.type === 'Link') this.#checkHardLink(entry)
    if (entry.type === 'SymbolicLink') this.#links.set(path, entry.linkpath ?? '')
    if (entry.type === 'CharacterDevice' || entry.type === 'BlockDevice') this.#devices.push(path)
  }

  warn(message: string): void {
    if (this.blind) return
    if (this.#entries === 0) this.#refuse('is not a tar archive, or an empty one')
    this.#refuse(`is damaged after ${this.#entries} entries: ${message}`)
  }

  summary(): ArchiveSummary {
    if (this.#entries === 0) this.#refuse('is not a tar archive, or an empty one')
    return {entries: this.#entries, bytes: this.#bytes, devices: this.#devices}
  }

  #count({size, path, type}: ReadEntry): void {
    this.#entries++
    if (type === 'File' || type === 'OldFile' || type === 'ContiguousFile' || type === 'SparseFile')
      this.#bytes += size
    if (this.#entries > this.#limits.entries) this.#refuse(`has more than ${this.#limits.entries} entries`)
    if (this.#bytes > this.#limits.bytes)
      this.#refuse(`needs more than the ${this.#limits.bytes} bytes that it may take, with entry ${path}`)
  }

  #checkOwner({path, uid = 0, gid = 0}: ReadEntry): void {
    if (uid >= 0 && uid <= LAST_ID && gid >= 0 && gid <= LAST_ID) return
    this.#refuse(`has an entry of owner ${uid}:${gid}, but a server's ids are 0 to ${LAST_ID}: ${path}`)
  }

  /** The path without `.` and slashes at its ends; refused when it leads out of the root. */
  #checkPath({path}: ReadEntry): string {
    if (path.startsWith('/')) this.#refuse(`has an entry with an absolute path: ${path}`)
    if (path.split('/').includes('..')) this.#refuse(`has an entry that leads out of the root: ${path}`)
    const clean = posix.normalize(path).replace(/\/$/, '')
    for (let parent = posix.dirname(clean); parent !== '.'; parent = posix.dirname(parent))
      if (this.#leavesRoot(parent))
        this.#refuse(`has an entry behind a link that leads out of the root: ${path}`)
    return clean
  }

  /** Whether `path` is a link, or one to a link, whose target is absolute or above the root. */
  #leavesRoot(path: string): boolean {
    for (let steps = 0; steps < 40; steps++) {
      const target = this.#links.get(path)
      if (target === undefined) return false
      const next = posix.join(posix.dirname(path), target)
      if (target.startsWith('/') || next === '..' || next.startsWith('../')) return true
      path = next.replace(/\/$/, '')
    }
    return true
  }

  #checkHardLink({path, linkpath = ''}: ReadEntry): void {
    if (linkpath.startsWith('/') || linkpath.split('/').includes('..'))
      this.#refuse(`has a hard link that leads out of the root: ${path} to ${linkpath}`)
  }

  #refuse(what: string): never {
    throw new VpsError('BAD_ARCHIVE', `the archive ${this.#file} ${what}`)
  }
}

function plainTar({file, decompress}: Archive): AsyncIterable<Uint8Array> {
  return decompress === undefined
    ? createReadStream(file)
    : readConfined({command: [...decompress, '-dc'], input: file})
}

async function drained(parser: EventEmitter): Promise<void> {
  await once(parser, 'drain')
}

async function readHead(file: string): Promise<Buffer> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      if (!(await handle.stat()).isFile())
        throw new VpsError('NO_SUCH_ARCHIVE', `${file} is not a file`, {exitCode: ExitCode.wrongUse})
      const {buffer, bytesRead} = await handle.read(Buffer.alloc(8), 0, 8, 0)
      return buffer.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (error instanceof VpsError) throw error
    throw new VpsError('NO_SUCH_ARCHIVE', `cannot read the archive ${file}`, {
      cause: error,
      exitCode: ExitCode.wrongUse,
    })
  }
}
