/*
 * What other systems write about a network and `vps` has no key for, as it is always so or said elsewhere.
 */

const ROUTED = 'a link of mode routed always has its addresses checked'
const POOL = 'masquerading is said for a pool of addresses, in /etc/vps/host.yaml'
const LINK = 'write network: {links: [{mode: routed}]}, or mode: bridge with bridge: br0'

const INSTEAD: Readonly<Record<string, string>> = {
  'lxc.net.flags': 'links are always up',
  'lxc.net.veth.pair': 'the end on the host is named after the server: vps-NAME',
  'lxc.net.script.up': 'no script is run for a link',
  host_ifname: 'the end on the host is named after the server: vps-NAME',
  host_mac: 'the address of the end on the host is made from the identity of the server',
  mac_filter: ROUTED,
  ip_filter: ROUTED,
  'security.mac_filtering': ROUTED,
  'security.ipv4_filtering': ROUTED,
  'security.ipv6_filtering': ROUTED,
  'security.port_isolation': 'servers of different projects never see each other: write project: NAME',
  nat: POOL,
  masquerade: POOL,
  'ipv4.nat': POOL,
  'ipv6.nat': POOL,
  searchdomain: 'write the whole name as hostname',
  dns_search: 'write the whole name as hostname',
  VirtualEthernet: LINK,
  VirtualEthernetExtra: LINK,
  Bridge: 'write network: {links: [{mode: bridge, bridge: br0}]}',
  IPVLAN: 'write network: {links: [{mode: routed}]}: it shares the MAC address of the host as well',
  Private: 'write network: none for loopback only; left out, the server has a network of its own',
  'vnet.interface': 'write network: {links: [{name: eth0}]}',
  extra_hosts: 'servers of one project know each other by name; others go into /etc/hosts of the server',
  dhcp: 'routed links have fixed addresses of pools; on a bridge the server may ask for one itself',
}

const BY_SPELLING = new Map(Object.entries(INSTEAD).map(([name, says]) => [canonical(name), says]))

/** What to do instead of writing a key. */
export function networkWord(name: string): string | undefined {
  return BY_SPELLING.get(canonical(name))
}

function canonical(name: string): string {
  return name
    .toLowerCase()
    .replace(/^lxc\.net(work)?\.([0-9]+\.)?/, 'lxc.net.')
    .replaceAll(/[_-]/g, '')
}
