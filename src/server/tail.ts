import {type FileHandle, open} from 'node:fs/promises'
import {ifMissing} from '../host/index.ts'

const CHUNK = 64 * 1024
const NEWLINE = 0x0a

interface Span {
  readonly handle: FileHandle
  readonly from: number
  readonly to: number
}

/**
 * The last `lines` lines of `files` (all without a number), which are read in order as if they were one. Of the last file
 * only the first `size` bytes count. A text without a newline at its end ends with a line, too.
 */
export async function* tail(
  files: readonly string[],
  lines: number | undefined,
  size: number,
): AsyncGenerator<Buffer> {
  await using opened = new AsyncDisposableStack()
  const spans: Span[] = []
  let wanted = lines ?? Number.POSITIVE_INFINITY
  for (const [index, path] of [...files.entries()].reverse()) {
    if (wanted <= 0) break
    const file = await ifMissing(open(path, 'r'), undefined)
    if (file === undefined) continue
    const handle = opened.adopt(file, taken => taken.close())
    const to = index === files.length - 1 ? size : (await handle.stat()).size
    const {from, found} = await startOf(
      handle,
      to,
      wanted,
      spans.every(span => span.to === 0),
    )
    spans.unshift({handle, from, to})
    wanted -= found
  }
  for (const span of spans) yield* readSpan(span)
}

async function* readSpan({handle, from, to}: Span): AsyncGenerator<Buffer> {
  for (let position = from; position < to; ) {
    const buffer = Buffer.alloc(Math.min(CHUNK, to - position))
    const {bytesRead} = await handle.read(buffer, 0, buffer.length, position)
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/**
 * Where the last `wanted` lines before `end` begin, looking backwards. `found` counts the newlines passed: a line may begin
 * in an older file. `last`: the newline at the very end ends the last line and begins none.
 */
async function startOf(
  handle: FileHandle,
  end: number,
  wanted: number,
  last: boolean,
): Promise<{from: number; found: number}> {
  if (wanted === Number.POSITIVE_INFINITY) return {from: 0, found: 0}
  let found = 0
  for (let to = end; to > 0; ) {
    const from = Math.max(0, to - CHUNK)
    const {buffer, bytesRead} = await handle.read(Buffer.alloc(to - from), 0, to - from, from)
    for (let index = bytesRead - 1; index >= 0; index--) {
      if (buffer[index] !== NEWLINE || (last && from + index === end - 1)) continue
      found++
      if (found === wanted) return {from: from + index + 1, found}
    }
    to = from
  }
  return {from: 0, found}
}
