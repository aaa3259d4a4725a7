import {custom} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../errors.ts'

/** A flag whose value is a time span (`30s`, `10m`, `1h30m`); the command gets milliseconds. */
export const durationFlag = custom<number>({
  helpValue: 'D',
  async parse(text, _context, options) {
    const {parseDuration} = await import('../definition/index.ts') // most runs have no time span to read
    const milliseconds = parseDuration(text)
    if (milliseconds !== undefined) return milliseconds
    throw new VpsError('WRONG_USE', `--${options.name} is a time span, not ${JSON.stringify(text)}`, {
      exitCode: ExitCode.wrongUse,
      suggestions: ['write it with its unit: 500ms, 30s, 10m'],
    })
  },
})

/** A flag whose value is a whole number that is not negative. */
export const countFlag = custom<number>({
  helpValue: 'N',
  async parse(text, _context, options) {
    if (/^\d{1,9}$/.test(text)) return Number(text)
    throw new VpsError('WRONG_USE', `--${options.name} is a whole number, not ${JSON.stringify(text)}`, {
      exitCode: ExitCode.wrongUse,
    })
  },
})

/** One `key=value` of `--set` and `vps set`; without a value the key goes back to its default. */
export interface AssignmentWord {
  readonly path: string
  readonly value: string | undefined
}

/** Reads `key=value` words. Throws VpsError WRONG_USE for a word without `=` or without a key. */
export function assignments(words: readonly string[]): AssignmentWord[] {
  return words.map(word => {
    const at = word.indexOf('=')
    if (at > 0) return {path: word.slice(0, at), value: word.slice(at + 1) || undefined}
    throw new VpsError('WRONG_USE', `${JSON.stringify(word)} is not key=value`, {
      exitCode: ExitCode.wrongUse,
      suggestions: ['write it as restart.policy=always; key= alone sets the default'],
    })
  })
}

/** Reads `parameter=value` words for a template; values are YAML, as they are in a definition. */
export async function parameters(words: readonly string[]): Promise<Record<string, unknown>> {
  const {parse} = await import('yaml')
  return Object.fromEntries(
    assignments(words).map(({path, value}) => [path, value === undefined ? '' : parse(value)]),
  )
}
