import {type Stats, watch} from 'node:fs'
import {type FileHandle, open, readdir, stat} from 'node:fs/promises'
import {basename, dirname, join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {type HostPaths, ifMissing, serverPaths} from '../host/index.ts'
import {tail} from './tail.ts'

export interface LogOptions {
  /** The last so many lines; default: all that is kept. */
  readonly lines?: number | undefined
  /** Goes on with what the console says from now on, until the consumer stops or the server is destroyed. */
  readonly follow?: boolean | undefined
}

const CHUNK = 64 * 1024
/** A watch can miss what happens while it is being set up; so look again after this time. */
const LOOK_AGAIN_MS = 500

/** What a server's console has shown, oldest first, over all rotated files. */
export async function* logs(
  paths: HostPaths,
  name: string,
  {lines, follow}: LogOptions,
): AsyncGenerator<Buffer> {
  const file = serverPaths(paths, name).console
  const files = await logFiles(file)
  const last = files.at(-1) === file ? await open(file, 'r') : undefined
  await using reader = new Reader(file, last)
  // Its present end is taken before the older files are read: what is written meanwhile belongs to following.
  const size = last === undefined ? 0 : (await last.stat()).size
  yield* tail(files, lines, size)
  if (!follow) return
  reader.position = size
  yield* reader.follow()
}

/** The files that exist, oldest first. */
async function logFiles(file: string): Promise<string[]> {
  const pattern = new RegExp(`^${basename(file).replace('.', '\\.')}(?:\\.(\\d+))?$`)
  const names = await ifMissing(readdir(dirname(file)), [])
  const numbered = names.flatMap(name => {
    const match = pattern.exec(name)
    return match === null ? [] : [{path: join(dirname(file), name), number: Number(match[1] ?? 0)}]
  })
  return numbered.sort((a, b) => b.number - a.number).map(({path}) => path)
}

/** Follows a log through rotations: the open file keeps being read, until the files tell what came after it. */
class Reader implements AsyncDisposable {
  position = 0
  readonly #path: string
  #handle: FileHandle | undefined

  constructor(path: string, handle: FileHandle | undefined) {
    this.#path = path
    this.#handle = handle
  }

  async *follow(): AsyncGenerator<Buffer> {
    while ((await ifMissing(stat(dirname(this.#path)), undefined)) !== undefined) {
      yield* this.#rest()
      const next = await this.#successor()
      if (next === undefined) {
        await changed(dirname(this.#path))
        continue
      }
      yield* this.#rest() // what came between the end we saw and the rotation
      await this.#handle?.close()
      this.#handle = next
      this.position = 0
    }
  }

  async *#rest(): AsyncGenerator<Buffer> {
    for (;;) {
      const buffer = Buffer.alloc(CHUNK)
      const got = await this.#handle?.read(buffer, 0, CHUNK, this.position)
      if (got === undefined || got.bytesRead === 0) return
      this.position += got.bytesRead
      yield buffer.subarray(0, got.bytesRead)
    }
  }

  /** The file that was begun after ours; `undefined` while ours is the present one. */
  async #successor(): Promise<FileHandle | undefined> {
    for (;;) {
      const files = await settledFiles(this.#path)
      const ours = this.#handle === undefined ? '' : fileId(await this.#handle.stat())
      // Not among them: it was rotated away while we did not look, or there was none; then the oldest comes next.
      const next = files[files.findIndex(({id}) => id === ours) + 1]
      if (next === undefined) return undefined
      const handle = await ifMissing(open(next.path, 'r'), undefined)
      if (handle !== undefined && fileId(await handle.stat()) === next.id) return handle
      await handle?.close() // rotated just now: look again
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close()
  }
}

interface LogFile {
  readonly path: string
  readonly id: string
}

/** The files, oldest first, at a moment when no rotation was at work: seen alike twice. */
async function settledFiles(file: string): Promise<LogFile[]> {
  for (let before = await identify(file); ; ) {
    const now = await identify(file)
    if (JSON.stringify(now) === JSON.stringify(before)) return now
    before = now
  }
}

async function identify(file: string): Promise<LogFile[]> {
  const files: LogFile[] = []
  for (const path of await logFiles(file)) {
    const found = await ifMissing(stat(path), undefined)
    if (found !== undefined) files.push({path, id: fileId(found)})
  }
  return files
}

function fileId({dev, ino}: Stats): string {
  return `${dev} ${ino}`
}

/** Resolves when something in the directory changes, or after a while. */
async function changed(directory: string): Promise<void> {
  const done = new AbortController()
  const {promise, resolve} = Promise.withResolvers<void>()
  try {
    watch(directory, {signal: done.signal}, () => resolve()).on('error', () => resolve())
    await Promise.race([promise, sleep(LOOK_AGAIN_MS, undefined, {signal: done.signal})])
  } catch {
    await sleep(LOOK_AGAIN_MS) // no watch to be had: inotify's limits, or the directory is gone
  } finally {
    done.abort()
  }
}
