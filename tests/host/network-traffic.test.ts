import {execFileSync} from 'node:child_process'
import {once} from 'node:events'
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {serverPaths} from '../../src/host/index.ts'
import type {ServerTraffic, TrafficMonth} from '../../src/server/index.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {INTERNET, Place, Topology, UPLINK} from '../helpers/network.ts'
import {isAlive, until} from '../helpers/processes.ts'
import {createServers, runState, stateNumber} from '../helpers/servers.ts'

/*
 * Traffic of known size, and what is counted of it: every packet once for who sends it and once for who gets it, to the byte.
 */

let host: ScratchHost
let world: Topology

/** Of IP and UDP. */
const HEADERS = {ipv4: 20 + 8, ipv6: 40 + 8} as const
type Family = keyof typeof HEADERS
const FAMILIES = ['ipv4', 'ipv6'] as const

/** Of the class `office`; the internet's other address is only of the world. */
const OFFICE = {ipv4: '198.51.100.20', ipv6: '2001:db8:f::20'}
/** Of servers: addresses that the internet knows. */
const A = {ipv4: '203.0.113.7', ipv6: '2001:db8:7::7'}
const B = {ipv4: '203.0.113.8', ipv6: '2001:db8:7::8'}
const POOLS = {
  private: {range: '10.77.0.0/16', masquerade: true, default: true},
  private6: {range: 'fd77:7073:7673::/64', masquerade: true, default: true},
  public: {range: '203.0.113.0/24', default: false},
  public6: {range: '2001:db8:7::/64', default: false},
}
const PORT = 4000

type Classes = ServerTraffic['classes']
type Flow = readonly [kind: string, direction: 'in' | 'out', family: Family, packets: number, bytes: number]

const placeOf = (name: string): Place => Place.of(stateNumber(host, name, 'init'))

/** Takes datagrams without an answer; a closed port would send ICMP for each. */
async function sink(place: Place): Promise<AsyncDisposable> {
  const child = place.begin(
    process.execPath,
    '-e',
    `require('dgram').createSocket('udp6').bind(${PORT}, '::', () => console.log('ready'))`,
  )
  await once(child.stdout as NodeJS.ReadableStream, 'data')
  return {
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

function send(place: Place, to: string, count: number, size: number, from?: string): void {
  const script = `
    const socket = require('dgram').createSocket('${to.includes(':') ? 'udp6' : 'udp4'}')
    let left = ${count}
    socket.bind(0, ${JSON.stringify(from)}, () => {
      for (let i = 0; i < ${count}; i++) socket.send(Buffer.alloc(${size}), ${PORT}, '${to}', error => {
        if (error) throw error
        if (--left === 0) socket.close()
      })
    })`
  const [program, ...args] = place.words(process.execPath, '-e', script)
  execFileSync(program, args, {stdio: ['ignore', 'inherit', 'inherit']})
}

async function traffic(name: string): Promise<Classes> {
  const [found] = await host.json<ServerTraffic[]>(['traffic', name])
  return found?.classes ?? {}
}

function flowsOf(classes: Classes): Flow[] {
  return Object.entries(classes).flatMap(([kind, amounts]) =>
    (['in', 'out'] as const).flatMap(direction =>
      FAMILIES.map((family): Flow => {
        const {packets, bytes} = amounts[direction][family]
        return [kind, direction, family, packets, bytes]
      }),
    ),
  )
}

/** What was counted while `work` ran, without zeros. */
async function counted(name: string, work: () => unknown): Promise<Flow[]> {
  const before = flowsOf(await traffic(name))
  await work()
  return grown(before, flowsOf(await traffic(name)))
}

function grown(before: readonly Flow[], after: readonly Flow[]): Flow[] {
  return after.flatMap(([kind, direction, family, packets, bytes]): Flow[] => {
    const old = before.find(flow => flow[0] === kind && flow[1] === direction && flow[2] === family)
    const more: Flow = [kind, direction, family, packets - (old?.[3] ?? 0), bytes - (old?.[4] ?? 0)]
    return more[3] === 0 && more[4] === 0 ? [] : [more]
  })
}

const flow = (kind: string, direction: 'in' | 'out', family: Family, packets: number, size: number): Flow => [
  kind,
  direction,
  family,
  packets,
  packets * (size + HEADERS[family]),
]

const addresses = (own: typeof A) => ({links: [{name: 'eth0', addresses: ['auto', own.ipv4, own.ipv6]}]})

function configure(classes: Readonly<Record<string, readonly string[]>>): void {
  const file = host.paths.hostConfig
  mkdirSync(dirname(file), {recursive: true})
  writeFileSync(file, JSON.stringify({network: {pools: POOLS, classes}}))
}

const accountFile = (name: string): string => join(serverPaths(host.paths, name).storage, 'traffic')
const sendSome = (count: number): void => send(placeOf('a'), INTERNET.ipv4, count, 100)
const sent = (count: number): Flow[] => [flow('world', 'out', 'ipv4', count, 100)]

beforeAll(async () => {
  if (requires('root').skip) return
  world = await Topology.build()
  // Answers come from the class, too.
  world.internet.sh(`ip address add ${OFFICE.ipv4}/24 dev eth0; ip address add ${OFFICE.ipv6}/64 dev eth0 nodad
    ip route replace default via 198.51.100.1 src ${OFFICE.ipv4}
    ip route replace default via 2001:db8:f::1 src ${OFFICE.ipv6}`)
  host = await scratchHost()
  configure({office: [OFFICE.ipv4, `${OFFICE.ipv6}/124`]})
})
afterAll(async () => {
  await host?.[Symbol.asyncDispose]()
  await world?.[Symbol.asyncDispose]()
})

describe.skipIf(requires('root').skip)('traffic', () => {
  let sinks: AsyncDisposableStack

  async function renewSinks(): Promise<void> {
    await sinks?.disposeAsync()
    sinks = new AsyncDisposableStack()
    for (const place of [world.internet, world.host, placeOf('a'), placeOf('b')]) sinks.use(await sink(place))
  }

  beforeAll(async () => {
    await createServers(host, {
      a: {template: 'busybox', network: addresses(A), restart: {policy: 'always'}},
      b: {template: 'busybox', network: addresses(B)},
      c: {template: 'busybox', network: 'links', project: 'stranger'},
    })
    await host.must(['start', 'a', 'b', '--wait'])
    await renewSinks()
  })
  afterAll(async () => {
    await sinks?.disposeAsync()
  })

  describe.each(FAMILIES)('%s', family => {
    test('to the world, a class, and another server', async () => {
      const done = await counted('a', () => {
        send(placeOf('a'), INTERNET[family], 40, 100)
        send(placeOf('a'), OFFICE[family], 30, 200)
        send(placeOf('a'), B[family], 20, 300)
      })
      expect(done).toEqual([
        flow('local', 'out', family, 20, 300),
        flow('office', 'out', family, 30, 200),
        flow('world', 'out', family, 40, 100),
      ])
    })

    test('from the world, a class, another server, and the host', async () => {
      const done = await counted('a', () => {
        send(world.internet, A[family], 11, 1000, INTERNET[family])
        send(world.internet, A[family], 12, 900, OFFICE[family])
        send(placeOf('b'), A[family], 13, 800)
        send(world.host, A[family], 14, 800)
      })
      expect(done).toEqual([
        flow('local', 'in', family, 27, 800),
        flow('office', 'in', family, 12, 900),
        flow('world', 'in', family, 11, 1000),
      ])
    })

    test('between two servers it counts for both', async () => {
      const before = flowsOf(await traffic('b'))
      const done = await counted('a', () => send(placeOf('a'), B[family], 25, 64))
      expect(done).toEqual([flow('local', 'out', family, 25, 64)])
      expect(grown(before, flowsOf(await traffic('b')))).toEqual([flow('local', 'in', family, 25, 64)])
    })

    test('answers through masquerading are from who gave them', async () => {
      await using _server = await world.internet.serve('hello', 4001)
      const done = await counted('a', async () => {
        expect(await placeOf('a').ask('udp', OFFICE[family], 4001)).toBe(`hello ${UPLINK[family]}`)
      })
      expect(done).toEqual([
        flow('office', 'in', family, 1, `hello ${UPLINK[family]}\n`.length),
        flow('office', 'out', family, 1, '?\n'.length),
      ])
    })

    test('what is dropped is not counted', async () => {
      const stranger = family === 'ipv4' ? '10.77.0.3' : 'fd77:7073:7673::3'
      await host.must(['start', 'c', '--wait'])
      const before = flowsOf(await traffic('c'))
      const done = await counted('a', () => {
        send(placeOf('a'), stranger, 5, 100) // of another project
        send(placeOf('a'), UPLINK[family], 5, 100) // a service of the host
      })
      expect(done).toEqual([])
      expect(grown(before, flowsOf(await traffic('c')))).toEqual([])
      await host.must(['stop', 'c'])
    })

    test('what comes in fragments is one packet', async () => {
      const done = await counted('a', () => send(placeOf('a'), INTERNET[family], 3, 4000))
      expect(done).toEqual([flow('world', 'out', family, 3, 4000)])
    })
  })

  test('what rules of other programs drop is not counted', async () => {
    world.host.sh(
      'nft add table inet other; nft "add chain inet other forward { type filter hook forward priority filter + 10; policy drop; }"',
    )
    try {
      const done = await counted('a', () => {
        sendSome(5)
        send(world.internet, A.ipv6, 5, 100)
        send(placeOf('b'), A.ipv4, 5, 100)
      })
      expect(done).toEqual([])
    } finally {
      world.host.sh('nft delete table inet other')
    }
    expect(await counted('a', () => sendSome(5))).toEqual(sent(5))
  })

  test('is kept over a reboot from inside, a restart and a stop', async () => {
    const before = flowsOf(await traffic('a'))
    sendSome(10)
    const restarts = Number(runState(host, 'a').get('restarts'))
    await host.vps(['exec', 'a', '--', 'sh', '-c', 'kill 1'])
    await until('it runs again', () => {
      const state = runState(host, 'a')
      return state.get('state') === 'running' && Number(state.get('restarts')) === restarts + 1
    })
    sendSome(20)
    await host.must(['restart', 'a', '--wait'])
    sendSome(30)
    await host.must(['stop', 'a'])
    expect(grown(before, flowsOf(await traffic('a')))).toEqual(sent(60))
    await host.must(['start', 'a', '--wait'])
    sendSome(5)
    expect(grown(before, flowsOf(await traffic('a')))).toEqual(sent(65))
  })

  test('rules that somebody flushed cost what came since the last look; those loaded anew count on', async () => {
    const before = flowsOf(await traffic('a'))
    sendSome(50)
    expect(grown(before, flowsOf(await traffic('a')))).toEqual(sent(50))
    world.host.sh('nft flush ruleset')
    await host.must(['start', 'c', '--wait'])
    sendSome(60)
    expect(grown(before, flowsOf(await traffic('a')))).toEqual(sent(110))
    await host.must(['stop', 'c'])
  })

  test('rules that vps loads anew cost nothing: a class that is new is the world to who runs', async () => {
    const before = flowsOf(await traffic('a'))
    sendSome(7)
    configure({office: [OFFICE.ipv4, `${OFFICE.ipv6}/124`], exchange: [INTERNET.ipv4]})
    await host.must(['start', 'c', '--wait'])
    sendSome(8)
    expect(grown(before, flowsOf(await traffic('a')))).toEqual(sent(15))
    await host.must(['restart', 'a', '--wait'])
    sendSome(9)
    expect(grown(before, flowsOf(await traffic('a')))).toEqual([
      flow('exchange', 'out', 'ipv4', 9, 100),
      ...sent(15),
    ])
  })

  test('a class that is gone keeps its counts; who runs since before can boot again', async () => {
    const before = flowsOf(await traffic('a'))
    configure({})
    await host.must(['stop', 'c'])
    await host.must(['start', 'c', '--wait'])
    const restarts = Number(runState(host, 'a').get('restarts'))
    await host.vps(['exec', 'a', '--', 'sh', '-c', 'kill 1'])
    await until('it runs again', () => {
      const state = runState(host, 'a')
      return state.get('state') === 'running' && Number(state.get('restarts')) === restarts + 1
    })
    sendSome(3)
    expect(grown(before, flowsOf(await traffic('a')))).toEqual(sent(3))
    expect(Object.keys(await traffic('a'))).toEqual(['local', 'exchange', 'office', 'world'])
    await host.must(['restart', 'a', '--wait'])
    await host.must(['stop', 'c'])
  })

  test('classes come and go with a change of the network of a server that runs; nothing is lost', async () => {
    const before = flowsOf(await traffic('a'))
    sendSome(3)
    configure({uplink: [INTERNET.ipv4]})
    await host.must(['set', 'a', 'network.connections=1000'])
    sendSome(4)
    configure({})
    await host.must(['set', 'a', 'network.connections=2000'])
    sendSome(5)
    expect(grown(before, flowsOf(await traffic('a')))).toEqual([
      flow('uplink', 'out', 'ipv4', 4, 100),
      ...sent(8),
    ])
  })

  test('a supervisor that is killed loses what came since the last look, no more', async () => {
    const before = flowsOf(await traffic('a'))
    sendSome(40)
    expect(grown(before, flowsOf(await traffic('a')))).toEqual(sent(40))
    sendSome(1)
    const supervisor = stateNumber(host, 'a', 'supervisor')
    process.kill(supervisor, 'SIGKILL')
    await until('it is dead', () => !isAlive(supervisor))
    await host.must(['start', 'a', '--wait'])
    sendSome(2)
    expect(grown(before, flowsOf(await traffic('a')))).toEqual(sent(42))
  })

  test('begins anew on request, running or stopped; the month goes on', async () => {
    const month = async (): Promise<Classes> =>
      (await host.json<TrafficMonth[]>(['traffic', 'a', '--month', 'now']))[0]?.classes ?? {}
    const all = flowsOf(await month())
    expect(grown(flowsOf(await traffic('a')), all)).toEqual([]) // nothing was reset before
    sendSome(4)
    await host.must(['traffic', 'a', '--reset'])
    expect(flowsOf(await traffic('a')).every(([, , , packets, bytes]) => packets === 0 && bytes === 0)).toBe(
      true,
    )
    sendSome(6)
    expect(grown([], flowsOf(await traffic('a')))).toEqual(sent(6))
    await host.must(['stop', 'a'])
    expect(grown([], flowsOf(await traffic('a')))).toEqual(sent(6))
    await host.must(['traffic', 'a', '--reset'])
    expect(grown([], flowsOf(await traffic('a')))).toEqual([])
    await host.must(['start', 'a', '--wait'])
    sendSome(1)
    expect(grown([], flowsOf(await traffic('a')))).toEqual(sent(1))
    expect(grown(all, flowsOf(await month()))).toEqual(sent(11))
  })

  test('a file that makes no sense is kept aside; the month stays as it is', async () => {
    await host.must(['stop', 'a'])
    const [before] = await host.json<TrafficMonth[]>(['traffic', 'a', '--month', 'now'])
    writeFileSync(accountFile('a'), 'vps-traffic 1\nsince 5\nworld_in4_bytes x 1\n')
    await host.must(['start', 'a', '--wait'])
    sendSome(2)
    expect(grown([], flowsOf(await traffic('a')))).toEqual(sent(2))
    expect(readFileSync(`${accountFile('a')}.damaged`, 'utf8')).toContain('x 1')
    const [after] = await host.json<TrafficMonth[]>(['traffic', 'a', '--month', 'now'])
    expect(grown(flowsOf(before?.classes ?? {}), flowsOf(after?.classes ?? {}))).toEqual(sent(2))
  })

  test('a server without links has none', async () => {
    await createServers(host, {none: {template: 'busybox', network: 'none'}})
    await host.must(['start', 'none', '--wait'])
    expect(await traffic('none')).toEqual({})
    await host.must(['stop', 'none'])
    expect(existsSync(accountFile('none'))).toBe(false)
    expect(await host.must(['traffic', 'none'])).toBe('No traffic was counted.')
  })

  test('people see a table; a destroyed server is billed', async () => {
    const [month] = await host.json<TrafficMonth[]>(['traffic', 'b', '--month', 'now'])
    expect(await host.must(['traffic', 'b'])).toMatch(/^NAME +CLASS +IN .*\nb +local +/)
    await host.must(['destroy', 'b', '--force', '--yes'])
    const [gone] = await host.json<TrafficMonth[]>(['traffic', 'b', '--month', 'now'])
    expect(gone).toEqual({...month, destroyed: true})
    expect(await host.must(['traffic', '--month', 'now'])).toMatch(/^b .* destroyed$/m)
  })
})
