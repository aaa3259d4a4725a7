/*
 * `network` of `host.yaml`: the pools that servers get addresses from, the gateway they see, where names of the world are
 * asked for, and the classes that traffic is counted by. Everything is checked here, also against each other.
 */
import {
  contains,
  firstOf,
  formatAddress,
  formatPrefix,
  formatRange,
  lastOf,
  networkOf,
  overlaps,
  type Prefix,
  parseAddress,
  parsePrefix,
  parseRange,
  type SpecialName,
  sizeOf,
  specialOf,
} from '../ip.ts'
import {type ConfigMap, isMap, refuseUnknown} from './config-map.ts'

/** Addresses to give to servers. Addresses and prefixes here and below are in their one spelling (`src/ip.ts`). */
export interface Pool {
  /** A prefix. */
  readonly range: string
  /** Addresses and prefixes in it that are never given. */
  readonly exclude: readonly string[]
  /** Whether the world sees an address of the host instead. */
  readonly masquerade: boolean
  /** Whether `auto` takes an address of it. */
  readonly default: boolean
}

export interface NetworkConfig {
  readonly pools: Readonly<Record<string, Pool>>
  /** What servers have as gateway, an address of the host: of IPv4 the same for all, of IPv6 each link's own (`null`) or this one. */
  readonly gateway: {readonly ipv4: string; readonly ipv6: string | null}
  /** Name servers for names of the world; none: those of the host. */
  readonly dns: {readonly upstream: readonly string[]}
  /** Prefixes by the name that their traffic is counted under. */
  readonly classes: Readonly<Record<string, readonly string[]>>
}

export const DEFAULT_NETWORK: NetworkConfig = {
  pools: {
    private: {range: '10.77.0.0/16', exclude: [], masquerade: true, default: true},
    private6: {range: 'fd77:7073:7673::/64', exclude: [], masquerade: true, default: true},
  },
  gateway: {ipv4: '169.254.0.1', ipv6: null},
  dns: {upstream: []},
  classes: {},
}

/** What may be called by an admin: it names a pool or a class. */
const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/

/** Reads the section; what is wrong is added to `problems`, each with its key, and left at its default. */
export function readNetwork(value: unknown, problems: string[]): NetworkConfig {
  const given = mapOf(value, 'network', '{pools: {public: {range: 203.0.113.0/24}}}', problems)
  refuseUnknown(given, Object.keys(DEFAULT_NETWORK), 'network.', problems)
  const pools = readPools(given.pools, problems)
  const gateway = readGateway(given.gateway, problems)
  const dns = mapOf(given.dns, 'network.dns', '{upstream: [192.0.2.53]}', problems)
  refuseUnknown(dns, ['upstream'], 'network.dns.', problems)
  const config = {
    pools,
    gateway,
    dns: {upstream: readUpstream(dns.upstream, problems)},
    classes: readClasses(given.classes, problems),
  }
  poolsApart(config, problems)
  return config
}

function mapOf(value: unknown, key: string, example: string, problems: string[]): ConfigMap {
  if (value === undefined || value === null) return {}
  if (isMap(value)) return value
  problems.push(`${key} must be a map such as ${example}`)
  return {}
}

/** The pools that are there anyway stay, unless they are written: as `null` to have none, or with what is different. */
function readPools(value: unknown, problems: string[]): Record<string, Pool> {
  const pools: Record<string, Pool> = {...DEFAULT_NETWORK.pools}
  const given = mapOf(value, 'network.pools', '{public: {range: 203.0.113.0/24}}', problems)
  for (const [name, pool] of Object.entries(given)) {
    const key = `network.pools.${name}`
    if (!NAME.test(name)) problems.push(`${key}: ${NAME_RULE}`)
    else if (pool === null) delete pools[name]
    else if (!isMap(pool))
      problems.push(`${key} must be a map such as {range: 203.0.113.0/24}, or null for none`)
    else pools[name] = readPool(pool, key, pools[name], problems) ?? BROKEN
  }
  return Object.fromEntries(Object.entries(pools).filter(([, pool]) => pool !== BROKEN))
}

const NAME_RULE =
  'a name must be made of lower-case letters, digits and dashes, at most 63, the first no dash'

/** Stands for a pool that has been complained about. */
const BROKEN: Pool = {range: '', exclude: [], masquerade: false, default: false}

function readPool(
  given: ConfigMap,
  key: string,
  known: Pool | undefined,
  problems: string[],
): Pool | undefined {
  refuseUnknown(given, Object.keys(BROKEN), `${key}.`, problems)
  const range = readPoolRange(given.range ?? known?.range, `${key}.range`, problems)
  if (range === undefined) return undefined
  const flag = (name: 'masquerade' | 'default', otherwise: boolean): boolean => {
    const value = given[name] ?? otherwise
    if (typeof value === 'boolean') return value
    problems.push(`${key}.${name} must be true or false, not ${JSON.stringify(value)}`)
    return otherwise
  }
  const exclude = readPrefixes(given.exclude, `${key}.exclude`, problems)
  for (const one of exclude) {
    if (!contains(range, one))
      problems.push(`${key}.exclude: ${formatRange(one)} is not in ${formatPrefix(range)}`)
  }
  if (usableOf(range) <= excluded(range, exclude))
    problems.push(`${key}.range is too small: nothing of ${formatPrefix(range)} is left to give`)
  return {
    range: formatPrefix(range),
    exclude: exclude.map(formatRange),
    masquerade: flag('masquerade', known?.masquerade ?? isPrivate(range)),
    default: flag('default', known?.default ?? false),
  }
}

function readPoolRange(value: unknown, key: string, problems: string[]): Prefix | undefined {
  const range = typeof value === 'string' ? parsePrefix(value) : undefined
  if (range === undefined) {
    const address = typeof value === 'string' ? parseAddress(value) : undefined
    const hint = address
      ? ` (for this one address: ${formatAddress(address)}/${address.family === 4 ? 32 : 128})`
      : ''
    problems.push(
      value === undefined
        ? `${key} is missing: write a prefix such as 203.0.113.0/24`
        : `${key} must be a prefix such as 203.0.113.0/24, not ${JSON.stringify(value)}${hint}`,
    )
    return undefined
  }
  const network = networkOf(range)
  const special = specialOf(range)
  if (network.value !== range.value)
    problems.push(`${key} must be the beginning of its network: write ${formatPrefix(network)}`)
  else if (special)
    problems.push(
      `${key} ${formatPrefix(range)} ${contains(special.range, range) ? 'is in' : 'holds'} ${formatPrefix(special.range)}: no server can have ${special.says}`,
    )
  else return range
  return undefined
}

/** RFC 1918, RFC 6598 and RFC 4193: the world has no way back to these. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7']

function isPrivate(range: Prefix): boolean {
  return PRIVATE.some(text => contains(prefixOf(text), range))
}

/** Addresses that can be given: in IPv4 not the first and the last, where there are others (programs take them for the network and its broadcast). */
function usableOf(range: Prefix): bigint {
  return range.family === 4 && range.length <= 30 ? sizeOf(range) - 2n : sizeOf(range)
}

/** How many of those are excluded; prefixes are in each other or apart. */
function excluded(range: Prefix, exclude: readonly Prefix[]): bigint {
  const outer = exclude.filter(
    (one, index) =>
      contains(range, one) &&
      !exclude.some(
        (other, at) => at !== index && contains(other, one) && (other.length < one.length || at < index),
      ),
  )
  const ends = range.family === 4 && range.length <= 30 ? [firstOf(range), lastOf(range)] : []
  const endsExcluded = ends.filter(end => outer.some(one => contains(one, end))).length
  return outer.reduce((sum, one) => sum + sizeOf(one), 0n) - BigInt(endsExcluded)
}

/** No address may be in two pools, or be the gateway. */
function poolsApart({pools, gateway}: NetworkConfig, problems: string[]): void {
  const all = Object.entries(pools).map(([name, {range, exclude}]) => ({
    name,
    range: prefixOf(range),
    exclude: exclude.map(prefixOf),
  }))
  for (const [index, one] of all.entries()) {
    for (const other of all.slice(0, index)) {
      if (overlaps(one.range, other.range))
        problems.push(
          `network.pools.${one.name}.range ${formatPrefix(one.range)} overlaps ${formatPrefix(other.range)} of network.pools.${other.name}`,
        )
    }
    for (const [family, text] of Object.entries(gateway)) {
      if (text === null) continue
      const address = prefixOf(text)
      if (contains(one.range, address) && !one.exclude.some(range => contains(range, address)))
        problems.push(
          `network.gateway.${family} ${text} is in ${formatPrefix(one.range)} of network.pools.${one.name}: add it to its exclude`,
        )
    }
  }
}

function readGateway(value: unknown, problems: string[]): NetworkConfig['gateway'] {
  const {ipv4, ipv6} = DEFAULT_NETWORK.gateway
  const given = mapOf(value, 'network.gateway', `{ipv4: ${ipv4}, ipv6: fe80::1}`, problems)
  refuseUnknown(given, ['ipv4', 'ipv6'], 'network.gateway.', problems)
  return {
    ipv4: readAddress(given.ipv4 ?? ipv4, 4, 'network.gateway.ipv4', ['link-local'], problems) ?? ipv4,
    ipv6: readGateway6(given.ipv6 ?? 'auto', problems) ?? ipv6,
  }
}

/** Written, it is on every link, so it must be an address that counts on one link only. */
function readGateway6(value: unknown, problems: string[]): string | undefined {
  const key = 'network.gateway.ipv6'
  if (value === 'auto') return undefined
  const text = readAddress(value, 6, key, ['link-local'], problems)
  if (text === undefined || contains(prefixOf('fe80::/64'), prefixOf(text))) return text
  problems.push(`${key} must be auto, or a link-local address such as fe80::1, not ${text}: it is on links`)
  return undefined
}

function readUpstream(value: unknown, problems: string[]): string[] {
  const key = 'network.dns.upstream'
  return listOf(value, key, '[192.0.2.53, "2001:db8::53"]', problems).flatMap((item, index) => {
    const text = readAddress(item, undefined, `${key}[${index}]`, ['loopback'], problems)
    return text === undefined ? [] : [text]
  })
}

function readAddress(
  value: unknown,
  family: 4 | 6 | undefined,
  key: string,
  allowed: readonly SpecialName[],
  problems: string[],
): string | undefined {
  const address = typeof value === 'string' ? parseAddress(value) : undefined
  const special = address && specialOf(address)
  if (!address || (family !== undefined && address.family !== family))
    problems.push(`${key} must be an ${family ? `IPv${family} ` : ''}address, not ${JSON.stringify(value)}`)
  else if (special && !allowed.includes(special.name))
    problems.push(`${key} must be the address of one host: ${formatAddress(address)} is ${special.says}`)
  else return formatAddress(address)
  return undefined
}

/** Classes that there are anyhow: other servers and the host itself, and all that is in no class. */
const OWN_CLASSES = ['local', 'world']

/** Traffic counts once, so no address may be in two classes. */
function readClasses(value: unknown, problems: string[]): Record<string, string[]> {
  const given = mapOf(value, 'network.classes', '{office: [198.51.100.0/24]}', problems)
  const seen: {name: string; range: Prefix}[] = []
  const classes: Record<string, string[]> = {}
  for (const [name, list] of Object.entries(given)) {
    const key = `network.classes.${name}`
    if (!NAME.test(name)) {
      problems.push(`${key}: ${NAME_RULE}`)
      continue
    }
    if (OWN_CLASSES.includes(name)) {
      problems.push(`${key}: ${name} is what vps itself counts by; choose another name`)
      continue
    }
    const ranges = readPrefixes(list, key, problems)
    for (const range of ranges) {
      const other = seen.find(one => overlaps(one.range, range))
      if (other)
        problems.push(
          `${key}: ${formatRange(range)} overlaps ${formatRange(other.range)} of ${other.name === name ? 'the same class' : `network.classes.${other.name}`}`,
        )
      seen.push({name, range})
    }
    classes[name] = ranges.map(formatRange)
  }
  return classes
}

function readPrefixes(value: unknown, key: string, problems: string[]): Prefix[] {
  return listOf(value, key, '[198.51.100.0/24]', problems).flatMap((item, index) => {
    const range = typeof item === 'string' ? parseRange(item) : undefined
    if (range === undefined)
      problems.push(`${key}[${index}] must be an address or a prefix, not ${JSON.stringify(item)}`)
    else if (networkOf(range).value !== range.value)
      problems.push(
        `${key}[${index}] must be the beginning of its network: write ${formatPrefix(networkOf(range))}`,
      )
    else return [range]
    return []
  })
}

function listOf(value: unknown, key: string, example: string, problems: string[]): unknown[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value
  problems.push(`${key} must be a list such as ${example}`)
  return []
}

/** Of a text that is known to be one. */
function prefixOf(text: string): Prefix {
  const prefix = parseRange(text)
  if (prefix === undefined) throw new TypeError(`${text} is no prefix`)
  return prefix
}
