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

/**
 * Reads `parameter=value` words for a template; values are YAML, as they are in a definition.
 * @throws VpsError WRONG_USE for a word without `=` or without a name
 */
export async function parameters(words: readonly string[]): Promise<Record<string, unknown>> {
  const {parse} = await import('../yaml.ts')
  return Object.fromEntries(
    words.map(word => {
      const [, name, value] = /^([^=]+)=([\s\S]*)$/.exec(word) ?? []
      if (name !== undefined && value !== undefined) return [name, value === '' ? '' : parse(value)]
      throw new VpsError('WRONG_USE', `${JSON.stringify(word)} is not parameter=value`, {
        exitCode: ExitCode.wrongUse,
        suggestions: ['write it as suite=bookworm'],
      })
    }),
  )
}
