import {NAMES6} from '../names/address.ts'
import type {Gateway} from './protection.ts'

/*
 * Addresses that are changed on the way: of published ports, and of servers whose addresses the world does not know.
 */

/**
 * Published ports, for the world, for servers and for the host itself. At the gateway's address are the names and nothing else,
 * and link-local addresses lead to no other link.
 */
export function publishing({ipv4}: Gateway): string {
  return `
  chain published {
    dnat ip to ip daddr . meta l4proto . th dport map @publish4
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6
    ip daddr ${ipv4} return
    ip6 daddr fe80::/10 return
    fib daddr type local dnat ip to meta l4proto . th dport map @publish4_any
    fib daddr type local dnat ip6 to meta l4proto . th dport map @publish6_any
  }
  chain published_outside {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr ${ipv4} meta l4proto { tcp, udp } th dport 53 dnat ip to ${ipv4}:iifname map @names
    ip6 daddr fe80::/10 meta l4proto { tcp, udp } th dport 53 dnat ip6 to [${NAMES6}]:iifname map @names
    meta l4proto { tcp, udp } jump published
  }
  chain published_on_host {
    type nat hook output priority -100; policy accept;
    meta l4proto { tcp, udp } jump published
  }`
}

/**
 * Private addresses are masqueraded towards the world. Who comes from the host's localhost, or is the server itself, gets the
 * address of the gateway, because answers would not come back otherwise. In IPv6 another address of the host: a server answers to
 * a link-local one from its own link-local one, and not from that which was asked. All others keep theirs.
 */
export function sources({ipv4}: Gateway): string {
  return `
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname @links goto sources_to_link
    oifname "lo" return
    ip saddr @masquerade4 masquerade
    ip6 saddr @masquerade6 masquerade
  }
  chain sources_to_link {
    ip saddr 127.0.0.0/8 snat ip to ${ipv4}
    ip6 saddr ::1 snat ip6 to ${NAMES6}
    ct status & dnat == 0 return
    iifname . oifname @hairpin meta nfproto ipv4 snat ip to ${ipv4}
    iifname . oifname @hairpin meta nfproto ipv6 snat ip6 to ${NAMES6}
  }`
}
