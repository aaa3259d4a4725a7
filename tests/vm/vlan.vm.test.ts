// Servers in VLANs of a bridge: a building machine's kernel may have no VLANs on bridges.
import './guest-shell.ts'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {CAPABILITIES} from '../../src/definition/index.ts'
import {Workshop} from '../helpers/bare-server.ts'
import {datagram, frame} from '../helpers/frames.ts'
import {type ScratchHost, scratchHost} from '../helpers/host.ts'
import {Inside} from '../helpers/inside.ts'
import {Place} from '../helpers/network.ts'
import {until} from '../helpers/processes.ts'
import {createServers, probesMount, STATIC, startServers, stateNumber} from '../helpers/servers.ts'
import {Witness} from '../helpers/spoofing.ts'
import {must, run} from './guest-shell.ts'

process.env.VPS_NETWORK_OUTSIDE ??= 'none: the test host is nobody else’s'

const AT = {
  a: {vlan: 10, ipv4: '192.0.2.11', mac: '02:00:00:00:01:11'},
  b: {vlan: 10, ipv4: '192.0.2.12', mac: '02:00:00:00:01:12'},
  c: {vlan: 20, ipv4: '192.0.2.13', mac: '02:00:00:00:01:13'},
  first: {vlan: 1, ipv4: '192.0.2.14', mac: '02:00:00:00:01:14'},
  other: {vlan: 1, ipv4: '192.0.2.15', mac: '02:00:00:00:01:15'},
} as const
type Server = keyof typeof AT
const SERVERS = Object.keys(AT) as Server[]
/** Machines behind the trunk, in VLAN 10 and 20. */
const TRUNK = {10: '192.0.2.110', 20: '192.0.2.120'} as const

let host: ScratchHost
let inside: Inside
let workshop: Workshop
let trunk: Place
let forge: string

beforeAll(async () => {
  workshop = new Workshop()
  forge = workshop.compile('network-forge', STATIC)
  trunk = await Place.make()
  // A default that is not 1, so that a port is born in a VLAN that nobody names.
  must(`ip link add br5 type bridge vlan_filtering 1 vlan_default_pvid 30; ip link set br5 up
    ip link add wire5 type veth peer name trunk0 netns ${trunk.pid}
    ip link set wire5 master br5 up; bridge vlan del dev wire5 vid 30
    for vid in 10 20 30; do bridge vlan add dev wire5 vid $vid; done
    ip link add br6 type bridge; ip link set br6 up`)
  trunk.sh(`ip link set trunk0 up
    for vid in 10 20; do
      ip link add link trunk0 name v$vid type vlan id $vid; ip link set v$vid up
    done
    ip address add ${TRUNK[10]}/24 dev v10; ip address add ${TRUNK[20]}/32 dev v20
    ip route add ${AT.c.ipv4}/32 dev v20`)
  host = await scratchHost()
  await startServers(host, Object.fromEntries(SERVERS.map(name => [name, wanted(name)])))
  inside = await Inside.open(host)
})

afterAll(async () => {
  await host?.[Symbol.asyncDispose]()
  run('ip link delete br5; ip link delete br6; ip link delete wire5')
  await trunk?.[Symbol.asyncDispose]()
  workshop?.[Symbol.dispose]()
})

function wanted(name: Server, bridge = 'br5') {
  const {vlan, ipv4, mac} = AT[name]
  return {
    template: 'busybox',
    mounts: [probesMount(workshop)],
    security: {capabilities: {add: CAPABILITIES}},
    network: {links: [{mode: 'bridge', bridge, vlan, mac, addresses: [`${ipv4}/24`]}]},
  }
}

const placeOf = (server: Server): Place => Place.of(stateNumber(host, server, 'init'))
const ping = (address: string): string => `ping -c1 -W1 ${address} >/dev/null`
const reaches = (from: Place, address: string): boolean =>
  from.sh(`${ping(address)} && echo yes || echo no`) === 'yes'
const portOf = (server: Server): string =>
  must(`ip -o link show master br5 | sed -nE 's/^[0-9]+: ([^@:]+-${server})[@:].*/\\1/p'`)
const vlansOf = (port: string): string => must(`bridge vlan show dev ${port} | tail -n +2 | tr -s ' \\t' ' '`)

async function answer(from: Server, to: Server): Promise<string> {
  const listening = inside.sh(to, 'echo it is me | timeout 6 busybox nc -l -p 4000 >/dev/null || true')
  await sleep(500)
  const {stdout} = await inside.run(from, [
    'sh',
    '-c',
    `busybox nc -w 2 ${AT[to].ipv4} 4000 </dev/null || true`,
  ])
  await listening
  return stdout.trim()
}

describe('servers in VLANs of a bridge', () => {
  test('of one VLAN reach each other', async () => {
    expect(reaches(placeOf('a'), AT.b.ipv4)).toBe(true)
    expect(reaches(placeOf('b'), AT.a.ipv4)).toBe(true)
    expect(await answer('a', 'b')).toBe('it is me')
  })

  test('of different VLANs do not, though they are of one subnet', async () => {
    for (const [from, to] of [
      ['a', 'c'],
      ['c', 'b'],
      ['first', 'a'],
    ] as const)
      expect(reaches(placeOf(from), AT[to].ipv4)).toBe(false)
    expect(await answer('a', 'c')).toBe('')
  })

  test('of VLAN 1 are in that alone', () => {
    expect(reaches(placeOf('first'), AT.other.ipv4)).toBe(true)
    expect(vlansOf(portOf('first'))).toMatch(/^ ?\S+ 1 PVID Egress Untagged$/)
  })

  test('are in no other VLAN, not that which the bridge has as its default', () => {
    expect(vlansOf(portOf('a'))).toMatch(/^ ?\S+ 10 PVID Egress Untagged$/)
  })

  test('bear their tag at a trunk', () => {
    expect(reaches(trunk, AT.a.ipv4)).toBe(true)
    expect(reaches(trunk, AT.c.ipv4)).toBe(true)
    trunk.sh('ip link set v20 down')
    expect(reaches(trunk, AT.a.ipv4)).toBe(true)
    trunk.sh(`ip link set v20 up; ip route add ${AT.c.ipv4}/32 dev v20; ip link set v10 down`)
    expect(reaches(trunk, AT.c.ipv4)).toBe(true)
    trunk.sh('ip link set v10 up')
  })

  test('get nowhere with tags of their own', async () => {
    await using witness = await Witness.begin(placeOf('c'), forge, 'watch', 'eth0')
    await using own = await Witness.begin(placeOf('b'), forge, 'watch', 'eth0')
    const send = async (from: Server, mark: string, vlan?: number): Promise<void> => {
      const to = from === 'a' && vlan === undefined ? AT.b : AT.c
      const {mac, ipv4} = AT[from]
      const bytes = frame(
        {from: mac, to: to.mac},
        datagram({from: ipv4, to: to.ipv4}, [4000, 7000], mark),
        vlan,
      )
      const {code} = await inside.run(
        from,
        ['/probes/network-forge', 'send', 'eth0'],
        `${bytes.toString('hex')}\n`,
      )
      expect(code).toBe(0)
    }
    await send('a', 'mark-tagged', 20)
    await send('a', 'mark-plain')
    await until('the plain one arrives', () => own.has('mark-plain'), 10_000)
    expect(witness.has('mark-tagged')).toBe(false)
  })

  test('a VLAN that somebody changed is found and mended', async () => {
    expect(await host.json(['network', 'check'])).toMatchObject({ok: true})
    const port = portOf('a')
    must(`bridge vlan add dev ${port} vid 20 pvid untagged`)
    const found = await host.vps(['network', 'check'])
    expect(found.exitCode).not.toBe(0)
    expect(`${found.stdout}${found.stderr}`).toMatch(
      /is in the VLANs 10 untagged, 20 pvid untagged, not in 10 alone/,
    )
    await host.must(['network', 'check', '--repair'])
    expect(vlansOf(port)).toMatch(/^ ?\S+ 10 PVID Egress Untagged$/)
    expect(await host.json(['network', 'check'])).toMatchObject({ok: true})
    expect(reaches(placeOf('a'), AT.b.ipv4)).toBe(true)
  })

  test('a bridge that no longer filters is found, and left to its owner', async () => {
    must('ip link set br5 type bridge vlan_filtering 0')
    const {stdout, stderr} = await host.vps(['network', 'check', '--repair'])
    must('ip link set br5 type bridge vlan_filtering 1')
    expect(`${stdout}${stderr}`).toMatch(/bridge br5 does not filter VLANs/)
    expect(`${stdout}${stderr}`).toContain('ip link set br5 type bridge vlan_filtering 1')
    expect(await host.json(['network', 'check'])).toMatchObject({ok: true})
  })

  test('are in it again after a restart', async () => {
    await host.must(['restart', 'a', '--wait'])
    expect(vlansOf(portOf('a'))).toMatch(/^ ?\S+ 10 PVID Egress Untagged$/)
    expect(reaches(placeOf('a'), AT.b.ipv4)).toBe(true)
    expect(reaches(placeOf('a'), AT.c.ipv4)).toBe(false)
  })

  test('of a bridge that does not filter are refused, with the way out', async () => {
    await createServers(host, {lost: wanted('a', 'br6')})
    const {exitCode, stderr} = await host.vps(['start', 'lost'])
    expect(exitCode).toBe(5)
    expect(String(stderr)).toMatch(/network\.links\[0\]\.vlan.*bridge br6 does not filter VLANs/)
    expect(String(stderr)).toContain('ip link set br6 type bridge vlan_filtering 1')
    expect(must('ip -o link show master br6')).toBe('')
    must('ip link set br6 type bridge vlan_filtering 1')
    await host.must(['start', 'lost', '--wait'])
  })

  test('leave nothing', async () => {
    await host.must(['destroy', '--all', '--force', '--yes'])
    expect(must('ip -o link show master br6')).toBe('')
    expect(must('ip -o link show master br5 | grep -v wire5 || true')).toBe('')
  })
})
