/*
 * Frames of Ethernet and what is in them, byte by byte and with checksums that are right: also those that no kernel would send.
 */
import {addressBytes, parseAddress} from '../../src/ip.ts'

export const BROADCAST = 'ff:ff:ff:ff:ff:ff'

const TYPE = {4: 0x0800, 6: 0x86dd, arp: 0x0806, vlan: 0x8100} as const
export const PROTOCOL = {
  hopByHop: 0,
  icmp: 1,
  ipip: 4,
  tcp: 6,
  udp: 17,
  sixInFour: 41,
  routing: 43,
  fragment: 44,
  gre: 47,
  icmp6: 58,
  destination: 60,
} as const

/** From whom to whom: addresses, or MACs. */
export interface Ends {
  readonly from: string
  readonly to: string
}

export function ethernet({from, to}: Ends, type: number, payload: Buffer): Buffer {
  return Buffer.concat([mac(to), mac(from), u16(type), payload])
}

/** A packet of IP in a frame; the family is in the packet. */
export function frame(ends: Ends, packet: Buffer, vlan?: number): Buffer {
  const type = (packet[0] ?? 0) >> 4 === 4 ? TYPE[4] : TYPE[6]
  if (vlan === undefined) return ethernet(ends, type, packet)
  return ethernet(ends, TYPE.vlan, Buffer.concat([u16(vlan), u16(type), packet]))
}

export interface Packet4 extends Ends {
  readonly protocol: number
  /** Padded to four bytes. */
  readonly options?: Buffer
  readonly id?: number
  /** In units of 8 bytes. */
  readonly offset?: number
  readonly more?: boolean
}

export function ipv4(
  {from, to, protocol, options = Buffer.alloc(0), id = 1, offset = 0, more = false}: Packet4,
  payload: Buffer,
): Buffer {
  const padded = Buffer.concat([options, Buffer.alloc((4 - (options.length % 4)) % 4)])
  const words = 5 + padded.length / 4
  const header = Buffer.concat([
    Buffer.from([0x40 | words, 0]),
    u16(words * 4 + payload.length),
    u16(id),
    u16((more ? 0x2000 : 0) | offset),
    Buffer.from([64, protocol, 0, 0]),
    address(from),
    address(to),
    padded,
  ])
  header.writeUInt16BE(checksum(header), 10)
  return Buffer.concat([header, payload])
}

export interface Packet6 extends Ends {
  readonly next: number
  readonly hops?: number
}

export function ipv6({from, to, next, hops = 64}: Packet6, payload: Buffer): Buffer {
  const head = Buffer.from([0x60, 0, 0, 0, payload.length >> 8, payload.length & 0xff, next, hops])
  return Buffer.concat([head, address(from), address(to), payload])
}

/** A header of IPv6 that stands between, with options that say nothing. */
export function extension(next: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([next, 0, 1, 4, 0, 0, 0, 0]), payload])
}

/** A routing header (RFC 8754) by which the packet is to go on to `last`. */
export function routing(next: number, last: string, here: string, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([next, 4, 4, 1, 1, 0, 0, 0]), address(last), address(here), payload])
}

/** A fragment header of IPv6; the offset in units of 8 bytes. */
export function fragment6(next: number, offset: number, more: boolean, payload: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from([next, 0]),
    u16((offset << 3) | (more ? 1 : 0)),
    Buffer.from([0, 0, 0, 7]),
    payload,
  ])
}

/** Whether it is TCP, UDP or ICMP of either family, `ends` are of the packet that it will be in. */
export function udp(ends: Ends, ports: readonly [from: number, to: number], text: string): Buffer {
  const data = Buffer.from(text)
  const head = Buffer.concat([u16(ports[0]), u16(ports[1]), u16(8 + data.length), u16(0)])
  return summed(ends, PROTOCOL.udp, Buffer.concat([head, data]), 6)
}

/** The first packet of a connection, with data in it already. */
export function tcpSyn(ends: Ends, ports: readonly [from: number, to: number], text: string): Buffer {
  const numbers = Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0x20, 0, 0, 0, 0, 0])
  const segment = Buffer.concat([u16(ports[0]), u16(ports[1]), numbers, Buffer.from(text)])
  return summed(ends, PROTOCOL.tcp, segment, 16)
}

export function icmp(type: number, code: number, body: Buffer): Buffer {
  const message = Buffer.concat([Buffer.from([type, code, 0, 0]), body])
  message.writeUInt16BE(checksum(message), 2)
  return message
}

export function icmp6(ends: Ends, type: number, body: Buffer): Buffer {
  return summed(ends, PROTOCOL.icmp6, Buffer.concat([Buffer.from([type, 0, 0, 0]), body]), 2)
}

/** Identifier, sequence number and text of an echo request. */
export function echo(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x76, 0x70, 0, 1]), Buffer.from(text)])
}

/** A whole packet of UDP, of the family of its addresses. */
export function datagram(ends: Ends, ports: readonly [from: number, to: number], text: string): Buffer {
  return packet(ends, PROTOCOL.udp, udp(ends, ports, text))
}

/** A whole packet of the family of its addresses. */
export function packet(ends: Ends, protocol: number, payload: Buffer, hops?: number): Buffer {
  return ends.from.includes(':')
    ? ipv6({...ends, next: protocol, ...(hops === undefined ? {} : {hops})}, payload)
    : ipv4({...ends, protocol}, payload)
}

export interface Claim {
  readonly mac: string
  readonly address: string
}

/** ARP: 1 asks for `target`, 2 answers it; both claim that `sender` is at its MAC. */
export function arp(operation: 1 | 2, sender: Claim, target: Claim): Buffer {
  return Buffer.concat([
    Buffer.from([0, 1, 8, 0, 6, 4, 0, operation]),
    mac(sender.mac),
    address(sender.address),
    mac(target.mac),
    address(target.address),
  ])
}

export function arpFrame(ends: Ends, message: Buffer): Buffer {
  return ethernet(ends, TYPE.arp, message)
}

/** "`target` is at this MAC, forget what you knew." */
export function neighbourAdvert(ends: Ends, target: string, at: string): Buffer {
  const body = Buffer.concat([Buffer.from([0x20, 0, 0, 0]), address(target), Buffer.from([2, 1]), mac(at)])
  return ipv6({...ends, next: PROTOCOL.icmp6, hops: 255}, icmp6(ends, 136, body))
}

/** "Who has `target`? I am at this MAC." */
export function neighbourSolicit(ends: Ends, target: string, at: string): Buffer {
  const body = Buffer.concat([Buffer.alloc(4), address(target), Buffer.from([1, 1]), mac(at)])
  return ipv6({...ends, next: PROTOCOL.icmp6, hops: 255}, icmp6(ends, 135, body))
}

/** The message of a router that offers itself for everything, with a prefix to make addresses of. */
export function routerAdvert(ends: Ends, prefix: string): Buffer {
  const lifetimes = Buffer.from([64, 0, 0x07, 8, 0, 0, 0, 0, 0, 0, 0, 0])
  const option = Buffer.from([3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0])
  return icmp6(ends, 134, Buffer.concat([lifetimes, option, address(prefix)]))
}

export function address(text: string): Buffer {
  const parsed = parseAddress(text)
  if (parsed === undefined) throw new TypeError(`${text} is no address`)
  return Buffer.from(addressBytes(parsed))
}

export function mac(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex')
}

function u16(value: number): Buffer {
  return Buffer.from([(value >> 8) & 0xff, value & 0xff])
}

/** With its checksum at `place`, which goes over the addresses too. */
function summed({from, to}: Ends, protocol: number, segment: Buffer, place: number): Buffer {
  const tail = Buffer.from([0, 0, segment.length >> 8, segment.length & 0xff, 0, 0, 0, protocol])
  const sum = checksum(Buffer.concat([address(from), address(to), tail, segment]))
  segment.writeUInt16BE(sum === 0 && protocol === PROTOCOL.udp ? 0xffff : sum, place)
  return segment
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
