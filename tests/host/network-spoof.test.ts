import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {
  arp,
  arpFrame,
  BROADCAST,
  datagram,
  type Ends,
  echo,
  ethernet,
  extension,
  fragment6,
  frame,
  icmp,
  icmp6,
  ipv4,
  ipv6,
  neighbourAdvert,
  neighbourSolicit,
  PROTOCOL,
  packet,
  routerAdvert,
  routing,
  tcpSyn,
  udp,
} from '../helpers/frames.ts'
import {requires} from '../helpers/host.ts'
import {INTERNET, UPLINK} from '../helpers/network.ts'
import {
  ALL,
  AT,
  between,
  CONNECTIONS,
  command,
  DENIED_PORT,
  GATEWAY,
  MALLORYS,
  METADATA,
  onOneSegment,
  ROUTER,
  Scene,
  SECOND,
  type Switch,
  setting,
  type Victim,
  withoutRule,
} from '../helpers/spoofing.ts'

/*
 * What the root of a server may try against others, the host and the host's network, with frames that he writes byte by byte. Each
 * attack is seen to fail from its victim's side. Then its protections are switched off, and it is seen to succeed: so it is them
 * that hold, and the test could fail.
 */

interface Attack {
  readonly name: string
  /** Does it. Its result says whether the victim has noticed anything. */
  readonly attempt: (scene: Scene, mark: string) => Promise<() => boolean | Promise<boolean>>
  /** The protections, all of which are switched off for it to succeed. */
  readonly off: readonly Switch[]
  /** What is left of a success. */
  readonly cleanUp?: (scene: Scene) => void
}

/** Packets in frames to the host's end of the link, with `mark` in them, which the victim would see. */
function packets(
  name: string,
  victim: Victim,
  build: (mark: string, scene: Scene) => Buffer | readonly Buffer[],
  off: readonly Switch[],
): Attack {
  return frames(
    name,
    victim,
    (mark, scene) => [build(mark, scene)].flat().map(one => frame(scene.hop(), one)),
    off,
  )
}

function frames(
  name: string,
  victim: Victim,
  build: (mark: string, scene: Scene) => readonly Buffer[],
  off: readonly Switch[],
): Attack {
  return {
    name,
    off,
    attempt: async (scene, mark) => {
      await scene.send(build(mark, scene))
      return () => scene.record(victim).has(mark)
    },
  }
}

const {mallory, alice, bob, carol} = AT
const PORTS = [4000, 7000] as const
const toAlice = (from: string): Ends => ({from, to: from.includes(':') ? alice.ipv6 : alice.ipv4})

/* Protections. IPv4 has two against sources that are not the sender's, the second of which is the kernel's. */
const SOURCES = withoutRule('from_link', 'fib saddr . iif oif')
const SOURCES4 = [SOURCES, setting('ipv4', MALLORYS, 'rp_filter', '0')]
const SOURCES4_OF_HOST = [...SOURCES4, setting('ipv4', MALLORYS, 'accept_local', '1')]
const NOWHERE4 = withoutRule('from_link', `ip daddr != ${GATEWAY.ipv4} ip daddr`)
const NOWHERE6 = withoutRule('from_link', 'ip6 daddr {')
const ROUTERS6 = withoutRule('from_link', 'nd-router-advert')
const HOST_SERVICES = withoutRule('to_host', 'counter drop')
const STRANGE = withoutRule('to_host', 'ct state vmap')
const STRANGE_TO_SERVERS = withoutRule('of_servers', 'ct state vmap')
const PROJECTS = withoutRule('between_servers', 'counter drop')
const FIREWALL = withoutRule('server-alice-in', `udp dport ${DENIED_PORT}`)
const WITH_ALICE = onOneSegment(scene => scene.end('alice'))
const WITH_UPLINK = onOneSegment(() => UPLINK.name)
const everywhere = (family: 'ipv4' | 'ipv6', name: string, value: string): Switch[] =>
  [ALL, MALLORYS].map(of => setting(family, of, name, value))

const OTHERS4 = {
  'a server of the same project': bob.ipv4,
  'the victim itself': alice.ipv4,
  'a server of another project': carol.ipv4,
  'nobody, in the pool': '10.77.5.5',
  "the uplink's router": ROUTER.ipv4,
  'the internet': INTERNET.ipv4,
  'another link of the same server': SECOND.ipv4,
}
const HOSTS4 = {'the host': UPLINK.ipv4, 'the gateway': GATEWAY.ipv4, localhost: '127.0.0.1'}
const OTHERS6 = {
  'a server of the same project': bob.ipv6,
  'the victim itself': alice.ipv6,
  'a server of another project': carol.ipv6,
  'the host': UPLINK.ipv6,
  "the uplink's router": ROUTER.ipv6,
  'the internet': INTERNET.ipv6,
  'another link of the same server': SECOND.ipv6,
  'an IPv4 server, dressed as IPv6': `::ffff:${bob.ipv4}`,
}

const fromOthers = (
  family: string,
  others: Readonly<Record<string, string>>,
  off: readonly Switch[],
): Attack[] =>
  Object.entries(others).map(([whose, from]) =>
    packets(
      `${family} from the address of ${whose}`,
      'alice',
      mark => datagram(toAlice(from), PORTS, mark),
      off,
    ),
  )

/** Sources that the kernel would refuse too, but only after it has looked after their connection. */
const impossible = (from: string, to: string, off: readonly Switch[]): Attack => ({
  name: `from ${from} to ${to}, which costs an entry in the table of connections`,
  off,
  attempt: async (scene, mark) => {
    scene.forgetPassed()
    await scene.send([frame(scene.hop(), datagram({from, to}, PORTS, mark))])
    return () => scene.passed(from)
  },
})

const SOURCE_ADDRESSES: readonly Attack[] = [
  ...fromOthers('IPv4', OTHERS4, SOURCES4),
  ...fromOthers('IPv4', HOSTS4, SOURCES4_OF_HOST),
  ...fromOthers('IPv6', OTHERS6, [SOURCES]),
  packets(
    'TCP over IPv4 from another server',
    'alice',
    mark => packet(toAlice(bob.ipv4), PROTOCOL.tcp, tcpSyn(toAlice(bob.ipv4), PORTS, mark)),
    SOURCES4,
  ),
  packets(
    'TCP over IPv6 from another server',
    'alice',
    mark => packet(toAlice(bob.ipv6), PROTOCOL.tcp, tcpSyn(toAlice(bob.ipv6), PORTS, mark)),
    [SOURCES],
  ),
  packets(
    'a ping over IPv4 from another server',
    'alice',
    mark => packet(toAlice(bob.ipv4), PROTOCOL.icmp, icmp(8, 0, echo(mark))),
    SOURCES4,
  ),
  packets(
    'a ping over IPv6 from another server',
    'alice',
    mark => packet(toAlice(bob.ipv6), PROTOCOL.icmp6, icmp6(toAlice(bob.ipv6), 128, echo(mark))),
    [SOURCES],
  ),
  packets(
    'to the internet from another server, which would get the answers',
    'internet',
    mark => datagram({from: bob.ipv4, to: INTERNET.ipv4}, PORTS, mark),
    SOURCES4,
  ),
  packets(
    'to the internet from an address elsewhere',
    'router',
    mark => datagram({from: '198.51.100.77', to: INTERNET.ipv4}, PORTS, mark),
    SOURCES4,
  ),
  packets(
    'to the internet from an IPv6 address elsewhere',
    'router',
    mark => datagram({from: '2001:db8:f::77', to: INTERNET.ipv6}, PORTS, mark),
    [SOURCES],
  ),
  packets(
    "to the host's names, from another server",
    'host',
    mark => datagram({from: bob.ipv4, to: GATEWAY.ipv4}, [4000, 53], mark),
    SOURCES4,
  ),
  packets(
    "to the host's names, from the gateway's own address",
    'host',
    mark => datagram({from: GATEWAY.ipv6, to: GATEWAY.ipv6}, [4000, 53], mark),
    [SOURCES],
  ),
  frames(
    'in a frame with the tag of priorities (VLAN 0), from another server',
    'alice',
    (mark, scene) => [frame(scene.hop(), datagram(toAlice(bob.ipv4), PORTS, mark), 0xe000)],
    SOURCES4,
  ),
  impossible('0.0.0.0', alice.ipv4, [SOURCES, withoutRule('from_link', 'ip saddr 0.0.0.0')]),
  impossible('0.0.0.0', '255.255.255.255', [withoutRule('from_link', 'ip saddr 0.0.0.0'), NOWHERE4]),
  impossible('224.0.0.1', alice.ipv4, [SOURCES]),
  impossible('255.255.255.255', alice.ipv4, [SOURCES]),
  impossible('192.0.2.255', alice.ipv4, [SOURCES]),
  impossible('::', alice.ipv6, [SOURCES]),
  {
    name: 'an address of another server that is added to the link',
    off: SOURCES4,
    attempt: async scene => {
      const before = scene.record('alice').packets.length
      await scene.mallory(`ip address add ${bob.ipv4}/32 dev eth0`)
      await scene.ask('udp', alice.ipv4, 7000, bob.ipv4)
      await scene.mallory(`ip address del ${bob.ipv4}/32 dev eth0`)
      const forged = between(toAlice(bob.ipv4))
      return () =>
        scene
          .record('alice')
          .packets.slice(before)
          .some(one => one.includes(forged))
    },
  },
]

/** Whether the host has learned that `who` is at Mallory's link. */
const learned =
  (scene: Scene, who: string): (() => boolean) =>
  () =>
    scene.world.host.sh(`ip neighbour show ${who} dev ${scene.end('mallory')}`).includes(scene.mac('mallory'))
const unlearn = (scene: Scene): void => {
  scene.world.host.sh(`ip neighbour del ${ROUTER.ipv4} dev ${scene.end('mallory')} || true`)
}
const hasRouter = (text: string): boolean => /default .*proto ra|default .*pref/.test(text)

const onSegment = (scene: Scene, to = BROADCAST): Ends => ({from: scene.mac('mallory'), to})
const FORGED_MAC = '02:bd:bd:bd:bd:bd'

const NEIGHBOURS: readonly Attack[] = [
  ...Object.entries({
    'another server': bob.ipv4,
    'the gateway': GATEWAY.ipv4,
    "the uplink's router": ROUTER.ipv4,
  }).map(([whose, who]): Attack => {
    return {
      name: `ARP that claims the address of ${whose}, to other servers`,
      off: [WITH_ALICE],
      attempt: async scene => {
        const me = {mac: scene.mac('mallory'), address: who}
        const message = arp(2, me, me)
        const before = scene.record('alice').packets.length
        await scene.send([arpFrame(onSegment(scene), message)])
        return () =>
          scene
            .record('alice')
            .packets.slice(before)
            .some(one => one.includes(message))
      },
    }
  }),
  {
    name: "ARP that claims the address of the uplink's router, to the host",
    off: [setting('ipv4', MALLORYS, 'arp_accept', '1')],
    attempt: async scene => {
      const me = {mac: scene.mac('mallory'), address: ROUTER.ipv4}
      await scene.send([arpFrame(onSegment(scene), arp(2, me, me))])
      return learned(scene, ROUTER.ipv4)
    },
    cleanUp: unlearn,
  },
  {
    name: "ARP that asks for the gateway as if it were the uplink's router",
    // Loose is enough for that.
    off: [setting('ipv4', ALL, 'rp_filter', '2')],
    attempt: async scene => {
      const me = {mac: scene.mac('mallory'), address: ROUTER.ipv4}
      const asked = {mac: '00:00:00:00:00:00', address: GATEWAY.ipv4}
      await scene.send([arpFrame(onSegment(scene), arp(1, me, asked))])
      return learned(scene, ROUTER.ipv4)
    },
    cleanUp: unlearn,
  },
  ...(
    [
      ['the host', UPLINK.ipv4, setting('ipv4', MALLORYS, 'arp_ignore', '0')],
      ['another server', bob.ipv4, setting('ipv4', MALLORYS, 'proxy_arp', '1')],
    ] as const
  ).map(([whose, who, off]): Attack => {
    return {
      name: `ARP that asks where ${whose} is, and is answered`,
      off: [off],
      attempt: async scene => {
        const me = {mac: scene.mac('mallory'), address: mallory.ipv4}
        const asked = {mac: '00:00:00:00:00:00', address: who}
        const answer = arp(2, {mac: scene.hop().to, address: who}, me)
        const before = scene.record('mallory').packets.length
        await scene.send([arpFrame(scene.hop(), arp(1, me, asked))])
        return () =>
          scene
            .record('mallory')
            .packets.slice(before)
            .some(one => one.includes(answer))
      },
    }
  }),
  ...Object.entries({'another server': bob.ipv6, 'the gateway': GATEWAY.ipv6}).map(([whose, who]): Attack => {
    return {
      name: `a neighbour advertisement that claims the address of ${whose}, to other servers`,
      off: [WITH_ALICE],
      attempt: async scene => {
        const message = neighbourAdvert({from: who, to: 'ff02::1'}, who, scene.mac('mallory'))
        const before = scene.record('alice').packets.length
        await scene.send([frame(onSegment(scene, '33:33:00:00:00:01'), message)])
        return () =>
          scene
            .record('alice')
            .packets.slice(before)
            .some(one => one.includes(message))
      },
    }
  }),
  {
    name: "the host's table of neighbours, filled by those who ask for it",
    off: [withoutRule('from_neighbour', 'update @neighbours')],
    attempt: async scene => {
      const strangers = Array.from({length: 150}, (_, index) => `fe80::bad:${index.toString(16)}`)
      await scene.send(
        strangers.map(from =>
          frame(scene.hop(), neighbourSolicit({from, to: GATEWAY.ipv6}, GATEWAY.ipv6, scene.mac('mallory'))),
        ),
      )
      const known = () => scene.world.host.sh(`ip -6 neighbour show dev ${scene.end('mallory')}`)
      return () =>
        known()
          .split('\n')
          .filter(line => line.includes('fe80::bad:')).length > 60
    },
    cleanUp: scene =>
      void scene.world.host.sh(`ip -6 neighbour flush dev ${scene.end('mallory')} nud reachable
      ip -6 neighbour flush dev ${scene.end('mallory')} nud stale`),
  },
  {
    name: 'a router advertisement, to other servers',
    off: [WITH_ALICE],
    attempt: async scene => {
      const ends = {from: 'fe80::bad', to: 'ff02::1'}
      const message = packet(ends, PROTOCOL.icmp6, routerAdvert(ends, '2001:db8:bad::'), 255)
      await scene.send([frame(onSegment(scene, '33:33:00:00:00:01'), message)])
      return () => scene.place('alice').sh('ip -6 route show default').includes('fe80::bad')
    },
    cleanUp: scene => void scene.place('alice').sh('ip -6 route del default via fe80::bad dev eth0'),
  },
  ...(['', ', behind a header of options'] as const).map((hidden): Attack => {
    return {
      name: `a router advertisement, to the host${hidden}`,
      off: [NOWHERE6, ROUTERS6, HOST_SERVICES, setting('ipv6', MALLORYS, 'accept_ra', '2')],
      attempt: async scene => {
        const ends = {from: 'fe80::bad', to: 'ff02::1'}
        const advert = routerAdvert(ends, '2001:db8:bad::')
        const message =
          hidden === ''
            ? packet(ends, PROTOCOL.icmp6, advert, 255)
            : packet(ends, PROTOCOL.destination, extension(PROTOCOL.icmp6, advert), 255)
        await scene.send([frame(onSegment(scene, '33:33:00:00:00:01'), message)])
        return () => hasRouter(scene.world.host.sh(`ip -6 route show default dev ${scene.end('mallory')}`))
      },
      cleanUp: scene =>
        void scene.world.host.sh(`ip -6 route flush dev ${scene.end('mallory')} proto ra
        ip -6 route del 2001:db8:bad::/64 dev ${scene.end('mallory')} || true`),
    }
  }),
  {
    name: 'a redirect of IPv4, to another server, about a connection that it has',
    off: [withoutRule('from_link', 'icmp type')],
    attempt: async (scene, mark) => {
      const ends = toAlice(mallory.ipv4)
      const back = {from: ends.to, to: ends.from}
      const quoted = ipv4({...back, protocol: PROTOCOL.udp}, udp(back, [7000, 4001], mark))
      const redirect = icmp(5, 1, Buffer.concat([Buffer.from([10, 77, 0, 3]), quoted]))
      await scene.send([
        frame(scene.hop(), datagram(ends, [4001, 7000], 'hello')),
        frame(scene.hop(), packet(ends, PROTOCOL.icmp, redirect)),
      ])
      return () => scene.record('alice').has(mark)
    },
  },
  packets(
    'a redirect of IPv6, to another server',
    'alice',
    mark => {
      const ends = toAlice(mallory.ipv6)
      return packet(
        ends,
        PROTOCOL.icmp6,
        icmp6(ends, 137, Buffer.concat([Buffer.alloc(36), Buffer.from(mark)])),
        255,
      )
    },
    [ROUTERS6, STRANGE_TO_SERVERS],
  ),
  packets(
    'a redirect of IPv4, to the host',
    'host',
    mark => {
      const ends = {from: mallory.ipv4, to: GATEWAY.ipv4}
      return packet(ends, PROTOCOL.icmp, icmp(5, 1, Buffer.concat([Buffer.alloc(32), Buffer.from(mark)])))
    },
    [withoutRule('from_link', 'icmp type'), STRANGE, HOST_SERVICES],
  ),
  packets(
    'a redirect of IPv6, to the host',
    'host',
    mark => {
      const ends = {from: 'fe80::bad', to: GATEWAY.ipv6}
      return packet(
        ends,
        PROTOCOL.icmp6,
        icmp6(ends, 137, Buffer.concat([Buffer.alloc(36), Buffer.from(mark)])),
        255,
      )
    },
    [ROUTERS6, STRANGE, HOST_SERVICES],
  ),
  packets('an offer of DHCP', 'alice', mark => datagram(toAlice(mallory.ipv4), [67, 68], mark), [
    withoutRule('from_link', 'udp sport'),
    withoutRule('from_link', 'udp dport'),
  ]),
  packets('an answer of DHCPv6', 'alice', mark => datagram(toAlice(mallory.ipv6), [547, 546], mark), [
    withoutRule('from_link', 'udp sport'),
    withoutRule('from_link', 'udp dport'),
  ]),
  frames(
    'an offer of DHCP to everybody',
    'alice',
    (mark, scene) => [
      frame(onSegment(scene), datagram({from: mallory.ipv4, to: '255.255.255.255'}, [67, 68], mark)),
    ],
    [WITH_ALICE],
  ),
  {
    name: 'a MAC that is not its own',
    off: [WITH_ALICE],
    attempt: async (scene, mark) => {
      const ends = {from: FORGED_MAC, to: scene.hop().to}
      // To the host's end, which hands on the packet but not the frame; and to the victim.
      await scene.send([
        frame(ends, datagram(toAlice(mallory.ipv4), PORTS, mark)),
        frame({...ends, to: scene.mac('alice')}, datagram(toAlice(mallory.ipv4), PORTS, mark)),
      ])
      const forged = Buffer.from(FORGED_MAC.replaceAll(':', ''), 'hex')
      return () =>
        scene.record('alice').packets.some(one => one.includes(mark) && one.subarray(6, 12).equals(forged))
    },
  },
  frames(
    "a packet to another server's MAC, past the host's rules",
    'alice',
    (mark, scene) => [
      frame(onSegment(scene, scene.mac('alice')), datagram({from: bob.ipv4, to: INTERNET.ipv4}, PORTS, mark)),
    ],
    [WITH_ALICE],
  ),
  frames(
    'a frame of a VLAN',
    'alice',
    (mark, scene) => [frame(onSegment(scene), datagram(toAlice(bob.ipv4), PORTS, mark), 5)],
    [WITH_ALICE],
  ),
  frames(
    'a frame of no protocol, to everybody',
    'alice',
    (mark, scene) => [ethernet(onSegment(scene), 0x88b5, Buffer.from(mark))],
    [WITH_ALICE],
  ),
  frames(
    "a packet to a link-local address of the uplink's network",
    'router',
    (mark, scene) => [
      frame(onSegment(scene, scene.mac('router')), datagram({from: 'fe80::bad', to: 'fe80::5'}, PORTS, mark)),
      frame(scene.hop(), datagram({from: 'fe80::bad', to: 'fe80::5'}, PORTS, mark)),
    ],
    [WITH_UPLINK],
  ),
  {
    name: 'what other servers send each other, overheard',
    off: [
      onOneSegment(
        scene => scene.end('alice'),
        scene => scene.end('bob'),
      ),
    ],
    attempt: async (scene, mark) => {
      const message = datagram({from: alice.ipv4, to: bob.ipv4}, PORTS, mark)
      await scene.send(
        [frame(scene.hop('alice'), message), frame({...scene.hop('alice'), to: BROADCAST}, message)],
        'alice',
      )
      return () => scene.record('mallory').has(mark)
    },
  },
  {
    name: 'packets for another server, drawn by having its address and telling everybody',
    off: [
      command(
        scene => `ip route replace ${bob.ipv4} dev ${scene.end('mallory')}`,
        scene => `ip route replace ${bob.ipv4} dev ${scene.end('bob')}`,
      ),
    ],
    attempt: async (scene, mark) => {
      const me = {mac: scene.mac('mallory'), address: bob.ipv4}
      await scene.mallory(`ip address add ${bob.ipv4}/32 dev eth0`)
      await scene.send([
        arpFrame(onSegment(scene), arp(2, me, me)),
        arpFrame(onSegment(scene), arp(1, me, me)),
      ])
      await scene.send(
        [frame(scene.hop('alice'), datagram({from: alice.ipv4, to: bob.ipv4}, PORTS, mark))],
        'alice',
      )
      return async () => {
        if (scene.record('mallory').has(mark)) return true
        await scene.mallory(`ip address del ${bob.ipv4}/32 dev eth0 2>/dev/null || true`)
        return false
      }
    },
    cleanUp: scene => void scene.place('mallory').sh(`ip address del ${bob.ipv4}/32 dev eth0 || true`),
  },
]

const service = (to: string): Attack => ({
  name: `a service of the host at ${to}, TCP`,
  off: [HOST_SERVICES],
  attempt: async scene => {
    const answer = await scene.ask('tcp', to, 2222)
    return () => answer.startsWith('host ')
  },
})

const OFF_LIMITS: readonly Attack[] = [
  ...[GATEWAY.ipv4, UPLINK.ipv4, `${GATEWAY.ipv6}%eth0`, UPLINK.ipv6].map(service),
  // An answer is no measure here: it may come from another address of the host.
  ...[GATEWAY, UPLINK].flatMap(({ipv4, ipv6}) =>
    [ipv4, ipv6].map(to =>
      packets(
        `a service of the host at ${to}, UDP`,
        'host',
        mark => datagram({from: to === ipv4 ? mallory.ipv4 : mallory.ipv6, to}, [4000, 2222], mark),
        [HOST_SERVICES],
      ),
    ),
  ),
  packets(
    "the host's localhost, from outside",
    'host',
    mark => datagram({from: mallory.ipv4, to: '127.0.0.1'}, PORTS, mark),
    [NOWHERE4, HOST_SERVICES],
  ),
  packets(
    'the host, by a packet to everybody',
    'host',
    mark => datagram({from: mallory.ipv4, to: '255.255.255.255'}, PORTS, mark),
    [NOWHERE4, HOST_SERVICES],
  ),
  packets(
    'the host, by multicast of IPv4',
    'host',
    mark => datagram({from: mallory.ipv4, to: '224.0.0.1'}, PORTS, mark),
    [NOWHERE4, HOST_SERVICES],
  ),
  packets(
    'the host, by multicast of IPv6',
    'host',
    mark => datagram({from: mallory.ipv6, to: 'ff02::1'}, PORTS, mark),
    [NOWHERE6, HOST_SERVICES],
  ),
  packets(
    "everybody in the uplink's network",
    'router',
    mark => datagram({from: mallory.ipv4, to: '192.0.2.255'}, PORTS, mark),
    everywhere('ipv4', 'bc_forwarding', '1'),
  ),
  packets(
    'an IPv4 address dressed as IPv6',
    'router',
    mark => datagram({from: mallory.ipv6, to: `::ffff:${INTERNET.ipv4}`}, PORTS, mark),
    [NOWHERE6],
  ),
  ...METADATA.map((to): Attack => {
    return {
      name: `metadata of a cloud at ${to}`,
      off: [to.includes(':') ? NOWHERE6 : NOWHERE4],
      attempt: async scene => {
        const answer = await scene.ask('tcp', to, 80)
        return () => answer.startsWith('metadata ')
      },
    }
  }),
  ...(['ipv4', 'ipv6'] as const).map(family =>
    packets(
      `a server of another project, ${family}`,
      'carol',
      mark => datagram({from: mallory[family], to: carol[family]}, PORTS, mark),
      [PROJECTS],
    ),
  ),
]

const toDenied = (from: string, mark: string): Buffer => udp(toAlice(from), [4000, DENIED_PORT], mark)
/** A header of 8 bytes, and the rest. */
const cut = (whole: Buffer): [Buffer, Buffer] => [whole.subarray(0, 8), whole.subarray(8)]

const DISGUISES: readonly Attack[] = [
  ...(
    [
      ['loose', 131],
      ['strict', 137],
    ] as const
  ).map(([kind, option]) =>
    packets(
      `a way that the packet names itself, ${kind}`,
      'alice',
      mark => {
        const ends = {from: mallory.ipv4, to: GATEWAY.ipv4}
        const options = Buffer.concat([Buffer.from([option, 7, 4]), Buffer.from([10, 77, 0, 2])])
        return ipv4({...ends, protocol: PROTOCOL.udp, options}, udp(ends, PORTS, mark))
      },
      [
        withoutRule('from_link', `ip option ${option === 131 ? 'lsrr' : 'ssrr'}`),
        ...everywhere('ipv4', 'accept_source_route', '1'),
      ],
    ),
  ),
  packets(
    'a way that the packet names itself, by a routing header of IPv6',
    'alice',
    mark => {
      const ends = {from: mallory.ipv6, to: UPLINK.ipv6}
      const ping = icmp6(ends, 128, echo(mark))
      return ipv6({...ends, next: PROTOCOL.routing}, routing(PROTOCOL.icmp6, alice.ipv6, UPLINK.ipv6, ping))
    },
    [withoutRule('from_link', 'exthdr rt'), ...everywhere('ipv6', 'seg6_enabled', '1')],
  ),
  packets(
    'a port that is denied, in fragments of IPv4',
    'alice',
    mark => {
      const [head, rest] = cut(toDenied(mallory.ipv4, mark))
      const common = {...toAlice(mallory.ipv4), protocol: PROTOCOL.udp, id: 77}
      return [ipv4({...common, more: true}, head), ipv4({...common, offset: 1}, rest)]
    },
    [FIREWALL],
  ),
  packets(
    'a port that is denied, in fragments of IPv6',
    'alice',
    mark => {
      const [head, rest] = cut(toDenied(mallory.ipv6, mark))
      const common = {...toAlice(mallory.ipv6), next: PROTOCOL.fragment}
      return [
        ipv6(common, fragment6(PROTOCOL.udp, 0, true, head)),
        ipv6(common, fragment6(PROTOCOL.udp, 1, false, rest)),
      ]
    },
    [FIREWALL],
  ),
  packets(
    'a port that is denied, behind headers of IPv6',
    'alice',
    mark => {
      const hidden = extension(PROTOCOL.udp, toDenied(mallory.ipv6, mark))
      return ipv6(
        {...toAlice(mallory.ipv6), next: PROTOCOL.hopByHop},
        extension(PROTOCOL.destination, hidden),
      )
    },
    [FIREWALL],
  ),
  packets(
    'a fragment without the first one, which has the ports',
    'alice',
    mark => ipv4({...toAlice(mallory.ipv4), protocol: PROTOCOL.udp, id: 78, offset: 1}, Buffer.from(mark)),
    [
      // Packets are put together before anything else looks at them, unless nobody asks for connections.
      command(
        scene =>
          `nft 'add table inet untracked; add chain inet untracked c { type filter hook prerouting priority -450; }; add rule inet untracked c iifname "${scene.end('mallory')}" notrack'`,
        () => 'nft delete table inet untracked',
      ),
      // What is nobody's connection cannot be counted, and is dropped there.
      withoutRule(`connections-${CONNECTIONS}-out`, 'ct count'),
      withoutRule('count_in', 'ct count'),
    ],
  ),
  packets(
    'a source behind headers of IPv6',
    'alice',
    mark => {
      const ends = toAlice(bob.ipv6)
      const hidden = extension(PROTOCOL.udp, udp(ends, PORTS, mark))
      return ipv6({...ends, next: PROTOCOL.hopByHop}, extension(PROTOCOL.destination, hidden))
    },
    [SOURCES],
  ),
  ...(
    [
      ['IPIP', PROTOCOL.ipip, bob.ipv4, ''],
      ['6in4', PROTOCOL.sixInFour, bob.ipv6, ''],
      ['GRE', PROTOCOL.gre, bob.ipv4, '00000800'],
    ] as const
  ).map(([kind, protocol, from, head]) =>
    packets(
      `a packet from another server in a tunnel to the host, ${kind}`,
      'host',
      mark => {
        const inner = Buffer.concat([Buffer.from(head, 'hex'), datagram(toAlice(from), PORTS, mark)])
        return packet({from: mallory.ipv4, to: UPLINK.ipv4}, protocol, inner)
      },
      [HOST_SERVICES],
    ),
  ),
]

/** What Linux lets no one do, whatever it is told. */
const REFUSED_BY_LINUX: readonly (readonly [name: string, victim: Victim, ends: Ends])[] = [
  ['from the localhost of IPv6', 'alice', toAlice('::1')],
  ['from a multicast address of IPv6', 'alice', toAlice('ff02::1')],
  ['from no address of IPv6', 'alice', toAlice('::')],
  ['from a link-local address of IPv6, to another link', 'alice', toAlice('fe80::bad')],
  ["to the host's localhost of IPv6", 'host', {from: mallory.ipv6, to: '::1'}],
]

/** Last, as Mallory has no connections left then. */
const FLOODS: readonly Attack[] = [
  {
    name: "the host's table of connections, filled by one server",
    off: [withoutRule(`connections-${CONNECTIONS}-out`, 'ct count over')],
    attempt: async scene => {
      const ends = {from: mallory.ipv4, to: INTERNET.ipv4}
      await scene.send(
        Array.from({length: 2 * CONNECTIONS}, (_, index) =>
          frame(scene.hop(), datagram(ends, [10_000 + index, 7000], 'flood')),
        ),
      )
      const own = `src=${mallory.ipv4} .*dport=7000 `
      return () =>
        Number(scene.world.host.sh(`grep -c '${own}' /proc/net/nf_conntrack || :`)) > 1.5 * CONNECTIONS
    },
  },
]

let scene: Scene
let marks = 0

/** A text that is in no other packet. */
function mark(): string {
  return `mark-${String(++marks).padStart(4, '0')}`
}

beforeAll(async () => {
  if (!requires('root').skip) scene = await Scene.open()
})
afterAll(async () => {
  await scene?.[Symbol.asyncDispose]()
})

describe.skipIf(requires('root').skip)('without any of our rules against it', () => {
  const OFF = [SOURCES, NOWHERE6, HOST_SERVICES, STRANGE_TO_SERVERS]

  test.each(REFUSED_BY_LINUX)('%s', async (_, victim, ends) => {
    using _off = scene.switchOff(OFF)
    const text = mark()
    await scene.send([frame(scene.hop(), datagram(ends, PORTS, text))])
    await sleep(150)
    expect(scene.record(victim).has(text)).toBe(false)
  })

  test('from the IPv4 address of another server: the host looks for the way back itself', async () => {
    using _off = scene.switchOff(OFF)
    const text = mark()
    await scene.send([frame(scene.hop(), datagram(toAlice(bob.ipv4), PORTS, text))])
    await sleep(150)
    expect(scene.record('alice').has(text)).toBe(false)
  })
})

describe.skipIf(requires('root').skip).each([
  ['addresses of others', SOURCE_ADDRESSES],
  ['neighbours and routers', NEIGHBOURS],
  ['what is off limits', OFF_LIMITS],
  ['disguises', DISGUISES],
  ['floods', FLOODS],
])('%s', (_, attacks) => {
  test.each(attacks)('$name', async ({attempt, off, cleanUp}) => {
    const failed = await attempt(scene, mark())
    await sleep(150)
    expect(await failed(), 'with its protection').toBe(false)
    using _off = scene.switchOff(off)
    try {
      const succeeded = await attempt(scene, mark())
      await expect.poll(succeeded, {timeout: 2500, message: 'without its protection'}).toBe(true)
    } finally {
      cleanUp?.(scene)
    }
  })
})
