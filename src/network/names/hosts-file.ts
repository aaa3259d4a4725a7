/*
 * What a server is called, and the file that tells its project's dnsmasq; see hosts(5). Pure.
 */
import type {Definition} from '../../definition/index.ts'
import {NAMES} from '../rules/sets.ts'
import type {NetworkStep} from '../step.ts'

/** All servers are below this; it is asked for nowhere else. */
export const DOMAIN = 'vps'

/** A server as the others of its project know it. */
export interface Named {
  readonly server: string
  readonly project: string
  readonly hostname: string
  readonly addresses: readonly string[]
}

/** What a server is to be known by: all addresses that its plan gives it; see `steps.ts`. `undefined` when its links are led to no names. */
export function namedServer(
  server: string,
  {project, hostname}: Pick<Definition, 'project' | 'hostname'>,
  steps: readonly Pick<NetworkStep, 'op' | 'arguments'>[],
): Named | undefined {
  if (!steps.some(({op, arguments: args}) => op === 'nft-element' && args[2] === NAMES.name)) return undefined
  const addresses = steps
    .filter(({op}) => op === 'link-address')
    .map(({arguments: [, address = '']}) => address.replace(/\/\d+$/, ''))
  return {server, project, hostname, addresses: [...new Set(addresses)]}
}

/**
 * One line an address. The first name is the one that an address is turned back into. A hostname counts when it is one of a domain,
 * but not of ours: those are names of servers.
 */
export function hostsText({server, hostname, addresses}: Named): string {
  const foreign = hostname.includes('.') && !hostname.toLowerCase().endsWith(`.${DOMAIN}`)
  const names = [`${server}.${DOMAIN}`, server, ...(foreign ? [hostname] : [])].join(' ')
  return addresses.map(address => `${address} ${names}\n`).join('')
}
