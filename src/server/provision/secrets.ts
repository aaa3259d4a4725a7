import {readFileSync} from 'node:fs'
import process from 'node:process'
import {SECRET} from '../../definition/index.ts'
import {ExitCode, VpsError} from '../../errors.ts'
import {errno} from '../../host/index.ts'

const LARGEST_BYTES = 1024 * 1024

/**
 * `text` with what its references stand for, `${file:/path}` without its last line break. Only for what is about to be acted on: the result
 * is stored nowhere, and no message shows it.
 * @throws VpsError NO_SECRET (exit 2) naming the reference
 */
export function reveal(text: string): string {
  return text.replaceAll(SECRET, (whole, kind: string, what: string) => secret(whole, kind, what))
}

/** The references in a text, each once. */
export function references(text: string): string[] {
  return [...new Set(text.match(SECRET) ?? [])]
}

function secret(whole: string, kind: string, what: string): string {
  if (kind === 'file') return fileSecret(whole, what)
  const value = process.env[what]
  if (value !== undefined) return value
  throw noSecret(
    `${whole}: there is no variable ${what} in the environment of this command`,
    `export ${what}, then try again`,
  )
}

function fileSecret(whole: string, path: string): string {
  try {
    const text = readFileSync(path, 'utf8')
    if (text.length <= LARGEST_BYTES) return text.replace(/\r?\n$/, '')
  } catch (error) {
    throw noSecret(
      `${whole}: cannot read ${path} (${errno(error) ?? 'failed'})`,
      'write that file, then try again',
    )
  }
  throw noSecret(`${whole}: ${path} is too large for a secret`, 'name a file of at most 1MiB')
}

function noSecret(message: string, suggestion: string): VpsError {
  return new VpsError('NO_SECRET', message, {suggestions: [suggestion], exitCode: ExitCode.wrongUse})
}
