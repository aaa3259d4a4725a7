/*
 * Published ports as text: `8080:80/tcp`, `[2001:db8::1]:443:443`, `20000-20100:20000-20100/udp`.
 */
import {embedded, formatAddress, parseAddress, specialOf} from '../ip.ts'
import {type Read, spelled} from './kinds.ts'
import {formatPorts, MAX_PORT, type PortRange, readPorts} from './ports.ts'
import {quote} from './words.ts'

/** A port of the host, or a range of `count` ports, that leads to a port of the server. */
export interface Publish {
  /** The address of the host, in its one spelling; null: all of them, IPv4 and IPv6. */
  address: string | null
  hostPort: number
  guestPort: number
  /** How many ports in a row, from both on. */
  count: number
  protocol: 'tcp' | 'udp'
}

const EXPECTED = 'HOST-PORT:PORT, perhaps with an address before and a protocol after it, such as 8080:80/tcp'

export const publish = spelled<Publish>({
  expected: EXPECTED,
  pattern: '^(([0-9.]+|\\[[0-9A-Fa-f:.]+\\]):)?[0-9]+(-[0-9]+)?:[0-9]+(-[0-9]+)?(/(tcp|udp))?$',
  read: readPublish,
  write: writePublish,
  blank: {address: null, hostPort: 0, guestPort: 0, count: 0, protocol: 'tcp'},
})

/** The one spelling of what is published. */
export function writePublish({address, hostPort, guestPort, count, protocol}: Publish): string {
  const ports = (first: number) => formatPorts({first, last: first + count - 1})
  const before = address === null ? '' : `${address.includes(':') ? `[${address}]` : address}:`
  return `${before}${ports(hostPort)}:${ports(guestPort)}/${protocol}`
}

function readPublish(written: string): Read<Publish> {
  const [, ends = '', protocol = 'tcp'] = /^([^/]*)(?:\/(.*))?$/.exec(written) ?? []
  if (protocol !== 'tcp' && protocol !== 'udp') return wrongProtocol(ends, protocol)
  const [, bracketed, inner, plain = ''] = /^(\[([^\]]*)\]:)?(.*)$/.exec(ends) ?? []
  const parts = plain.split(':')
  const [guest = '', host, address] = parts.toReversed()
  const most = bracketed === undefined ? 3 : 2
  if (host === undefined || parts.length > most) return wrongForm(written, parts, protocol)
  const at = readAddress(inner ?? address, `${host}:${guest}`, bracketed !== undefined)
  if ('says' in at) return at
  const from = readPorts(host, 'port of the host')
  if ('says' in from) return from
  const to = readPorts(guest, 'port of the server')
  if ('says' in to) return to
  return together(at.value, from.value, to.value, protocol)
}

function together(
  address: string | null,
  host: PortRange,
  guest: PortRange,
  protocol: Publish['protocol'],
): Read<Publish> {
  const count = lengthOf(host)
  if (count !== lengthOf(guest)) {
    const says = `must have as many ports on both sides, not ${count} (${formatPorts(host)}) and ${lengthOf(guest)} (${formatPorts(guest)})`
    const last = guest.first + count - 1
    return last > MAX_PORT
      ? {says}
      : {says, suggestion: `write ${formatPorts(host)}:${formatPorts({first: guest.first, last})}`}
  }
  return {value: {address, hostPort: host.first, guestPort: guest.first, count, protocol}}
}

function lengthOf({first, last}: PortRange): number {
  return last - first + 1
}

/** Why an address of the host cannot be listened on. */
function readAddress(text: string | undefined, ports: string, isBracketed: boolean): Read<string | null> {
  if (text === undefined) return {value: null}
  const address = parseAddress(text)
  if (!address || isBracketed !== (address.family === 6)) {
    const says = `must have an address of the host before its port, or nothing, not ${quote(text)}`
    if (address) return {says, suggestion: `write ${formatAddress(address)}:${ports}`}
    if (text === 'localhost') return {says, suggestion: `write 127.0.0.1:${ports} or [::1]:${ports}`}
    return /^(\*|)$/.test(text) ? {says, suggestion: `write ${ports} for all addresses`} : {says}
  }
  const special = specialOf(address)
  if (special === undefined || special.name === 'loopback') return {value: formatAddress(address)}
  const says = `must have an address of the host before its port: ${formatAddress(address)} is ${special.says}`
  if (special.name === 'unspecified')
    return {says, suggestion: `write ${ports}: without an address it is all of them, IPv4 and IPv6`}
  if (special.name === 'ipv4-mapped')
    return {says, suggestion: `write ${formatAddress(embedded(address))}:${ports}`}
  return {says}
}

function wrongProtocol(ends: string, protocol: string): Read<Publish> {
  const says = `must have tcp or udp as protocol, not ${quote(protocol)}`
  const lower = protocol.toLowerCase()
  if (lower === 'tcp' || lower === 'udp') return {says, suggestion: `write ${ends}/${lower}`}
  const isBoth = /^(tcp[+,&|]?udp|udp[+,&|]?tcp|both|all|any)$/.test(lower)
  return isBoth ? {says, suggestion: `write two items: ${ends}/tcp and ${ends}/udp`} : {says}
}

function wrongForm(written: string, parts: readonly string[], protocol: string): Read<Publish> {
  const says = `must be ${EXPECTED}, not ${quote(written)}`
  const [host, guest] = parts.slice(-2)
  const address = parseAddress(parts.slice(0, -2).join(':'))
  if (parts.length === 1 && 'value' in readPorts(parts[0] ?? ''))
    return {says, suggestion: `write ${parts[0]}:${parts[0]}/${protocol}`}
  if (address?.family === 6)
    return {
      says,
      suggestion: `write "[${formatAddress(address)}]:${host}:${guest}", with brackets and in quotes`,
    }
  const arrow = /^([0-9-]+)\s*(?:->|=>|=|\s)\s*([0-9-]+)$/.exec(written)
  return arrow ? {says, suggestion: `write ${arrow[1]}:${arrow[2]}`} : {says}
}
