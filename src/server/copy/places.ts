import {posix} from 'node:path'
import {ExitCode, VpsError} from '../../errors.ts'

/** An error of what was named to be copied, or where to (exit 2). */
export function wrongPlace(message: string, ...suggestions: string[]): VpsError {
  return new VpsError('BAD_PLACE', message, {suggestions, exitCode: ExitCode.wrongUse})
}

/** A place in a server: no option of a program, and from root's home where it is relative. */
export function insidePath(path: string): string {
  if (path.includes('\0')) throw wrongPlace('a path contains a NUL byte')
  const plain = posix.normalize(path).replace(/(?<=.)\/+$/, '')
  return plain.startsWith('/') || plain === '.' ? plain : `./${plain}`
}
