/*
 * What the host's own network is like, from /proc: files that show each reader its own network namespace (/sys shows that of whoever
 * mounted it).
 */
import {readdirSync, readFileSync} from 'node:fs'
import {errno, Fresh} from '../host/index.ts'
import type {LinkFacts} from './steps.ts'

/** The largest packet, where nothing says so: that of Ethernet. */
const DEFAULT_MTU = 1500

/** Flags of routes, <linux/route.h>. */
const RTF_UP = 1
const RTF_REJECT = 0x200

const knownUplinks = new Fresh<readonly string[]>()

/**
 * The interfaces of the host's default routes, that of IPv4 first, the best metric first. They stand among the routes to all servers,
 * so they are remembered for a moment.
 */
export function uplinks(): readonly string[] {
  return knownUplinks.get('', () => [...new Set([...defaultRoutes4(), ...defaultRoutes6()])])
}

/** The MTU of links of which the definition says nothing. */
function uplinkMtu(): number {
  const [uplink] = uplinks()
  return uplink === undefined ? DEFAULT_MTU : mtuOf(uplink)
}

/** That of IPv6, which the link's own bounds, and which a router may have told to be smaller. */
function mtuOf(name: string): number {
  const text = readText(`/proc/sys/net/ipv6/conf/${name}/mtu`) ?? readText(`/sys/class/net/${name}/mtu`)
  return Number(text ?? DEFAULT_MTU)
}

/** Every interface of the host that has IPv4 or IPv6, `lo` too. */
export function interfaces(): string[] {
  const all = ['ipv4', 'ipv6'].flatMap(family => namesIn(`/proc/sys/net/${family}/conf`))
  return [...new Set(all)].filter(name => name !== 'all' && name !== 'default').sort()
}

/** The facts that a server's links depend on. */
export function linkFacts(): LinkFacts {
  return {
    mtuOf: ({bridge, parent}) => ((bridge ?? parent) === null ? uplinkMtu() : mtuOf(bridge ?? parent ?? '')),
    ipv6: knownIpv6.get('', readIpv6),
  }
}

const knownIpv6 = new Fresh<LinkFacts['ipv6']>()

function readIpv6(): LinkFacts['ipv6'] {
  const settings = namesIn('/proc/sys/net/ipv6/conf/lo')
  if (settings.length === 0) return 'none'
  return settings.includes('force_forwarding') ? 'switch' : 'plain'
}

/** Columns: Iface Destination Gateway Flags RefCnt Use Metric Mask. proc_net_route(5) */
function defaultRoutes4(): string[] {
  return rowsOf('/proc/net/route', /^\S+\s+00000000\s/)
    .map(([name = '', destination, , flags = '0', , , metric = '0', mask]) => ({
      name,
      isDefault: destination === '00000000' && mask === '00000000',
      flags: Number.parseInt(flags, 16),
      metric: Number(metric),
    }))
    .filter(({isDefault, flags}) => isDefault && (flags & RTF_UP) !== 0 && (flags & RTF_REJECT) === 0)
    .sort((a, b) => a.metric - b.metric)
    .map(({name}) => name)
}

/** Columns: destination, its length, source, its length, next hop, metric, references, uses, flags, interface. */
function defaultRoutes6(): string[] {
  return rowsOf('/proc/net/ipv6_route', /^0{32} 00 /)
    .map(([destination = '', length, , , , metric = '0', , , flags = '0', name = '']) => ({
      name,
      isDefault: length === '00' && /^0+$/.test(destination),
      flags: Number.parseInt(flags, 16),
      metric: Number.parseInt(metric, 16),
    }))
    .filter(({isDefault, flags}) => isDefault && (flags & RTF_UP) !== 0 && (flags & RTF_REJECT) === 0)
    .sort((a, b) => a.metric - b.metric)
    .map(({name}) => name)
}

function rowsOf(file: string, wanted: RegExp): string[][] {
  return (readText(file) ?? '')
    .split('\n')
    .filter(line => wanted.test(line))
    .map(line => line.trim().split(/\s+/))
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    throw error
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (errno(error) === 'ENOENT') return []
    throw error
  }
}
