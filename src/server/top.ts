import {setTimeout as sleep} from 'node:timers/promises'
import type {HostPaths} from '../host/index.ts'
import {
  type Bound,
  type Rates,
  type RecentPressure,
  ratesBetween,
  type Sample,
  takeSample,
} from '../resources/index.ts'
import {listDirectory} from './journal.ts'
import {type ListFilter, resolveNames} from './list.ts'
import {guestGroup, readRun} from './run-state.ts'
import {narrows} from './select.ts'
import {isoTime} from './view.ts'

/** One running server, as it was between two looks. `null`: this host can't tell (no such controller). */
export interface TopRow extends Rates {
  readonly name: string
  /** In CPUs. */
  readonly cpuLimit: Bound
  readonly memory: number | null
  readonly memoryLimit: Bound
  readonly pids: number | null
  readonly pidsLimit: Bound
  readonly pressure: RecentPressure | null
}

export interface TopReport {
  /** ISO 8601 */
  readonly time: string
  readonly servers: readonly TopRow[]
}

export type TopOrder = 'cpu' | 'memory' | 'pids' | 'io' | 'name'

export const TOP_ORDERS: readonly TopOrder[] = ['cpu', 'memory', 'pids', 'io', 'name']

export interface TopOptions extends ListFilter {
  /** Between two reports; default 2 s, at least 100 ms. */
  readonly intervalMs?: number | undefined
  /** Ends it. */
  readonly signal?: AbortSignal | undefined
}

/** The first report shall not keep anybody waiting for a whole interval. */
const FIRST_MS = 500
const SHORTEST_MS = 100

/** Looks at the running servers again and again; each report is about the time since the last look. Rows are sorted by name. */
export async function* top(
  paths: HostPaths,
  {intervalMs = 2000, signal, ...filter}: TopOptions,
): AsyncGenerator<TopReport> {
  const chosen = filter.names !== undefined || narrows(filter)
  const wanted = chosen ? await resolveNames(paths, filter) : undefined
  let earlier = look(paths, wanted)
  for (let pause = Math.min(intervalMs, FIRST_MS); ; pause = intervalMs) {
    if (!(await waited(Math.max(pause, SHORTEST_MS), signal))) return
    const later = look(paths, wanted)
    yield report(earlier, later)
    earlier = later
  }
}

/** What a server did is told by its cgroup; a new one, after a restart, begins anew. */
interface Look {
  readonly sample: Sample
  readonly supervisor: number
}

/** A handful of small files for each server. @param names default: all that run */
function look(paths: HostPaths, names: readonly string[] | undefined): Map<string, Look> {
  const looks = new Map<string, Look>()
  for (const name of names ?? listDirectory(paths.runServers).sort()) {
    const run = readRun(paths, name)
    if (run.kind !== 'alive') continue
    looks.set(name, {sample: takeSample(guestGroup(run.state)), supervisor: run.state.supervisor})
  }
  return looks
}

function report(earlier: ReadonlyMap<string, Look>, later: ReadonlyMap<string, Look>): TopReport {
  const servers = [...later].map(([name, {sample, supervisor}]): TopRow => {
    const before = earlier.get(name)
    const same = before?.supervisor === supervisor
    const {cpuLimit, memory, memoryLimit, pids, pidsLimit, pressure} = sample
    return {
      name,
      ...ratesBetween(same ? before.sample : undefined, sample),
      cpuLimit,
      memory,
      memoryLimit,
      pids,
      pidsLimit,
      pressure,
    }
  })
  return {time: isoTime(Date.now() / 1000), servers}
}

/** Sorts rows: the largest first, names from a to z. What can't be told comes last. */
export function sortTop(rows: readonly TopRow[], order: TopOrder): TopRow[] {
  const weight = (row: TopRow): number => {
    if (order === 'cpu') return row.cpuPercent ?? -1
    if (order === 'memory') return row.memory ?? -1
    if (order === 'pids') return row.pids ?? -1
    if (order === 'io') return (row.ioReadBytesPerSecond ?? -1) + (row.ioWriteBytesPerSecond ?? -1)
    return 0
  }
  return rows.toSorted((a, b) => weight(b) - weight(a) || (a.name < b.name ? -1 : 1))
}

/** False when `signal` ended the wait. */
async function waited(milliseconds: number, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await sleep(milliseconds, undefined, {signal})
    return true
  } catch (error) {
    if (signal?.aborted) return false
    throw error
  }
}
