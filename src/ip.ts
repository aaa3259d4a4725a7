/*
 * IP addresses and prefixes: reading, the one way of writing each, and the ranges that are no ordinary addresses. An
 * address is a number with a family, so that comparing, counting and masking are arithmetic. Pure.
 */
import {isIPv4, isIPv6} from 'node:net'

export type Family = 4 | 6

export interface Address {
  readonly family: Family
  readonly value: bigint
}

/** An address with the length of its network; bits beyond the length may be set (`192.0.2.10/24`), see `networkOf`. */
export interface Prefix extends Address {
  readonly length: number
}

/** Bits of an address. */
export const BITS: Readonly<Record<Family, number>> = {4: 32, 6: 128}

/** JSON Schema patterns, for editors; `parseAddress` and `parsePrefix` are the truth. */
export const ADDRESS_PATTERN = '^([0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$'
export const PREFIX_PATTERN = '^([0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)/[0-9]{1,3}$'

/** Reads an address in any spelling of RFC 4291, or four decimal numbers. No brackets, no zone, no leading zeros in IPv4. */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return {family: 4, value: quad(text)}
  return isIPv6(text) && !text.includes('%') ? {family: 6, value: groups(text)} : undefined
}

function quad(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n)
}

function groups(text: string): bigint {
  const [, head = '', tail] = /^(.*?)(?:::(.*))?$/.exec(text) ?? []
  const left = words(head)
  const right = tail === undefined ? [] : words(tail)
  const all = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right]
  return all.reduce((value, word) => (value << 16n) | BigInt(word), 0n)
}

/** 16-bit words; an IPv4 address at the end is two of them. */
function words(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap(part => {
    if (!part.includes('.')) return Number.parseInt(part, 16)
    const value = Number(quad(part))
    return [value >>> 16, value & 0xffff]
  })
}

/** The one spelling of an address: RFC 5952 for IPv6 (lower case, the longest run of zeros as `::`). */
export function formatAddress({family, value}: Address): string {
  if (family === 4) return [...bytesOf(value, 4)].join('.')
  const all = Array.from({length: 8}, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn))
  if (value >> 32n === 0xffffn) return `::ffff:${[...bytesOf(value & 0xffff_ffffn, 4)].join('.')}`
  const hex = all.map(word => word.toString(16))
  const {start, length} = longestZeros(all)
  return length < 2
    ? hex.join(':')
    : `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

/** The first of the longest runs. */
function longestZeros(all: readonly number[]): {start: number; length: number} {
  let best = {start: 0, length: 0}
  for (let start = 0; start < all.length; start++) {
    let end = start
    while (all[end] === 0) end++
    if (end - start > best.length) best = {start, length: end - start}
  }
  return best
}

/** In network order: 4 or 16 bytes. */
export function addressBytes({family, value}: Address): Uint8Array {
  return bytesOf(value, BITS[family] / 8)
}

function bytesOf(value: bigint, count: number): Uint8Array {
  return Uint8Array.from({length: count}, (_, index) =>
    Number((value >> BigInt(8 * (count - 1 - index))) & 0xffn),
  )
}

/** The address of 4 or 16 bytes in network order. */
export function addressOfBytes(bytes: Uint8Array): Address {
  const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  return {family: bytes.length === 4 ? 4 : 6, value}
}

/** Reads `192.0.2.0/24`; an address alone is none. */
export function parsePrefix(text: string): Prefix | undefined {
  const [, before = '', digits = ''] = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text) ?? []
  const address = parseAddress(before)
  const length = Number(digits)
  return address && length <= BITS[address.family] ? {...address, length} : undefined
}

/** Reads a prefix, or an address as the prefix of that one address. */
export function parseRange(text: string): Prefix | undefined {
  const address = parseAddress(text)
  return address ? {...address, length: BITS[address.family]} : parsePrefix(text)
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix)}/${prefix.length}`
}

/** A prefix, or where it is one address only that address. */
export function formatRange(prefix: Prefix): string {
  return prefix.length === BITS[prefix.family] ? formatAddress(prefix) : formatPrefix(prefix)
}

/** How many addresses a prefix holds. */
export function sizeOf({family, length}: Prefix): bigint {
  return 1n << BigInt(BITS[family] - length)
}

/** The prefix without bits beyond its length: `192.0.2.10/24` is of `192.0.2.0/24`. */
export function networkOf(prefix: Prefix): Prefix {
  return {...prefix, value: prefix.value - (prefix.value % sizeOf(prefix))}
}

/** The first address of a prefix; in IPv4 the address of the network itself, where hosts share one. */
export function firstOf(prefix: Prefix): Address {
  return {family: prefix.family, value: networkOf(prefix).value}
}

/** The last address of a prefix; in IPv4 that of a broadcast, where hosts share a network. */
export function lastOf(prefix: Prefix): Address {
  return {family: prefix.family, value: networkOf(prefix).value + sizeOf(prefix) - 1n}
}

/** Whether an address, or all of another prefix, is in a prefix. */
export function contains(prefix: Prefix, other: Address | Prefix): boolean {
  if (prefix.family !== other.family) return false
  const length = 'length' in other ? other.length : BITS[other.family]
  const shift = BigInt(BITS[prefix.family] - prefix.length)
  return length >= prefix.length && prefix.value >> shift === other.value >> shift
}

/** Whether two prefixes share an address: then one is in the other. */
export function overlaps(one: Prefix, other: Prefix): boolean {
  return contains(one, other) || contains(other, one)
}

/** Equal, whatever they were written like. */
export function isSameAddress(one: Address, other: Address): boolean {
  return one.family === other.family && one.value === other.value
}

export type SpecialName =
  | 'unspecified'
  | 'this-network'
  | 'loopback'
  | 'link-local'
  | 'multicast'
  | 'broadcast'
  | 'reserved'
  | 'ipv4-mapped'
  | 'ipv4-compatible'

/** A range whose addresses no server can have (RFC 6890 and the IANA registries it began). */
export interface Special {
  readonly name: SpecialName
  readonly range: Prefix
  /** What such an address is, as in "127.0.0.1 is ...". */
  readonly says: string
}

/** The more special ones first. Private and documentation ranges are ordinary addresses here. */
const SPECIAL = [
  ['unspecified', '0.0.0.0/32', 'the address that stands for none, or for any'],
  ['this-network', '0.0.0.0/8', 'an address that stands for this network and is never sent to (RFC 1122)'],
  ['loopback', '127.0.0.0/8', 'a loopback address, which never leaves its host'],
  ['link-local', '169.254.0.0/16', 'a link-local address, which counts on one link only'],
  ['multicast', '224.0.0.0/4', 'a multicast address'],
  ['broadcast', '255.255.255.255/32', 'the broadcast address'],
  ['reserved', '240.0.0.0/4', 'an address of a reserved range (RFC 1112)'],
  ['unspecified', '::/128', 'the address that stands for none, or for any'],
  ['loopback', '::1/128', 'the loopback address, which never leaves its host'],
  ['ipv4-mapped', '::ffff:0:0/96', 'an IPv4-mapped address, which exists inside of programs only'],
  ['ipv4-compatible', '::/96', 'an IPv4-compatible address, which is no longer used (RFC 4291)'],
  ['link-local', 'fe80::/10', 'a link-local address, which counts on one link only'],
  ['multicast', 'ff00::/8', 'a multicast address'],
] satisfies readonly (readonly [SpecialName, string, string])[]

let specials: readonly Special[] | undefined

/** Read on first use: the patterns that Node reads IPv6 with take 10 ms to compile, and most commands want none of it. */
function specialRanges(): readonly Special[] {
  specials ??= SPECIAL.map(([name, text, says]) => {
    const range = parsePrefix(text)
    if (range === undefined) throw new TypeError(`${text} is no prefix`)
    return {name, range, says}
  })
  return specials
}

/** The special range that an address is of, or that a prefix shares addresses with. */
export function specialOf(other: Address | Prefix): Special | undefined {
  const prefix = 'length' in other ? other : {...other, length: BITS[other.family]}
  return specialRanges().find(({range}) => overlaps(range, prefix))
}

/** The IPv4 address in an IPv4-mapped or IPv4-compatible one. */
export function embedded({value}: Address): Address {
  return {family: 4, value: value & 0xffff_ffffn}
}
