/*
 * What a running server's plan has made on the host, and what of it is there. What its root does to his own end of a link is his
 * business, and not looked at.
 */
import {existsSync, readFileSync} from 'node:fs'
import {BITS, formatAddress, formatRange, networkOf, parsePrefix, parseRange} from '../../ip.ts'
import type {NetworkStep} from '../step.ts'
import {ownVlan, portVlans} from '../vlans.ts'
import {run, runJson} from './run.ts'

interface LinkState {
  readonly mac: string
  readonly up: boolean
  readonly kind: string
  /** The bridge that it is a port of, or empty. */
  readonly master: string
}

/** The links of the host with what lies on them, as `ip -j` tells. */
export interface HostLinks {
  readonly links: ReadonlyMap<string, LinkState>
  /** `vps-a 169.254.0.1` */
  readonly addresses: ReadonlySet<string>
  /** `vps-a 10.77.0.2` */
  readonly routes: ReadonlySet<string>
  /** `vps-a 10.77.0.2 02:…` */
  readonly neighbours: ReadonlySet<string>
  /** Links with a queue that holds a rate. */
  readonly shaped: ReadonlySet<string>
  /** By ports: `20 pvid untagged`. Empty where nobody asked. */
  readonly vlans: ReadonlyMap<string, readonly string[]>
  /** Bridges that heed VLANs. */
  readonly filtering: ReadonlySet<string>
}

interface LinkRow {
  readonly ifname: string
  readonly address?: string
  readonly master?: string
  readonly flags: readonly string[]
  readonly linkinfo?: {
    readonly info_kind?: string
    readonly info_data?: {readonly vlan_filtering?: number}
  }
}
interface AddressRow {
  readonly ifname: string
  readonly addr_info: readonly {readonly local: string}[]
}
interface RouteRow {
  readonly dst: string
  readonly dev?: string
}
interface NeighbourRow {
  readonly dst: string
  readonly dev: string
  readonly lladdr?: string
  readonly state: readonly string[]
}
interface QueueRow {
  readonly kind: string
  readonly dev?: string
}

/** @param steps what it will be held against: VLANs are looked at where one has some */
export async function readHostLinks(steps: readonly NetworkStep[]): Promise<HostLinks> {
  const [links, addresses, routes4, routes6, neighbours, queues, vlans] = await Promise.all([
    runJson<LinkRow[]>(['ip', '-j', '-d', 'link']),
    runJson<AddressRow[]>(['ip', '-j', 'address']),
    runJson<RouteRow[]>(['ip', '-j', 'route']),
    runJson<RouteRow[]>(['ip', '-j', '-6', 'route']),
    runJson<NeighbourRow[]>(['ip', '-j', 'neighbour', 'show', 'nud', 'permanent']),
    runJson<QueueRow[]>(['tc', '-j', 'qdisc']).catch(() => []), // it comes with ip, or not at all
    steps.some(step => vlanOf(step) !== undefined) ? portVlans() : new Map<string, readonly string[]>(),
  ])
  return {
    links: new Map(
      links.map(({ifname, address = '', master = '', flags, linkinfo}) => [
        ifname,
        {mac: address, master, up: flags.includes('UP'), kind: linkinfo?.info_kind ?? ''},
      ]),
    ),
    addresses: new Set(
      addresses.flatMap(({ifname, addr_info}) => addr_info.map(({local}) => `${ifname} ${plain(local)}`)),
    ),
    routes: new Set([...routes4, ...routes6].map(({dst, dev = ''}) => `${dev} ${plain(dst)}`)),
    neighbours: new Set(neighbours.map(({dev, dst, lladdr = ''}) => `${dev} ${plain(dst)} ${lladdr}`)),
    shaped: new Set(queues.filter(({kind}) => kind === 'tbf').map(({dev = ''}) => dev)),
    vlans,
    filtering: new Set(
      links.flatMap(({ifname, linkinfo}) => (linkinfo?.info_data?.vlan_filtering === 1 ? [ifname] : [])),
    ),
  }
}

/** The VLAN that a port of a server's is in, if the definition names one. */
export function vlanOf({op, arguments: [, , vlan = '0']}: NetworkStep): string | undefined {
  return op === 'bridge-port' && vlan !== '0' ? vlan : undefined
}

/** The step whose work is gone, and what is so instead. */
export interface Missing {
  readonly step: NetworkStep
  readonly what: string
  /** A link is made by a start alone: the server's own namespace is needed, and all that lies on it. */
  readonly needsRestart: boolean
}

/** Once a link is gone, all that was on it is. */
export function missingSteps(steps: readonly NetworkStep[], host: HostLinks): Missing[] {
  const lost = steps.filter(({op, arguments: [, name = '']}) => op === 'link-veth' && !host.links.has(name))
  const gone = new Set(lost.map(({arguments: [, name = '']}) => name))
  return steps.flatMap(step => {
    const {op, arguments: args} = step
    const on = op === 'link-veth' ? args[1] : op === 'host-setting' ? args[1] : args[0]
    if (op !== 'link-veth' && gone.has(on ?? '')) return []
    const what = whatIsMissing(step, host)
    return what === undefined
      ? []
      : [
          {
            step,
            what,
            needsRestart:
              (op === 'link-veth' && !what.endsWith(' is down')) ||
              (op === 'bridge-port' && !isPort(step, host)),
          },
        ]
  })
}

function whatIsMissing(step: NetworkStep, host: HostLinks): string | undefined {
  const {op, arguments: args} = step
  const [first = '', second = '', third = ''] = args
  if (op === 'link-veth') {
    const link = host.links.get(second)
    if (link === undefined) return `its link ${second} is gone`
    if (link.mac !== args[4]) return `the link ${second} is not the one that was made for it`
    return link.up ? undefined : `its link ${second} is down`
  }
  if (op === 'bridge-port') return wrongPort(step, host)
  if (op === 'host-address') return wrongAddress(first, second, host)
  if (op === 'host-route' && !host.routes.has(`${first} ${plain(second)}`))
    return `there is no route to ${plain(second)} by ${first}`
  if (op === 'host-neighbour' && !host.neighbours.has(`${first} ${plain(second)} ${third}`))
    return `${first} does not know that ${second} is ${third}`
  if (op === 'shape' && third !== '' && second !== '0' && !host.shaped.has(first))
    return `${first} has no rate`
  if (op === 'host-setting') return wrongSetting(args)
  return undefined
}

function isPort({arguments: [port = '', bridge]}: NetworkStep, host: HostLinks): boolean {
  return host.links.get(port)?.master === bridge
}

function wrongPort(step: NetworkStep, host: HostLinks): string | undefined {
  const [port = '', bridge = ''] = step.arguments
  if (!isPort(step, host)) return `${port} is no port of the bridge ${bridge}`
  const vlan = vlanOf(step)
  if (vlan === undefined) return undefined
  if (!host.filtering.has(bridge))
    return `the bridge ${bridge} does not filter VLANs, so that ${port} is in no VLAN`
  const found = host.vlans.get(port) ?? []
  if (found.length === 1 && found[0] === ownVlan(vlan)) return undefined
  return `${port} is in ${found.length === 0 ? 'no VLAN' : `the VLANs ${found.join(', ')}`}, not in ${vlan} alone`
}

/** The network around it is a route. */
function wrongAddress(link: string, text: string, host: HostLinks): string | undefined {
  const address = parsePrefix(text)
  if (address === undefined || !host.addresses.has(`${link} ${formatAddress(address)}`))
    return `${link} lacks the address ${text}`
  const network = formatRange(networkOf(address))
  if (address.length === BITS[address.family] || host.routes.has(`${link} ${network}`)) return undefined
  return `there is no route to ${network} by ${link}`
}

function wrongSetting([family = '', host = '', name = '', value = '']: readonly string[]):
  | string
  | undefined {
  const file = `/proc/sys/net/${family}/conf/${host}/${name}`
  const found = existsSync(file) ? readFileSync(file, 'utf8').trim() : 'not there'
  return found === value ? undefined : `${family} ${name} of ${host} is ${found}, not ${value}`
}

/** Links that look like ours and are no running server's. */
export function strayLinks(prefix: string, steps: readonly NetworkStep[], host: HostLinks): string[] {
  const known = new Set(
    steps.flatMap(({op, arguments: [, name = '']}) =>
      op === 'link-veth' ? [name, name.replace('-', '~')] : [],
    ),
  )
  const prefixes = [prefix, prefix.replace('-', '~')]
  return [...host.links]
    .filter(([name, {kind}]) => ['veth', 'ifb'].includes(kind) && prefixes.some(one => name.startsWith(one)))
    .map(([name]) => name)
    .filter(name => !known.has(name))
}

export async function raiseLink(name: string): Promise<void> {
  await run(['ip', 'link', 'set', name, 'up'])
}

export async function removeLink(name: string): Promise<void> {
  await run(['ip', 'link', 'delete', name])
}

/** `default` and the like stay as they are. */
function plain(text: string): string {
  const range = parseRange(text)
  return range === undefined ? text : formatRange(range)
}
