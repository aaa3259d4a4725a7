import {once} from 'node:events'
import {execa} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {Place, Topology, UPLINK} from '../helpers/network.ts'
import {createServers, stateNumber} from '../helpers/servers.ts'

/*
 * Rates of a link, measured with iperf3. Its server is inside: the host takes no connections from servers.
 */

const ADDRESS = '10.77.0.9'
const MEGABIT = 1e6
/** How far a rate may be from what was asked. */
const PART = 0.1
/** More than any rate here: nothing holds the link back. */
const UNLIMITED = 300

type Direction = 'in' | 'out'

let host: ScratchHost
let world: Topology
let inside: Place | undefined

interface Ended {
  readonly sum_received: {readonly bits_per_second: number}
  readonly sum: {readonly seconds: number; readonly packets: number; readonly lost_packets: number}
}

/** Runs iperf3 for two seconds; `in` is what the server receives. */
async function run(from: Place, direction: Direction, ...flags: readonly string[]): Promise<Ended> {
  const reverse = direction === 'out' ? ['--reverse'] : []
  const [program, ...args] = from.words(
    'iperf3',
    '--json',
    '--client',
    ADDRESS,
    '--time',
    '2',
    ...reverse,
    ...flags,
  )
  const {stdout} = await execa(program, args, {stdin: 'ignore', timeout: 30_000})
  return (JSON.parse(stdout) as {end: Ended}).end
}

/** Of TCP, in Mbit/s. The first second is left out: a burst passes in it. */
async function megabits(direction: Direction): Promise<number> {
  const {sum_received} = await run(world.host, direction, '--omit', '1')
  return sum_received.bits_per_second / MEGABIT
}

/** Small packets of UDP that arrive in a second, of 5000 sent. From outside: a program of the host is told of each one dropped. */
async function packets(direction: Direction): Promise<number> {
  const {sum} = await run(world.internet, direction, '--udp', '--bitrate', '8M', '--length', '200')
  return (sum.packets - sum.lost_packets) / sum.seconds
}

function expectNear(measured: number, rate: number): void {
  expect(measured).toBeGreaterThan(rate * (1 - PART))
  expect(measured).toBeLessThan(rate * (1 + PART))
}

async function expectRates(rates: Readonly<Record<Direction, number>>): Promise<void> {
  expectNear(await megabits('in'), rates.in)
  expectNear(await megabits('out'), rates.out)
}

const setRate = async (rate: string): Promise<string> =>
  await host.must(['set', 'a', `network.links[0].rate=${rate}`])

/** What the host has for rates. */
const shaping = (): string => world.host.sh('tc qdisc | grep -E "tbf|ingress" || :; ip -o link show type ifb')

/** Begins iperf3 in the server's network. */
async function serve(): Promise<void> {
  await inside?.[Symbol.asyncDispose]()
  inside = Place.of(stateNumber(host, 'a', 'init'))
  const child = inside.begin('iperf3', '--server', '--forceflush')
  await once(child.stdout as NodeJS.ReadableStream, 'data')
}

// Measured while another part of the suite uses the processors.
describe.skipIf(requires('root').skip)('rates', {retry: 2}, () => {
  beforeAll(async () => {
    world = await Topology.build()
    world.router.sh(`ip route add ${ADDRESS} via ${UPLINK.ipv4}`)
    host = await scratchHost()
    const link = {addresses: [ADDRESS], rate: {in: '40mbit', out: '20mbit'}}
    await createServers(host, {a: {network: {links: [link]}}})
    await host.must(['start', 'a', '--wait'])
    await serve()
  })
  afterAll(async () => {
    await inside?.[Symbol.asyncDispose]()
    await host?.[Symbol.asyncDispose]()
    await world?.[Symbol.asyncDispose]()
  })

  test('hold both ways', async () => {
    await expectRates({in: 40, out: 20})
  })

  test("the server's root can't lift them", async () => {
    await host.inside(
      'a',
      `set -e; tc qdisc del dev eth0 root || :
      tc qdisc replace dev eth0 root pfifo limit 100000
      tc qdisc replace dev eth0 ingress
      ip link set eth0 txqueuelen 100000
      ethtool -K eth0 tso off gso off 2>/dev/null || :`,
    )
    await expectRates({in: 40, out: 20})
  })

  test('change while it runs', async () => {
    await setRate('{in: 15mbit, out: 60mbit, burst: 256KiB}')
    await expectRates({in: 15, out: 60})
  })

  test('one way alone', async () => {
    await setRate('{in: 30mbit}')
    expectNear(await megabits('in'), 30)
    expect(await megabits('out')).toBeGreaterThan(UNLIMITED)
    expect(shaping()).not.toMatch(/ifb|ingress/)
  })

  test('taken away, nothing holds it back', async () => {
    await setRate('')
    expect(await megabits('in')).toBeGreaterThan(UNLIMITED)
    expect(await megabits('out')).toBeGreaterThan(UNLIMITED)
    expect(shaping()).toBe('')
  })

  test('a ceiling of packets, both ways, and taken away', async () => {
    await setRate('{packets: 2000}')
    expectNear(await packets('in'), 2000)
    expectNear(await packets('out'), 2000)
    await setRate('')
    expect(await packets('in')).toBeGreaterThan(4000)
  })

  test('are as they were after a restart, and gone with the server', async () => {
    await setRate('{in: 25mbit, out: 35mbit}')
    await host.must(['restart', 'a', '--wait'])
    await serve()
    await expectRates({in: 25, out: 35})
    await host.must(['stop', 'a', '--kill'])
    expect(shaping()).toBe('')
  })
})
