import {
  type Address,
  BITS,
  contains,
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
  parsePrefix,
  parseRange,
} from '../../ip.ts'
import {formatBytes} from '../../units.ts'
import type {Path} from '../problems.ts'
import type {Link} from '../schema.ts'
import type {Rule, Sense} from './rule.ts'

const LINKS: Path = ['network', 'links']

/** What only makes sense with interfaces of its own. */
export const modeHasItsKeys: Rule = ({definition, report}) => {
  const {mode, links, publish, firewall, dns} = definition.network
  if (mode === 'links') return
  const {rules} = firewall
  const given = {
    links: links.length > 0,
    publish: publish.length > 0,
    firewall: firewall.in === 'deny' || firewall.out === 'deny' || rules.length > 0,
    dns: dns.length > 0,
  }
  const why =
    mode === 'none' ? 'loopback is all that the server has' : 'the network of the host is set up on the host'
  for (const [name, isGiven] of Object.entries(given)) {
    if (!isGiven) continue
    const message = `network.${name} has no effect with network: ${mode}: ${why}`
    report('error', ['network', name], message, `write network: {mode: links, ${name}: …}, or remove it`)
  }
}

export const linksAreThere: Rule = ({definition, report}) => {
  const {mode, links} = definition.network
  if (mode !== 'links' || links.length > 0) return
  report(
    'error',
    LINKS,
    'network.links is empty',
    'for no link at all write network: none; left out, there is one',
  )
}

/** The keys that belong to some modes only, and those modes. */
const BELONGS: Readonly<Record<string, readonly Link['mode'][]>> = {
  bridge: ['bridge'],
  vlan: ['bridge'],
  parent: ['macvlan', 'physical'],
  gateway: ['bridge', 'macvlan', 'physical'],
  mac: ['routed', 'bridge', 'macvlan'],
  mtu: ['routed', 'bridge', 'macvlan'],
  rate: ['routed', 'bridge'],
}

const INSTEAD: Readonly<Record<string, string>> = {
  'gateway routed': 'leave it out: the gateway of a routed link is the host',
  'vlan macvlan': 'make an interface of the VLAN on the host and name that as parent, such as eth0.20',
  'vlan routed': 'a routed link is in no network of others',
  'parent routed': 'leave it out: the host routes to where its own routes lead',
  'parent bridge': 'write bridge: for the bridge',
  'bridge routed': 'write mode: bridge',
  'bridge macvlan': 'write parent: for the interface it is on',
  'rate macvlan': 'packets of the link do not pass the host; use routed or bridge for a rate',
  'rate physical': 'the interface belongs to the server alone; use routed or bridge for a rate',
  'mac physical': 'the interface keeps its own; the server may change it',
  'mtu physical': 'the interface keeps its own; the server may change it',
}

export const linkKeysFitTheMode: Rule = ({definition, report}) => {
  for (const [index, link] of definition.network.links.entries()) {
    for (const [name, modes] of Object.entries(BELONGS)) {
      if (modes.includes(link.mode) || !isGiven(link, name)) continue
      const message = `network.links[${index}].${name} is nothing for a link of mode ${link.mode}`
      report('error', [...LINKS, index, name], message, INSTEAD[`${name} ${link.mode}`])
    }
  }
}

function isGiven(link: Link, name: string): boolean {
  if (name === 'rate') return Object.values(link.rate).some(value => value !== null)
  const value: unknown = link[name as keyof Link]
  return Array.isArray(value) ? value.length > 0 : value !== null && value !== 'auto'
}

export const linkHasWhatItIsOn: Rule = ({definition, report, written}) => {
  for (const [index, {mode, bridge, parent}] of definition.network.links.entries()) {
    const [name, value] = mode === 'bridge' ? ['bridge', bridge] : ['parent', parent]
    // A wrong name has been reported by itself.
    if (mode === 'routed' || value !== null || written([...LINKS, index, name])) continue
    const message = `network.links[${index}].${name} is missing: a link of mode ${mode} is on an interface of the host`
    report(
      'error',
      [...LINKS, index, 'mode'],
      message,
      `for example ${name}: ${mode === 'bridge' ? 'br0' : 'eth1'}`,
    )
  }
}

export const linkNamesOnce: Rule = ({definition, report}) => {
  const {links} = definition.network
  const names = links.map(({name}) => name)
  const parents = links.map(({mode, parent}) => (mode === 'physical' ? parent : null))
  const macs = links.map(({mac}) => (mac === 'auto' ? null : mac))
  const checks: readonly (readonly [string, readonly (string | null)[], string])[] = [
    ['name', names, 'is the name of'],
    ['parent', parents, 'is the interface of'],
    ['mac', macs, 'is the address of'],
  ]
  for (const [key, values, is] of checks) {
    for (const [index, value] of values.entries()) {
      if (value === null) continue
      const first = values.indexOf(value)
      if (first === index) continue
      const message = `network.links[${index}].${key} ${value} ${is} network.links[${first}] already`
      report('error', [...LINKS, index, key], message)
    }
  }
}

/* Addresses */

/** An address of a link with the place it is written at. */
interface Written {
  readonly link: number
  readonly index: number
  readonly text: string
  readonly range: Prefix | undefined
  readonly isRouted: boolean
}

function addressesOf(links: readonly Link[]): Written[] {
  return links.flatMap(({mode, addresses}, link) =>
    addresses.map((text, index) => ({
      link,
      index,
      text,
      range: parseRange(text),
      isRouted: mode === 'routed',
    })),
  )
}

const placeOf = ({link, index}: Written): Path => [...LINKS, link, 'addresses', index]
const keyOf = ({link, index}: Written): string => `network.links[${link}].addresses[${index}]`

/** On a routed link a prefix is routed as a whole, on others it says how large the network is. */
export const addressesFitTheMode: Rule = ({definition, report}) => {
  const {links} = definition.network
  for (const one of addressesOf(links)) {
    if (one.text === '') continue
    const mode = links[one.link]?.mode
    const {range} = one
    if (mode === 'routed') {
      const network = range && networkOf(range)
      if (range && network && network.value !== range.value)
        report(
          'error',
          placeOf(one),
          `${keyOf(one)} must be an address or a whole prefix, not ${one.text}`,
          `write ${formatAddress(range)} for the address, or ${formatPrefix(network)} for all of them`,
        )
      else if (range && range.length < 8)
        report('error', placeOf(one), `${keyOf(one)} ${one.text} is more than one server can have`)
    } else if (range === undefined)
      report(
        'error',
        placeOf(one),
        `${keyOf(one)} ${one.text} is nothing for a link of mode ${mode}: addresses of pools are routed`,
        'write an address with the length of its network, such as 192.0.2.10/24',
      )
    else if (parsePrefix(one.text) === undefined)
      report(
        'error',
        placeOf(one),
        `${keyOf(one)} ${one.text} must have the length of its network on a link of mode ${mode}`,
        `write ${one.text}/${range.family === 4 ? 24 : 64} if that is how large it is`,
      )
    else onNetwork(one, range, report)
  }
}

/** The first and the last address of an IPv4 network are nobody's. */
function onNetwork(one: Written, range: Prefix, report: Parameters<Rule>[0]['report']): void {
  const isFirst = isSameAddress(range, firstOf(range))
  const isLast = range.family === 4 && isSameAddress(range, lastOf(range))
  if (range.length > (range.family === 4 ? 30 : 126) || !(isFirst || isLast)) return
  const what = isLast
    ? 'the broadcast address of its network'
    : range.family === 4
      ? 'the network itself, not an address in it'
      : 'the anycast address of the routers of its network (RFC 4291)'
  report('error', placeOf(one), `${keyOf(one)} ${one.text} is ${what}`)
}

export const addressesOnce: Rule = ({definition, report}) => {
  const all = addressesOf(definition.network.links)
  for (const [at, one] of all.entries()) {
    const {range} = one
    const earlier = all.slice(0, at)
    const other = earlier.find(before =>
      range === undefined
        ? one.text !== '' && before.link === one.link && givesSame(before.text, one.text)
        : isClash(before, one),
    )
    if (other === undefined) continue
    const says =
      other.text === one.text
        ? `${keyOf(one)} ${one.text} is ${keyOf(other)} again`
        : range === undefined
          ? `${keyOf(one)} ${one.text} is in ${other.text} of ${keyOf(other)} already`
          : `${keyOf(one)} ${one.text} overlaps ${other.text} of ${keyOf(other)}`
    report('error', placeOf(one), says, 'remove one of them')
  }
}

function givesSame(before: string, text: string): boolean {
  return (
    before === text ||
    (before === 'auto' && /^auto[46]$/.test(text)) ||
    (text === 'auto' && /^auto[46]$/.test(before))
  )
}

/** Of a prefix that is routed to the server, one address may well be its own. On other links a prefix is only a length. */
function isClash(one: Written, other: Written): boolean {
  if (one.range === undefined || other.range === undefined) return false
  if (!(one.isRouted && other.isRouted)) return isSameAddress(one.range, other.range)
  const isWhole = ({family, length}: Prefix): boolean => length < BITS[family]
  return isWhole(one.range) === isWhole(other.range) && overlaps(one.range, other.range)
}

export const gatewaysAreNear: Rule = ({definition, report}) => {
  for (const [at, link] of definition.network.links.entries()) {
    if (link.mode === 'routed') continue
    const seen = new Map<number, string>()
    const ranges = link.addresses.flatMap(text => parsePrefix(text) ?? [])
    for (const [index, text] of link.gateway.entries()) {
      const path = [...LINKS, at, 'gateway', index]
      const key = `network.links[${at}].gateway[${index}]`
      const gateway = parseAddress(text)
      if (!gateway) continue
      const first = seen.get(gateway.family)
      seen.set(gateway.family, text)
      if (first !== undefined)
        report(
          'error',
          path,
          `${key} ${text} is a second gateway of IPv${gateway.family} beside ${first}`,
          'remove one of them',
        )
      else nearGateway({gateway, ranges, key, path, report})
    }
  }
}

interface Near {
  readonly gateway: Address
  readonly ranges: readonly Prefix[]
  readonly key: string
  readonly path: Path
  readonly report: Parameters<Rule>[0]['report']
}

function nearGateway({gateway, ranges, key, path, report}: Near): void {
  const text = formatAddress(gateway)
  const own = ranges.find(range => isSameAddress(range, gateway))
  if (own) report('error', path, `${key} ${text} is the address of the link itself`)
  // Any IPv6 link has a link-local address of its own, which such a gateway is near to.
  else if (contains(LINK_LOCAL, gateway)) return
  else if (!ranges.some(range => contains(networkOf(range), gateway)))
    report(
      'error',
      path,
      `${key} ${text} is in no network of an address of the link`,
      ranges.length > 0
        ? `those are ${ranges.map(range => formatRange(networkOf(range))).join(', ')}`
        : 'write the address of the link too',
    )
}

const LINK_LOCAL: Prefix = {family: 6, value: 0xfe80n << 112n, length: 10}

/** resolv.conf(5): MAXNS. */
const MAX_DNS = 3

export const nameServersAreFew: Rule = ({definition, report}) => {
  const {dns} = definition.network
  for (const [index, text] of dns.entries()) {
    const path = ['network', 'dns', index]
    if (text !== '' && dns.indexOf(text) < index)
      report('warning', path, `network.dns: ${text} is written twice`)
    else if (index === MAX_DNS)
      report(
        'error',
        path,
        `network.dns has ${dns.length} name servers, and programs ask the first ${MAX_DNS} only`,
        'remove some',
      )
  }
}

/* Rates and protection */

export const ratesAreWhole: Rule = ({definition, report}) => {
  for (const [index, {rate, mtu}] of definition.network.links.entries()) {
    if (rate.burst === null) continue
    const path = [...LINKS, index, 'rate', 'burst']
    const key = `network.links[${index}].rate.burst`
    if (rate.in === null && rate.out === null)
      report('error', path, `${key} has no rate to go beyond`, 'set rate.in or rate.out too')
    else if (typeof mtu === 'number' && rate.burst < mtu + ETHERNET)
      report(
        'error',
        path,
        `${key} ${formatBytes(rate.burst)} is less than one packet of ${mtu + ETHERNET} bytes: it would never pass`,
        `write at least ${Math.ceil((mtu + ETHERNET) / 1024)}KiB`,
      )
  }
}

/** The header of a frame, which counts too. */
const ETHERNET = 14

export const unguardedLinks: Rule = ({definition, report}) => {
  const {links, firewall} = definition.network
  for (const [index, {name, mode}] of links.entries()) {
    if (mode === 'macvlan')
      report(
        'recommendation',
        [...LINKS, index, 'mode'],
        `link ${name} of mode macvlan goes past the host: whoever is root in the server can send from any address, and no firewall or rate holds him`,
        'use routed, or only for servers that you trust',
      )
  }
  const isWanted = firewall.in === 'deny' || firewall.out === 'deny' || firewall.rules.length > 0
  if (links.length === 0 || !isWanted) return
  if (links.some(({mode}) => mode === 'routed')) return besideFirewall(links, report)
  report(
    'error',
    ['network', 'firewall'],
    'network.firewall has no link to guard: packets of bridge, macvlan and physical links do not pass its rules',
    'use a link of mode routed',
  )
}

/** Whoever wrote rules for a server may think that they hold for all its links. */
function besideFirewall(links: readonly Link[], report: Sense['report']): void {
  for (const [index, {name, mode}] of links.entries()) {
    if (mode !== 'bridge' && mode !== 'physical') continue
    report(
      'recommendation',
      [...LINKS, index, 'mode'],
      `network.firewall does not guard link ${name}: packets of links of mode ${mode} do not pass its rules`,
      'use routed, or rules of the server’s own',
    )
  }
}
