import {type Definition, formatCpuList} from '../definition/index.ts'
import {readCpuList} from './cpu-list.ts'
import type {Wishes} from './wishes.ts'

/** Which CPUs a server gets, and from which nodes its memory comes; null for all. */
export interface CpuAssignment {
  readonly cpus: string | null
  readonly mems: string | null
}

const PERIOD_US = 100_000

/** Nanoseconds would be finer than the kernel keeps: cpu.max counts microseconds, and at least 1000 of them. */
function microseconds(cpus: number): string {
  return String(Math.round(cpus * PERIOD_US))
}

export function cpuLimits(
  wishes: Wishes,
  {cores, cpus, dedicated, limit, burst, weight}: Definition['resources']['cpu'],
  assignment: CpuAssignment | undefined,
): void {
  const {facts} = wishes
  const online = formatCpuList(facts.cpus)
  for (const [name, count] of [
    ['cores', cores],
    ['dedicated', dedicated],
  ] as const) {
    if (count === null) continue
    const key = ['resources', 'cpu', name]
    if (count <= facts.cpus.length) choose(wishes, key, assignment ?? firstOf(facts.cpus, count))
    else
      wishes.refuse(
        key,
        'cpuset',
        `the host has ${facts.cpus.length} CPUs (${online})`,
        `ask for at most ${facts.cpus.length}`,
      )
  }
  if (cpus !== null) {
    const key = ['resources', 'cpu', 'cpus']
    const absent = readCpuList(cpus).filter(cpu => !facts.cpus.includes(cpu))
    if (absent.length === 0) choose(wishes, key, {cpus, mems: null})
    else
      wishes.refuse(
        key,
        'cpuset',
        `the host has no CPU ${formatCpuList(absent)} (it has ${online})`,
        'name CPUs that it has',
      )
  }
  if (
    cores === null &&
    dedicated === null &&
    cpus === null &&
    assignment !== undefined &&
    assignment.cpus !== null
  )
    choose(wishes, ['resources', 'cpu'], assignment)

  if (limit !== null)
    wishes.want(['resources', 'cpu', 'limit'], 'payload', 'cpu.max', `${microseconds(limit)} ${PERIOD_US}`)
  if (burst !== null)
    wishes.want(['resources', 'cpu', 'burst'], 'payload', 'cpu.max.burst', microseconds(burst))
  const key = ['resources', 'cpu', 'weight']
  if (weight === 'idle') wishes.want(key, 'server', 'cpu.idle', '1')
  else if (weight !== null) wishes.want(key, 'server', 'cpu.weight', String(weight))
}

function choose(wishes: Wishes, key: (string | number)[], {cpus, mems}: CpuAssignment): void {
  if (cpus === null) return
  wishes.want(key, 'payload', 'cpuset.cpus', cpus)
  if (mems !== null) wishes.want(key, 'payload', 'cpuset.mems', mems)
}

function firstOf(cpus: readonly number[], count: number): CpuAssignment {
  return {cpus: formatCpuList(cpus.slice(0, count)), mems: null}
}
