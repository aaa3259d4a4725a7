// Each limit that a definition can ask for: set at the start, changed live, read back from the kernel and measured with a
// program (helpers/load.c) that takes all it can get. What it gets without the limit is measured too.
import {existsSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {parseAssignments} from '../../src/definition/index.ts'
import {serverPaths} from '../../src/host/index.ts'
import {Host} from '../../src/server/index.ts'
import {Workshop} from '../helpers/bare-server.ts'
import {cpuShares, type Group, groupFile, groupNumber, killCommands} from '../helpers/cgroup-files.ts'
import {type ScratchHost, scratchHost} from '../helpers/host.ts'
import {Inside, lastLine, type Running} from '../helpers/inside.ts'
import {quietly, until} from '../helpers/processes.ts'
import {probesMount, STATIC, type Wanted} from '../helpers/servers.ts'
import {must} from './guest-shell.ts'

const MIB = 1024 * 1024
/** The disk of `/`, where the servers are. */
const DISK = '254:0'
/** That of the checkout. */
const OTHER_DISK = '254:16'
const SWAP = '/swap-of-limits-test'

let host: ScratchHost
let api: Host
let inside: Inside
let workshop: Workshop

beforeAll(async () => {
  workshop = new Workshop()
  workshop.compile('load', STATIC)
  host = await scratchHost()
  api = await Host.open({root: host.root})
  inside = await Inside.open(host)
})

afterAll(async () => {
  await host[Symbol.asyncDispose]()
  workshop[Symbol.dispose]()
})

/** Creates servers that do nothing by themselves and starts them. */
async function start(servers: Readonly<Record<string, Wanted>>): Promise<void> {
  for (const [name, wanted] of Object.entries(servers)) await create(name, wanted)
  await host.must(['start', ...Object.keys(servers)])
}

/** In place of the one that an attempt before this one has left, where a test is tried again. */
async function create(name: string, wanted: Wanted): Promise<void> {
  if (existsSync(serverPaths(host.paths, name).storage)) await api.destroy(name, {force: true})
  const common = {name, template: 'busybox', init: 'persist', mounts: [probesMount(workshop)]}
  await api.create(name, {definitionText: JSON.stringify({...common, ...wanted})})
}

/** As `vps set` in a running server, without the second that Node takes to begin. */
async function set(server: string, ...assignments: readonly string[]): Promise<void> {
  const words = assignments.map(text => `resources.${text}`)
  const report = await api.set(server, parseAssignments(words))
  expect(report.afterRestart).toEqual([])
}

/** What vps says when it refuses. */
async function refusal(...args: readonly string[]): Promise<string> {
  const {exitCode, stderr} = await host.vps(args)
  expect(exitCode, String(stderr)).not.toBe(0)
  return String(stderr)
}

function expectWithin(measured: number, asked: number, percent: number): void {
  expect(measured).toBeGreaterThanOrEqual(asked * (1 - percent / 100))
  expect(measured).toBeLessThanOrEqual(asked * (1 + percent / 100))
}

/** Ends these commands, and all others that run in their servers. */
async function end(commands: Readonly<Record<string, Running>>): Promise<void> {
  for (const server of Object.keys(commands)) killCommands(host, server)
  await Promise.all(Object.values(commands).map(({result}) => result))
}

describe('every key', () => {
  /** Key, value at the start, changed to; the file, its line at the start, its line after the change. */
  const rows: readonly [string, string, string, Group, string, string, string][] = [
    ['cpu.cpus', '0', '0-1', 'payload', 'cpuset.cpus', '0', '0-1'],
    ['cpu.limit', '1.5', '50%', 'payload', 'cpu.max', '150000 100000', '50000 100000'],
    ['cpu.burst', '0.5', '0.25', 'payload', 'cpu.max.burst', '50000', '25000'],
    ['cpu.weight', '200', '300', 'server', 'cpu.weight', '200', '300'],
    ['memory.limit', '64MiB', '96MiB', 'payload', 'memory.max', '67108864', '100663296'],
    ['memory.high', '48MiB', '80MiB', 'payload', 'memory.high', '50331648', '83886080'],
    ['memory.guarantee', '16MiB', '24MiB', 'payload', 'memory.min', '16777216', '25165824'],
    ['memory.guarantee', '16MiB', '24MiB', 'server', 'memory.min', '16777216', '25165824'],
    ['memory.reserve', '32MiB', '40MiB', 'payload', 'memory.low', '33554432', '41943040'],
    ['memory.reserve', '32MiB', '40MiB', 'server', 'memory.low', '33554432', '41943040'],
    ['memory.swap', 'none', '8MiB', 'payload', 'memory.swap.max', '0', '8388608'],
    ['memory.oomGroup', 'true', 'false', 'payload', 'memory.oom.group', '1', '0'],
    ['pids', '50', '60', 'payload', 'pids.max', '50', '60'],
    [
      'io.read',
      '{bps: 8MiB}',
      '{bps: 9MiB, iops: 90}',
      'payload',
      'io.max',
      `${DISK} rbps=8388608 wbps=4194304 riops=max wiops=400`,
      `${DISK} rbps=9437184 wbps=max riops=90 wiops=500`,
    ],
    [
      'io.write',
      '{bps: 4MiB, iops: 400}',
      '{iops: 500}',
      'payload',
      'io.max',
      `${DISK} rbps=8388608 wbps=4194304 riops=max wiops=400`,
      `${DISK} rbps=9437184 wbps=max riops=90 wiops=500`,
    ],
    [
      'io.devices',
      '[{device: /dev/vdb, write: {bps: 1MiB}}]',
      '[{device: /dev/vdb, write: {bps: 2MiB}}]',
      'payload',
      'io.max',
      `${OTHER_DISK} rbps=max wbps=1048576 riops=max wiops=max`,
      `${OTHER_DISK} rbps=max wbps=2097152 riops=max wiops=max`,
    ],
    ['hugepages', '{2MiB: 4MiB}', '{2MiB: 6MiB}', 'payload', 'hugetlb.2MB.max', '4194304', '6291456'],
  ]

  const written = (column: 1 | 2) => [...new Map(rows.map(row => [row[0], row[column]]))]

  test('is set at the start, and read back from the kernel', async () => {
    await create('all', {})
    await host.must(['set', 'all', ...written(1).map(([key, value]) => `resources.${key}=${value}`)])
    await host.must(['start', 'all'])
    for (const [key, , , group, file, line] of rows)
      expect(groupFile(host, 'all', file, group).split('\n'), key).toContain(line)
  })

  test('is changed live, all of them in one go', async () => {
    const report = await host.json<{live: string[]; afterRestart: string[]}>([
      'set',
      'all',
      ...written(2).map(([key, value]) => `resources.${key}=${value}`),
    ])
    expect(report.afterRestart).toEqual([])
    for (const [key, , , group, file, , line] of rows) {
      expect(groupFile(host, 'all', file, group).split('\n'), key).toContain(line)
      expect(
        report.live.some(live => live.startsWith(`resources.${key}`)),
        key,
      ).toBe(true)
    }
  })

  test('is still there after a restart, and gone when it is taken out', async () => {
    await host.must(['restart', 'all'])
    for (const [key, , , group, file, , line] of rows)
      expect(groupFile(host, 'all', file, group).split('\n'), key).toContain(line)
    await host.must(['set', 'all', 'resources='])
    expect(groupFile(host, 'all', 'cpu.max')).toBe('max 100000')
    expect(groupFile(host, 'all', 'cpu.weight', 'server')).toBe('100')
    expect(groupFile(host, 'all', 'memory.max')).toBe('max')
    expect(groupFile(host, 'all', 'memory.min', 'server')).toBe('0')
    expect(groupFile(host, 'all', 'pids.max')).toBe('max')
    expect(groupFile(host, 'all', 'io.max')).toBe('')
    await host.must(['stop', 'all'])
  })
})

describe('a server with limits from its start', () => {
  beforeAll(async () => {
    await start({
      a: {
        resources: {
          cpu: {limit: 0.5},
          memory: {limit: '64MiB', swap: 0},
          pids: 40,
          io: {write: {bps: '4MiB'}, read: {iops: 100}},
        },
      },
      b: {},
    })
  })

  afterAll(async () => {
    await host.must(['stop', 'a', 'b'])
  })

  test('uses the CPU up to its limit, 5 % more or less; changed live, up to the new one', async () => {
    const a = await inside.begin('a', ['/probes/load', 'spin', '60', '2'])
    await sleep(0.5)
    const [half] = await cpuShares(host, ['a'], 3)
    await set('a', 'cpu.limit=150%')
    const [most] = await cpuShares(host, ['a'], 3)
    await set('a', 'cpu.limit=')
    const [all] = await cpuShares(host, ['a'], 1)
    await end({a})
    expectWithin(half ?? 0, 0.5, 5)
    expectWithin(most ?? 0, 1.5, 5)
    expect(all).toBeGreaterThan(1.75)
  })

  test('saves up a burst, and uses it', async () => {
    await set('a', 'cpu.limit=0.2', 'cpu.burst=0.2')
    await inside.sh('a', 'sleep 1; for i in 1 2 3; do /probes/load spin 0.1; sleep 0.4; done')
    expect(groupNumber(host, 'a', 'cpu.stat', 'nr_bursts')).toBeGreaterThan(0)
    expect(groupNumber(host, 'a', 'cpu.stat', 'burst_usec')).toBeGreaterThan(10_000)
    await set('a', 'cpu=')
  })

  test('shares a busy CPU by weight, 10 % more or less; an idle one gets next to nothing of it', async () => {
    await set('a', 'cpu={cpus: "1", weight: 100}')
    await set('b', 'cpu={cpus: "1", weight: 300}')
    expect((await inside.load('a', 'cpus')).text).toBe('cpus 1 1')
    const a = await inside.begin('a', ['/probes/load', 'spin', '60'])
    const b = await inside.begin('b', ['/probes/load', 'spin', '60'])
    await sleep(0.5)
    const [light = 0, heavy = 0] = await cpuShares(host, ['a', 'b'], 4)
    await set('b', 'cpu.weight=')
    await set('a', 'cpu.weight=')
    const [one = 0, other = 0] = await cpuShares(host, ['a', 'b'], 2)
    // Last: the scheduler makes one that was idle wait for the others for a while longer.
    await set('a', 'cpu.weight=idle')
    const [idle = 0, rest = 0] = await cpuShares(host, ['a', 'b'], 2)
    await end({a, b})
    expectWithin(heavy / light, 3, 10)
    expect(idle).toBeLessThan(0.05)
    expect(rest).toBeGreaterThan(0.9)
    expectWithin(other / one, 1, 10)
    await set('a', 'cpu=')
    await set('b', 'cpu=')
  })

  test('holds memory up to its limit, 2 % more or less, then one process is killed', async () => {
    const held = groupNumber(host, 'a', 'memory.current')
    const {code, numbers} = await inside.load('a', 'touch', 100)
    expect(code).toBe(137)
    expectWithin((numbers[0] ?? 0) * 1024 + held, 64 * MIB, 2)
    expectWithin(groupNumber(host, 'a', 'memory.peak'), 64 * MIB, 2)
    expect(groupNumber(host, 'a', 'memory.events', 'oom_kill')).toBe(1)
    await set('a', 'memory.limit=90MiB')
    const more = await inside.load('a', 'touch', 120)
    expectWithin((more.numbers[0] ?? 0) * 1024 + held, 90 * MIB, 2)
    expect(groupNumber(host, 'a', 'memory.events', 'oom_kill')).toBe(2)
    await set('a', 'memory.limit=')
    expect((await inside.load('a', 'touch', 120)).text).toBe(`touched ${120 * 1024}`)
    await host.must(['exec', 'a', '--', 'true'])
  })

  test('has as many processes as it may, exactly', async () => {
    const expectExactly = async (count: number): Promise<void> => {
      const forks = await inside.begin('a', ['/probes/load', 'fork', '100', '1'])
      await until('forks are refused', () => groupNumber(host, 'a', 'pids.current') === count)
      const {stdout} = await forks.result
      expect(lastLine(stdout).numbers[1]).toBe(11) // EAGAIN
      expect(groupNumber(host, 'a', 'pids.current')).toBeLessThanOrEqual(count)
      await until('they are gone', () => groupNumber(host, 'a', 'pids.current') < 10)
    }
    await expectExactly(40)
    await set('a', 'pids=55')
    await expectExactly(55)
    await set('a', 'pids=')
    expect((await inside.load('a', 'fork', 100, 0.2)).text).toBe('forked 100 0')
    await until('they are gone', () => groupNumber(host, 'a', 'pids.current') < 10)
    expect((await inside.load('a', 'threads', 100)).text).toBe('threads 100 0')
    await set('a', 'pids=30')
    expect((await inside.load('a', 'threads', 100)).numbers[1]).toBe(11)
  })

  describe('reads and writes', () => {
    /** Bytes and calls a second; 8 MiB of a file of the server's own disk over and over. */
    const rates = async (way: 'read' | 'write', block: number, seconds: number) => {
      const {numbers} = await inside.load('a', way, '/root/disk', 8 * MIB, block, seconds)
      const [bytes = 0, calls = 0, microseconds = 1] = numbers
      return {bps: bytes / (microseconds / 1e6), iops: calls / (microseconds / 1e6)}
    }

    test('as much as it may, 15 % more or less', async () => {
      expectWithin((await rates('write', 65_536, 3)).bps, 4 * MIB, 15)
      expectWithin((await rates('read', 4096, 3)).iops, 100, 15)
    })

    test('as much as it may after a change', async () => {
      await set('a', 'io={read: {bps: 3MiB}, write: {iops: 120}}')
      expectWithin((await rates('read', 65_536, 3)).bps, 3 * MIB, 15)
      expectWithin((await rates('write', 4096, 3)).iops, 120, 15)
    })

    test('much more without a limit', async () => {
      await set('a', 'io=')
      const read = await rates('read', 65_536, 0.5)
      const write = await rates('write', 65_536, 0.5)
      expect(read.bps).toBeGreaterThan(8 * MIB)
      expect(write.bps).toBeGreaterThan(8 * MIB)
      expect(read.iops).toBeGreaterThan(150)
      expect(write.iops).toBeGreaterThan(150)
    })
  })
})

describe('processors', () => {
  beforeAll(async () => {
    await start({free: {}, cores: {resources: {cpu: {cores: 1}}}})
  })

  afterAll(async () => {
    await host.must(['stop', 'free', 'cores'])
  })

  test('a server sees as many as it has', async () => {
    expect((await inside.load('free', 'cpus')).text).toBe('cpus 2 0,1')
    expect((await inside.load('cores', 'cpus')).text).toMatch(/^cpus 1 [01]$/)
    expect(await inside.sh('cores', 'nproc')).toBe('1')
    await set('cores', 'cpu.cores=2')
    expect(await inside.sh('cores', 'nproc')).toBe('2')
  })

  test('the others leave those that are dedicated to one, and come back when it stops', async () => {
    await create('alone', {resources: {cpu: {dedicated: 1}}})
    await host.must(['start', 'alone'])
    const own = (await inside.load('alone', 'cpus')).text
    expect(own).toMatch(/^cpus 1 [01]$/)
    const others = own === 'cpus 1 0' ? 'cpus 1 1' : 'cpus 1 0'
    expect((await inside.load('free', 'cpus')).text).toBe(others)
    expect((await inside.load('cores', 'cpus')).text).toBe(others)
    const free = await inside.begin('free', ['/probes/load', 'spin', '10', '2'])
    const [share = 0] = await cpuShares(host, ['free'], 1)
    await end({free})
    expect(share).toBeLessThan(1.1)
    await host.must(['stop', 'alone'])
    expect((await inside.load('free', 'cpus')).text).toBe('cpus 2 0,1')
    expect((await inside.load('cores', 'cpus')).text).toBe('cpus 2 0,1')
  })

  test('none are dedicated that are not left', async () => {
    await create('greedy', {resources: {cpu: {dedicated: 2}}})
    expect(await refusal('start', 'greedy')).toMatch(/server greedy cannot have the CPUs/)
    expect(existsGroup('greedy')).toBe(false)
  })
})

describe('memory', () => {
  beforeAll(async () => {
    must(`fallocate -l 48M ${SWAP} && chmod 600 ${SWAP} && mkswap ${SWAP} && swapon ${SWAP}`)
    await start({
      m: {resources: {memory: {limit: '24MiB', swap: '8MiB'}}},
      group: {resources: {memory: {limit: '48MiB', swap: 0, oomGroup: true}}},
    })
  })

  afterAll(async () => {
    await host.must(['stop', 'm'])
    must(`swapoff ${SWAP}; rm ${SWAP}`)
  })

  test('is swapped out as far as it may be: a size, nothing, everything', async () => {
    const most = async (): Promise<number> => (await inside.load('m', 'touch', 48)).numbers[0] ?? 0
    expectWithin(await most(), 32 * 1024, 5)
    for (const none of ['0', 'none']) {
      await set('m', `memory.swap=${none}`)
      expectWithin(await most(), 24 * 1024, 5)
    }
    await set('m', 'memory.swap=max')
    expect(await most()).toBe(48 * 1024)
  })

  test('above memory.high the server is slowed down and not killed', async () => {
    await set('m', 'memory={high: 24MiB, swap: 0}')
    const kills = groupNumber(host, 'm', 'memory.events', 'oom_kill')
    const m = await inside.begin('m', ['/probes/load', 'touch', '64'])
    await sleep(2)
    await end({m})
    const {stdout} = await m.result
    const held = lastLine(stdout).numbers[0] ?? 0
    expect(held).toBeGreaterThan(20 * 1024)
    expect(held).toBeLessThan(28 * 1024)
    expect(groupNumber(host, 'm', 'memory.events', 'high')).toBeGreaterThan(10)
    expect(groupNumber(host, 'm', 'memory.events', 'oom_kill')).toBe(kills)
    await set('m', 'memory=')
    expect((await inside.load('m', 'touch', 64)).text).toBe(`touched ${64 * 1024}`)
  })

  test('a limit below what is held takes away page cache', async () => {
    await inside.sh('m', 'dd if=/dev/zero of=/root/cached bs=1M count=60 2>/dev/null; sync')
    expect(groupNumber(host, 'm', 'memory.current')).toBeGreaterThan(60 * MIB)
    await set('m', 'memory.limit=24MiB')
    expect(groupNumber(host, 'm', 'memory.current')).toBeLessThanOrEqual(24 * MIB)
    expect(groupFile(host, 'm', 'memory.max')).toBe(String(24 * MIB))
    expect(groupFile(host, 'm', 'memory.high')).toBe('max')
    await inside.sh('m', 'rm /root/cached')
  })

  test('a limit below what cannot be taken away is refused with the number in use, and nothing changes', async () => {
    await set('m', 'memory={limit: 200MiB, swap: 0}')
    const kills = groupNumber(host, 'm', 'memory.events', 'oom_kill')
    const m = await inside.begin('m', ['/probes/load', 'touch', '80', '60'])
    try {
      await until('it is held', () => groupNumber(host, 'm', 'memory.current') > 80 * MIB, 10_000)
      const before = readFileSync(`${host.paths.definitions}/m.yaml`, 'utf8')
      const message = await refusal('set', 'm', 'resources.cpu.limit=0.7', 'resources.memory.limit=40MiB')
      expect(message).toMatch(/memory cannot shrink to 40MiB/)
      const [, used = ''] = /(8\d(?:\.\d+)?) ?MiB/.exec(message) ?? []
      expect(Number(used), message).toBeGreaterThan(79)
      expect(readFileSync(`${host.paths.definitions}/m.yaml`, 'utf8')).toBe(before)
      expect(groupFile(host, 'm', 'memory.max')).toBe(String(200 * MIB))
      expect(groupFile(host, 'm', 'memory.high')).toBe('max')
      expect(groupFile(host, 'm', 'cpu.max')).toBe('max 100000')
      expect(m.process.exitCode).toBe(null)
      expect(groupNumber(host, 'm', 'memory.events', 'oom_kill')).toBe(kills)
    } finally {
      await end({m})
    }
  })

  test('runs out: one process dies, or with oomGroup the whole server', async () => {
    await set('m', 'memory={limit: 48MiB, swap: 0}')
    expect((await inside.load('m', 'touch', 100)).code).toBe(137)
    expect(await inside.sh('m', 'echo alive')).toBe('alive')
    const bystander = await inside.begin('group', ['/probes/load', 'touch', '1', '60'])
    await inside.load('group', 'touch', 100)
    await bystander.result
    await until('the server has ended', async () => (await stateOf('group')) === 'stopped', 20_000)
    const [view] = await host.json<{lastExit: string}[]>(['list', 'group'])
    expect(view?.lastExit).toBe('signaled 9')
  })
})

describe('a guarantee', () => {
  /** The servers' slice, bounded so that two servers have to fight for memory. */
  const bound = (bytes: string): void => {
    must(`systemctl set-property --runtime '${host.cgroups.split('/').at(-1)}' MemoryMax=${bytes}`)
  }
  /** MiB of the victim's page cache. */
  const kept = (): number => groupNumber(host, 'victim', 'memory.stat', 'file') / MIB

  beforeAll(async () => {
    await start({victim: {resources: {memory: {guarantee: '64MiB'}}}, neighbour: {}})
    await inside.sh('victim', 'dd if=/dev/zero of=/root/own bs=1M count=48 2>/dev/null; sync')
    await inside.sh('neighbour', 'dd if=/dev/zero of=/root/flood bs=1M count=160 2>/dev/null; sync')
    // Given back beforehand, as a bound below what is in use may cost a process its life.
    quietly(() => writeFileSync(join(host.cgroup('neighbour'), 'payload/memory.reclaim'), '150M'))
    bound('140M')
  })

  afterAll(async () => {
    bound('infinity')
    await host.vps(['stop', 'victim', 'neighbour']) // the neighbour is down already, unless a test failed
  })

  /** What is left of the victim's page cache after its neighbour has read much. */
  async function afterFlood(): Promise<number> {
    // Read once: the kernel thinks more of what is read often.
    quietly(() => writeFileSync(join(host.cgroup('victim'), 'payload/memory.reclaim'), '100M'))
    await inside.sh('victim', 'cat /root/own >/dev/null')
    expect(kept()).toBeGreaterThan(47)
    await inside.sh('neighbour', 'for i in 1 2; do cat /root/flood >/dev/null; done')
    return kept()
  }

  test('(memory.min) is kept under pressure from a neighbour', async () => {
    expect(await afterFlood()).toBeGreaterThan(47)
  })

  test('(memory.low) is kept as long as the neighbour has something to give', async () => {
    await set('victim', 'memory={reserve: 64MiB}')
    expect(groupFile(host, 'victim', 'memory.min', 'server')).toBe('0')
    expect(await afterFlood()).toBeGreaterThan(47)
  })

  test('without one the memory is lost', async () => {
    await set('victim', 'memory=')
    expect(await afterFlood()).toBeLessThan(30)
  })

  test('is handed down by the parent: exactly the sum of its servers', async () => {
    const parent = (file: string) => Number(readFileSync(join(host.cgroups, file), 'utf8'))
    await set('victim', 'memory={guarantee: 16MiB, reserve: 20MiB}')
    await set('neighbour', 'memory.guarantee=8MiB')
    expect([parent('memory.min'), parent('memory.low')]).toEqual([24 * MIB, 20 * MIB])
    await host.must(['stop', 'neighbour'])
    expect([parent('memory.min'), parent('memory.low')]).toEqual([16 * MIB, 20 * MIB])
  })
})

describe('what not every host has', () => {
  test('huge pages: no more than it may', async () => {
    writeFileSync('/proc/sys/vm/nr_hugepages', '8')
    try {
      await start({huge: {resources: {hugepages: {'2MiB': '4MiB'}}}})
      const {code, text} = await inside.load('huge', 'huge', 12)
      expect({code, text}).toEqual({code: 135, text: 'mapped 4 0'}) // SIGBUS
      await set('huge', 'hugepages={2MiB: 8MiB}')
      expect((await inside.load('huge', 'huge', 12)).text).toBe('mapped 8 0')
      await set('huge', 'hugepages={}')
      expect((await inside.load('huge', 'huge', 12)).text).toBe('mapped 12 0')
    } finally {
      await host.vps(['stop', 'huge'])
      writeFileSync('/proc/sys/vm/nr_hugepages', '0')
    }
  })

  test('is refused by name, all at once, before anything is made', async () => {
    await create('odd', {
      resources: {
        io: {weight: 200},
        rdma: {mlx5_0: {handles: 10}},
        misc: {sev: 1},
        hugepages: {'64KiB': '1MiB'},
        cpu: {cores: 3},
        memory: {limit: '64MiB'},
      },
    })
    const message = await refusal('start', 'odd')
    for (const words of [
      /resources\.io\.weight.*nothing weighs/s,
      /resources\.rdma\.mlx5_0.*RDMA device/s,
      /resources\.misc\.sev/,
      /resources\.hugepages/,
      /resources\.cpu\.cores.*2 CPUs/s,
    ])
      expect(message).toMatch(words)
    expect(message).not.toMatch(/memory\.limit/)
    expect(existsGroup('odd')).toBe(false)
  })

  // Which files a controller has is seen where it is on, at the latest in the server's own group.
  test('is refused in the same words where only the start can see it', async () => {
    await create('late', {resources: {io: {latency: '10ms'}, pids: 50}})
    expect(await refusal('start', 'late')).toMatch(/cannot enforce.*resources\.io\.latency/s)
    expect(existsGroup('late')).toBe(false)
    await host.must(['start', 'late', '--allow-unenforced'])
    expect(await host.must(['show', 'late'])).toContain('io.latency')
    await host.must(['stop', 'late'])
  })

  test('is left out by best effort, and said so', async () => {
    await host.must(['start', 'odd', '--allow-unenforced'])
    expect(groupFile(host, 'odd', 'memory.max')).toBe(String(64 * MIB))
    expect(await host.must(['list', 'odd'])).toMatch(/odd +running\*/)
    const shown = await host.must(['show', 'odd'])
    for (const key of ['io.weight', 'rdma.mlx5_0', 'misc.sev', 'cpu.cores']) expect(shown).toContain(key)
    await host.must(['stop', 'odd'])
  })

  describe('a disk with somebody who weighs', () => {
    const scheduler = (disk: string) => `/sys/block/${disk}/queue/scheduler`
    const slow = {
      disk: 'nullb0',
      /** A disk with one head, which takes its time: only where servers wait for the disk does a weight show. */
      options:
        'nr_devices=1 gb=1 memory_backed=1 irqmode=2 completion_nsec=2000000 hw_queue_depth=1 submit_queues=1',
      mount: '/run/slow-disk',
    }
    let before = ''

    beforeAll(async () => {
      must(`modprobe bfq
        modprobe null_blk ${slow.options}
        mkfs.ext4 -q -O ^has_journal /dev/${slow.disk} 16M
        mkdir ${slow.mount}
        mount -o noatime /dev/${slow.disk} ${slow.mount}
        mkdir ${slow.mount}/left ${slow.mount}/right
        head -c 4M /dev/zero | tee ${slow.mount}/left/data > ${slow.mount}/right/data
        sync`)
      before = /\[(.*)\]/.exec(readFileSync(scheduler('vda'), 'utf8'))?.[1] ?? 'none'
      for (const disk of ['vda', slow.disk]) writeFileSync(scheduler(disk), 'bfq')
      const tune = (knob: string, value: string) =>
        writeFileSync(`/sys/block/${slow.disk}/queue/iosched/${knob}`, value)
      // by these, who has just begun is favoured and the disk is kept busy, whatever anybody weighs
      tune('low_latency', '0')
      tune('strict_guarantees', '1')
      for (const name of ['left', 'right'])
        await create(name, {
          resources: {io: {weight: 100}},
          mounts: [probesMount(workshop), {source: `${slow.mount}/${name}`, target: '/slow'}],
        })
      await host.must(['start', 'left', 'right'])
    })

    afterAll(async () => {
      await host.vps(['stop', 'left', 'right'])
      writeFileSync(scheduler('vda'), before)
      must(`umount ${slow.mount}; rmdir ${slow.mount}; modprobe -r null_blk`)
    })

    /** How many times as much as `right` does `left` read while both read all they can? */
    async function leftToRight(): Promise<number> {
      const reader = (server: string) => inside.load(server, 'read', '/slow/data', 4 * MIB, 16_384, 4)
      const read = async (server: string): Promise<number> => {
        // two, so that one of them waits for the disk while the other has had its answer
        const readers = await Promise.all([reader(server), reader(server)])
        return readers.reduce((sum, {numbers}) => sum + (numbers[0] ?? 0), 0)
      }
      const [left, right] = await Promise.all([read('left'), read('right')])
      return left / right
    }

    test.each([
      ['left', 'right'],
      ['right', 'left'],
    ] as const)('gives more of its time to the heavier one: %s', async (heavy, light) => {
      await set(light, 'io.weight=100')
      await set(heavy, 'io.weight=500')
      expect(groupFile(host, heavy, 'io.bfq.weight', 'server')).toMatch(/\b500$/m)
      const ratio = await leftToRight()
      expect(heavy === 'left' ? ratio : 1 / ratio).toBeGreaterThan(2)
    })
  })
})

describe('not of the cgroup', () => {
  test('rlimits and sysctls are the server’s own', async () => {
    await start({
      own: {
        limits: {nofile: '64:128', core: 0, memlock: '1MiB', nproc: 'unlimited'},
        sysctl: {'net.ipv4.ip_unprivileged_port_start': 80, 'kernel.shmmni': 99},
      },
    })
    const limits = await inside.sh('own', 'cat /proc/1/limits /proc/self/limits')
    expect(limits.match(/^Max open files +64 +128 /gm)).toHaveLength(2)
    expect(limits.match(/^Max core file size +0 +0 /gm)).toHaveLength(2)
    expect(limits.match(/^Max locked memory +1048576 +1048576 /gm)).toHaveLength(2)
    const refused = await inside.run('own', [
      '/bin/sh',
      '-c',
      'for i in $(seq 3 70); do eval "exec $i</dev/null" || exit 1; done',
    ])
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toMatch(/too many open files|bad file descriptor|invalid argument/i)
    expect(
      await inside.sh('own', 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shmmni'),
    ).toBe('80\n99')
    expect(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8').trim()).toBe('1024')
    expect(readFileSync('/proc/sys/kernel/shmmni', 'utf8').trim()).not.toBe('99')
  })

  test('wait for a restart, and are shown as pending', async () => {
    const report = await host.json<{live: string[]; afterRestart: string[]}>([
      'set',
      'own',
      'resources.pids=77',
      'limits.nofile=200',
      'sysctl={net.ipv4.ip_unprivileged_port_start: 90}',
    ])
    expect(report.live).toEqual(['resources.pids'])
    expect(groupFile(host, 'own', 'pids.max')).toBe('77')
    const pending = await host.must(['show', 'own', '--pending'])
    expect(pending).toMatch(/limits.*nofile/)
    expect(pending).toMatch(/sysctl/)
    expect(pending).not.toMatch(/resources\.pids/)
    await host.must(['restart', 'own'])
    expect(await inside.sh('own', 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ulimit -n')).toBe(
      '90\n200',
    )
    expect(groupFile(host, 'own', 'pids.max')).toBe('77')
    expect(await host.must(['show', 'own', '--pending'])).not.toMatch(/nofile|sysctl/)
    await host.must(['stop', 'own'])
  })
})

test('a change of several is all or nothing', async () => {
  await start({atomic: {resources: {cpu: {limit: 1}, pids: 100}}})
  const file = join(host.paths.definitions, 'atomic.yaml')
  const before = readFileSync(file, 'utf8')
  const message = await refusal(
    'set',
    'atomic',
    'resources.pids=50',
    'resources.cpu.limit=0.5',
    'resources.cpu.cpus=7',
  )
  expect(message).toMatch(/cpu\.cpus/)
  expect(readFileSync(file, 'utf8')).toBe(before)
  expect(groupFile(host, 'atomic', 'pids.max')).toBe('100')
  expect(groupFile(host, 'atomic', 'cpu.max')).toBe('100000 100000')
  await host.must(['stop', 'atomic'])
})

async function stateOf(server: string): Promise<string> {
  const [view] = await host.json<{state: string}[]>(['list', server])
  return view?.state ?? ''
}

function existsGroup(server: string): boolean {
  try {
    return groupFile(host, server, 'cgroup.type', 'server') !== ''
  } catch {
    return false
  }
}

function sleep(seconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, seconds * 1000))
}
