import {ExitCode, VpsError} from '../errors.ts'
import {quote} from './words.ts'

/** What a server may be called. Nothing that passes can leave a directory, look like a flag or need quoting in a shell. */
export const NAME_PATTERN = '^[a-z0-9][a-z0-9-]{0,62}$'
const NAME = new RegExp(NAME_PATTERN)
const RULE = 'lower-case letters, digits and dashes, at most 63, the first no dash'

/** What is wrong with a server's name, to be read after the word that names the value; undefined when nothing is. */
export function nameComplaint(value: string): string | undefined {
  return NAME.test(value) && !value.endsWith('\n')
    ? undefined
    : `must be made of ${RULE}, not ${quote(value)}`
}

/**
 * Returns the name if it is one, so that it can be used in paths; every room that takes a name from outside calls this.
 * @throws VpsError BAD_NAME (exit 2)
 */
export function serverName(value: string): string {
  if (nameComplaint(value) === undefined) return value
  throw new VpsError('BAD_NAME', `${quote(value)} is no name for a server`, {
    exitCode: ExitCode.wrongUse,
    suggestions: [`use ${RULE}`],
  })
}
