import type {EventEmitter} from 'node:events'
import {writeSync} from 'node:fs'
import process from 'node:process'
import {unpainted} from './color.ts'

/** Control sequences of xterm, which all terminals in use know: the alternate screen, and the cursor hidden. */
const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const WIPE_LINE = '\u001b[K'
const WIPE_REST = '\u001b[J'

const CTRL_C = '\u0003'
const CTRL_D = '\u0004'

/** The process, without the types of its many events. */
const emitter: EventEmitter = process

/** What a screen tells its owner. */
export interface ScreenEvents {
  /** A key was pressed; Ctrl-C and Ctrl-D are `quit`'s. */
  readonly key: (key: string) => void
  /** The window has another size, or this program is in the foreground again: draw anew. */
  readonly redraw: () => void
  /** Somebody wants it to end; with the signal's name when it was one other than Ctrl-C's. */
  readonly quit: (signal?: 'SIGTERM' | 'SIGHUP') => void
}

/**
 * The whole terminal, drawn on again and again. However the program ends (but for SIGKILL), the terminal is as it was: by
 * the owner's `using`, by an error that nobody caught, or by an exit.
 */
export class Screen implements Disposable {
  readonly #events: ScreenEvents
  readonly #handlers: readonly (readonly [event: string, handler: () => void])[]
  #open = false

  constructor(events: ScreenEvents) {
    this.#events = events
    this.#handlers = [
      ['SIGINT', () => events.quit()],
      ['SIGTERM', () => events.quit('SIGTERM')],
      ['SIGHUP', () => events.quit('SIGHUP')],
      ['SIGCONT', () => this.#resume()],
      ['exit', () => this.#leave()],
      ['uncaughtException', () => this.#leave()], // first of all, so that the message is on the ordinary screen
    ]
    for (const [event, handler] of this.#handlers) emitter.prependListener(event, handler)
    process.stdout.on('resize', events.redraw)
    this.#enter()
    if (process.stdin.isTTY) process.stdin.on('data', this.#typed)
  }

  /** Shows a page; what does not fit is cut off. */
  draw(page: string): void {
    if (!this.#open) return
    const {rows = 24, columns = 80} = process.stdout
    const lines = page.split('\n').slice(0, rows)
    process.stdout.write(
      `${HOME}${lines.map(line => `${clipped(line, columns)}${WIPE_LINE}`).join('\r\n')}${WIPE_REST}`,
    )
  }

  [Symbol.dispose](): void {
    this.#leave()
    for (const [event, handler] of this.#handlers) emitter.removeListener(event, handler)
    process.stdout.off('resize', this.#events.redraw)
    process.stdin.off('data', this.#typed)
    if (process.stdin.isTTY) process.stdin.pause() // or it would keep the program from ending
  }

  readonly #typed = (data: Buffer): void => {
    for (const key of data.toString('latin1')) {
      if (key === CTRL_C || key === CTRL_D) this.#events.quit()
      else this.#events.key(key)
    }
  }

  #enter(): void {
    this.#open = true
    if (process.stdin.isTTY) process.stdin.setRawMode(true)
    process.stdout.write(ENTER)
  }

  /** The shell has set the terminal's modes to its own liking meanwhile. */
  #resume(): void {
    if (process.stdin.isTTY) process.stdin.setRawMode(false)
    this.#enter()
    this.#events.redraw()
  }

  /** Synchronously: there may be no later. */
  #leave(): void {
    if (!this.#open) return
    this.#open = false
    try {
      if (process.stdin.isTTY) process.stdin.setRawMode(false)
      writeSync(1, LEAVE)
    } catch {
      // a terminal that hung up
    }
  }
}

/** The first `width` columns of a line; colours take none. */
export function clipped(line: string, width: number): string {
  if (unpainted(line).length <= width) return line
  let room = width
  return (
    line
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a colour starts with one
      .split(/(\u001b\[[0-9;]*m)/)
      .map((part, index) => {
        if (index % 2 === 1) return part // a colour
        const shown = part.slice(0, room)
        room -= shown.length
        return shown
      })
      .join('')
  )
}
