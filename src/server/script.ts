import {ExitCode, VpsError} from '../errors.ts'

/** A script of the host's that runs in servers. */
export interface Script {
  /** For messages and as its name: `setup.sh`. */
  readonly name: string
  readonly text: Buffer
}

/** What a script may have: it goes through memory, and is counted for the server's. */
const LONGEST = 16 * 1024 * 1024

/**
 * The command line that runs a script: the interpreter of its first line, as execve(2) reads it, or /bin/sh; `index` is the place
 * of the script's own path.
 * @throws VpsError BAD_SCRIPT (exit 2) for an empty one, one that is too long, or a program in machine code
 */
export function scriptArguments(
  {name, text}: Script,
  args: readonly string[],
): {readonly argv: readonly string[]; readonly index: number} {
  if (text.length === 0) throw badScript(name, 'is empty')
  if (text.length > LONGEST) throw badScript(name, `is larger than ${LONGEST / 1024 / 1024} MiB`)
  if (text.subarray(0, 4).equals(Buffer.from('\u007fELF', 'latin1')))
    throw badScript(name, 'is a program, not a script', 'copy it with `vps cp` and run it with `vps exec`')
  const [interpreter = '/bin/sh', argument] = firstLine(text)
  const before = argument === undefined ? [interpreter] : [interpreter, argument]
  return {argv: [...before, '', ...args], index: before.length}
}

/** Of `#! /usr/bin/env -S python3 -u` the interpreter and all the rest as one argument, as the kernel has it. */
function firstLine(text: Buffer): string[] {
  const end = text.indexOf('\n')
  const line = text.subarray(0, end === -1 ? text.length : end).toString('latin1')
  const [, interpreter, argument] = /^#![ \t]*([^\s]+)[ \t]*(.*?)\s*$/.exec(line) ?? []
  if (interpreter === undefined) return []
  return argument === undefined || argument === '' ? [interpreter] : [interpreter, argument]
}

function badScript(name: string, why: string, ...suggestions: string[]): VpsError {
  return new VpsError('BAD_SCRIPT', `${name} ${why}`, {exitCode: ExitCode.wrongUse, suggestions})
}
