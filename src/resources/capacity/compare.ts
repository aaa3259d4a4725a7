import type {Overcommit} from '../../host/index.ts'
import type {HostCapacity} from './host.ts'
import {type Promising, promisesOf, RESOURCES, type ResourceName} from './promises.ts'

/** A server as the comparison sees it. */
export interface Tenant {
  readonly name: string
  readonly running: boolean
  readonly resources: Promising
}

/** One resource of the host and what was promised of it. Bytes, CPUs, numbers of tasks. */
export interface CapacityRow {
  readonly resource: ResourceName
  readonly host: number
  /** The sum of the limits of all servers that have one. */
  readonly promised: number
  /** The sum of what is kept for servers: dedicated CPUs, guaranteed memory. */
  readonly guaranteed: number
  /** What servers that run now have of `promised`. */
  readonly running: number
  /** `promised` by `host`; null when the host has none of it. */
  readonly ratio: number | null
  /** The most that `ratio` may be. */
  readonly allowed: number
  readonly guaranteedRatio: number | null
  /** The most that `guaranteedRatio` may be. */
  readonly guaranteedAllowed: number
  /** The names of servers without a limit: they are in none of the sums. */
  readonly unbounded: readonly string[]
  readonly state: 'ok' | 'over'
}

/** Dedicated CPUs can't be given twice, whatever host.yaml says. */
const ONCE = 1

/** Holds what `tenants` were promised against the host. */
export function compareCapacity(
  tenants: readonly Tenant[],
  host: HostCapacity,
  overcommit: Overcommit,
): CapacityRow[] {
  const promised = tenants.map(({name, running, resources}) => ({
    name,
    running,
    promises: promisesOf(resources),
  }))
  return RESOURCES.map(resource => {
    const each = promised.map(({name, running, promises}) => ({name, running, ...promises[resource]}))
    const sum = (part: (one: (typeof each)[number]) => number): number =>
      each.reduce((total, one) => total + part(one), 0)
    const row = {
      resource,
      host: host[resource],
      promised: rounded(sum(({limit}) => limit ?? 0)),
      guaranteed: sum(({guaranteed}) => guaranteed),
      running: rounded(sum(({running, limit}) => (running ? (limit ?? 0) : 0))),
      ...factors(resource, overcommit),
      // Nobody can take what is not there.
      unbounded: host[resource] === 0 ? [] : each.filter(one => one.limit === null).map(({name}) => name),
    }
    return {
      ...row,
      ratio: ratio(row.promised, row.host),
      guaranteedRatio: ratio(row.guaranteed, row.host),
      state: isOver(row) ? 'over' : 'ok',
    }
  })
}

function factors(
  resource: ResourceName,
  {cpu, memory, guarantee, pids}: Overcommit,
): {allowed: number; guaranteedAllowed: number} {
  const allowed = {cpus: cpu, memory, swap: memory, pids}[resource]
  return {allowed, guaranteedAllowed: resource === 'memory' ? guarantee : ONCE}
}

function isOver(
  row: Pick<CapacityRow, 'host' | 'promised' | 'guaranteed' | 'allowed' | 'guaranteedAllowed'>,
) {
  return row.promised > row.host * row.allowed || row.guaranteed > row.host * row.guaranteedAllowed
}

function ratio(promised: number, host: number): number | null {
  return host === 0 ? null : promised / host
}

/** Sums of hundredths of a CPU without the noise of binary fractions. */
function rounded(value: number): number {
  return Math.round(value * 1e5) / 1e5
}
