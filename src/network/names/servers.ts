/*
 * What a server has in its resolv.conf(5).
 */
import {isIP} from 'node:net'
import type {HostConfig} from '../../host/index.ts'
import type {LinkGateway} from '../gateway.ts'

export interface NameServersOf {
  /** The port of its project's dnsmasq; `null` without one. */
  readonly port: number | null
  /** The server's first link, which a link-local gateway must name. */
  readonly link: string
  readonly gateway: LinkGateway
  /** Families that the server has addresses of. */
  readonly families: ReadonlySet<4 | 6>
  /** The host's own resolv.conf. */
  readonly hostFile: string
}

/**
 * Its gateway, which leads to the dnsmasq of its project. Without that, the name servers of the host; those at its own localhost
 * cannot be reached from a server.
 */
export function nameServers(
  {network}: Pick<HostConfig, 'network'>,
  {port, link, gateway, families, hostFile}: NameServersOf,
): string[] {
  if (port !== null)
    return [
      ...(families.has(4) ? [gateway.ipv4] : []),
      ...(families.has(6) ? [`${gateway.ipv6}%${link}`] : []),
    ]
  const written = [...hostFile.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, address = '']) => address)
  const upstream = network.dns.upstream.length > 0 ? network.dns.upstream : written
  return upstream.filter(text => isIP(text) !== 0 && !/^(127\.|::1$)/.test(text))
}
