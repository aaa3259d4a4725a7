import {readdirSync, readFileSync, readlinkSync} from 'node:fs'

/** One process of the machine, as /proc tells. */
export interface Process {
  readonly pid: number
  readonly parent: number
  /** Clock ticks since boot: with the pid it names one process for good. */
  readonly start: string
  readonly zombie: boolean
  /** What it calls itself, at most 15 bytes. */
  readonly name: string
  /** The words of its command line; `[name]` without one. */
  readonly command: string
}

/** Every process; those that end meanwhile are left out. */
export function listProcesses(): Process[] {
  return readdirSync('/proc')
    .filter(entry => /^\d+$/.test(entry))
    .flatMap(entry => readProcess(Number(entry)) ?? [])
}

export function readProcess(pid: number): Process | undefined {
  const stat = quietly(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  if (stat === undefined) return undefined
  // The name may hold anything; what follows its last parenthesis is safe to split. See proc_pid_stat(5).
  const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const words = quietly(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
    ?.split('\0')
    .join(' ')
    .trim()
  return {
    pid,
    parent: Number(fields[1]),
    start: fields[19] ?? '',
    zombie: fields[0] === 'Z' || fields[0] === 'X',
    name,
    command: words || `[${name}]`,
  }
}

/** Alive, and no zombie that only waits to be reaped. */
export function isAlive(pid: number): boolean {
  const process = readProcess(pid)
  return process !== undefined && !process.zombie
}

/** The inode of a process's namespace, as `net:[4026531840]`; `undefined` when it is gone. */
export function namespaceOf(pid: number | 'self', kind: string): string | undefined {
  return quietly(() => readlinkSync(`/proc/${pid}/ns/${kind}`))
}

/** The value of `read`, or `undefined` when what it reads is gone. */
export function quietly<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Waits until `done` answers true. @throws when it does not within `timeoutMs` */
export async function until(
  what: string,
  done: () => boolean | Promise<boolean>,
  timeoutMs = 5_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
