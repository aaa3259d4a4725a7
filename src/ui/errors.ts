import {ExitCode, VpsError} from '../errors.ts'
import {type Paint, plain} from './color.ts'

/** The JSON shape of an error, the value of `error` in every `--json` answer (docs/json.md). */
export interface ErrorJson {
  readonly code: string
  readonly message: string
  /** The messages of the causes, outermost first. */
  readonly causes: readonly string[]
  readonly suggestions: readonly string[]
  readonly exitCode: number
}

/** The exit code that an error asks for; an error that is not ours is a plain failure. */
export function exitCodeOf(error: unknown): number {
  return error instanceof VpsError ? error.exitCode : ExitCode.failed
}

/** The error and its causes as `vps: sentence`, then `  because …`, then the ways out. Ends without a newline. */
export function renderError(error: unknown, paint: Paint = plain): string {
  const {message, causes, suggestions} = errorJson(error)
  const lines = [`${paint('bad', 'vps:')} ${message}`]
  for (const cause of causes) lines.push(indentRest(`  ${paint('dim', 'because')} ${cause}`))
  for (const suggestion of suggestions) lines.push(indentRest(`  ${paint('good', 'try')} ${suggestion}`))
  if (isBug(error)) lines.push(bugNote(error, paint))
  return lines.join('\n')
}

export function errorJson(error: unknown, exitCode = exitCodeOf(error)): ErrorJson {
  return {
    code: codeOf(error),
    message: messageOf(error),
    causes: causesOf(error),
    suggestions: suggestionsOf(error),
    exitCode,
  }
}

/** Neither ours nor the kernel's: something in vps itself went wrong, and the stack is what helps. */
function isBug(error: unknown): error is Error {
  return (
    error instanceof TypeError ||
    error instanceof ReferenceError ||
    error instanceof RangeError ||
    error instanceof SyntaxError
  )
}

function bugNote(error: Error, paint: Paint): string {
  const frames = (error.stack ?? '').split('\n').filter(line => /^\s+at /.test(line))
  return [
    paint('dim', '  this is a bug of vps; please report it with these lines:'),
    ...frames.slice(0, 8),
  ].join('\n')
}

function codeOf(error: unknown): string {
  const code = (error as {code?: unknown} | null | undefined)?.code
  if (typeof code === 'string' && code !== '') return code
  return isBug(error) ? 'BUG' : 'FAILED'
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message === '') return error.name
  // `ENOENT: no such file or directory, open '/x'` as Node writes it
  const system = /^(E[A-Z0-9]+): (.+), (\w+)(?: (?:'(.*)'))?$/s.exec(error.message)
  if (system === null) return error.message
  const [, code, reason, call, path] = system
  return `${path === undefined ? call : path}: ${reason} (${code})`
}

function suggestionsOf(error: unknown): readonly string[] {
  const all: string[] = []
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof VpsError) all.push(...at.suggestions)
  }
  return [...new Set(all)]
}

function causesOf(error: unknown): readonly string[] {
  const causes: string[] = []
  let at: unknown = error instanceof Error ? error.cause : undefined
  while (at !== undefined && at !== null && causes.length < 10) {
    if (at instanceof AggregateError) causes.push(...at.errors.map(messageOf))
    else causes.push(messageOf(at))
    at = at instanceof Error ? at.cause : undefined
  }
  return causes
}

function indentRest(text: string): string {
  return text.replaceAll('\n', '\n    ')
}
