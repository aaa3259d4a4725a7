/*
 * Where a check of health goes to: `80`, `10.77.0.5:80`, `[fd77::5]:80`, `http://localhost:8080/healthz`. Read once to say
 * what is wrong, and again when a plan is made.
 */
import {formatAddress, parseAddress} from '../ip.ts'
import type {Complaint, Read} from './kinds.ts'
import {MAX_PORT} from './ports.ts'
import {quote} from './words.ts'

/** A port inside the server. */
export interface HealthTarget {
  /** The addresses to try, in order. */
  readonly addresses: readonly string[]
  readonly port: number
}

/** What is asked for at a port. */
export interface HealthQuestion extends HealthTarget {
  /** As a `Host:` header has it. */
  readonly host: string
  /** With its query. */
  readonly path: string
}

/** For editors; `readHealthUrl` decides. */
export const URL_PATTERN = '^http://[^/?#@]+([/?][^#]*)?$'

const LOOPBACK = ['127.0.0.1', '::1'] as const

/** The target of `tcp`. A complaint reads on after the key. */
export function readHealthPort(text: string): Read<HealthTarget> {
  const [, bracketed, plain, written = ''] = /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):)?([0-9]+)$/.exec(text) ?? []
  if (written === '')
    return {
      says: `must be a port, perhaps with an address before it, such as 80 or 10.77.0.5:80, not ${quote(text)}`,
    }
  const port = readPort(written)
  if ('says' in port) return port
  const name = bracketed ?? plain
  const addresses = name === undefined ? LOOPBACK : addressesOf(name)
  if (addresses === undefined)
    return {
      says: `must have an IP address or localhost before the port, not ${quote(name ?? '')}`,
      suggestion: `write ${written} for the server itself`,
    }
  return {value: {addresses, port: port.value}}
}

/** The question of `http`. A complaint reads on after the key. */
export function readHealthUrl(text: string): Read<HealthQuestion> {
  if (/^https:/i.test(text))
    return {
      says: 'must start with http://: certificates are not checked here',
      suggestion: `use a command: exec: [curl, -fsS, ${quote(text)}]`,
    }
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.protocol !== 'http:' || !/^http:\/\/[^/]/i.test(text))
    return {says: `must be an address such as http://localhost:80/healthz, not ${quote(text)}`}
  if (url.username !== '' || url.password !== '')
    return {says: 'must not contain a password', suggestion: 'ask for a page that needs none'}
  const port = readPort(url.port === '' ? '80' : url.port)
  if ('says' in port) return port
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const addresses = addressesOf(name)
  if (addresses === undefined)
    return {
      says: `must name localhost or an IP address, not ${quote(name)}`,
      suggestion: `write http://localhost${url.port === '' ? '' : `:${url.port}`}${url.pathname}; for another name use a command: exec: [curl, -fsS, ${quote(text)}]`,
    }
  return {value: {addresses, port: port.value, host: url.host, path: `${url.pathname}${url.search}`}}
}

/** What is wrong with the value of `tcp`. */
export function portCheck(text: string): Complaint | undefined {
  const read = readHealthPort(text)
  return 'says' in read ? read : undefined
}

/** What is wrong with the value of `http`. */
export function healthUrlCheck(text: string): Complaint | undefined {
  const read = readHealthUrl(text)
  return 'says' in read ? read : undefined
}

function readPort(written: string): Read<number> {
  const port = Number(written)
  return port >= 1 && port <= MAX_PORT
    ? {value: port}
    : {says: `must have a port from 1 to ${MAX_PORT}, not ${written}`}
}

function addressesOf(name: string): readonly string[] | undefined {
  if (name.toLowerCase() === 'localhost') return LOOPBACK
  const address = parseAddress(name)
  return address && [formatAddress(address)]
}
