import {execFileSync} from 'node:child_process'
import {createHash} from 'node:crypto'
import {existsSync, mkdirSync, readFileSync, renameSync} from 'node:fs'
import {basename, join} from 'node:path'
import process from 'node:process'

/** How programs for tests are compiled. */
export const COMPILER_FLAGS = ['-std=c11', '-D_GNU_SOURCE', '-O1', '-Wall', '-Wextra']

/** Flags for programs that run in any server. */
export const STATIC = ['-static', '-pthread']

/** Compiled probes, kept by what went into them: the test host in a virtual machine has no compiler and is given these. */
const kept = join(import.meta.dirname, '../../build/test-programs')

/** The path of the program made of `NAME.c` beside this file; compiled unless it is there already. */
export function testProgram(name: string, more: readonly string[] = []): string {
  return keptProgram(join(import.meta.dirname, `${name}.c`), [...COMPILER_FLAGS, ...more])
}

/** The same of any file, with all the flags of the compiler. */
export function keptProgram(source: string, flags: readonly string[]): string {
  const words = flags.join(' ')
  const made = createHash('sha256').update(readFileSync(source)).update(words).digest('hex')
  const program = join(kept, `${basename(source, '.c')}-${made.slice(0, 16)}`)
  if (!existsSync(program)) {
    mkdirSync(kept, {recursive: true})
    execFileSync('gcc', [...flags, source, '-o', `${program}.${process.pid}`])
    renameSync(`${program}.${process.pid}`, program)
  }
  return program
}
