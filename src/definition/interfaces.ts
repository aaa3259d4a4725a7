/*
 * Checks of single values of a link: names of interfaces, addresses, MAC addresses, rates.
 */
import {contains, embedded, formatAddress, formatRange, parseAddress, parseRange, specialOf} from '../ip.ts'
import {type BitsPerSecond, formatRate, parseBytes, parseRate} from '../units.ts'
import {type Complaint, type Read, spelled} from './kinds.ts'
import {NAME_PATTERN} from './names.ts'
import {quote} from './words.ts'

/** IFNAMSIZ of Linux without the final NUL. */
const MAX_INTERFACE = 15
export const INTERFACE_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$'

/** `lo` is there already; the others are directories of /proc/sys/net/ipv4/conf that mean every interface. */
const TAKEN: Readonly<Record<string, string>> = {
  lo: 'lo is the loopback interface, which is always there',
  all: 'the kernel means every interface by all',
  default: 'the kernel means interfaces to come by default',
}

/** Names that the kernel and its settings take without a surprise (`%` is a pattern, `/` and `:` are refused). */
export function interfaceCheck(value: string): Complaint | undefined {
  const taken = Object.hasOwn(TAKEN, value) ? TAKEN[value] : undefined
  if (taken !== undefined) return {says: `must be the name of an interface: ${taken}`}
  if (value.length > MAX_INTERFACE)
    return {
      says: `must be at most ${MAX_INTERFACE} characters long, as the kernel wants it, not ${value.length}`,
    }
  if (new RegExp(INTERFACE_PATTERN).test(value)) return
  return {says: `must be made of letters, digits, dots, dashes and underscores, not ${quote(value)}`}
}

export const ADDRESS_WORDS = ['auto', 'auto4', 'auto6'] as const

const POOL = new RegExp(NAME_PATTERN)

/** Special ranges that a link may not have addresses of; none may. */
export function linkAddressCheck(value: string): Complaint | undefined {
  if ((ADDRESS_WORDS as readonly string[]).includes(value)) return
  const pool = /^pool:(.*)$/.exec(value)?.[1]
  if (pool !== undefined)
    return POOL.test(pool)
      ? undefined
      : {says: `must have the name of a pool after pool:, not ${quote(pool)}`}
  const range = parseRange(value)
  if (!range) return wrongAddress(value)
  const special = specialOf(range)
  if (special) {
    const says = `must be an address that a server can have: ${formatRange(range)} ${contains(special.range, range) ? `is ${special.says}` : `holds ${formatRange(special.range)}`}`
    return special.name === 'ipv4-mapped' && contains(special.range, range)
      ? {says, suggestion: `write ${formatAddress(embedded(range))}`}
      : {says}
  }
  return undefined
}

const ADDRESS_EXPECTED = 'auto, auto4, auto6, pool:NAME, an address or a prefix'

function wrongAddress(value: string): Complaint {
  const says = `must be ${ADDRESS_EXPECTED}, not ${quote(value)}`
  const suggestion = addressHint(value)
  return suggestion === undefined ? {says} : {says, suggestion}
}

function addressHint(value: string): string | undefined {
  if (/^(dhcp|dhcp4|dhcp6|slaac|manual|inet)$/i.test(value))
    return 'for an address that the server asks for itself, use a link of mode bridge or macvlan without addresses'
  if (/^(any|yes|true|pool)$/i.test(value)) return 'write auto'
  if (/^(ipv?4|ipv?6)$/i.test(value)) return `write auto${value.at(-1)}`
  const zone = /^(.+)%/.exec(value)?.[1]
  if (zone !== undefined && linkAddressCheck(zone) === undefined) return `write ${zone} without a zone`
  const bracketed = /^\[(.+)\]$/.exec(value)?.[1]
  if (bracketed !== undefined && parseAddress(bracketed)) return `write ${bracketed} without brackets`
  const parts = /^([0-9]{1,4}(?:\.[0-9]{1,4}){3})(?:\/([0-9.]+))?$/.exec(value)
  if (parts === null) return undefined
  const plain = (parts[1] ?? '').split('.').map(Number)
  if (plain.some(part => part > 255)) return 'the parts of an IPv4 address are numbers from 0 to 255'
  if (parts[2] === undefined) return `write ${plain.join('.')}, without leading zeros`
  const length = lengthOfMask(parts[2])
  return length === undefined
    ? 'the length of an IPv4 prefix is a number from 0 to 32'
    : `write ${plain.join('.')}/${length}`
}

/** `255.255.255.0` is 24. */
function lengthOfMask(mask: string): number | undefined {
  const address = parseAddress(mask)
  if (!address) return undefined
  const bits = address.value.toString(2).padStart(32, '0')
  return /^1*0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined
}

/** One spelling of an address or prefix; words stay as they are. */
export function plainAddress(value: string): string {
  const range = parseRange(value)
  return range ? formatRange(range) : value
}

/** An address to send to: a gateway (which may be link-local) or a name server (which may be on loopback). */
export function targetCheck(also: 'link-local' | 'loopback'): (value: string) => Complaint | undefined {
  return value => {
    const address = parseAddress(value)
    if (!address) {
      const bare = parseAddress(value.replace(/^\[(.*)\].*$/, '$1').replace(/\/.*$/, ''))
      const says = `must be an address, not ${quote(value)}`
      return bare ? {says, suggestion: `write ${formatAddress(bare)}`} : {says}
    }
    const special = specialOf(address)
    if (special === undefined || special.name === also) return undefined
    const says = `must be the address of one host: ${formatAddress(address)} is ${special.says}`
    return special.name === 'ipv4-mapped'
      ? {says, suggestion: `write ${formatAddress(embedded(address))}`}
      : {says}
  }
}

export const MAC_PATTERN = '^(auto|[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5})$'

export function macCheck(value: string): Complaint | undefined {
  if (value === 'auto') return
  if (!new RegExp(MAC_PATTERN).test(value)) {
    const says = `must be auto or six bytes such as 02:00:00:12:34:56, not ${quote(value)}`
    const digits = value.replaceAll(/[.:-]/g, '')
    if (/^[0-9A-Fa-f]{12}$/.test(digits))
      return {says, suggestion: `write ${digits.toLowerCase().match(/../g)?.join(':')}`}
    return /^(random|generate|generated)$/i.test(value) ? {says, suggestion: 'write auto'} : {says}
  }
  const first = Number.parseInt(value.slice(0, 2), 16)
  if (/^[0:]+$/.test(value)) return {says: 'must be the address of one interface: 00:00:00:00:00:00 is none'}
  if ((first & 1) === 0) return
  const single = (first & 0xfe).toString(16).padStart(2, '0')
  return {
    says: `must be the address of one interface: ${value.toLowerCase()} is ${/^(ff|:)+$/i.test(value) ? 'the broadcast address' : 'a multicast address'}`,
    ...(/^(ff|:)+$/i.test(value)
      ? {}
      : {suggestion: `did you mean ${single}${value.slice(2).toLowerCase()}?`}),
  }
}

const RATE_MIN = 8000
const RATE_MAX = 1e12

export const rate = spelled<BitsPerSecond>({
  expected: 'a rate such as 100mbit',
  pattern: '^[0-9]+(\\.[0-9]+)?[kmgt]?bit$',
  read: readRate,
  write: formatRate,
  blank: RATE_MIN,
})

function readRate(written: string): Read<BitsPerSecond> {
  const value = parseRate(written)
  if (value !== undefined && value >= RATE_MIN && value <= RATE_MAX) return {value}
  if (value !== undefined)
    return {says: `must be from ${formatRate(RATE_MIN)} to ${formatRate(RATE_MAX)}, not ${formatRate(value)}`}
  const says = `must be a rate such as 100mbit, not ${quote(written)}`
  const suggestion = rateHint(written.trim())
  return suggestion === undefined ? {says} : {says, suggestion}
}

/** Bits or bytes: what others write decides by the case of a letter, or not at all. */
function rateHint(written: string): string | undefined {
  const [, number = '', prefix = '', unit = ''] =
    /^([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(i?b?(?:it|its|yte|ytes)?(?:ps|\/s|\/sec)?)$/i.exec(written) ?? []
  if (number === '') return undefined
  const letter = prefix.toLowerCase()
  const bits = `${number}${letter}bit`
  if (parseRate(bits) === undefined) return 'it must be a whole number of bits'
  if (/^bits?/i.test(unit)) return `write ${bits}`
  // In tc(8) mbps are megabytes, elsewhere megabits: ask.
  if (/^bps$/i.test(unit) && prefix !== '') {
    const bytes = parseRate(`${Number(number) * 8}${letter}bit`)
    return `a rate counts bits: write ${number}${letter}bit${bytes === undefined ? '' : `, or for bytes ${formatRate(bytes)}`}`
  }
  const amount = parseBytes(
    `${number}${prefix === '' ? 'B' : unit.startsWith('i') ? `${prefix.toUpperCase()}iB` : `${letter === 'k' ? 'k' : prefix.toUpperCase()}B`}`,
  )
  const isBytes = /^i?b(yte|ytes)?(ps|\/s|\/sec)?$/i.test(unit) && amount !== undefined
  if (isBytes) return `a rate counts bits, not bytes: write ${formatRate(amount * 8)}`
  return prefix === '' ? `say the unit: ${number}mbit` : `write ${number}${letter}bit`
}
