/*
 * The order of servers: which must be up before which (`after:`), and a scheduler that does something to many of them in that
 * order, as many at once as it may. Pure: what is done is the caller's.
 */
import {ExitCode, VpsError} from '../errors.ts'
import {type Release, Slots} from './slots.ts'

/** A server, as far as order is concerned. */
export interface Ordered {
  readonly name: string
  /** The servers that come before it. Names that are not among those being ordered do not count. */
  readonly after: readonly string[]
}

/** Servers that wait for each other (exit 2). Its message names the way round: in `web → app → web` each comes after the next. */
export class DependencyCycle extends VpsError {
  /** Each server of it once. */
  readonly names: readonly string[]

  constructor(names: readonly string[]) {
    super('DEPENDENCY_CYCLE', `servers wait for each other: ${[...names, names[0]].join(' → ')}`, {
      exitCode: ExitCode.wrongUse,
      suggestions: ['take one of these names out of the `after` of the one before it'],
    })
    this.names = names
  }
}

/** What the work of one server may do with its turn. */
export interface Turn {
  /** Aborted when the whole is. */
  readonly signal: AbortSignal
  /** Lets the next begin though this one goes on: for a wait that costs the host nothing. */
  readonly release: Release
}

export type Outcome<Server, Result> =
  | {readonly server: Server; readonly kind: 'done'; readonly value: Result}
  | {readonly server: Server; readonly kind: 'failed'; readonly error: unknown}
  /** Not begun, as `because`, which it comes after directly or by way of others, failed. */
  | {readonly server: Server; readonly kind: 'skipped'; readonly because: string}
  /** Not begun, as the signal came first. */
  | {readonly server: Server; readonly kind: 'aborted'}

export interface OrderOptions<Server> {
  /** How many are at work at once; default: all whose turn it is. */
  readonly parallel?: number | undefined
  /** Nothing is begun any more once it is aborted; what has begun is waited for. */
  readonly signal?: AbortSignal | undefined
  /** Servers have their turn though one that they come after failed. */
  readonly goOn?: boolean | undefined
  /** Told of each server that is skipped, and which failed one that is because of. */
  readonly onSkip?: ((server: Server, because: string) => void) | undefined
  /** Waited for before a server takes its slot; what it comes after is done then. */
  readonly before?: ((server: Server, signal: AbortSignal) => Promise<void>) | undefined
}

/**
 * Servers in stages: those of a stage come after some of the stage before, and do not depend on each other.
 * @throws DependencyCycle
 */
export function orderOf<Server extends Ordered>(servers: readonly Server[]): Server[][] {
  const before = predecessors(servers)
  const stages: Server[][] = []
  const placed = new Set<string>()
  let left = [...servers]
  while (left.length > 0) {
    const stage = left.filter(({name}) => before.get(name)?.every(other => placed.has(other)))
    if (stage.length === 0)
      throw cycleError(
        left.map(({name}) => name),
        before,
      )
    for (const {name} of stage) placed.add(name)
    stages.push(stage)
    left = left.filter(({name}) => !placed.has(name))
  }
  return stages
}

/** The same servers, where those that wait for each other come after nobody: so that all others still have their order. */
export function untangle<Server extends Ordered>(
  servers: readonly Server[],
): {readonly servers: Server[]; readonly cycles: ReadonlyMap<string, DependencyCycle>} {
  const cycles = new Map<string, DependencyCycle>()
  for (;;) {
    const free = servers.map(server => (cycles.has(server.name) ? {...server, after: []} : server))
    try {
      orderOf(free)
      return {servers: free, cycles}
    } catch (error) {
      if (!(error instanceof DependencyCycle)) throw error
      for (const name of error.names) cycles.set(name, error)
    }
  }
}

/** The same servers the other way round: each comes after those that came after it. For stopping. */
export function reversed<Server extends Ordered>(servers: readonly Server[]): Server[] {
  const followers = new Map<string, string[]>(servers.map(({name}) => [name, []]))
  for (const {name, after} of servers) for (const other of after) followers.get(other)?.push(name)
  return servers.map(server => ({...server, after: followers.get(server.name) ?? []}))
}

/**
 * Does `work` to each server as soon as it is done for all that the server comes after. One that fails keeps those that come
 * after it from their turn, and no others. Returns how each fared, in the order given; it throws for no failure of `work`.
 * @throws DependencyCycle before anything is done
 */
export async function inOrder<Server extends Ordered, Result>(
  servers: readonly Server[],
  work: (server: Server, turn: Turn) => Promise<Result>,
  options: OrderOptions<Server> = {},
): Promise<Outcome<Server, Result>[]> {
  const staged = orderOf(servers).flat()
  const {parallel = Number.POSITIVE_INFINITY, signal = new AbortController().signal} = options
  const slots = new Slots(Math.max(1, parallel))
  const before = predecessors(servers)
  const begun = new Map<string, Promise<Outcome<Server, Result>>>()
  const byName = new Map(servers.map(server => [server.name, server]))

  const outcomeOf = (name: string): Promise<Outcome<Server, Result>> => {
    const known = begun.get(name)
    if (known !== undefined) return known
    const outcome = turnOf(byName.get(name) as Server)
    begun.set(name, outcome)
    return outcome
  }
  const turnOf = async (server: Server): Promise<Outcome<Server, Result>> => {
    const earlier = await Promise.all((before.get(server.name) ?? []).map(outcomeOf))
    const because = options.goOn ? undefined : reasonToSkip(earlier)
    if (because !== undefined) {
      options.onSkip?.(server, because)
      return {server, kind: 'skipped', because}
    }
    return await take(server)
  }
  const take = async (server: Server): Promise<Outcome<Server, Result>> => {
    let release: Release | undefined
    try {
      if (signal.aborted) return {server, kind: 'aborted'}
      await options.before?.(server, signal)
      release = await slots.take()
      if (signal.aborted) return {server, kind: 'aborted'}
      return {server, kind: 'done', value: await work(server, {signal, release})}
    } catch (error) {
      if (release === undefined && signal.aborted) return {server, kind: 'aborted'}
      return {server, kind: 'failed', error}
    } finally {
      release?.()
    }
  }
  for (const {name} of staged) outcomeOf(name) // by stage: a long chain is no deep recursion then
  return await Promise.all(servers.map(({name}) => outcomeOf(name)))
}

/** The one that failed, or was not begun, at the root of it. */
function reasonToSkip(earlier: readonly Outcome<Ordered, unknown>[]): string | undefined {
  for (const outcome of earlier) {
    if (outcome.kind === 'failed') return outcome.server.name
    if (outcome.kind === 'skipped') return outcome.because
  }
  return undefined
}

/** By name, those among the servers that each comes after, each once. */
function predecessors(servers: readonly Ordered[]): Map<string, string[]> {
  const known = new Set(servers.map(({name}) => name))
  return new Map(
    servers.map(({name, after}) => [name, [...new Set(after)].filter(other => known.has(other))]),
  )
}

/** Where it ends that servers wait for each other. */
function cycleError(
  names: readonly string[],
  before: ReadonlyMap<string, readonly string[]>,
): DependencyCycle {
  const left = new Set(names)
  const way: string[] = []
  let here = names[0] ?? ''
  while (!way.includes(here)) {
    way.push(here)
    here = before.get(here)?.find(other => left.has(other)) ?? '' // each of these waits for another: else it would be placed
  }
  return new DependencyCycle(way.slice(way.indexOf(here)))
}
