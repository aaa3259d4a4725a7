/*
 * Published ports as elements: one for each port and family, also of a range. Pure.
 */
import type {Definition} from '../../definition/index.ts'
import {BITS, type Family, formatAddress, type Prefix, parseAddress} from '../../ip.ts'
import {type ElementValue, elementOf, elementStep} from '../nft/element.ts'
import {type NetworkStep, own} from '../step.ts'
import type {RulesInput} from './input.ts'
import {HAIRPIN, PUBLISH4, PUBLISH4_ANY, PUBLISH6, PUBLISH6_ANY} from './sets.ts'

type Publish = Definition['network']['publish'][number]

/** Where published ports of a family lead to. */
interface Target {
  readonly family: Family
  /** The link's end on the host. */
  readonly host: string
  readonly address: string
}

export function publishSteps(input: RulesInput): NetworkStep[] {
  const {publish} = input.loaded.definition.network
  if (publish.length === 0) return []
  const targets = ([4, 6] as const).flatMap(family => targetOf(input, family) ?? [])
  return [
    ...targets.flatMap(target => localhost(target, publish)),
    ...publish.flatMap((one, index) => targets.flatMap(target => portSteps(input, one, index, target))),
    ...hairpins(input, targets),
  ]
}

/** The first address of the family. A prefix is routed to the server, and the host knows of no address in it. */
function targetOf({grants, hosts}: RulesInput, family: Family): Target | undefined {
  for (const {link, range} of grants) {
    const host = hosts.get(link)
    if (host !== undefined && range.family === family && isAddress(range))
      return {family, host, address: formatAddress(range)}
  }
  return undefined
}

function isAddress({family, length}: Prefix): boolean {
  return length === BITS[family]
}

/**
 * Answers to the host's localhost are for 127.0.0.1 or ::1 when they come back by the link, where the kernel takes no such packet
 * without this. What the server itself sends there is dropped before: by protection.ts, and of IPv6 by the kernel.
 */
function localhost({family, host}: Target, publish: readonly Publish[]): NetworkStep[] {
  const isAtLocalhost = publish.some(({address}) => address === null || isLoopback(address, family))
  if (!isAtLocalhost) return []
  return [
    family === 4 ? own('host-setting', 'ipv4', host, 'route_localnet', '1') : own('host-localhost', host),
  ]
}

function isLoopback(address: string, family: Family): boolean {
  return family === 4 ? address.startsWith('127.') : address === '::1'
}

function portSteps(
  {table, loaded}: RulesInput,
  {address, hostPort, guestPort, count, protocol}: Publish,
  index: number,
  target: Target,
): NetworkStep[] {
  const {family} = target
  if (address !== null && parseAddress(address)?.family !== family) return []
  const set = address === null ? {4: PUBLISH4_ANY, 6: PUBLISH6_ANY} : {4: PUBLISH4, 6: PUBLISH6}
  const origin = loaded.origin(['network', 'publish', index])
  return Array.from({length: count}, (_, offset) => {
    const place = address === null ? [] : [address]
    const element: ElementValue = {
      key: [...place, protocol, hostPort + offset],
      data: [target.address, guestPort + offset],
    }
    return elementStep(table, set[family], element, origin)
  })
}

/** From any link of the server to those that its ports lead to. */
function hairpins({table, hosts}: RulesInput, targets: readonly Target[]): NetworkStep[] {
  const ends = new Set(targets.map(({host}) => host))
  return [...hosts.values()].flatMap(from =>
    [...ends].map(to => elementStep(table, HAIRPIN, {key: [from, to]})),
  )
}

/** `tcp port 8080`, `udp port 53 of 192.0.2.1`: what a step publishes at the host; `undefined` for other steps. */
export function publishedPort(step: Pick<NetworkStep, 'op' | 'arguments'>): string | undefined {
  const element = elementOf(step)
  if (element === undefined) return undefined
  const {set, key} = element
  if (set === PUBLISH4_ANY || set === PUBLISH6_ANY) return `${key[0]} port ${key[1]}`
  return set === PUBLISH4 || set === PUBLISH6 ? `${key[1]} port ${key[2]} of ${key[0]}` : undefined
}
