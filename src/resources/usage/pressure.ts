import {readIfThere} from './files.ts'

/** How much of the time tasks were stalled, in percent over the last 10, 60 and 300 seconds, and in all. */
export interface Stall {
  readonly avg10: number
  readonly avg60: number
  readonly avg300: number
  readonly totalUsec: number
}

/** Pressure stall information of one resource. `some`: of at least one task; `full`: of all at once (not told of cpu before Linux 5.13). */
export interface Pressure {
  readonly some: Stall
  readonly full: Stall | null
}

/** `null`: the kernel was built without it, or booted with `psi=0`. */
export interface Pressures {
  readonly cpu: Pressure | null
  readonly memory: Pressure | null
  readonly io: Pressure | null
}

/** Only the share of the last 10 seconds in which at least one task was stalled, in percent. */
export interface RecentPressure {
  readonly cpu: number | null
  readonly memory: number | null
  readonly io: number | null
}

/** @param group a cgroup's directory @returns `null` where this kernel tells none */
export function readPressures(group: string): Pressures | null {
  const of = (resource: string) => parsePressure(readIfThere(`${group}/${resource}.pressure`) ?? '')
  const found = {cpu: of('cpu'), memory: of('memory'), io: of('io')}
  return found.cpu === null && found.memory === null && found.io === null ? null : found
}

/** Looks no further than for that. @returns `null` where this kernel tells none */
export function readRecentPressure(group: string): RecentPressure | null {
  return recentPressure(pressureFiles(group).map(readIfThere))
}

/** Of cpu, memory and io, for those who read the files of many groups in one go. */
export function pressureFiles(group: string): string[] {
  return ['cpu', 'memory', 'io'].map(resource => `${group}/${resource}.pressure`)
}

/** @param texts what the `pressureFiles` say */
export function recentPressure(texts: readonly (string | undefined)[]): RecentPressure | null {
  const [cpu = null, memory = null, io = null] = texts.map(text => {
    const [, avg10] = RECENT.exec(text ?? '') ?? []
    return avg10 === undefined ? null : Number(avg10)
  })
  return cpu === null && memory === null && io === null ? null : {cpu, memory, io}
}

const RECENT = /^some avg10=([0-9.]+)/

/** Reads `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and the like for `full`. */
export function parsePressure(text: string): Pressure | null {
  const some = parseStall(text, 'some')
  return some === null ? null : {some, full: parseStall(text, 'full')}
}

const STALLS = {
  some: /^some avg10=([0-9.]+) avg60=([0-9.]+) avg300=([0-9.]+) total=([0-9]+)/m,
  full: /^full avg10=([0-9.]+) avg60=([0-9.]+) avg300=([0-9.]+) total=([0-9]+)/m,
}

function parseStall(text: string, kind: 'some' | 'full'): Stall | null {
  const match = STALLS[kind].exec(text)
  if (match === null) return null
  const [, avg10, avg60, avg300, total] = match.map(Number)
  return {avg10: avg10 ?? 0, avg60: avg60 ?? 0, avg300: avg300 ?? 0, totalUsec: total ?? 0}
}
