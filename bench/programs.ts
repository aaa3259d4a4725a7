import {join} from 'node:path'
import {keptProgram} from '../tests/helpers/programs.ts'

export const repository = join(import.meta.dirname, '..')

/** The C programs of bench/. */
export const BENCH_PROGRAMS = ['floor', 'starter', 'waiter'] as const
export type BenchProgram = (typeof BENCH_PROGRAMS)[number]

/** The path of one of them, compiled; kept for the test host, which has no compiler. */
export function benchProgram(name: BenchProgram): string {
  return keptProgram(join(repository, 'bench', `${name}.c`), ['-O2', '-std=c11', '-D_GNU_SOURCE', '-static'])
}
