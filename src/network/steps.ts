/*
 * A server's network as steps of its plan: what the supervisor makes before each boot and undoes at the end. Pure.
 */
import type {Definition, Link, Loaded, Path} from '../definition/index.ts'
import type {HostPaths, NetworkConfig} from '../host/index.ts'
import {BITS, type Family, formatAddress, formatPrefix, formatRange} from '../ip.ts'
import type {Grant} from './assign.ts'
import {type LinkGateway, linkGateway} from './gateway.ts'
import {hostInterface, macAddress, type ServerIdentity, tableName} from './identity.ts'
import {elementStep} from './nft/element.ts'
import {bridgeSteps} from './rules/bridge.ts'
import type {LinksOf} from './rules/firewall.ts'
import {rulesSteps, rulesText} from './rules/index.ts'
import type {RulesInput} from './rules/input.ts'
import {LINKS, NAMES, PROJECT_OF, PROJECT_PEERS} from './rules/sets.ts'
import {type NetworkStep, own} from './step.ts'
import type {Classes} from './traffic/sets.ts'
import {trafficSteps} from './traffic/steps.ts'

/** What links are to be like on this host. */
export interface LinkFacts {
  /** Of a link that has `mtu: auto`. */
  readonly mtuOf: (link: Link) => number
  /** `switch`: an interface can be told to forward by itself; see `forwarding.ts`. */
  readonly ipv6: 'none' | 'plain' | 'switch'
}

export interface NetworkInput {
  readonly paths: Pick<HostPaths, 'cgroupName'>
  readonly loaded: Loaded
  readonly server: ServerIdentity
  readonly grants: readonly Grant[]
  /** The number of the server's project. */
  readonly project: number
  /** Where the names of the project are answered, if they are. */
  readonly namesPort: number | null
  readonly gateway: NetworkConfig['gateway']
  /** The gateways that its links have already, by their names: it runs, and its network is about to change. */
  readonly gateways?: ReadonlyMap<string, Partial<LinkGateway>> | undefined
  /** What traffic is counted by. */
  readonly classes: Classes
  readonly facts: LinkFacts
}

/** Without links there are none. */
export function networkSteps(input: NetworkInput): NetworkStep[] {
  const {network} = input.loaded.definition
  if (network.mode !== 'links') return []
  const links = network.links.map((link, index) => new LinkSteps(input, link, index))
  return [
    ...links.flatMap(link => link.elements()),
    ...links.flatMap(link => link.steps()),
    ...rulesSteps(rulesInput(input)),
  ]
}

/** Commands for nft that must have been done before the steps are; see `rulesText`. */
export function networkRules(input: NetworkInput, linksOf: LinksOf): string {
  return rulesText(rulesInput(input), linksOf)
}

function rulesInput({paths, loaded, server, grants, facts}: NetworkInput): RulesInput {
  const {links} = loaded.definition.network
  const routed = links.filter(({mode}) => mode === 'routed').map(({name}) => name)
  const hosts = [...hostInterfaces(paths, server, loaded.definition)].filter(([link]) =>
    routed.includes(link),
  )
  return {
    table: tableName(paths),
    loaded,
    hosts: new Map(hosts),
    grants: grants.filter(({range}) => range.family === 4 || facts.ipv6 !== 'none'),
  }
}

/** The names of the host's ends, by those of the links. */
export function hostInterfaces(
  paths: Pick<HostPaths, 'cgroupName'>,
  server: Pick<ServerIdentity, 'name' | 'slot'>,
  {network}: Pick<Definition, 'network'>,
): Map<string, string> {
  const {mode, links} = network
  if (mode !== 'links') return new Map()
  return new Map(links.map((link, index) => [link.name, hostInterface(paths, server, index)]))
}

/** What the server has as its gateway at one of its routed links. */
export function gatewayOf(
  {gateway, gateways, server}: NetworkInput,
  link: string,
  index: number,
): LinkGateway {
  return {...linkGateway(gateway, server, index), ...gateways?.get(link)}
}

type Setting = readonly [family: 'ipv4' | 'ipv6', name: string, value: string]

/**
 * Settings of the host's end of a link. Those of `all` and `default` are the admin's and may change at any time, so each one that
 * counts is said.
 */
const SETTINGS: readonly Setting[] = [
  ['ipv4', 'forwarding', '1'],
  // Redirects would tell a server about routes of the host, or the host about routes of a server's invention.
  ['ipv4', 'send_redirects', '0'],
  ['ipv4', 'accept_redirects', '0'],
  ['ipv4', 'accept_source_route', '0'],
  // ARP is answered for the gateway alone, which is on the link itself: not for other addresses of the host, nor for other servers'.
  ['ipv4', 'arp_ignore', '1'],
  ['ipv4', 'proxy_arp', '0'],
  // No packet to everybody in a network of the host is handed on there, even where the host does that for others.
  ['ipv4', 'bc_forwarding', '0'],
  // A server's claims of addresses make no entry.
  ['ipv4', 'arp_accept', '0'],
  // The rules' look at the way back is as strict, and counts what it drops; both together let nothing pass if the rules are gone.
  ['ipv4', 'rp_filter', '1'],
  ['ipv6', 'disable_ipv6', '0'],
  // The gateway's address is enough; one that the kernel makes up would have to be looked for first.
  ['ipv6', 'addr_gen_mode', '1'],
  ['ipv6', 'forwarding', '1'],
  // A server is no router for its host.
  ['ipv6', 'accept_ra', '0'],
  ['ipv6', 'accept_redirects', '0'],
  ['ipv6', 'proxy_ndp', '0'],
]

/** In the server, the table of routes of its second link; those of further links follow. */
const FIRST_TABLE = 7001

class LinkSteps {
  readonly #input: NetworkInput
  readonly #link: Link
  readonly #index: number
  readonly #host: string
  readonly #macs: {readonly guest: string; readonly host: string}
  readonly #gateway: LinkGateway

  constructor(input: NetworkInput, link: Link, index: number) {
    this.#input = input
    this.#link = link
    this.#index = index
    this.#host = hostInterface(input.paths, input.server, index)
    this.#gateway = gatewayOf(input, link.name, index)
    const {uuid} = input.server
    this.#macs = {
      guest: link.mac === 'auto' ? macAddress(uuid, link.name, 'guest') : link.mac,
      host: macAddress(uuid, link.name, 'host'),
    }
  }

  /** What the rules must know before the link is there. */
  elements(): NetworkStep[] {
    if (this.#link.mode === 'bridge') return this.#portElements()
    if (this.#link.mode !== 'routed') return []
    const {paths, project, namesPort, loaded, classes} = this.#input
    const table = tableName(paths)
    const origin = loaded.origin(['project'])
    return [
      elementStep(table, LINKS, {key: [this.#host]}, this.#origin('mode')),
      elementStep(table, PROJECT_OF, {key: [this.#host], data: [project]}, origin),
      elementStep(table, PROJECT_PEERS, {key: [project, this.#host]}, origin),
      ...(namesPort === null
        ? []
        : [elementStep(table, NAMES, {key: [this.#host], data: [namesPort]}, origin)]),
      ...trafficSteps(table, this.#host, classes),
    ]
  }

  #portElements(): NetworkStep[] {
    const {addresses} = this.#link
    const port = {host: this.#host, mac: this.#macs.guest, addresses}
    return bridgeSteps(tableName(this.#input.paths), port)
  }

  steps(): NetworkStep[] {
    const {mode} = this.#link
    if (mode === 'bridge') return this.#bridged()
    if (mode === 'macvlan') return [...this.#macvlan(), ...this.#ownAddresses()]
    return mode === 'physical' ? [...this.#physical(), ...this.#ownAddresses()] : this.#routed()
  }

  #routed(): NetworkStep[] {
    const {name} = this.#link
    const {ipv4, ipv6} = this.#gateway
    const {guest, host} = this.#macs
    return [
      this.#step('mode', 'link-veth', name, this.#host, String(this.#mtu()), guest, host),
      ...this.#settings().map(([family, key, value]) => own('host-setting', family, this.#host, key, value)),
      own('host-address', this.#host, `${ipv4}/32`),
      ...(this.#has6 ? [own('host-address', this.#host, `${ipv6}/64`)] : []),
      // Nobody has to ask who is where, and no answer can be forged.
      own('link-neighbour', name, ipv4, host),
      ...(this.#has6 ? [own('link-neighbour', name, ipv6, host)] : []),
      ...this.#grants().flatMap(grant => this.addressSteps(grant)),
      ...this.#routes(),
      ...this.#shape(),
    ]
  }

  /** The bridge's other ports are its world; the host has no part in it by this link. */
  #bridged(): NetworkStep[] {
    const {name, bridge, vlan} = this.#link
    const {guest, host} = this.#macs
    const silent = own('host-setting', 'ipv6', this.#host, 'disable_ipv6', '1')
    return [
      this.#step('bridge', 'link-veth', name, this.#host, String(this.#mtu()), guest, host),
      ...(this.#has6 ? [silent] : []),
      this.#step('bridge', 'bridge-port', this.#host, bridge ?? '', String(vlan ?? 0)),
      ...this.#ownAddresses(),
      ...this.#shape(),
    ]
  }

  #macvlan(): NetworkStep[] {
    const {name, parent} = this.#link
    return [this.#step('parent', 'link-macvlan', name, parent ?? '', String(this.#mtu()), this.#macs.guest)]
  }

  #physical(): NetworkStep[] {
    const {name, parent} = this.#link
    return [this.#step('parent', 'link-physical', name, parent ?? '')]
  }

  /** On a network that is not ours addresses are what the definition says, or what the server asks for itself. */
  #ownAddresses(): NetworkStep[] {
    const {name, addresses, gateway} = this.#link
    return [
      ...addresses.map((address, at) => this.#at(['addresses', at], 'link-address', name, address)),
      ...gateway.flatMap((address, at) => {
        const family = address.includes(':') ? 6 : 4
        if (!this.#isFirstOf(family)) return []
        return [
          this.#at(['gateway', at], 'link-route', name, family === 4 ? '0.0.0.0/0' : '::/0', address, ''),
        ]
      }),
    ]
  }

  #at(key: Path, op: string, ...args: string[]): NetworkStep {
    return {op, arguments: args, origin: this.#origin(...key)}
  }

  /** A ceiling of packets is the rules'. */
  #shape(): NetworkStep[] {
    const {rate} = this.#link
    if (rate.in === null && rate.out === null) return []
    const numbers = [rate.in ?? 0, rate.out ?? 0, rate.burst ?? 0].map(String)
    return [this.#step('rate', 'shape', this.#host, ...numbers)]
  }

  /** A prefix is routed to the server, which does with it what it likes; an address it has. */
  addressSteps({range, key}: Grant): NetworkStep[] {
    const origin = this.#input.loaded.origin(key)
    const step = (op: string, ...args: string[]): NetworkStep => ({op, arguments: args, origin})
    if (range.length < BITS[range.family]) {
      const gateway = this.#source(range.family)
      return [
        step('host-route', this.#host, formatPrefix(range), ...(gateway === undefined ? [] : [gateway])),
      ]
    }
    const text = formatRange(range)
    return [
      step('link-address', this.#link.name, formatPrefix(range)),
      step('host-neighbour', this.#host, text, this.#macs.guest),
      step('host-route', this.#host, formatPrefix(range)),
    ]
  }

  #settings(): readonly Setting[] {
    const {ipv6} = this.#input.facts
    if (ipv6 === 'none') return SETTINGS.filter(([family]) => family === 'ipv4')
    return ipv6 === 'switch' ? [...SETTINGS, ['ipv6', 'force_forwarding', '1']] : SETTINGS
  }

  get #has6(): boolean {
    return this.#input.facts.ipv6 !== 'none'
  }

  /** The way out of the server is the first link that leads to the world in the family. */
  #routes(): NetworkStep[] {
    return [...this.#routesOf(4), ...this.#routesOf(6)]
  }

  #routesOf(family: Family): NetworkStep[] {
    const {ipv4, ipv6} = this.#gateway
    const {name} = this.#link
    const source = this.#source(family)
    if (source === undefined) return []
    const [gateway, all] = family === 4 ? [ipv4, '0.0.0.0/0'] : [ipv6, '::/0']
    const table = this.#isFirstOf(family) ? [] : [String(FIRST_TABLE + this.#index)]
    return [
      ...(family === 4 ? [own('link-route', name, `${gateway}/32`, '', '', ...table)] : []),
      own('link-route', name, all, gateway, source, ...table),
      ...table.flatMap(one => this.#rules(family, one)),
    ]
  }

  /** What comes from an address of another link goes out by that, for only there it passes. */
  #rules(family: Family, table: string): NetworkStep[] {
    return this.#grants()
      .filter(({range}) => range.family === family)
      .map(({range, key}) => ({
        op: 'link-rule',
        arguments: [this.#link.name, formatPrefix(range), table],
        origin: this.#input.loaded.origin(key),
      }))
  }

  #isFirstOf(family: Family): boolean {
    const {grants, loaded} = this.#input
    const first = loaded.definition.network.links.find(link =>
      link.mode === 'routed'
        ? grants.some(grant => grant.link === link.name && isAddress(grant, family))
        : link.gateway.some(address => address.includes(':') === (family === 6)),
    )
    return first === this.#link
  }

  /** The address that connections of the server's come from, unless a program says otherwise. */
  #source(family: Family): string | undefined {
    const first = this.#grants().find(grant => isAddress(grant, family))
    return first === undefined ? undefined : formatAddress(first.range)
  }

  #grants(): readonly Grant[] {
    return this.#allGrants().filter(({link}) => link === this.#link.name)
  }

  #allGrants(): readonly Grant[] {
    return this.#input.grants.filter(({range}) => this.#has6 || range.family === 4)
  }

  #mtu(): number {
    return this.#link.mtu === 'auto' ? this.#input.facts.mtuOf(this.#link) : this.#link.mtu
  }

  #step(key: string, op: string, ...args: string[]): NetworkStep {
    return {op, arguments: args, origin: this.#origin(key)}
  }

  #origin(...key: Path) {
    return this.#input.loaded.origin(['network', 'links', this.#index, ...key])
  }
}

function isAddress({range}: Grant, family: Family): boolean {
  return range.family === family && range.length === BITS[family]
}
