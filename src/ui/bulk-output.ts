import {constants} from 'node:os'
import process from 'node:process'
import {ExitCode} from '../errors.ts'
import {type Paint, paintFor} from './color.ts'
import {errorJson, renderError} from './errors.ts'
import type {Outcome} from './many.ts'
import {toJson, write} from './output.ts'

/** How a command ended in one server; the API's ExecResult fits. */
export interface CommandResult {
  readonly name: string
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: Buffer
  readonly timedOut: boolean
  readonly truncated: boolean
}

/** As timeout(1) has it. */
const TIMED_OUT = 124
const SIGNALLED = 128

/** Shows what commands in many servers say and how they end. Servers' bytes are left alone, unless a terminal would obey them. */
export interface BulkOutput {
  /** Told of output as it comes; missing where it is shown at the end. */
  readonly onOutput: ((name: string, stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void>) | undefined
  readonly onDone: (outcome: Outcome<CommandResult>) => Promise<void>
  /** The exit code: 0 when every one is 0, else the highest. */
  readonly end: (outcomes: readonly Outcome<CommandResult>[]) => Promise<number>
}

export function bulkOutput({json, prefix}: {json: boolean; prefix: boolean}): BulkOutput {
  if (json) return {onOutput: undefined, onDone: async () => {}, end: writeJson}
  return prefix ? prefixed() : grouped(paintFor(process.stdout))
}

/** A header for each server, then what it said on standard output; its errors go to standard error, each with its name. */
function grouped(paint: Paint): BulkOutput {
  return {
    onOutput: undefined,
    async onDone(outcome) {
      if (!outcome.ok) return sayError(outcome)
      const {name, stdout, stderr} = outcome.value
      await write(`${paint('strong', `==> ${name}`)}${paint('bad', endOf(outcome.value))}\n`)
      await write(endedLine(shown(stdout, process.stdout)))
      sayLines(name, shown(stderr, process.stderr))
    },
    end: async outcomes => exitCodeOf(outcomes),
  }
}

/** Every line with its server's name, as it comes. */
function prefixed(): BulkOutput {
  const rests = new Map<string, Buffer>()
  const pass = async (name: string, stream: 'stdout' | 'stderr', text: Buffer): Promise<void> => {
    if (text.length === 0) return
    if (stream === 'stderr') sayLines(name, shown(text, process.stderr))
    else await write(withNames(name, shown(text, process.stdout)))
  }
  return {
    async onOutput(name, stream, chunk) {
      const key = `${stream} ${name}`
      const text = Buffer.concat([rests.get(key) ?? Buffer.alloc(0), chunk])
      const end = text.length > LONGEST_LINE ? text.length : text.lastIndexOf(NEWLINE) + 1
      rests.set(key, text.subarray(end))
      await pass(name, stream, text.subarray(0, end))
    },
    async onDone(outcome) {
      if (!outcome.ok) return sayError(outcome)
      for (const stream of ['stdout', 'stderr'] as const)
        await pass(outcome.name, stream, rests.get(`${stream} ${outcome.name}`) ?? Buffer.alloc(0))
      const end = endOf(outcome.value)
      if (end !== '') process.stderr.write(`vps: ${outcome.name}${end}\n`)
    },
    end: async outcomes => exitCodeOf(outcomes),
  }
}

const NEWLINE = 0x0a
/** A line that does not end is passed on in pieces. */
const LONGEST_LINE = 64 * 1024

async function writeJson(outcomes: readonly Outcome<CommandResult>[]): Promise<number> {
  await write(toJson(outcomes.map(outcomeJson)))
  return exitCodeOf(outcomes)
}

function outcomeJson(outcome: Outcome<CommandResult>): object {
  if (!outcome.ok) return {name: outcome.name, ok: false, error: errorJson(outcome.error)}
  const {stdout, stderr, ...rest} = outcome.value
  return {
    ...rest,
    ok: statusOf(outcome) === 0,
    stdout: textOrBase64(stdout),
    stderr: textOrBase64(stderr),
  }
}

/** Text where it is text, else `{base64}`. */
function textOrBase64(bytes: Buffer): string | {base64: string} {
  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes)
  } catch {
    return {base64: bytes.toString('base64')}
  }
}

function exitCodeOf(outcomes: readonly Outcome<CommandResult>[]): number {
  return Math.max(0, ...outcomes.map(statusOf))
}

function statusOf(outcome: Outcome<CommandResult>): number {
  if (!outcome.ok) return ExitCode.execFailed
  const {timedOut, signal, exitCode} = outcome.value
  if (timedOut) return TIMED_OUT
  return signal === null ? (exitCode ?? 0) : SIGNALLED + constants.signals[signal]
}

/** `: exit status 3`; nothing after a success. */
function endOf({exitCode, signal, timedOut, truncated}: CommandResult): string {
  const cut = truncated ? ', its output was cut off' : ''
  if (timedOut) return `: took too long${cut}`
  if (signal !== null) return `: ended by ${signal}${cut}`
  if (exitCode !== 0) return `: exit status ${exitCode}${cut}`
  return cut === '' ? '' : `: ${cut.slice(2)}`
}

function sayError({name, error}: {readonly name: string; readonly error: unknown}): void {
  process.stderr.write(`${renderError(error, paintFor(process.stderr)).replace('vps:', `vps: ${name}:`)}\n`)
}

function sayLines(name: string, text: Buffer): void {
  if (text.length > 0) process.stderr.write(withNames(name, text))
}

/** Each line after its server's name; the last one ends, too. */
function withNames(name: string, text: Buffer): Buffer {
  const lines = endedLine(text).toString('latin1').slice(0, -1).split('\n') // bytes stay bytes
  return Buffer.from(lines.map(line => `${name}: ${line}\n`).join(''), 'latin1')
}

function endedLine(text: Buffer): Buffer {
  return text.length === 0 || text.at(-1) === NEWLINE ? text : Buffer.concat([text, Buffer.from('\n')])
}

/** A tenant's bytes shall not move the cursor of the admin's terminal, nor write into another server's part of it. */
function shown(bytes: Buffer, stream: {readonly isTTY?: boolean}): Buffer {
  if (stream.isTTY !== true) return bytes
  const text = bytes.toString('utf8').replaceAll('\r\n', '\n')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is replaced
  return Buffer.from(text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '?'))
}
