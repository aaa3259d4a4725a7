// The driver's side of the agent in the guest (guest/agent.c says what the frames mean): one command at a time.
import type {Duplex} from 'node:stream'

export interface Command {
  argv: string[]
  cwd?: string
  env?: Record<string, string>
  /** Give the command a terminal; stdout and stderr are then one stream. */
  tty?: boolean
  /** Bytes for stdin; without, stdin is at its end from the start. A stream is passed on until it ends. */
  stdin?: string | Buffer | NodeJS.ReadableStream
  onOutput?: (bytes: Buffer, stream: 'stdout' | 'stderr') => void
  /** Called when it runs, with ways to reach it. */
  onStart?: (control: Control) => void
}

export interface Control {
  resize(rows: number, columns: number): void
  signal(number: number): void
}

export interface Outcome {
  /** As a shell has it: the exit status, or 128 + signal. */
  status: number
  stdout: string
  stderr: string
}

const inputChunk = 64 * 1024

export class Agent {
  readonly #stream: Duplex
  #buffer = Buffer.alloc(0)
  #onFrame: (type: string, payload: Buffer) => void = () => {}

  constructor(stream: Duplex) {
    this.#stream = stream
    stream.on('error', () => {}) // the machine's end is reported by the machine
    stream.on('data', (bytes: Buffer) => this.#receive(bytes))
  }

  /** Resolves when the agent says that it is up, after a boot. */
  hello(): Promise<void> {
    const {promise, resolve} = Promise.withResolvers<void>()
    this.#onFrame = type => {
      if (type === 'H') resolve()
    }
    return promise
  }

  /** Runs one command to its end. Output is passed on when `onOutput` is given, else collected. */
  run(command: Command): Promise<Outcome> {
    const {promise, resolve} = Promise.withResolvers<Outcome>()
    const collected = {stdout: [] as Buffer[], stderr: [] as Buffer[]}
    const take = command.onOutput ?? ((bytes, stream) => collected[stream].push(bytes))
    this.#onFrame = (type, payload) => {
      if (type === 'O') take(payload, 'stdout')
      if (type === 'F') take(payload, 'stderr')
      if (type !== 'X') return
      const [kind = 0, number = 0] = payload
      resolve({
        status: kind === 's'.charCodeAt(0) ? 128 + number : number,
        stdout: Buffer.concat(collected.stdout).toString(),
        stderr: Buffer.concat(collected.stderr).toString(),
      })
    }
    const env = Object.entries(command.env ?? {}).map(([key, value]) => `${key}=${value}`)
    const words = [command.tty ? 'tty' : 'pipe', command.cwd ?? '/', `${env.length}`, ...env, ...command.argv]
    this.#send('R', Buffer.from(words.map(word => `${word}\0`).join('')))
    this.#feed(command)
    command.onStart?.({
      resize: (rows, columns) =>
        this.#send('W', Buffer.of(rows >> 8, rows & 255, columns >> 8, columns & 255)),
      signal: number => this.#send('S', Buffer.of(number)),
    })
    return promise
  }

  #feed({stdin, tty}: Command): void {
    if (stdin !== undefined && typeof stdin !== 'string' && !Buffer.isBuffer(stdin)) {
      stdin.on('data', (bytes: Buffer) => this.#input(bytes))
      stdin.on('end', () => this.#send('E'))
      return
    }
    this.#input(Buffer.from(stdin ?? ''))
    if (!tty) this.#send('E')
  }

  #input(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += inputChunk) this.#send('I', bytes.subarray(at, at + inputChunk))
  }

  #send(type: string, payload: Buffer = Buffer.alloc(0)): void {
    const head = Buffer.alloc(5)
    head.write(type, 'latin1')
    head.writeUInt32BE(payload.length, 1)
    this.#stream.write(Buffer.concat([head, payload]))
  }

  #receive(bytes: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, bytes])
    while (this.#buffer.length >= 5) {
      const end = 5 + this.#buffer.readUInt32BE(1)
      if (this.#buffer.length < end) return
      const type = this.#buffer.toString('latin1', 0, 1)
      const payload = this.#buffer.subarray(5, end)
      this.#buffer = this.#buffer.subarray(end)
      this.#onFrame(type, payload)
    }
  }
}
