import {posix} from 'node:path'
import {throwIfAborted} from '../../host/index.ts'
import type {Context} from '../types.ts'
import {type Ends, openEnds} from './ends.ts'
import {type CopyInOptions, type Found, look, newName, openTree, unpack} from './in.ts'
import {type CopyOutOptions, MAX_BYTES, MAX_ENTRIES} from './out.ts'
import {insidePath, wrongPlace} from './places.ts'
import {readSource, type Source, splitSource} from './read.ts'
import {Receiver} from './receiver.ts'
import type {Sink} from './sink.ts'
import {StreamSink} from './stream-sink.ts'

/** What is copied from one server to another: sources of the one, a target and an owner in the other. */
export interface CopyBetweenOptions
  extends Pick<CopyOutOptions, 'sources' | 'maxBytes' | 'timeoutMs'>,
    Pick<CopyInOptions, 'target' | 'owner'> {}

export interface CopyBetweenReport {
  /** The server that was copied to. */
  readonly name: string
  readonly from: string
  /** The directory that took things in, or their new name. */
  readonly target: string
  /** Files, directories and links. */
  readonly entries: number
  /** Of all files together. */
  readonly bytes: number
}

/**
 * Copies files of the server `from` to the server `to`, as a stream: nothing of it lies on the host meanwhile. What comes is not trusted,
 * see `Receiver`, and the other server gets to see only what was looked at. It is not taken back when it fails in the middle.
 * @throws VpsError BAD_PLACE (exit 2); WRONG_STATE (exit 4); COPY_FAILED, BAD_ARCHIVE, TOO_LARGE, TIMED_OUT, ABORTED
 */
export async function copyBetween(
  context: Context,
  from: string,
  to: string,
  options: CopyBetweenOptions,
): Promise<CopyBetweenReport> {
  throwIfAborted(context.signal, `copy from ${from} to ${to}`)
  if (from === to) throw wrongPlace(`both ends are ${from}`, `copy inside: \`vps exec ${from} -- cp -a …\``)
  const {timeoutMs, owner} = options
  const sources = options.sources.map(splitSource)
  const path = insidePath(options.target)
  await using ends = await openEnds(context, from, to)
  const found = await look(context, {name: to, stopped: ends.stopped(to), path, owner, timeoutMs})
  const named = sources.map(({base}) => ({path: base, isDirectory: undefined}))
  const renamed = newName(to, path, found.kind, named, options.target.endsWith('/'))
  const directory = renamed === undefined ? path : posix.dirname(path)
  const transfer = new Transfer(context, ends, {from, to, sources, renamed, path, directory, found, options})
  return {name: to, from, target: path, ...(await transfer.run())}
}

interface Way {
  readonly from: string
  readonly to: string
  readonly sources: readonly Source[]
  readonly renamed: string | undefined
  readonly path: string
  readonly directory: string
  readonly found: Found
  readonly options: CopyBetweenOptions
}

interface Sum {
  entries: number
  bytes: number
}

class Transfer {
  readonly #context: Context
  readonly #ends: Ends
  readonly #way: Way

  constructor(context: Context, ends: Ends, way: Way) {
    this.#context = context
    this.#ends = ends
    this.#way = way
  }

  async run(): Promise<Sum> {
    const {to, directory, found} = this.#way
    const stopped = this.#ends.stopped(to)
    if (stopped === undefined) return await this.#toRunning()
    using sink = openTree(stopped, directory, found)
    try {
      return await this.#receive(sink, async () => {})
    } catch (error) {
      throw await stopped.writeError(error)
    }
  }

  /** Its tar and what sends to it run side by side; the complaint of the one whose fault it was is the error. */
  async #toRunning(): Promise<Sum> {
    const {to, path, directory, found, options} = this.#way
    const sink = await StreamSink.open(found)
    const {timeoutMs} = options
    const unpacking = unpack(this.#context, to, {path, directory, input: sink.archive, timeoutMs})
    unpacking.catch(() => sink.breakOff())
    try {
      const sum = await this.#receive(sink, async () => {
        if (!(await sink.drained())) await unpacking // throws why nobody reads any more
      })
      sink.end()
      await unpacking
      return sum
    } catch (error) {
      sink.breakOff()
      await unpacking.catch(() => {})
      throw error
    }
  }

  async #receive(sink: Sink, room: () => Promise<void>): Promise<Sum> {
    const {from, sources, renamed, found, options} = this.#way
    const sum = {entries: 0, bytes: 0}
    for (const source of sources) {
      const as = renamed ?? source.base
      const receiver = await Receiver.open({
        from,
        names: new Map([[source.base, as]]),
        sink,
        limits: {bytes: (options.maxBytes ?? MAX_BYTES) - sum.bytes, entries: MAX_ENTRIES - sum.entries},
        fileAt: found.kind === 'file' ? as : undefined,
      })
      const onChunk = async (chunk: Buffer) => {
        receiver.write(chunk)
        await room()
      }
      const stopped = this.#ends.stopped(from)
      try {
        await readSource(this.#context, {name: from, stopped, source, timeoutMs: options.timeoutMs, onChunk})
        receiver.end()
      } finally {
        receiver.close()
      }
      sum.entries += receiver.entries
      sum.bytes += receiver.bytes
    }
    return sum
  }
}
