/*
 * What passes between the host and a server over its routed link, rules and all, against a pair of interfaces between two
 * namespaces with nothing else. Each round measures one right after the other, and it is the rounds' own ratios that count: what
 * the machine does beside it changes within seconds, and is nearly the same for both.
 */
import {once} from 'node:events'
import {execa} from 'execa'
import {Place} from '../tests/helpers/network.ts'
import {type Figure, median} from './statistics.ts'

const ROUNDS = 15
const SECONDS = 1
/** Of the one that sends and the one that receives: where the scheduler puts them makes a difference of a third. */
const PROCESSORS = '0,1'

/** By `iperf3`: from its client to its server, or back. */
const DIRECTIONS = [
  {what: 'to a server', flags: []},
  {what: 'from a server', flags: ['--reverse']},
] as const

/** Gbit/s. */
interface Round {
  readonly bare: number
  readonly ours: number
}

interface Way {
  readonly client: Place
  readonly address: string
}

/** @param pid a process of a running server that has `address` */
export async function throughputFigures(address: string, pid: number): Promise<Figure[]> {
  await using bare = await BarePair.make()
  await using server = Place.of(pid)
  await serve(server)
  const ours: Way = {client: Place.here(), address}
  const figures: Figure[] = []
  for (const {what, flags} of DIRECTIONS) {
    const rounds: Round[] = []
    for (let round = 0; round < ROUNDS; round++)
      rounds.push({bare: await gigabits(bare.way, flags), ours: await gigabits(ours, flags)})
    figures.push(figure(what, rounds))
  }
  return figures
}

function figure(what: string, rounds: readonly Round[]): Figure {
  const gigabitsOf = (values: readonly number[]): string => `${median(values).toFixed(2)} Gbit/s`
  return {
    what: `Throughput ${what} without a rate (TCP, medians of ${ROUNDS})`,
    measured: gigabitsOf(rounds.map(({ours}) => ours)),
    against: `${gigabitsOf(rounds.map(({bare}) => bare))} of a bare pair of interfaces; the bare one is`,
    ratio: median(rounds.map(({bare, ours}) => bare / ours)),
    atMost: 1 / 0.9,
  }
}

async function gigabits({client, address}: Way, flags: readonly string[]): Promise<number> {
  const [program, ...args] = client.words(
    'iperf3',
    '--json',
    '--client',
    address,
    '--time',
    String(SECONDS),
    '--affinity',
    PROCESSORS,
    ...flags,
  )
  const {stdout} = await execa(program, args)
  return (
    (JSON.parse(stdout) as {end: {sum_received: {bits_per_second: number}}}).end.sum_received
      .bits_per_second / 1e9
  )
}

/** Until the place ends. */
async function serve(place: Place): Promise<void> {
  const child = place.begin('iperf3', '--server', '--forceflush')
  await once(child.stdout as NodeJS.ReadableStream, 'data')
}

/** Two namespaces and nothing between them but a cable. */
class BarePair implements AsyncDisposable {
  readonly way: Way
  readonly #places: readonly Place[]

  private constructor(places: readonly Place[], way: Way) {
    this.#places = places
    this.way = way
  }

  static async make(): Promise<BarePair> {
    const [client, server] = [await Place.make(), await Place.make()]
    client.sh(`ip link add name cable type veth peer name cable netns ${server.pid}
      ip address add 192.0.2.9/30 dev cable; ip link set cable up`)
    server.sh('ip address add 192.0.2.10/30 dev cable; ip link set cable up')
    await serve(server)
    return new BarePair([client, server], {client, address: '192.0.2.10'})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const place of this.#places) await place[Symbol.asyncDispose]()
  }
}
