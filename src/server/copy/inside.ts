import {VpsError} from '../../errors.ts'
import {exec} from '../exec.ts'
import type {Context} from '../types.ts'
import {tooLong} from './time.ts'

/** How a program in a server ended, and the last of what it complained of. */
export interface Ended {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly complaint: string
}

interface InsideOptions {
  readonly argv: readonly string[]
  readonly input?: AsyncIterable<Uint8Array>
  readonly timeoutMs: number | undefined
  /** Told of standard output as it comes; what it throws ends the program. */
  readonly onOutput?: (chunk: Buffer) => void | Promise<void>
}

const KEPT_BYTES = 4096

/** Runs a program as root in a server; of what it says nothing is kept but its complaints. @throws VpsError TIMED_OUT */
export async function inside(
  context: Context,
  name: string,
  {argv, input, timeoutMs, onOutput}: InsideOptions,
): Promise<Ended> {
  let complaint = Buffer.alloc(0)
  const {exitCode, signal, timedOut} = await exec(context, name, {
    argv,
    env: {LC_ALL: 'C'},
    ...(input !== undefined && {input}),
    timeoutMs,
    maxOutputBytes: 0,
    async onOutput(stream, chunk) {
      if (stream === 'stdout') await onOutput?.(chunk)
      else complaint = Buffer.concat([complaint, chunk]).subarray(-KEPT_BYTES)
    },
  })
  if (timedOut) throw tooLong(name)
  return {exitCode, signal, complaint: readable(complaint.toString('utf8').trim())}
}

/** The error for a program that failed. @param what `copy /etc from web1` */
export function failed(what: string, {exitCode, signal, complaint}: Ended): VpsError {
  const end = signal === null ? `status ${exitCode}` : signal
  return new VpsError(
    'COPY_FAILED',
    `cannot ${what}: ${complaint === '' ? `tar ended with ${end}` : complaint}`,
    {
      suggestions: exitCode === 127 || exitCode === 126 ? ['the server needs the programs sh and tar'] : [],
    },
  )
}

/** A tenant's words in a message: one line, and nothing that a terminal obeys. */
export function readable(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, '; ').replaceAll(/\p{C}/gu, '?')
}

/** An error of a system call has a number; ours have words alone. */
export function isOfSystem(error: unknown): boolean {
  return error instanceof Error && 'errno' in error
}
