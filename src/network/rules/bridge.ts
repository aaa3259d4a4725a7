/*
 * What a server may do as a port of a bridge: be itself. It sends by its own MAC and, where the definition gives it addresses, from
 * these alone; it claims nobody else's by ARP or neighbour discovery, is no router and no DHCP server for others, and gets no frames
 * that are for others. The rules are in a table of the family `bridge`, which is there once a server has such a link.
 */
import {type Address, addressBytes, addressOfBytes, formatAddress, parseAddress} from '../../ip.ts'
import {elementStep} from '../nft/element.ts'
import type {NetworkStep} from '../step.ts'
import {
  PORT_ADDRESS4,
  PORT_ADDRESS6,
  PORT_ANY,
  PORT_MAC,
  PORT_SETS,
  PORT_TARGET6,
  PORTS,
  setText,
} from './sets.ts'

/** A server's end of a link to a bridge. */
export interface BridgePort {
  /** The host's end, the port. */
  readonly host: string
  /** Of the server's end. */
  readonly mac: string
  /** As the definition has them, with or without a length; none: any that the network gives it. */
  readonly addresses: readonly string[]
}

/** What the port has in the rules, to be there before it is one. */
export function bridgeSteps(table: string, {host, mac, addresses}: BridgePort): NetworkStep[] {
  const known = addresses.flatMap(text => parseAddress(text.replace(/\/.*/, '')) ?? [])
  const own4 = known.filter(({family}) => family === 4)
  const own6 = known.filter(({family}) => family === 6)
  if (own6.length > 0) own6.push(linkLocal(mac))
  const element = (set: typeof PORTS, ...rest: string[]) => elementStep(table, set, {key: [host, ...rest]})
  return [
    element(PORTS),
    element(PORT_MAC, mac),
    ...(known.length === 0 ? [element(PORT_ANY)] : []),
    ...own4.map(address => element(PORT_ADDRESS4, formatAddress(address))),
    ...own6.map(address => element(PORT_ADDRESS6, formatAddress(address))),
    ...own6.map(address => element(PORT_TARGET6, `0x${Buffer.from(addressBytes(address)).toString('hex')}`)),
  ]
}

/** The address that the kernel makes of a MAC. RFC 4291, appendix A */
function linkLocal(mac: string): Address {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map(byte => Number.parseInt(byte, 16))
  return addressOfBytes(Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f))
}

/** Whether these commands for nft are of the table below, too. */
export function speaksOfBridges(rules: string): boolean {
  return rules.includes('add table bridge ')
}

/** Commands for nft that make the table, or make its chains anew; what ports have in it stays. */
export function bridgeText(table: string): string {
  const chains = Object.entries(CHAINS)
  return [
    `add table bridge ${table}`,
    ...[`table bridge ${table} {`, ...PORT_SETS.map(setText), '}'],
    ...chains.map(
      ([name, {hook}]) => `add chain bridge ${table} ${name}${hook === '' ? '' : ` { ${hook} }`}`,
    ),
    ...chains.map(([name]) => `flush chain bridge ${table} ${name}`),
    ...chains.flatMap(([name, {rules}]) => rules.map(rule => `add rule bridge ${table} ${name} ${rule}`)),
    '',
  ].join('\n')
}

/**
 * A host that looks whether its address is free asks from 0.0.0.0 or `::`, and listens to the groups of its addresses. The target of
 * an advertisement is behind 8 bytes of ICMPv6 (RFC 4861, 4.4).
 */
const CHAINS: Readonly<Record<string, {readonly hook: string; readonly rules: readonly string[]}>> = {
  from_port4: {
    hook: '',
    rules: ['iifname . ip saddr != @port_address4 counter drop'],
  },
  from_port_arp: {
    hook: '',
    rules: ['arp saddr ip != 0.0.0.0 iifname . arp saddr ip != @port_address4 counter drop'],
  },
  from_port6: {
    hook: '',
    rules: [
      'ip6 saddr :: icmpv6 type { nd-neighbor-solicit, mld2-listener-report } accept',
      'iifname . ip6 saddr != @port_address6 counter drop',
      'icmpv6 type nd-neighbor-advert iifname . @th,64,128 != @port_target6 counter drop',
    ],
  },
  from_port: {
    hook: '',
    rules: [
      'ether type != { arp, ip, ip6 } counter drop', // no tags of VLANs, no protocol of bridges
      'iifname . ether saddr != @port_mac counter drop',
      'ether type arp iifname . arp saddr ether != @port_mac counter drop',
      'udp sport { 67, 547 } counter drop',
      'icmp type { redirect, router-advertisement } counter drop',
      'icmpv6 type { nd-router-advert, nd-redirect } counter drop',
      'iifname @port_any accept',
      'ether type vmap { arp : goto from_port_arp, ip : goto from_port4, ip6 : goto from_port6 }',
    ],
  },
  prerouting: {
    hook: 'type filter hook prerouting priority dstnat; policy accept;',
    rules: ['iifname @ports goto from_port'],
  },
  postrouting: {
    hook: 'type filter hook postrouting priority srcnat; policy accept;',
    rules: [
      'oifname @ports ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 oifname . ether daddr != @port_mac counter drop',
    ],
  },
}
