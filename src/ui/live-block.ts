import process from 'node:process'
import {clipped} from './screen.ts'

/** The part of a terminal that a block needs. */
export interface BlockStream {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
}

/** How often it is drawn at most. */
const EVERY_MS = 100

/** Some lines at the end of the terminal that are drawn over and over; what is printed meanwhile appears above them. */
export class LiveBlock {
  readonly #stream: BlockStream
  readonly #lines: () => readonly string[]
  readonly #timer: NodeJS.Timeout | undefined
  #height = 0

  /** @param lines asked each time it is drawn; without a terminal it never is */
  constructor(lines: () => readonly string[], stream: BlockStream = process.stderr) {
    this.#stream = stream
    this.#lines = lines
    this.#timer = stream.isTTY === true ? setInterval(() => this.#draw(), EVERY_MS).unref() : undefined
  }

  /** Prints lines that stay. */
  print(text: string): void {
    this.#stream.write(`${this.#wipe()}${text}\n`)
  }

  /** Wipes it for good. */
  end(): void {
    clearInterval(this.#timer)
    if (this.#height > 0) this.#stream.write(this.#wipe())
  }

  #draw(): void {
    const {columns = 80, rows = 24} = this.#stream
    const lines = this.#lines()
      .slice(0, Math.max(1, rows - 1)) // what has scrolled away can't be wiped
      .map(line => clipped(line, columns - 1))
    this.#stream.write(`${this.#wipe()}${lines.map(line => `${line}\n`).join('')}`)
    this.#height = lines.length
  }

  /** What takes the cursor to the block's first line, and all after it away. */
  #wipe(): string {
    const text = this.#height === 0 ? '' : `\u001b[${this.#height}A\u001b[J`
    this.#height = 0
    return text
  }
}
