/*
 * The rules that all servers have in common. They are loaded once; a server only has elements in their sets, so that the
 * thousandth costs what the first did.
 *
 * Other programs' rules are left alone: everything is in a table of our own, whose chains accept what they do not speak of, and
 * speak only of what comes from a link of ours or goes to one.
 */
import type {NetworkConfig} from '../../host/index.ts'
import {parseRange} from '../../ip.ts'
import {traffic} from '../traffic/rules.ts'
import {trafficSets} from '../traffic/sets.ts'
import {connections, packets} from './limits.ts'
import {publishing, sources} from './nat.ts'
import {fromLinks, toHost} from './protection.ts'
import {SETS, setText} from './sets.ts'

/** Interfaces of the host that vps has made forward packets, by family; see `forwarding.ts`. */
export interface Opened {
  readonly ipv4: readonly string[]
  readonly ipv6: readonly string[]
}

export interface Skeleton {
  readonly table: string
  readonly config: Pick<NetworkConfig, 'pools' | 'gateway' | 'classes'>
  readonly opened: Opened
}

/** What is in the table, for `nft -f`. */
export function skeletonText({table, config, opened}: Skeleton): string {
  const {gateway} = config
  return `table inet ${table} {
${[...SETS, ...trafficSets(config.classes)].map(shape => `  ${setText(shape)}`).join('\n')}
  set masquerade4 { type ipv4_addr; flags interval;${elements(masqueraded(config, 4))} }
  set masquerade6 { type ipv6_addr; flags interval;${elements(masqueraded(config, 6))} }
  set opened4 { type ifname;${elements(opened.ipv4.map(quoted))} }
  set opened6 { type ifname;${elements(opened.ipv6.map(quoted))} }
  set within { type ifname . ifname;${elements(within(opened))} }
${fromLinks(gateway)}
${toHost(gateway)}
${connections()}
${packets()}
${FORWARDING}
${publishing(gateway)}
${sources(gateway)}
${traffic(config.classes)}
}
`
}

/*
 * A chain of a server's firewall decides, or returns where its policy is to allow. Servers of another project get through only
 * by a rule that says so, or by a port that is published to everybody. Forwarding is on at "opened" interfaces because of us;
 * that makes the host no router for others. What stays within one of them is not routed: with br_netfilter, frames between the
 * ports of a bridge pass here, too.
 */
const FORWARDING = `
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname @links goto of_servers
    oifname @links goto of_servers
    iifname . oifname @within accept
    iifname @opened4 meta nfproto ipv4 counter drop
    iifname @opened6 meta nfproto ipv6 counter drop
  }
  chain of_servers {
    ct state vmap { established : accept, related : accept, invalid : drop }
    iifname @links jump outgoing
    oifname @links jump incoming
    accept
  }
  chain outgoing {
    jump count_out
    iifname vmap @rules_out
  }
  chain incoming {
    jump count_in
    oifname vmap @rules_in
    iifname @links ct status & dnat == 0 jump between_servers
  }
  chain between_servers {
    meta mark set iifname map @project_of
    meta mark . oifname @project_peers meta mark set 0 return
    counter drop
  }`

function masqueraded({pools}: Pick<NetworkConfig, 'pools'>, family: 4 | 6): string[] {
  return Object.values(pools)
    .filter(({masquerade, range}) => masquerade && parseRange(range)?.family === family)
    .map(({range}) => range)
}

/** Pairs of each opened interface with itself. */
function within({ipv4, ipv6}: Opened): string[] {
  return [...new Set([...ipv4, ...ipv6])].map(name => `${quoted(name)} . ${quoted(name)}`)
}

function elements(values: readonly string[]): string {
  return values.length === 0 ? '' : ` elements = { ${values.join(', ')} };`
}

function quoted(name: string): string {
  return `"${name}"`
}
