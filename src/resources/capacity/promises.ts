import {readCpuList} from '../cpu-list.ts'

/** The part of a definition's `resources` that takes something of the host. */
export interface Promising {
  readonly cpu: {
    readonly cores: number | null
    readonly cpus: string | null
    readonly dedicated: number | null
    readonly limit: number | null
  }
  readonly memory: {
    readonly limit: number | null
    readonly guarantee: number | null
    readonly swap: number | 'none' | 'max' | null
  }
  readonly pids: number | null
}

/** What is compared with the host. */
export const RESOURCES = ['cpus', 'memory', 'swap', 'pids'] as const
export type ResourceName = (typeof RESOURCES)[number]

/** What one server may take of a resource, and what is kept for it. Bytes, CPUs, numbers of tasks. */
export interface Promised {
  /** The most it may take; null: nothing stops it but the host's end. */
  readonly limit: number | null
  /** What nobody else can take from it. */
  readonly guaranteed: number
}

/** What a definition promises of each resource. */
export function promisesOf({cpu, memory, pids}: Promising): Record<ResourceName, Promised> {
  return {
    cpus: {limit: mostCpus(cpu), guaranteed: cpu.dedicated ?? 0},
    memory: {limit: memory.limit, guaranteed: memory.guarantee ?? 0},
    swap: {limit: swapLimit(memory.swap), guaranteed: 0},
    pids: {limit: pids, guaranteed: 0},
  }
}

/** A server is bound by its ceiling, and by the number of processors it may use, whichever is less. */
function mostCpus({limit, cores, cpus, dedicated}: Promising['cpu']): number | null {
  const bounds = [limit, cores, cpus === null ? null : readCpuList(cpus).length, dedicated].filter(
    bound => bound !== null,
  )
  return bounds.length === 0 ? null : Math.min(...bounds)
}

function swapLimit(swap: Promising['memory']['swap']): number | null {
  if (swap === 'none') return 0
  return swap === 'max' ? null : swap
}
