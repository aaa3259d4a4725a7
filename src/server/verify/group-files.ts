import {readFileSync} from 'node:fs'
import {readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {ifMissing} from '../../host/index.ts'

/** A file of a cgroup that holds one number; undefined when this kernel has no such file. `max` is Infinity. */
export async function groupNumber(group: string, file: string): Promise<number | undefined> {
  const text = await ifMissing(readFile(join(group, file), 'utf8'), undefined)
  if (text === undefined) return undefined
  return text.trim() === 'max' ? Number.POSITIVE_INFINITY : Number(text)
}

/** A line `NAME NUMBER` of a flat keyed file such as memory.events; 0 without one. */
export async function groupCount(group: string, file: string, name: string): Promise<number> {
  const text = await ifMissing(readFile(join(group, file), 'utf8'), '')
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
}

/** A look at cpu.stat, and when that was: read in one go, for the event loop may be late on a host whose CPUs are all busy. */
export interface CpuSample {
  /** Milliseconds, on the clock of `performance.now`. */
  readonly at: number
  readonly usedUs: number
  readonly periods: number
  readonly throttled: number
}

export function sampleCpu(group: string): CpuSample {
  const begin = performance.now()
  const text = readFileSync(join(group, 'cpu.stat'), 'utf8')
  const at = (begin + performance.now()) / 2
  const count = (name: string): number => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
  return {at, usedUs: count('usage_usec'), periods: count('nr_periods'), throttled: count('nr_throttled')}
}

/** Looks at a number again and again while something is under way; the largest that was seen. */
export async function largestWhile(work: Promise<unknown>, group: string, file: string): Promise<number> {
  let largest = 0
  let done = false
  const end = work.catch(() => {}).then(() => (done = true))
  while (!done) {
    largest = Math.max(largest, (await groupNumber(group, file)) ?? 0)
    await Promise.race([end, new Promise(resolve => setTimeout(resolve, 20))])
  }
  return largest
}
