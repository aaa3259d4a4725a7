import {afterAll, beforeAll, describe, expect, test} from 'vitest'
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
const ITS_HOST = {ipv4: '169.254.0.1', ipv6: UPLINK.ipv6}
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
})
