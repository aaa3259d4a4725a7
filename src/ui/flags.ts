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

/** A flag whose value is a moment: how long ago (`10m`), or a time (`2026-11-30 12:00`, local unless it says otherwise). */
export const momentFlag = custom<Date>({
  helpValue: 'WHEN',
  parse: async (text, _context, options) => await moment(options.name, text),
})

/** What `--to` means: the number of a change, or a moment. @throws VpsError WRONG_USE */
export async function historyPoint(flag: string, text: string): Promise<number | Date> {
  return /^\d{1,9}$/.test(text) ? Number(text) : await moment(flag, text)
}

async function moment(flag: string, text: string): Promise<Date> {
  const {parseDuration} = await import('../definition/index.ts')
  const ago = parseDuration(text)
  if (ago !== undefined) return new Date(Date.now() - ago)
  const date = /^\d{4}-\d\d-\d\d/.test(text)
    ? new Date(text.length === 10 ? `${text} 00:00` : text)
    : undefined
  if (date !== undefined && !Number.isNaN(date.getTime())) return date
  throw new VpsError('WRONG_USE', `--${flag} is a moment, not ${JSON.stringify(text)}`, {
    exitCode: ExitCode.wrongUse,
    suggestions: ["write how long ago it is, 10m or 2h30m, or the time itself: '2026-11-30 12:00'"],
  })
}

/** A flag whose value is an amount of bytes (`512MiB`); the command gets their number. */
export const bytesFlag = custom<number>({
  helpValue: 'BYTES',
  async parse(text, _context, options) {
    const {parseBytes} = await import('../units.ts')
    const bytes = parseBytes(text)
    if (bytes !== undefined) return bytes
    throw new VpsError('WRONG_USE', `--${options.name} is an amount of bytes, not ${JSON.stringify(text)}`, {
      exitCode: ExitCode.wrongUse,
      suggestions: ['write it with its unit: 512MiB, 10GiB'],
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
