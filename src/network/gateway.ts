/*
 * The gateway that a server sees at a routed link. That of IPv6 is an address of the link's own: if all links had the same one, the
 * kernel would walk those of all servers for each new link, and for packets that go there (docs/decisions/0008-gateways.md). Pure.
 */
import type {NetworkConfig} from '../host/index.ts'
import {type Address, formatAddress} from '../ip.ts'
import type {ServerIdentity} from './identity.ts'
import type {NetworkStep} from './step.ts'

export interface LinkGateway {
  readonly ipv4: string
  readonly ipv6: string
}

/** fe80::1:5 is that of the first link of server number 5, fe80::2:5 that of its second one. */
export function linkGateway(
  {ipv4, ipv6}: NetworkConfig['gateway'],
  {slot}: Pick<ServerIdentity, 'slot'>,
  index: number,
): LinkGateway {
  const own: Address = {family: 6, value: (0xfe80n << 112n) | (BigInt(index + 1) << 16n) | BigInt(slot)}
  return {ipv4, ipv6: ipv6 ?? formatAddress(own)}
}

/** Those of links that are there, by the links' names: another vps, or another host.yaml, may have had others. */
export function gatewaysIn(steps: readonly NetworkStep[]): Map<string, Partial<LinkGateway>> {
  const found = new Map<string, Partial<LinkGateway>>()
  for (const {
    op,
    arguments: [link = '', address = ''],
  } of steps)
    if (op === 'link-neighbour')
      found.set(link, {...found.get(link), [address.includes(':') ? 'ipv6' : 'ipv4']: address})
  return found
}
