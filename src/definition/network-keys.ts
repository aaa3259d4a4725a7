/*
 * The keys below `network`, for `schema.ts`. What is made of them is the business of `src/network`.
 */
import {ADDRESS_PATTERN} from '../ip.ts'
import {rule} from './firewall.ts'
import * as check from './interfaces.ts'
import {bytes, choice, group, key, list, optional, section, text, whole, worded} from './kinds.ts'
import {networkWord} from './network-words.ts'
import {publish} from './publish.ts'
import {quote} from './words.ts'

/** What a server has that says nothing about its network. */
export const DEFAULT_MODE = 'links'

const KIB = 1024
const MIB = 1024 ** 2

const hostInterface = text({
  expected: 'the name of an interface of the host',
  check: check.interfaceCheck,
  pattern: check.INTERFACE_PATTERN,
})

const rates = section(
  {
    in: optional(check.rate, {
      says: 'How much the server receives at most.',
      example: '100mbit',
      change: 'live',
      defaultSays: 'no ceiling',
      aka: ['download', 'down', 'ingress', 'rx', 'limits.ingress', 'inbound', 'average_in'],
    }),
    out: optional(check.rate, {
      says: 'How much the server sends at most.',
      example: '50mbit',
      change: 'live',
      defaultSays: 'no ceiling',
      aka: ['upload', 'up', 'egress', 'tx', 'limits.egress', 'outbound', 'limit'],
    }),
    burst: optional(bytes(2 * KIB, 1024 * MIB), {
      says: 'How much may pass at once, at the speed of the host, after a pause.',
      example: '256KiB',
      change: 'live',
      defaultSays: 'what the rate lets through in 10 ms, at least 128KiB',
      aka: ['buffer', 'bucket', 'maxburst'],
    }),
    packets: optional(whole(10, 100_000_000), {
      says: 'How many packets per second may pass in each direction; the others are dropped.',
      example: '20000',
      change: 'live',
      defaultSays: 'no ceiling',
      aka: ['pps', 'packet_rate', 'packetrate'],
    }),
  },
  {
    instead: written =>
      'value' in check.rate.read(written) ? `write {in: ${written}, out: ${written}}` : undefined,
  },
)

const linkMode = choice(
  {
    routed:
      'A pair of interfaces with the host as gateway: no bridge, and no other server on the same network. Addresses are checked, rates, published ports and the firewall work.',
    bridge:
      'A port of a bridge of the host, as if the server were on that network itself. It sees broadcasts of the others on the bridge.',
    macvlan:
      'An interface with a MAC address of its own on an interface of the host. Fast, and past everything that the host does to packets: no firewall, no rates, no address checks.',
    physical: 'An interface of the host, moved into the server and given back when it stops.',
  },
  {
    instead: {
      veth: 'write routed, or bridge for a network that is there already',
      venet: 'write routed',
      nat: 'write routed: private addresses are masqueraded',
      p2p: 'write routed',
      ptp: 'write routed',
      route: 'write routed',
      bridged: 'write bridge',
      phys: 'write physical',
      vlan: 'write bridge or macvlan, with the VLAN as vlan: or as parent: eth0.5',
      ipvlan: 'write routed: it shares the MAC address of the host as well',
      none: 'for no link at all write network: none',
      host: 'for the interfaces of the host write network: host',
    },
  },
)

export const link = section({
  name: key(
    text({
      expected: 'the name of an interface',
      check: check.interfaceCheck,
      pattern: check.INTERFACE_PATTERN,
    }),
    {
      says: 'What the interface is called in the server, at most 15 characters.',
      example: 'eth0',
      change: 'restart',
      default: '',
      defaultSays: '`eth0` for the first link, `eth1` for the second, and so on',
      aka: ['lxc.net.0.name', 'ifname', 'interface', 'dev', 'device'],
    },
  ),
  mode: key(linkMode, {
    says: 'How the link gets to the world.',
    example: 'bridge',
    change: 'restart',
    default: 'routed',
    aka: ['lxc.net.0.type', 'type', 'nictype', 'kind', 'driver', 'nic'],
  }),
  addresses: key(
    list(
      text({
        expected: 'auto, auto4, auto6, pool:NAME, an address or a prefix',
        check: check.linkAddressCheck,
        normalise: check.plainAddress,
        words: check.ADDRESS_WORDS,
      }),
      {single: true},
    ),
    {
      says: 'The addresses of the link. On a `routed` one: `auto` is one of each default pool of the host, `auto4` and `auto6` only that of one family, `pool:NAME` one of that pool; an address is that one; a prefix such as `2001:db8:7::/64` is routed to the server as a whole; both must lie in a pool of `/etc/vps/host.yaml` and be free. On other links: addresses with the length of their network, as `192.0.2.10/24`.',
      example: '[auto, 203.0.113.7, "2001:db8:7::/64"]',
      change: 'live',
      default: [],
      defaultSays: '`[auto]` on a `routed` link; nothing on others, where the server may ask for one itself',
      aka: [
        'lxc.net.0.ipv4.address',
        'lxc.net.0.ipv6.address',
        'address',
        'ip',
        'ips',
        'ipaddr',
        'ip_add',
        'ipadd',
        'ip_address',
        'ipaddress',
        'ipv4',
        'ipv6',
        'ipv4.address',
        'ipv6.address',
        'ipv4.routes',
        'ipv6.routes',
        'ip4.addr',
        'ip6.addr',
        'allowed-address',
      ],
    },
  ),
  bridge: optional(hostInterface, {
    says: 'The bridge that a link of mode `bridge` is a port of.',
    example: 'br0',
    change: 'restart',
    defaultSays: 'none; must be written for `bridge`',
    aka: ['lxc.net.0.link', 'link', 'network', 'br', 'VirtualEthernetBridge', 'NetworkBridge'],
  }),
  vlan: optional(whole(1, 4094), {
    says: 'The VLAN that the link is in, untagged in the server. For `bridge` where the bridge filters VLANs.',
    example: '20',
    change: 'restart',
    defaultSays: 'that of the bridge',
    aka: ['lxc.net.0.vlan.id', 'lxc.net.0.veth.vlan.id', 'tag', 'vlan_id', 'vid', 'pvid', 'vlan.id'],
  }),
  parent: optional(hostInterface, {
    says: 'The interface of the host that a `macvlan` link is on, or that a `physical` one is.',
    example: 'eth1',
    change: 'restart',
    defaultSays: 'none; must be written for `macvlan` and `physical`',
    aka: ['host_interface', 'lower', 'master', 'MACVLAN', 'uplink', 'global-nic', 'physical'],
  }),
  gateway: key(
    list(
      text({
        expected: 'an address',
        check: check.targetCheck('link-local'),
        normalise: check.plainAddress,
        pattern: ADDRESS_PATTERN,
      }),
      {single: true},
    ),
    {
      says: 'Where packets to the world go, one address of IPv4 and one of IPv6 at most. A `routed` link needs none: its gateway is the host.',
      example: '[192.0.2.1, "2001:db8::1"]',
      change: 'restart',
      default: [],
      aka: [
        'lxc.net.0.ipv4.gateway',
        'lxc.net.0.ipv6.gateway',
        'gateways',
        'gw',
        'ipv4.gateway',
        'ipv6.gateway',
        'defaultrouter',
        'gw6',
        'default_gateway',
      ],
    },
  ),
  mac: key(
    text({
      expected: '`auto` or a MAC address',
      check: check.macCheck,
      normalise: value => value.toLowerCase(),
      pattern: check.MAC_PATTERN,
      words: ['auto'],
    }),
    {
      says: 'The MAC address. `auto`: one made from the identity of the server, always the same.',
      example: '02:00:00:12:34:56',
      change: 'restart',
      default: 'auto',
      aka: [
        'lxc.net.0.hwaddr',
        'hwaddr',
        'mac_address',
        'macaddr',
        'macaddress',
        'ether',
        'hwaddress',
        'mac_addr',
      ],
    },
  ),
  mtu: key(
    worded(
      {auto: 'That of the interface behind the default route of the host, of the bridge or of the parent.'},
      whole(1280, 65_535),
    ),
    {
      says: 'The largest packet in bytes. Below 1280 there would be no IPv6.',
      example: '9000',
      change: 'restart',
      default: 'auto',
      aka: ['lxc.net.0.mtu', 'MTUBytes', 'mtu_size'],
    },
  ),
  rate: group(rates, {
    says: 'Ceilings of the link, in bits per second as networks count: `100mbit` are 100,000,000 bits. On `routed` and `bridge` links.',
    example: '{in: 100mbit, out: 50mbit}',
    change: 'live',
    aka: ['bandwidth', 'limits', 'rates', 'shaping', 'limits.max', 'limit', 'ratelimit', 'throttle', 'maxbw'],
  }),
})

const policy = (allow: string, deny: string) =>
  choice(
    {allow, deny},
    {
      instead: {
        accept: 'write allow',
        pass: 'write allow',
        drop: 'write deny',
        reject: 'write deny',
        block: 'write deny',
      },
    },
  )

const firewall = section({
  in: key(policy('They get through.', 'They are dropped, without an answer.'), {
    says: 'Connections to the server that no rule speaks of.',
    example: 'deny',
    change: 'live',
    default: 'allow',
    aka: ['input', 'ingress', 'default', 'policy', 'policy_in', 'security.acls.default.ingress.action'],
  }),
  out: key(policy('They get through.', 'They are dropped, without an answer.'), {
    says: 'Connections that the server makes, of which no rule speaks.',
    example: 'allow',
    change: 'live',
    default: 'allow',
    aka: ['output', 'egress', 'policy_out', 'security.acls.default.egress.action'],
  }),
  rules: key(list(rule), {
    says: 'What is different from `in` and `out`, in this order: the first rule that fits a connection decides. Packets that belong to a connection which was let through always pass.',
    example: '[{allow: tcp/22, from: 198.51.100.0/24}, {deny: any, to: 10.0.0.0/8}]',
    change: 'live',
    default: [],
    aka: ['rule', 'acl', 'acls', 'security.acls', 'allow', 'deny'],
  }),
})

export const network = section(
  {
    mode: key(
      choice(
        {
          links: 'Interfaces of its own, as `links` says.',
          none: 'Loopback only.',
          host: 'The interfaces, addresses and ports of the host. The server can talk to services that listen on localhost of the host.',
        },
        {
          instead: {
            routed: 'write links: they are routed unless told',
            default: 'write links',
            yes: 'write links',
            true: 'write links',
            nat: 'write links: private addresses are masqueraded',
            private: 'write links, or none for loopback only',
            veth: 'write links',
            venet: 'write links',
            bridged: 'write {links: [{mode: bridge, bridge: br0}]}',
            bridge: 'write {links: [{mode: bridge, bridge: br0}]}',
            macvlan: 'write {links: [{mode: macvlan, parent: eth0}]}',
            physical: 'write {links: [{mode: physical, parent: eth1}]}',
            no: 'write none',
            false: 'write none',
            off: 'write none',
            empty: 'write none',
            disable: 'write none',
            inherit: 'write host',
            shared: 'write host',
          },
        },
      ),
      {
        says: 'What the server sees. `network: host` is short for `network: {mode: host}`.',
        example: 'host',
        change: 'restart',
        default: DEFAULT_MODE,
        aka: ['type', 'network_mode', 'vnet', 'PrivateNetwork'],
      },
    ),
    links: key(list(link, {identity: 'name'}), {
      says: 'The interfaces of the server, apart from loopback.',
      example: '[{name: eth0, addresses: [auto, 203.0.113.7], rate: {in: 100mbit, out: 50mbit}}]',
      change: 'restart',
      default: [],
      defaultSays: 'one `routed` link `eth0` with `auto` as its address',
      aka: [
        'link',
        'interfaces',
        'interface',
        'nics',
        'netif',
        'netif_add',
        'networks',
        'nic',
        'devices',
        'eth0',
      ],
    }),
    publish: key(list(publish, {single: true}), {
      says: 'Ports of the host that lead to the server, as `HOST-PORT:PORT`, with an address of the host before it, ranges of the same length, and `/tcp` (if nothing is said) or `/udp` behind it. They are reached from outside, from the host and from other servers. IPv6 addresses stand in brackets, and in quotes for YAML.',
      example:
        '["8080:80/tcp", "127.0.0.1:5000:5000", "[2001:db8::1]:443:443", "20000-20100:20000-20100/udp"]',
      change: 'live',
      default: [],
      aka: [
        'ports',
        'port',
        'p',
        'expose',
        'forward',
        'forwards',
        'proxy',
        'rdr',
        'portforward',
        'port_mappings',
      ],
    }),
    firewall: group(firewall, {
      says: 'What may pass to and from the server. It is kept on the host, in a table of its own: root of the server cannot change it.',
      example: '{in: deny, rules: [{allow: "tcp/80,443"}, {allow: tcp/22, from: 198.51.100.0/24}]}',
      change: 'live',
      aka: ['acl', 'filter', 'iptables', 'nftables', 'ufw', 'security_groups'],
    }),
    connections: key(whole(64, 4_194_304), {
      says: 'How many connections may be tracked for the server at once, so that it cannot fill the table of the host. A new one beyond is dropped.',
      example: '20000',
      change: 'live',
      default: 16_384,
      aka: ['conntrack', 'max_connections', 'numtcpsock', 'conntrack_max'],
    }),
    dns: key(
      list(
        text({
          expected: 'an address',
          check: check.targetCheck('loopback'),
          normalise: check.plainAddress,
          pattern: ADDRESS_PATTERN,
        }),
        {single: true},
      ),
      {
        says: 'Name servers for `/etc/resolv.conf`, at most three.',
        example: '[192.0.2.53, "2001:db8::53"]',
        change: 'restart',
        default: [],
        defaultSays: 'that of `vps`, which also knows the servers of the same project by name',
        aka: ['nameserver', 'nameservers', 'resolvers', 'resolver', 'dns_servers', 'DNS'],
      },
    ),
  },
  {short: 'mode', otherwise: networkWord},
)

const PROJECT_PATTERN = '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'

export const project = text({
  expected: 'the name of a project',
  pattern: PROJECT_PATTERN,
  check: value => {
    const isName = (text: string): boolean => new RegExp(PROJECT_PATTERN).test(text)
    if (isName(value)) return
    const says = `must be made of lower-case letters, digits and inner dashes, at most 63, not ${quote(value)}`
    const better = value
      .toLowerCase()
      .replaceAll(/[_. ]+/g, '-')
      .replaceAll(/^-+|-+$/g, '')
    return isName(better) ? {says, suggestion: `did you mean ${better}?`} : {says}
  },
})
