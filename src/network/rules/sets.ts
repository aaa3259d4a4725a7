/*
 * The sets and maps of the skeleton that servers have elements in. Steps of plans, the text that nft loads and what
 * `vps network check` compares are all made from these.
 */
import type {FieldType} from '../nft/fields.ts'
import {trafficSetNamed} from '../traffic/sets.ts'

export interface SetShape {
  readonly name: string
  readonly key: readonly FieldType[]
  /** Of a map: the types of its values, or `verdict`. */
  readonly data?: readonly FieldType[] | 'verdict'
  /** Keys are ranges. */
  readonly interval?: boolean
  /** Each element counts the packets that it was looked up for. */
  readonly counter?: boolean
  /** Of the table that it is in; without it `inet`. */
  readonly family?: 'bridge'
  /** What its keys are, where that is no type that nft has a name for. */
  readonly typeof?: string
}

const OF_LINK = ['ifname'] as const
const PORT = ['inet_proto', 'inet_service'] as const
const CHAIN_OF_LINK = {key: OF_LINK, data: 'verdict'} as const

/** The host's ends of the links of running servers. */
export const LINKS: SetShape = {name: 'links', key: OF_LINK}
/** The project that a link's server is of, as its number. */
export const PROJECT_OF: SetShape = {name: 'project_of', key: OF_LINK, data: ['mark']}
/** Each project with its links: who may reach whom is one look-up. */
export const PROJECT_PEERS: SetShape = {name: 'project_peers', key: ['mark', 'ifname']}

/** The port of the dnsmasq that queries of a link are led to: its project's. */
export const NAMES: SetShape = {name: 'names', key: OF_LINK, data: ['inet_service']}

/** Ports at one address of the host, and the address and port of the server that they lead to. */
export const PUBLISH4: SetShape = {
  name: 'publish4',
  key: ['ipv4_addr', ...PORT],
  data: ['ipv4_addr', 'inet_service'],
}
export const PUBLISH6: SetShape = {
  name: 'publish6',
  key: ['ipv6_addr', ...PORT],
  data: ['ipv6_addr', 'inet_service'],
}
/** The same at every address that the host has. */
export const PUBLISH4_ANY: SetShape = {name: 'publish4_any', key: PORT, data: ['ipv4_addr', 'inet_service']}
export const PUBLISH6_ANY: SetShape = {name: 'publish6_any', key: PORT, data: ['ipv6_addr', 'inet_service']}
/** Pairs of links of one server: where it comes from and goes to when it uses what it publishes. */
export const HAIRPIN: SetShape = {name: 'hairpin', key: ['ifname', 'ifname']}

/** The chains of a server's own firewall. */
export const RULES_IN: SetShape = {name: 'rules_in', ...CHAIN_OF_LINK}
export const RULES_OUT: SetShape = {name: 'rules_out', ...CHAIN_OF_LINK}

/** Links whose number of connections is not the usual one, and the chains that count theirs. */
export const CONNECTIONS_OWN: SetShape = {name: 'connections_own', key: OF_LINK}
export const CONNECTIONS_IN: SetShape = {name: 'connections_in', ...CHAIN_OF_LINK}
export const CONNECTIONS_OUT: SetShape = {name: 'connections_out', ...CHAIN_OF_LINK}

/** Links with a ceiling of packets per second, and the chains that hold it. */
export const PACKETS_IN: SetShape = {name: 'packets_in', ...CHAIN_OF_LINK}
export const PACKETS_OUT: SetShape = {name: 'packets_out', ...CHAIN_OF_LINK}

/** The ports of bridges that servers have. */
export const PORTS: SetShape = {name: 'ports', family: 'bridge', key: OF_LINK}
export const PORT_MAC: SetShape = {name: 'port_mac', family: 'bridge', key: ['ifname', 'ether_addr']}
/** Ports whose servers get addresses from the network. */
export const PORT_ANY: SetShape = {name: 'port_any', family: 'bridge', key: OF_LINK}
export const PORT_ADDRESS4: SetShape = {
  name: 'port_address4',
  family: 'bridge',
  key: ['ifname', 'ipv4_addr'],
}
export const PORT_ADDRESS6: SetShape = {
  name: 'port_address6',
  family: 'bridge',
  key: ['ifname', 'ipv6_addr'],
}
/** The same addresses, as what a neighbour advertises. */
export const PORT_TARGET6: SetShape = {
  name: 'port_target6',
  family: 'bridge',
  key: ['ifname', 'raw128'],
  typeof: 'iifname . @th,64,128',
}

export const PORT_SETS: readonly SetShape[] = [
  PORTS,
  PORT_MAC,
  PORT_ANY,
  PORT_ADDRESS4,
  PORT_ADDRESS6,
  PORT_TARGET6,
]

/** Those of the table that all servers have in common. */
export const SETS: readonly SetShape[] = [
  LINKS,
  PROJECT_OF,
  PROJECT_PEERS,
  NAMES,
  PUBLISH4,
  PUBLISH6,
  PUBLISH4_ANY,
  PUBLISH6_ANY,
  HAIRPIN,
  RULES_IN,
  RULES_OUT,
  CONNECTIONS_OWN,
  CONNECTIONS_IN,
  CONNECTIONS_OUT,
  PACKETS_IN,
  PACKETS_OUT,
]

const TAG_PREFIX = 'tag-'

/** The links of all running servers with a tag. The set is made with the first of them, or with the first rule that speaks of it. */
export function tagSet(tag: string): SetShape {
  return {name: TAG_PREFIX + tag, key: OF_LINK}
}

/** A set by its name. */
export function setNamed(name: string): SetShape | undefined {
  if (name.startsWith(TAG_PREFIX)) return {name, key: OF_LINK}
  return [...SETS, ...PORT_SETS].find(set => set.name === name) ?? trafficSetNamed(name)
}

/** `map project_of { type ifname : mark; }` */
export function setText({name, key, data, interval, counter, typeof: kind}: SetShape): string {
  const types = kind === undefined ? `type ${key.join(' . ')}` : `typeof ${kind}`
  const value = data === undefined ? '' : ` : ${data === 'verdict' ? data : data.join(' . ')}`
  const more = `${interval ? ' flags interval;' : ''}${counter ? ' counter;' : ''}`
  return `${data === undefined ? 'set' : 'map'} ${name} { ${types}${value};${more} }`
}
