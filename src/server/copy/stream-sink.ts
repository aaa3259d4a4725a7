import {once} from 'node:events'
import {PassThrough} from 'node:stream'
import type {Attributes, Sink} from './sink.ts'
import {END, padding, type TarEncoder, tarEncoder} from './tar-entry.ts'
import type {Owner} from './tree-sink.ts'

/** What may wait for its reader. */
const ROOM = 1024 * 1024
const ON_THE_WAY: Attributes = {mode: 0o755, modified: new Date(0)}

/** As an archive again, for the tar of a server that runs: it gets to see nothing but what was looked at. */
export class StreamSink implements Sink {
  readonly #encode: TarEncoder
  readonly #owner: Owner
  readonly #stream = new PassThrough({highWaterMark: ROOM})
  #size = 0

  private constructor(encode: TarEncoder, owner: Owner) {
    this.#encode = encode
    this.#owner = owner
    this.#stream.on('error', () => {}) // `drained` tells of it
  }

  static async open(owner: Owner): Promise<StreamSink> {
    return new StreamSink(await tarEncoder(), owner)
  }

  /** The archive, for its only reader. */
  get archive(): AsyncIterable<Uint8Array> {
    return this.#stream
  }

  /** Waits until there is room again. False when nobody reads any more. */
  async drained(): Promise<boolean> {
    const {signal, abort} = new Closing(this.#stream)
    try {
      if (this.#stream.writableNeedDrain && !this.#stream.destroyed)
        await once(this.#stream, 'drain', {signal})
    } catch {
      // it was closed
    } finally {
      abort()
    }
    return !this.#stream.destroyed
  }

  /** After the last archive that it is made of. */
  end(): void {
    this.#stream.end(END)
  }

  /** The reader gets no end. */
  breakOff(): void {
    this.#stream.destroy()
  }

  directory(path: string, attributes: Attributes = ON_THE_WAY): void {
    this.#entry('Directory', `${path}/`, attributes)
  }

  file(path: string, size: number, attributes: Attributes): void {
    this.#size = size
    this.#entry('File', path, attributes, {size})
  }

  data(chunk: Uint8Array): void {
    this.#write(chunk)
  }

  endFile(): void {
    this.#write(padding(this.#size))
  }

  link(path: string, target: string, attributes: Attributes): void {
    this.#entry('SymbolicLink', path, attributes, {target})
  }

  name(path: string, other: string): void {
    this.#entry('Link', path, {mode: 0o644, modified: new Date(0)}, {target: `./${other}`})
  }

  finish(): void {}

  close(): void {}

  #entry(
    type: 'Directory' | 'File' | 'SymbolicLink' | 'Link',
    path: string,
    attributes: Attributes,
    rest: {readonly size?: number; readonly target?: string} = {},
  ): void {
    this.#write(this.#encode({type, path: `./${path}`, ...attributes, ...this.#owner, ...rest}))
  }

  #write(bytes: Uint8Array): void {
    if (bytes.length > 0 && !this.#stream.destroyed) this.#stream.write(bytes)
  }
}

/** Ends a wait when the stream is closed. */
class Closing {
  readonly #done = new AbortController()
  readonly signal = this.#done.signal
  readonly abort: () => void

  constructor(stream: PassThrough) {
    const closed = () => this.#done.abort()
    stream.once('close', closed)
    this.abort = () => stream.off('close', closed)
  }
}
