/*
 * The links of servers for lists: from who has which address, and from summaries. No process is looked at.
 */
import type {HostConfig, HostPaths} from '../../host/index.ts'
import {contains, formatRange, parseRange, sizeOf} from '../../ip.ts'
import {type Held, type Holding, hostInterface, listHoldings} from '../../network/index.ts'
import type {Summary} from '../summaries.ts'
import type {LinkView, NetworkAddress, NetworkPool} from '../types.ts'

/** The links that a server has, or is to have at its next start. */
export function linkViews(
  paths: HostPaths,
  name: string,
  {links, slot}: Pick<Summary, 'links' | 'slot'>,
  held: readonly Held[] = [],
): LinkView[] {
  if (links.length === 0) return []
  return links.map(({name: link, mode, addresses}, index) => ({
    name: link,
    mode,
    interface:
      slot === null || mode === 'macvlan' || mode === 'physical'
        ? null
        : hostInterface(paths, {name, slot}, index),
    addresses: [...held.filter(one => one.link === link).map(({text}) => text), ...addresses],
  }))
}

/** Every address that is given, in order. */
export function networkAddresses(paths: HostPaths, {network}: Pick<HostConfig, 'network'>): NetworkAddress[] {
  const pools = poolRanges(network)
  return sorted(listHoldings(paths)).map(({range, server, link}) => ({
    address: formatRange(range),
    server,
    link,
    pool: pools.find(pool => contains(pool.range, range))?.name ?? null,
  }))
}

export function networkPools(paths: HostPaths, {network}: Pick<HostConfig, 'network'>): NetworkPool[] {
  const holdings = listHoldings(paths)
  return poolRanges(network).map(({name, range}) => {
    const pool = network.pools[name]
    const used = holdings
      .filter(held => contains(range, held.range))
      .reduce((sum, held) => sum + sizeOf(held.range), 0n)
    return {
      name,
      range: formatRange(range),
      exclude: pool?.exclude ?? [],
      masquerade: pool?.masquerade === true,
      default: pool?.default === true,
      used: Number(used),
      size: Number(sizeOf(range)),
    }
  })
}

function poolRanges({pools}: HostConfig['network']) {
  return Object.entries(pools).flatMap(([name, {range: text}]) => {
    const range = parseRange(text)
    return range === undefined ? [] : [{name, range}]
  })
}

/** IPv4 first, by number. */
function sorted(holdings: readonly Holding[]): Holding[] {
  return holdings.toSorted(
    ({range: one}, {range: other}) => one.family - other.family || (one.value < other.value ? -1 : 1),
  )
}
