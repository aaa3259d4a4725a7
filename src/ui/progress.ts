import process from 'node:process'

/** A line on the terminal that says what a long verb is doing; wiped when something else is printed. */
export interface ProgressLine {
  /** Given to the API as its `progress`. */
  readonly report: (line: string) => void
  /** Wipes the line; the next report shows it again. */
  readonly clear: () => void
  /** Wipes the line for good. */
  readonly end: () => void
}

/** The part of a terminal that a progress line needs. */
export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Verbs that are done in less time say nothing on the way. */
const QUIET_MS = 300
const WIPE = '\r\u001b[K'

/** Shows progress on standard error, only on a terminal, and only once the verb has taken 300 ms. */
export function progressLine(stream: ProgressStream = process.stderr, quietMs = QUIET_MS): ProgressLine {
  if (stream.isTTY !== true) return {report() {}, clear() {}, end() {}}
  let latest = ''
  let shown = false
  let ready = false
  let ended = false
  const show = () => {
    if (ended || latest === '') return
    stream.write(`${WIPE}${latest.slice(0, Math.max(10, (stream.columns ?? 80) - 1))}`)
    shown = true
  }
  const clear = () => {
    if (shown) stream.write(WIPE)
    shown = false
  }
  const timer = setTimeout(() => {
    ready = true
    show()
  }, quietMs)
  timer.unref()
  return {
    report(line) {
      latest = printable(line)
      if (ready) show()
    },
    clear,
    end() {
      clearTimeout(timer)
      clear()
      ended = true
    },
  }
}

/** Builders pass on what other programs say: one line of it, and nothing that moves the cursor. */
function printable(line: string): string {
  const last =
    line
      .trimEnd()
      .split(/[\r\n]/)
      .at(-1) ?? ''
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
  return last.replaceAll(/[\u0000-\u001f\u007f]/g, '')
}
