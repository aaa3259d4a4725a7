import {NAMES6} from '../names/address.ts'

/*
 * What no tenant may do, whoever he is: send from addresses that are not his, or to where nobody of his has anything to say, and
 * use services of the host.
 */

/** Ranges that are never forwarded (RFC 6890), and where clouds tell their machines secrets. */
const NOWHERE4 = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16', // link-local, 169.254.169.254 is metadata of most clouds
  '192.0.0.0/24', // protocol assignments, 192.0.0.192 is metadata of Oracle's
  '100.100.100.200', // metadata of Alibaba's
  '168.63.129.16', // metadata of Azure
  '224.0.0.0/3', // multicast, reserved, broadcast
]
const NOWHERE6 = [
  '::/96',
  '::ffff:0:0/96',
  'fec0::/10', // site-local, deprecated by RFC 3879
  'fd00:ec2::254', // metadata of Amazon's
  'fd20:ce::254', // metadata of Google's
  'ff00::/8',
]

export interface Gateway {
  readonly ipv4: string
}

/**
 * Before connections are tracked, so that none of it costs an entry in their table. The way back to a sender must be the link
 * that the packet came by. 0.0.0.0 passes that where it is sent to everybody, as by DHCP clients.
 * A packet that names the way it wants to go (source routes, routing headers of IPv6) would go by rules of its own.
 * Of link-local addresses a server reaches the one that the host has on its link: its gateway.
 * The first two are there for speed: a server that comes up tells groups whom it listens to, asks whether its own address is taken
 * and where routers are, and each look for the way back of that would walk over the links of all others. Nobody else is on the link
 * who could have the address: a server that takes its gateway's is no longer told so, and harms itself alone.
 */
export function fromLinks({ipv4}: Gateway): string {
  return `
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname @links goto from_link
  }
  chain from_link {
    ip6 saddr :: ip6 daddr ff00::/8 counter drop
    icmpv6 type { nd-router-solicit, mld-listener-report, mld-listener-done, mld2-listener-report } counter drop
    fib saddr . iif oif missing counter drop
    ip saddr 0.0.0.0 counter drop
    ip option lsrr exists counter drop
    ip option ssrr exists counter drop
    exthdr rt exists counter drop
    iifname vmap @packets_out
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } goto from_neighbour
    ip daddr != ${ipv4} ip daddr { ${NOWHERE4.join(', ')} } counter drop
    ip6 daddr fe80::/10 fib daddr . iif type != local counter drop
    ip6 daddr { ${NOWHERE6.join(', ')} } counter drop
    udp sport { 67, 547 } counter drop
    udp dport { 67, 68, 546, 547 } counter drop
    icmp type { redirect, router-advertisement, router-solicitation } counter drop
    icmpv6 type { nd-router-advert, nd-redirect, router-renumbering } counter drop
  }
  set neighbours { type ifname; size 65535; flags dynamic,timeout; timeout 1m; }
  chain from_neighbour {
    ip6 hoplimit != 255 counter drop
    update @neighbours { iifname limit rate over 10/second burst 20 packets } counter drop
  }`
}

/**
 * The host answers pings, and names at the gateway: what was led from there to the dnsmasq of the link's project, see nat.ts. Nobody
 * else has anything to ask of these. It asks who is there and answers that (the neighbours of IPv6).
 */
export function toHost({ipv4}: Gateway): string {
  return `
  chain input {
    type filter hook input priority filter; policy accept;
    iifname @links goto to_host
    iifname != "lo" ip daddr ${ipv4} meta l4proto { tcp, udp } ct status & dnat == 0 counter drop
    iifname != "lo" ip6 daddr ${NAMES6} meta l4proto { tcp, udp } ct status & dnat == 0 counter drop
  }
  chain to_host {
    ct state vmap { established : accept, related : accept, invalid : drop }
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    jump count_out
    icmp type echo-request accept
    icmpv6 type echo-request accept
    ip daddr ${ipv4} meta l4proto { tcp, udp } ct status & dnat != 0 accept
    ip6 daddr ${NAMES6} meta l4proto { tcp, udp } ct status & dnat != 0 accept
    counter drop
  }`
}
