import {type Definition, formatCpuList} from '../definition/index.ts'
import {readCpuList} from './cpu-list.ts'
import type {CpuAssignment} from './desired-cpu.ts'
import type {ResourceFacts} from './facts.ts'

/** What a running server has of the CPUs. */
export interface CpuClaim {
  /** The CPUs that it may use; empty for all. */
  readonly cpus: readonly number[]
  /**
   * `dedicated`: nobody else may use them. `pinned`: exactly these, the definition names them. `cores`: so many, any.
   * `shared`: all that are left.
   */
  readonly kind: 'dedicated' | 'pinned' | 'cores' | 'shared'
}

/** No CPUs are left for what is asked. */
export class NoCpus extends Error {}

type CpuHost = Pick<ResourceFacts, 'cpus' | 'nodes'>
type CpuWish = Pick<Definition['resources']['cpu'], 'cores' | 'cpus' | 'dedicated'>

/**
 * Chooses CPUs for a server beside those that run. Pure.
 * @param own what it has already, when it runs: of that it keeps as much as it may
 * @throws NoCpus when they are not there
 */
export function assignCpus(
  wish: CpuWish,
  host: CpuHost,
  others: readonly CpuClaim[],
  own: CpuClaim = {kind: 'cores', cpus: []},
): CpuAssignment {
  const shared = sharedCpus(host, others)
  if (wish.dedicated !== null) return dedicate(wish.dedicated, shared, host, others)
  if (wish.cpus !== null) return pin(wish.cpus, others)
  if (wish.cores !== null) {
    if (shared.length < wish.cores)
      throw new NoCpus(`${count(shared.length)} left, all others are dedicated to other servers`)
    return {cpus: reassigned({...own, kind: 'cores'}, wish, host, others), mems: null}
  }
  return {cpus: shared.length < host.cpus.length ? formatCpuList(shared) : null, mems: null}
}

/** The CPUs that nobody has for itself. */
export function sharedCpus({cpus}: Pick<CpuHost, 'cpus'>, others: readonly CpuClaim[]): number[] {
  const taken = new Set(others.filter(({kind}) => kind === 'dedicated').flatMap(claim => claim.cpus))
  return cpus.filter(cpu => !taken.has(cpu))
}

/**
 * What a running server is to have after others came or went: what it has already stays its, as far as it is shared still.
 * The list as cpuset.cpus takes it; empty if it was. (Once it has been narrowed the kernel does not let it be empty again, as
 * long as there are processes: then all are named.)
 */
export function reassigned(
  claim: CpuClaim,
  wish: CpuWish,
  host: CpuHost,
  others: readonly CpuClaim[],
): string {
  if (claim.kind === 'dedicated' || claim.kind === 'pinned') return formatCpuList(claim.cpus)
  const shared = sharedCpus(host, others)
  if (claim.kind === 'shared' || wish.cores === null)
    return shared.length < host.cpus.length || claim.cpus.length > 0 ? formatCpuList(shared) : ''
  const kept = claim.cpus.filter(cpu => shared.includes(cpu)).slice(0, wish.cores)
  const free = shared.filter(cpu => !kept.includes(cpu))
  const more = Math.min(wish.cores - kept.length, free.length)
  return formatCpuList([...kept, ...pick(free, more, host, others)])
}

function dedicate(
  wanted: number,
  shared: readonly number[],
  host: CpuHost,
  others: readonly CpuClaim[],
): CpuAssignment {
  const pinned = new Set(others.filter(({kind}) => kind === 'pinned').flatMap(claim => claim.cpus))
  const free = shared.filter(cpu => !pinned.has(cpu))
  if (free.length < wanted) throw new NoCpus(`${count(free.length)} left that no other server has`)
  if (shared.length - wanted < 1) throw new NoCpus('one CPU must stay for all others')
  const chosen = pick(free, wanted, host, others)
  const [node, ...more] = host.nodes.filter(({cpus}) => chosen.some(cpu => cpus.includes(cpu)))
  const isOneOfMany = node !== undefined && more.length === 0 && host.nodes.length > 1
  return {cpus: formatCpuList(chosen), mems: isOneOfMany ? String(node.node) : null}
}

function pin(list: string, others: readonly CpuClaim[]): CpuAssignment {
  const cpus = readCpuList(list)
  const taken = others.filter(({kind}) => kind === 'dedicated').flatMap(claim => claim.cpus)
  const both = cpus.filter(cpu => taken.includes(cpu))
  if (both.length > 0) throw new NoCpus(`another server has CPU ${formatCpuList(both)} for itself alone`)
  return {cpus: formatCpuList(cpus), mems: null}
}

/**
 * The `wanted` CPUs of `free` that the fewest servers are on; of one node if one has so many. Of several such nodes the
 * quietest, of equals the one with the least to spare, so that large wishes find room later.
 */
function pick(
  free: readonly number[],
  wanted: number,
  {nodes}: CpuHost,
  others: readonly CpuClaim[],
): number[] {
  const load = (cpu: number): number =>
    others.filter(({kind, cpus}) => kind !== 'shared' && cpus.includes(cpu)).length
  const quietest = (cpus: readonly number[]): number[] =>
    cpus.toSorted((a, b) => load(a) - load(b) || a - b).slice(0, wanted)
  const fitting = nodes
    .map(({cpus}) => free.filter(cpu => cpus.includes(cpu)))
    .filter(cpus => cpus.length >= wanted)
    .map(cpus => ({chosen: quietest(cpus), room: cpus.length}))
    .map(choice => ({...choice, load: choice.chosen.reduce((sum, cpu) => sum + load(cpu), 0)}))
    .toSorted((a, b) => a.load - b.load || a.room - b.room)
  return fitting[0]?.chosen ?? quietest(free)
}

function count(cpus: number): string {
  return cpus === 0 ? 'no CPU is' : cpus === 1 ? 'only 1 CPU is' : `only ${cpus} CPUs are`
}
