import process from 'node:process'
import {write} from './output.ts'
import {Screen} from './screen.ts'

/** 128+n, as a shell says it. */
const SIGNAL_EXIT = {SIGHUP: 129, SIGTERM: 143} as const

export interface PagesOptions<Value> {
  /** What to show, one after the other; ends when the signal says so. */
  readonly values: (signal: AbortSignal) => AsyncIterable<Value>
  /** How many; default: no end. */
  readonly count?: number | undefined
  readonly json: boolean
  readonly render: (value: Value) => string
  /** A key was pressed on the terminal; the page is drawn anew then. `q` is taken. */
  readonly key?: (key: string) => void
}

/**
 * Shows values as they come, until Ctrl-C: on a terminal each in place of the last, else one below the other; with JSON a line for
 * each.
 */
export async function showPages<Value>(options: PagesOptions<Value>): Promise<void> {
  const ending = new AbortController()
  if (!options.json && process.stdout.isTTY === true) return await onTerminal(options, ending)
  process.once('SIGINT', () => ending.abort())
  let first = true
  for await (const value of counted(options, ending)) {
    const text = options.json ? JSON.stringify(value) : `${first ? '' : '\n'}${options.render(value)}`
    if (!(await write(`${text}\n`))) return
    first = false
  }
}

async function onTerminal<Value>(options: PagesOptions<Value>, ending: AbortController): Promise<void> {
  let last: {value: Value} | undefined
  const draw = () => last !== undefined && screen.draw(options.render(last.value))
  using screen = new Screen({
    key: key => {
      if (key === 'q') ending.abort()
      options.key?.(key)
      draw()
    },
    redraw: draw,
    quit: signal => {
      if (signal !== undefined) process.exitCode = SIGNAL_EXIT[signal]
      ending.abort()
    },
  })
  for await (const value of counted(options, ending)) {
    last = {value}
    draw()
  }
}

async function* counted<Value>(
  {values, count}: PagesOptions<Value>,
  ending: AbortController,
): AsyncGenerator<Value> {
  let left = count ?? Number.POSITIVE_INFINITY
  if (left === 0) return
  for await (const value of values(ending.signal)) {
    if (ending.signal.aborted) return
    yield value
    if (--left === 0) return
  }
}
