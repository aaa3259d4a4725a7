import {existsSync} from 'node:fs'
import {isAbsolute, join} from 'node:path'
import process from 'node:process'
import {addon} from './addon.ts'

export interface ProgramOptions {
  /** Its whole environment; `PATH` in it says where the program is looked for. Default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** What it reads at its standard input; default: nothing. */
  readonly input?: string
  /** What it finds at its descriptor 3, sealed. */
  readonly plan?: Buffer
}

/** How a program ended. */
export interface Ended {
  /** Its exit status; null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Where programs of the host are, whatever the caller's environment says. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin'

/**
 * Runs a program to its end, as `spawn` of Node does, but by a vfork and on a thread of its own: JavaScript goes on meanwhile, however
 * large this process is. For programs that end by themselves, and print what memory can hold.
 * @throws NativeError ENOENT when there is no such program; EACCES, ENOEXEC … as execve(2) has them
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  {env = process.env, input = '', plan}: ProgramOptions = {},
): Promise<Ended> {
  const words = [program, ...args]
  const variables = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  )
  const bad = [...words, ...variables].find(word => word.includes('\0'))
  if (bad !== undefined) throw new RangeError(`a word for ${program} contains a NUL: ${JSON.stringify(bad)}`)
  const path = programPath(program, env.PATH ?? SYSTEM_PATH)
  const {status, stdout, stderr} = await addon().runProgram(path, words, variables, Buffer.from(input), plan)
  return {code: exitCode(status), stdout, stderr}
}

/** As execvp(3) looks for it; a name with a slash is a path. Never in the working directory. */
function programPath(program: string, path: string): string {
  if (program.includes('/')) return program
  const paths = path.split(':').flatMap(directory => (isAbsolute(directory) ? join(directory, program) : []))
  return paths.find(existsSync) ?? `/${program}`
}

/** WIFEXITED and WEXITSTATUS of wait(2). */
function exitCode(status: number): number | null {
  return (status & 0x7f) === 0 ? (status >> 8) & 0xff : null
}
