/*
 * Which addresses a server gets: what its definition asks for, what it has already, what others have, and the pools. Pure.
 */
import type {Definition, Path} from '../definition/index.ts'
import type {NetworkConfig, Pool} from '../host/index.ts'
import {
  type Address,
  BITS,
  contains,
  type Family,
  firstOf,
  formatAddress,
  formatPrefix,
  formatRange,
  isSameAddress,
  lastOf,
  networkOf,
  overlaps,
  type Prefix,
  parseAddress,
  parseRange,
  sizeOf,
} from '../ip.ts'
import type {Holding} from './holdings.ts'

/** One address or prefix of a link, and the key that asks for it. */
export interface Grant {
  readonly link: string
  readonly range: Prefix
  readonly key: Path
}

export interface Assignment {
  /** In the order of the definition. */
  readonly grants: readonly Grant[]
  /** To be taken. */
  readonly take: readonly Holding[]
  /** Held by another link of the same server so far. */
  readonly move: readonly Holding[]
  /** No longer asked for. */
  readonly release: readonly Holding[]
  readonly problems: readonly Refusal[]
}

/** Why something that is asked for cannot be had. */
export interface Refusal {
  readonly key: Path
  readonly reason: string
  readonly remedy: string
  /** It is another's, which may change. */
  readonly taken: boolean
}

export interface Surroundings {
  readonly server: string
  readonly config: Pick<NetworkConfig, 'pools' | 'gateway'>
  readonly holdings: readonly Holding[]
  /** Addresses of the host itself. */
  readonly hostAddresses: readonly Address[]
}

type Wish = {readonly link: string; readonly key: Path} & (
  | {readonly kind: 'range'; readonly range: Prefix}
  | {readonly kind: 'pool'; readonly name: string; readonly pool: NamedPool}
  | {readonly kind: 'refused'; readonly reason: string; readonly remedy: string}
)

interface NamedPool extends Omit<Pool, 'range' | 'exclude'> {
  readonly name: string
  readonly range: Prefix
  readonly exclude: readonly Prefix[]
}

export function assignAddresses({network}: Pick<Definition, 'network'>, around: Surroundings): Assignment {
  const {server, holdings} = around
  const pools = poolsOf(around.config)
  const wishes = wishesOf(network, pools)
  const own = holdings.filter(holding => holding.server === server).sort(byAddress)
  const explicit = wishes.flatMap(wish => (wish.kind === 'range' ? [wish.range] : []))
  let free: Free | undefined // mostly everything is there already
  const problems: Refusal[] = []
  const granted: (Grant | undefined)[] = wishes.map(wish => {
    if (wish.kind !== 'range') return undefined
    const refusal = refusalOf(wish.range, wish.key, pools, around)
    if (refusal !== undefined) problems.push(refusal)
    return refusal === undefined ? wish : undefined
  })
  // What was chosen before stays, before anything new is chosen.
  const spare = own.filter(({range}) => !explicit.some(other => isSameRange(other, range)))
  for (const [index, wish] of wishes.entries()) {
    if (wish.kind !== 'pool') continue
    const kept = spare.findIndex(
      ({range, link}) => link === wish.link && isSingle(range) && contains(wish.pool.range, range),
    )
    const [holding] = kept === -1 ? [] : spare.splice(kept, 1)
    if (holding !== undefined) granted[index] = {...wish, range: holding.range}
  }
  for (const [index, wish] of wishes.entries()) {
    if (wish.kind === 'refused') problems.push({...wish, taken: false})
    if (wish.kind !== 'pool' || granted[index] !== undefined) continue
    free ??= new Free(around, explicit)
    const range = free.next(wish.pool)
    if (range === undefined) problems.push(exhausted(wish.pool, wish.key))
    else granted[index] = {...wish, range}
  }
  const grants = granted.flatMap(grant =>
    grant === undefined ? [] : [{link: grant.link, range: grant.range, key: grant.key}],
  )
  const holdingOf = ({range, link}: Grant): Holding => ({range, server, link})
  const present = (grant: Grant) => own.find(({range}) => isSameRange(range, grant.range))
  return {
    grants,
    take: grants.filter(grant => present(grant) === undefined).map(holdingOf),
    move: grants.filter(grant => (present(grant)?.link ?? grant.link) !== grant.link).map(holdingOf),
    release: own.filter(({range}) => !grants.some(grant => isSameRange(grant.range, range))),
    problems,
  }
}

/** The same choice each time, in whatever order they are listed. */
function byAddress({range: one}: Holding, {range: other}: Holding): number {
  return one.family - other.family || (one.value < other.value ? -1 : 1)
}

const parsedPools = new WeakMap<object, NamedPool[]>()

/** Those of one host.yaml are parsed once. */
function poolsOf({pools}: Surroundings['config']): NamedPool[] {
  const known = parsedPools.get(pools) ?? namedPools(pools)
  parsedPools.set(pools, known)
  return known
}

function namedPools(pools: Surroundings['config']['pools']): NamedPool[] {
  return Object.entries(pools).map(([name, {range, exclude, ...rest}]) => ({
    name,
    ...rest,
    range: rangeOf(range),
    exclude: exclude.map(rangeOf),
  }))
}

/** Addresses of links that are not routed are no business of ours: who is on that network decides. */
function wishesOf({mode, links}: Definition['network'], pools: readonly NamedPool[]): Wish[] {
  if (mode !== 'links') return []
  return links.flatMap((link, index) =>
    link.mode === 'routed'
      ? link.addresses.flatMap((text, at) =>
          wishesFor(text, {link: link.name, key: ['network', 'links', index, 'addresses', at]}, pools),
        )
      : [],
  )
}

function wishesFor(text: string, place: {link: string; key: Path}, pools: readonly NamedPool[]): Wish[] {
  const range = parseRange(text)
  if (range !== undefined) return [{...place, kind: 'range', range}]
  const name = /^pool:(.*)$/.exec(text)?.[1]
  const wanted = name === undefined ? defaultPools(text, pools) : pools.filter(pool => pool.name === name)
  if (wanted.length > 0) return wanted.map(pool => ({...place, kind: 'pool', name: pool.name, pool}))
  const family = text === 'auto' ? '' : ` of IPv${text.at(-1)}`
  return [
    {
      ...place,
      kind: 'refused',
      reason: name === undefined ? `no pool${family} is a default one` : `there is no pool ${name}`,
      remedy:
        name === undefined
          ? 'write `default: true` at a pool in host.yaml (network.pools)'
          : `this host has ${pools.map(pool => pool.name).join(', ') || 'none'}; add it to host.yaml (network.pools)`,
    },
  ]
}

function defaultPools(word: string, pools: readonly NamedPool[]): NamedPool[] {
  const family = word === 'auto4' ? 4 : word === 'auto6' ? 6 : undefined
  return pools.filter(pool => pool.default && (family === undefined || pool.range.family === family))
}

/** Why an address that was written cannot be had. */
function refusalOf(
  range: Prefix,
  key: Path,
  pools: readonly NamedPool[],
  {server, config, holdings, hostAddresses}: Surroundings,
): Refusal | undefined {
  const text = formatRange(range)
  const refusal = (reason: string, remedy: string, taken = false): Refusal => ({key, reason, remedy, taken})
  const clash = holdings.find(other => other.server !== server && overlaps(other.range, range))
  if (clash !== undefined) {
    const other = isSameRange(clash.range, range)
      ? text
      : `${text} overlaps ${formatRange(clash.range)}, which`
    return refusal(
      `${other} is server ${clash.server}'s (link ${clash.link})`,
      'take another one, or `auto`; `vps network addresses` shows who has which',
      true,
    )
  }
  if (!isSameRange(networkOf(range), range))
    return refusal(`${text} is not the beginning of its network`, `write ${formatPrefix(networkOf(range))}`)
  const host = hostAddresses.find(address => contains(range, address))
  if (host !== undefined)
    return refusal(`${formatAddress(host)} is an address of the host itself`, 'take another one, or `auto`')
  const gateway = config.gateway.ipv4 // that of IPv6 is link-local, as no server's address is
  if (contains(range, rangeOf(gateway)))
    return refusal(`${gateway} is the gateway of all servers`, 'take another one, or `auto`')
  const pool = pools.find(one => contains(one.range, range))
  if (pool === undefined)
    return refusal(
      `${text} is in no pool of this host`,
      `add one to host.yaml, such as network.pools.public.range: ${formatPrefix(range)}`,
    )
  const excluded = pool.exclude.find(one => overlaps(one, range))
  if (excluded !== undefined)
    return refusal(
      `${formatRange(excluded)} is excluded from pool ${pool.name}`,
      'take another one, or change host.yaml',
    )
  const end = isSingle(range) ? endsOf(pool.range).find(address => isSameAddress(address, range)) : undefined
  if (end !== undefined)
    return refusal(
      `${text} is ${end.value === firstOf(pool.range).value ? 'the address of the network' : 'the broadcast address'} of pool ${pool.name}`,
      'take another one, or `auto`',
    )
  return undefined
}

function exhausted({name, range}: NamedPool, key: Path): Refusal {
  return {
    key,
    reason: `no address of pool ${name} (${formatPrefix(range)}) is free`,
    remedy: 'destroy servers that are no longer needed, or add a pool to host.yaml (network.pools)',
    taken: true,
  }
}

/** The lowest addresses that nobody has. */
class Free {
  readonly #blocked: readonly Prefix[]
  readonly #taken: Readonly<Record<Family, Set<bigint>>> = {4: new Set(), 6: new Set()}

  constructor({config, holdings, hostAddresses}: Surroundings, explicit: readonly Prefix[]) {
    const blocked: Prefix[] = []
    const take = (range: Prefix) => {
      if (isSingle(range)) this.#taken[range.family].add(range.value)
      else blocked.push(range)
    }
    for (const {range} of holdings) take(range)
    for (const range of explicit) take(range)
    for (const {family, value} of hostAddresses) this.#taken[family].add(value)
    take(rangeOf(config.gateway.ipv4))
    this.#blocked = blocked
  }

  next(pool: NamedPool): Prefix | undefined {
    const {family} = pool.range
    const ends = endsOf(pool.range)
    const blocked = [...this.#blocked, ...pool.exclude]
    const last = lastOf(pool.range).value
    const taken = this.#taken[family]
    for (let value = firstOf(pool.range).value; value <= last; value++) {
      if (taken.has(value)) continue // with many servers that is nearly all of them
      const range = asRange({family, value})
      const inside = blocked.find(one => contains(one, range))
      if (inside !== undefined) value = lastOf(inside).value
      else if (!ends.some(end => isSameAddress(end, range))) {
        taken.add(value)
        return range
      }
    }
    return undefined
  }
}

/**
 * What programs take for the network and its broadcast; in IPv6 the first address is that of all its routers (RFC 4291). Not where
 * there are no others.
 */
function endsOf(range: Prefix): Address[] {
  if (sizeOf(range) <= 2n) return []
  return range.family === 4 ? [firstOf(range), lastOf(range)] : [firstOf(range)]
}

function isSingle({family, length}: Prefix): boolean {
  return length === BITS[family]
}

export function isSameRange(one: Prefix, other: Prefix): boolean {
  return isSameAddress(one, other) && one.length === other.length
}

function asRange({family, value}: Address): Prefix {
  return {family, value, length: BITS[family as Family]}
}

/** Of a text that was checked when it was read. */
function rangeOf(text: string): Prefix {
  const range = parseRange(text)
  if (range === undefined) throw new TypeError(`${text} is no address`)
  return range
}

/** Addresses of the host as texts, those that are none left out. */
export function addressesOf(texts: readonly string[]): Address[] {
  return texts.flatMap(text => parseAddress(text.replace(/%.*$/, '')) ?? [])
}
