import process from 'node:process'

/** True once the reader of our standard output went away (`vps list | head -1`); then there is nobody to write for. */
let readerGone = false

/**
 * A closed pipe is no error of ours; a full disk is, but for standard error there is no place left to say so. Call once, before
 * anything is written.
 */
export function guardStandardStreams(failed: (error: Error) => void): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    readerGone = true
    if (error.code !== 'EPIPE') failed(error)
  })
  process.stderr.on('error', () => {})
}

/**
 * Writes to standard output and waits until the bytes are on their way. False when nobody reads any more: a command that
 * streams stops then.
 */
export async function write(chunk: string | Uint8Array): Promise<boolean> {
  if (readerGone) return false
  await new Promise<void>(resolve => process.stdout.write(chunk, () => resolve()))
  return !readerGone
}

/** One JSON value, indented, as the whole answer of a command. */
export function toJson(value: unknown): string {
  return `${stringify(value)}\n`
}

/** Few answers have numbers that JSON knows no type for, and to ask for each value takes as long as all the rest. */
function stringify(value: unknown): string {
  try {
    return JSON.stringify(value, undefined, 2)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? Number(item) : item), 2)
  }
}
