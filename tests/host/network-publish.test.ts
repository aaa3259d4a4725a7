import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {NAMES6} from '../../src/network/index.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {INTERNET, LOCALHOST, Place, Topology, UPLINK} from '../helpers/network.ts'
import {createServers, stateNumber} from '../helpers/servers.ts'

/*
 * Published ports, from everywhere that a connection can come from. Each server answers with its name and with who asked: a source
 * address that was changed on the way is seen.
 */

let host: ScratchHost
let world: Topology

const FAMILIES = ['ipv4', 'ipv6'] as const
const PROTOCOLS = ['tcp', 'udp'] as const
type Family = (typeof FAMILIES)[number]

/** Whose address a server sees where its answers would not come back otherwise. */
const ITS_HOST = {ipv4: '169.254.0.1', ipv6: NAMES6}
const OTHER = {ipv4: '10.77.0.2', ipv6: 'fd77:7073:7673::2'}

const placeOf = (name: string): Place => Place.of(stateNumber(host, name, 'init'))

beforeAll(async () => {
  if (requires('root').skip) return
  world = await Topology.build()
  host = await scratchHost()
})
afterAll(async () => {
  await host?.[Symbol.asyncDispose]()
  await world?.[Symbol.asyncDispose]()
})

describe.skipIf(requires('root').skip)('published ports', () => {
  let servers: AsyncDisposableStack

  beforeAll(async () => {
    const published = [
      '8080:80/tcp',
      '8080:80/udp',
      '127.0.0.1:5000:81',
      '[::1]:5000:81',
      '127.0.0.1:5000:81/udp',
      '[::1]:5000:81/udp',
    ]
    await createServers(host, {
      web: {
        template: 'busybox',
        network: {publish: [...published, '20000-20002:90-92/udp', `${UPLINK.ipv4}:443:80`]},
      },
      other: {template: 'busybox', network: 'links', project: 'stranger'},
    })
    await host.must(['start', 'web', 'other', '--wait'])
    servers = new AsyncDisposableStack()
    servers.use(await placeOf('web').serve('web', 80, 81, 90, 92))
    servers.use(await world.host.serve('host', 8081))
  })
  afterAll(async () => {
    await servers.disposeAsync()
  })

  const everywhere: readonly {
    from: string
    place: () => Place
    to: Record<Family, string>
    seen: Record<Family, string>
  }[] = [
    {from: 'outside', place: () => world.internet, to: UPLINK, seen: INTERNET},
    {
      from: 'the router',
      place: () => world.router,
      to: UPLINK,
      seen: {ipv4: '192.0.2.1', ipv6: '2001:db8:1::1'},
    },
    {from: 'the host by its address', place: () => world.host, to: UPLINK, seen: UPLINK},
    {from: 'the host by localhost', place: () => world.host, to: LOCALHOST, seen: ITS_HOST},
    {from: 'a server of another project', place: () => placeOf('other'), to: UPLINK, seen: OTHER},
    {from: 'the server itself', place: () => placeOf('web'), to: UPLINK, seen: ITS_HOST},
  ]
  const cases = everywhere.flatMap(way =>
    FAMILIES.flatMap(family => PROTOCOLS.map(protocol => ({...way, family, protocol}))),
  )

  test.each(cases)(
    'are reached from $from: $family, $protocol',
    async ({place, to, seen, family, protocol}) => {
      expect(await place().ask(protocol, to[family], 8080)).toBe(`web ${seen[family]}`)
    },
  )

  test('of a range lead each to its own', async () => {
    expect(await world.internet.ask('udp', UPLINK.ipv4, 20000)).toBe(`web ${INTERNET.ipv4}`)
    expect(await world.internet.ask('udp', UPLINK.ipv6, 20002)).toBe(`web ${INTERNET.ipv6}`)
    expect(await world.internet.ask('udp', UPLINK.ipv4, 20001)).toBe('refused') // nobody listens there in the server
    expect(await world.internet.ask('udp', UPLINK.ipv4, 20003)).toBe('refused')
  })

  test('at localhost are for the host alone', async () => {
    for (const protocol of PROTOCOLS) {
      for (const family of FAMILIES) {
        expect(await world.host.ask(protocol, LOCALHOST[family], 5000)).toBe(`web ${ITS_HOST[family]}`)
        for (const place of [world.internet, world.host, placeOf('other'), placeOf('web')])
          expect(await place.ask(protocol, UPLINK[family], 5000)).not.toContain('web')
      }
    }
  })

  test('at one address are at that one', async () => {
    expect(await world.internet.ask('tcp', UPLINK.ipv4, 443)).toBe(`web ${INTERNET.ipv4}`)
    expect(await placeOf('other').ask('tcp', UPLINK.ipv4, 443)).toBe(`web ${OTHER.ipv4}`)
    expect(await world.host.ask('tcp', LOCALHOST.ipv4, 443)).toBe('refused')
    expect(await world.internet.ask('tcp', UPLINK.ipv6, 443)).toBe('refused')
  })

  test('that a server sends to 127.0.0.1 of its host never arrive', async () => {
    const web = placeOf('web')
    await using _listener = await world.host.serve('host', 6000)
    web.sh(
      'ip route add 127.0.0.9/32 via 169.254.0.1 dev eth0 onlink; echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet',
    )
    for (const protocol of PROTOCOLS)
      expect(await web.ask(protocol, '127.0.0.9', 6000, OTHER.ipv4.replace(/2$/, '1'))).toBe('timeout')
  })

  test('another server has are refused with its name', async () => {
    await createServers(host, {
      late: {template: 'busybox', network: {publish: ['9000-9005:80-85', '8080:8080/udp']}},
    })
    const {exitCode, stderr} = await host.vps(['start', 'late'])
    expect(stderr).toContain('server late cannot publish late.yaml:')
    expect(stderr).toContain("network.publish[1]: udp port 8080 is server web's")
    expect(exitCode).toBe(4)
    await host.must(['set', 'late', 'network.publish=["9000-9005:80-85"]'])
    await host.must(['start', 'late', '--wait'])
    await host.must(['destroy', 'late', '--force', '--yes'])
  })

  test('a program of the host has are refused with its name', async () => {
    await createServers(host, {late: {template: 'busybox', network: {publish: ['8081:80']}}})
    const {exitCode, stderr} = await host.vps(['start', 'late'])
    expect(stderr).toMatch(
      /server late cannot publish late\.yaml:\S+ network\.publish\[0\]: network-talk\S* \(pid \d+\) listens at tcp port 8081/,
    )
    expect(exitCode).toBe(4)
    await host.must(['set', 'late', 'network.publish=["8081:80/udp"]'])
    expect((await host.vps(['start', 'late'])).stderr).toContain('udp port 8081')
    await host.must(['destroy', 'late', '--force', '--yes'])
  })

  test("are nobody's when their server is gone, however it ended", async () => {
    await host.must(['stop', 'web', '--kill'])
    expect(await world.internet.ask('tcp', UPLINK.ipv4, 8080)).toBe('refused')
    await createServers(host, {heir: {template: 'busybox', network: {publish: ['8080:80']}}})
    await host.must(['start', 'heir', '--wait'])
    await using _heir = await placeOf('heir').serve('heir', 80)
    expect(await world.internet.ask('tcp', UPLINK.ipv4, 8080)).toBe(`heir ${INTERNET.ipv4}`)
  })
})
