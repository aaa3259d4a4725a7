import process from 'node:process'

const WIPE = '\r\u001b[K'

/** Given to the API as its `notice`: one line on standard error, in place of a progress line that may stand there. */
export function notice(line: string): void {
  process.stderr.write(`${process.stderr.isTTY === true ? WIPE : ''}vps: ${line}\n`)
}
