import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {CAPABILITIES} from '../../src/definition/index.ts'
import {Workshop} from '../helpers/bare-server.ts'
import {
  arp,
  arpFrame,
  BROADCAST,
  datagram,
  type Ends,
  ethernet,
  frame,
  ipv6,
  neighbourAdvert,
  PROTOCOL,
  routerAdvert,
} from '../helpers/frames.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {Inside} from '../helpers/inside.ts'
import {Place} from '../helpers/network.ts'
import {until} from '../helpers/processes.ts'
import {createServers, probesMount, STATIC, startServers, stateNumber} from '../helpers/servers.ts'
import {Witness} from '../helpers/spoofing.ts'

/*
 * What the root of a server that is the port of a bridge may try against the others on it: each attack is seen to fail by the one who
 * would suffer it, and to succeed once the rules for ports are emptied.
 */

const MALLORY = {ipv4: '192.0.2.10', ipv6: '2001:db8:9::10', mac: '02:00:00:00:09:10'}
const ALICE = {ipv4: '192.0.2.11', ipv6: '2001:db8:9::11', mac: '02:00:00:00:09:11'}
/** A machine of the bridge's network that is no server. */
const MACHINE = {ipv4: '192.0.2.12', ipv6: '2001:db8:9::12', mac: '02:00:00:00:09:12'}
const STRANGER = '02:00:00:00:09:99'
const NOBODY = '02:00:00:00:09:98'
const ALL_NODES = {address: 'ff02::1', mac: '33:33:00:00:00:01'}
const PORTS = [4000, 7000] as const

let host: ScratchHost
let here: Place
let machine: Place
let inside: Inside
let workshop: Workshop
let table: string
const witnesses: Witness[] = []

beforeAll(async () => {
  if (requires('root').skip) return
  workshop = new Workshop()
  const forge = workshop.compile('network-forge', STATIC)
  here = Place.here()
  machine = await Place.make()
  here.sh(`ip link add br9 type bridge; ip link set br9 up
    ip link add wire9 type veth peer name eth0 address ${MACHINE.mac} netns ${machine.pid}
    ip link set wire9 master br9 up`)
  machine.sh(`ip link set eth0 up; ip address add ${MACHINE.ipv4}/24 dev eth0
    ip address add ${MACHINE.ipv6}/64 dev eth0 nodad`)
  host = await scratchHost()
  const server = (links: object, more: object = {}) => ({
    template: 'busybox',
    mounts: [probesMount(workshop)],
    security: {capabilities: {add: CAPABILITIES}},
    network: {links: [{mode: 'bridge', bridge: 'br9', ...links}]},
    ...more,
  })
  const fixed = ({ipv4, ipv6, mac}: typeof MALLORY) => ({mac, addresses: [`${ipv4}/24`, `${ipv6}/64`]})
  await startServers(host, {
    mallory: server(fixed(MALLORY)),
    alice: server(fixed(ALICE)),
    guest: server({mac: '02:00:00:00:09:20'}),
  })
  inside = await Inside.open(host)
  table = /^table bridge (vps_\w+)$/m.exec(here.sh('nft list tables'))?.[1] ?? ''
  witnesses.push(
    await Witness.begin(machine, forge, 'watch', 'eth0'),
    await Witness.begin(placeOf('mallory'), forge, 'watch', 'eth0'),
  )
})

afterAll(async () => {
  for (const witness of witnesses) await witness[Symbol.asyncDispose]()
  await host?.[Symbol.asyncDispose]()
  if (host !== undefined) here.sh('ip link delete br9; ip link delete wire9 2>/dev/null || true')
  await machine?.[Symbol.asyncDispose]()
  workshop?.[Symbol.dispose]()
})

const placeOf = (server: string): Place => Place.of(stateNumber(host, server, 'init'))
const ping = (address: string): string => `busybox ping -c1 -W2 ${address} >/dev/null`

/** A server's root sends a frame by its link. */
async function send(server: string, bytes: Buffer): Promise<void> {
  const input = `${bytes.toString('hex')}\n`
  const {code, stderr} = await inside.run(server, ['/probes/network-forge', 'send', 'eth0'], input)
  expect(code, stderr).toBe(0)
}

/** Without the rules for ports, until it is disposed of. */
function unprotected(): AsyncDisposable {
  for (const chain of ['prerouting', 'postrouting']) here.sh(`nft flush chain bridge ${table} ${chain}`)
  return {
    async [Symbol.asyncDispose]() {
      await host.must(['network', 'check', '--repair'])
    },
  }
}

const own = (to: string): Ends => ({from: MALLORY.mac, to})

interface Attack {
  readonly name: string
  /** What Mallory sends, with the mark in it where that can be. */
  readonly build: (mark: string) => Buffer
}

const ATTACKS: readonly Attack[] = [
  {
    name: 'sends from another MAC',
    build: mark =>
      frame({from: STRANGER, to: MACHINE.mac}, datagram({from: MALLORY.ipv4, to: MACHINE.ipv4}, PORTS, mark)),
  },
  {
    name: 'sends from the address of a neighbour, IPv4',
    build: mark => frame(own(MACHINE.mac), datagram({from: ALICE.ipv4, to: MACHINE.ipv4}, PORTS, mark)),
  },
  {
    name: 'sends from the address of a neighbour, IPv6',
    build: mark => frame(own(MACHINE.mac), datagram({from: ALICE.ipv6, to: MACHINE.ipv6}, PORTS, mark)),
  },
  {
    name: 'answers ARP for a neighbour',
    build: () =>
      arpFrame(
        own(BROADCAST),
        arp(2, {mac: MALLORY.mac, address: ALICE.ipv4}, {mac: MACHINE.mac, address: MACHINE.ipv4}),
      ),
  },
  {
    name: 'tells by ARP of another MAC for its own address',
    build: () =>
      arpFrame(
        own(BROADCAST),
        arp(2, {mac: STRANGER, address: MALLORY.ipv4}, {mac: MACHINE.mac, address: MACHINE.ipv4}),
      ),
  },
  {
    name: 'advertises the address of a neighbour',
    build: () =>
      frame(
        own(ALL_NODES.mac),
        neighbourAdvert({from: MALLORY.ipv6, to: ALL_NODES.address}, ALICE.ipv6, MALLORY.mac),
      ),
  },
  {
    name: 'offers itself as a router',
    build: () => {
      const ends = {from: 'fe80::ff:fe00:910', to: ALL_NODES.address}
      const advert = ipv6({...ends, next: PROTOCOL.icmp6, hops: 255}, routerAdvert(ends, '2001:db8:66::'))
      return frame(own(ALL_NODES.mac), advert)
    },
  },
  {
    name: 'offers addresses by DHCP',
    build: mark =>
      frame(own(BROADCAST), datagram({from: MALLORY.ipv4, to: '255.255.255.255'}, [67, 68], mark)),
  },
  {
    name: 'hops to another VLAN',
    build: mark => frame(own(MACHINE.mac), datagram({from: MALLORY.ipv4, to: MACHINE.ipv4}, PORTS, mark), 7),
  },
  {
    name: 'speaks a protocol of switches (LLDP)',
    build: mark => ethernet(own(BROADCAST), 0x88cc, Buffer.from(`\x02\x07\x04${mark}`)),
  },
]

let marks = 0
function nextMark(): string {
  return `mark${String(++marks).padStart(4, '0')}`
}

/** Behind the MACs, the type and a tag, which may be taken off on the way. */
const HEADERS = 18

/** Whether the machine got what the server sent; that which must arrive is waited for. */
async function arrives(server: string, {build}: Attack, expected: boolean): Promise<boolean> {
  const bytes = build(nextMark())
  const [{packets} = {packets: []}] = witnesses
  const from = packets.length
  const seen = (): boolean => packets.slice(from).some(packet => packet.includes(bytes.subarray(HEADERS)))
  await send(server, bytes)
  if (expected) await until('it arrives', seen, 3000)
  else await sleep(150)
  return seen()
}

describe.skipIf(requires('root').skip)('a port of a bridge', () => {
  test('reaches the others on it, and they reach it', async () => {
    for (const {ipv4, ipv6} of [ALICE, MACHINE])
      for (const address of [ipv4, ipv6]) await host.inside('mallory', ping(address))
    for (const address of [MALLORY.ipv4, MALLORY.ipv6]) machine.sh(ping(address))
    expect(await host.json(['network', 'check'])).toMatchObject({ok: true})
  })

  test.each(ATTACKS)('whose root $name does no harm', async attack => {
    expect(await arrives('mallory', attack, false)).toBe(false)
    await using _off = unprotected()
    expect(await arrives('mallory', attack, true)).toBe(true)
  })

  test('does not hear what is for others', async () => {
    const heard = async (expected: boolean): Promise<boolean> => {
      const mark = nextMark()
      const toNobody = frame(
        {from: ALICE.mac, to: NOBODY}, // whom the bridge does not know, so that all ports get it
        datagram({from: ALICE.ipv4, to: '192.0.2.77'}, PORTS, mark),
      )
      await send('alice', toNobody)
      await until('it is sent', () => witnesses[0]?.has(mark) === true, 3000)
      if (expected) await until('it is heard', () => witnesses[1]?.has(mark) === true, 3000)
      return witnesses[1]?.has(mark) === true
    }
    expect(await heard(false)).toBe(false)
    await using _off = unprotected()
    expect(await heard(true)).toBe(true)
  })

  test('that has no address of its own may take any, but no other MAC', async () => {
    await host.inside('guest', `ip address add 192.0.2.20/24 dev eth0; ${ping(MACHINE.ipv4)}`)
    const stranger: Attack = {
      name: '',
      build: mark =>
        frame(
          {from: STRANGER, to: MACHINE.mac},
          datagram({from: '192.0.2.20', to: MACHINE.ipv4}, PORTS, mark),
        ),
    }
    expect(await arrives('guest', stranger, false)).toBe(false)
  })

  test('gets another address while it runs', async () => {
    await host.must(['set', 'mallory', `network.links[0].addresses=[192.0.2.30/24, "${MALLORY.ipv6}/64"]`])
    machine.sh(ping('192.0.2.30'))
    const old: Attack = {
      name: '',
      build: mark => frame(own(MACHINE.mac), datagram({from: MALLORY.ipv4, to: MACHINE.ipv4}, PORTS, mark)),
    }
    expect(await arrives('mallory', old, false)).toBe(false)
  })

  test('is in no VLAN where the bridge does not filter, or the kernel cannot', async () => {
    await createServers(host, {
      tagged: {template: 'busybox', network: {links: [{mode: 'bridge', bridge: 'br9', vlan: 20}]}},
    })
    const {exitCode, stderr} = await host.vps(['start', 'tagged'])
    expect(exitCode).toBe(5)
    const isAble = here.sh('ip -j -d link show br9').includes('vlan_protocol')
    expect(String(stderr)).toMatch(/network\.links\[0\]\.vlan/)
    expect(String(stderr)).toMatch(isAble ? /br9 does not filter VLANs/ : /CONFIG_BRIDGE_VLAN_FILTERING/)
  })

  test('leaves nothing in the rules', async () => {
    await host.must(['stop', '--all', '--kill'])
    expect(here.sh(`nft list table bridge ${table}`)).not.toMatch(/elements/)
    await host.must(['destroy', '--all', '--yes'])
    expect(here.sh('nft list tables')).not.toContain(table)
  })
})
