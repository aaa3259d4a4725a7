/*
 * Whether a host can hold the servers that are to be there, before the first of them is made.
 */
import {type Definition, parseDefinition, requireValid} from '../../definition/index.ts'
import {
  conflicts,
  foreignIdRanges,
  type HostConfig,
  type HostPaths,
  listIdSlots,
  slotCount,
  slotRange,
} from '../../host/index.ts'
import {formatRange, parseRange, sizeOf} from '../../ip.ts'
import {listHoldings} from '../../network/index.ts'
import {compareCapacity, hostCapacity} from '../../resources/capacity/index.ts'
import {type CreatedServer, createdServers} from '../../server/index.ts'
import {addressesWanted, type CountedServer, type ServerToFit, sumOf} from './demand.ts'
import {readDisk, readGroups, readKernelFacts} from './facts.ts'
import {kernelRows} from './kernel.ts'
import {type FitRow, row} from './row.ts'

interface Host {
  readonly paths: HostPaths
  readonly config: HostConfig
}

export interface FitOptions {
  /** Servers that there are now and that will be gone. */
  readonly removed?: readonly string[] | undefined
}

/**
 * Adds up what all servers need: those that are `planned`, and those that are there and neither planned nor `removed`; all of them
 * running. Changes nothing.
 * @returns a row for each thing, those first that do not fit
 */
export async function checkFit(
  host: Host,
  planned: readonly ServerToFit[],
  {removed = []}: FitOptions = {},
): Promise<FitRow[]> {
  const known = new Map(planned.map(({name, definition}) => [name, definition]))
  const {servers: present} = await createdServers(host.paths, known)
  return await fitOf(host, counted(planned, present, removed))
}

/** The same for `count` servers in all, of which those that are not there yet have a definition without limits. */
export async function checkFitOf(host: Host, count: number): Promise<FitRow[]> {
  const {servers: present} = await createdServers(host.paths)
  const missing = Math.max(0, count - present.length)
  const planned = Array.from({length: missing}, (_, index) => ({
    name: `.${index}`, // no server can have this name
    definition: usualDefinition(),
  }))
  return await fitOf(host, counted(planned, present, []))
}

/** A Debian with the network that a server has when nothing is said. */
function usualDefinition(): Definition {
  const file = 'a usual server'
  return requireValid(parseDefinition('name: usual\ntemplate: debian\n', {file, name: 'usual'}))
}

function counted(
  planned: readonly ServerToFit[],
  present: readonly CreatedServer[],
  removed: readonly string[],
): CountedServer[] {
  const now = new Map(present.map(server => [server.name, server]))
  const names = new Set([...planned.map(({name}) => name), ...removed])
  const kept = present.filter(({name}) => !names.has(name))
  return [
    ...planned.map(server => ({
      ...server,
      created: now.has(server.name),
      running: now.get(server.name)?.running === true,
    })),
    ...kept.map(server => ({...server, created: true})),
  ]
}

async function fitOf(host: Host, servers: readonly CountedServer[]): Promise<FitRow[]> {
  const rows = [
    ...(await promiseRows(host.config, servers)),
    ...(await diskRows(host, servers)),
    ...(await idRows(host, servers)),
    ...addressRows(host, servers),
    ...(await groupRows(host, servers)),
    ...kernelRows(servers, await readKernelFacts()),
  ]
  return rows.toSorted((a, b) => Number(a.ok) - Number(b.ok))
}

/** CPUs, memory, swap and processes that limits promise, by the policy of host.yaml. */
async function promiseRows({overcommit}: HostConfig, servers: readonly CountedServer[]): Promise<FitRow[]> {
  const tenants = servers.map(({name, running, definition}) => ({
    name,
    running,
    resources: definition.resources,
  }))
  return compareCapacity(tenants, await hostCapacity(), overcommit).flatMap(found => {
    const {resource, promised, guaranteed, allowed, guaranteedAllowed} = found
    const unit = resource === 'cpus' ? 'CPUs' : resource === 'pids' ? 'number' : 'bytes'
    const key = resource === 'cpus' ? 'cpu' : resource === 'swap' ? 'memory' : resource
    const rows = [
      row(resource, unit, [promised, found.host * allowed], {
        reason: `the sum of the limits; the host's ${resource} times overcommit.${key} (${allowed})`,
        remedy: `lower limits, or raise overcommit.${key} in host.yaml if they need not be kept all at once`,
      }),
    ]
    if (resource !== 'cpus' && resource !== 'memory') return rows
    const what = resource === 'cpus' ? 'dedicated cpus' : 'guaranteed memory'
    const reason = `the sum of what is kept for servers, of ${resource} times ${guaranteedAllowed}`
    const remedy = `lower ${resource === 'cpus' ? 'resources.cpu.dedicated' : 'resources.memory.guarantee'} of servers`
    return [...rows, row(what, unit, [guaranteed, found.host * guaranteedAllowed], {reason, remedy})]
  })
}

/** What a system writes that nobody has logged in to: journal, caches, keys. A plain one writes nothing of the kind. */
const WRITTEN = {system: 32 * 1024 ** 2, plain: 1024 ** 2}
/** Directories and files of a server, those included that a system makes. */
const FILES = {system: 1000, plain: 64}

async function diskRows({paths}: Host, servers: readonly CountedServer[]): Promise<FitRow[]> {
  const fresh = servers.filter(({created}) => !created)
  const logs = fresh.reduce(
    (sum, {definition: {console}}) => sum + console.size * (console.files + 1),
    sumOf(fresh, WRITTEN),
  )
  const {bytes, inodes} = await readDisk(paths.servers)
  const remedy = `free some of the file system of ${paths.var}, or move it to a larger one`
  const each =
    'of each server that is new: its console logs when they are full, and 32 MiB with an init of its own'
  return [
    row('disk', 'bytes', [logs, bytes], {reason: each, remedy}),
    ...(Number.isFinite(inodes)
      ? [
          row('files of the disk', 'number', [sumOf(fresh, FILES), inodes], {
            reason: 'of each server that is new: 1000 with an init of its own, else 64',
            remedy,
          }),
        ]
      : []),
  ]
}

async function idRows({paths, config}: Host, servers: readonly CountedServer[]): Promise<FitRow[]> {
  const [taken, foreign] = await Promise.all([listIdSlots(paths), foreignIdRanges()])
  const theirs = conflicts(config.ids, foreign).reduce((sum, other) => sum + overlapping(config, other), 0)
  const wanted = taken.length + servers.filter(({created}) => !created).length
  return [
    row('id ranges', 'number', [wanted, Math.max(0, slotCount(config) - theirs)], {
      reason: 'one for each server',
      remedy: 'raise ids.count in host.yaml',
    }),
  ]
}

/** How many slots share ids with `other`. */
function overlapping(config: HostConfig, other: {readonly first: number; readonly count: number}): number {
  const {first, count} = slotRange(config, 0)
  const from = Math.max(0, Math.floor((other.first - first) / count))
  const to = Math.min(slotCount(config) - 1, Math.floor((other.first + other.count - 1 - first) / count))
  return Math.max(0, to - from + 1)
}

function addressRows({paths, config: {network}}: Host, servers: readonly CountedServer[]): FitRow[] {
  const pools = Object.entries(network.pools).flatMap(([name, pool]) => {
    const range = parseRange(pool.range)
    return range === undefined ? [] : [{...pool, name, range}]
  })
  const defaults = (family: 4 | 6): string[] =>
    pools.filter(pool => pool.default && pool.range.family === family).map(({name}) => name)
  const wanted = addressesWanted(servers, {4: defaults(4), 6: defaults(6)})
  const holdings = listHoldings(paths)
  return pools.map(({name, range, exclude}) => {
    const used = holdings.filter(held => held.range.family === range.family && isWithin(held.range, range))
    const sum = (ranges: readonly NonNullable<ReturnType<typeof parseRange>>[]): number =>
      Number(ranges.reduce((total, one) => total + sizeOf(one), 0n))
    const gone = exclude.flatMap(text => parseRange(text) ?? [])
    const ends = sizeOf(range) > 2n ? 3 : 0 // the network, its broadcast, and perhaps the gateway
    const there = Math.max(0, Number(sizeOf(range)) - sum(gone) - ends)
    return row(
      `addresses of pool ${name}`,
      'number',
      [sum(used.map(held => held.range)) + (wanted.get(name) ?? 0), there],
      {
        reason: `of ${formatRange(range)}, without what is excluded`,
        remedy: 'add a pool to host.yaml (network.pools), or make this one larger',
      },
    )
  })
}

function isWithin(
  one: {readonly value: bigint},
  pool: {readonly value: bigint; readonly family: 4 | 6; readonly length: number},
): boolean {
  const bits = BigInt((pool.family === 4 ? 32 : 128) - pool.length)
  return one.value >> bits === pool.value >> bits
}

async function groupRows({paths}: Host, servers: readonly CountedServer[]): Promise<FitRow[]> {
  const found = await readGroups(paths)
  if (found === undefined) return []
  const fresh = servers.filter(({running}) => !running)
  const needed = found.present + sumOf(fresh, {system: 64, plain: 3})
  return [
    row('cgroups', 'number', [needed, found.most], {
      reason: 'one for each service of a server: 64 with an init of its own, else 3 (cgroup.max.descendants)',
      remedy: 'raise cgroup.max.descendants of the cgroup that vps is in, or ask who made it',
    }),
  ]
}
