// What a server does to its neighbours and to the host when it takes all that it can get.
import './guest-shell.ts'
import {readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {Workshop} from '../helpers/bare-server.ts'
import {groupFile, groupNumber, killCommands} from '../helpers/cgroup-files.ts'
import {type ScratchHost, scratchHost} from '../helpers/host.ts'
import {Inside, type Running} from '../helpers/inside.ts'
import {until} from '../helpers/processes.ts'
import {probesMount, STATIC, startServers} from '../helpers/servers.ts'
import {median, type Phase, rateIn, workSamples} from '../helpers/throughput.ts'

const MIB = 1024 * 1024
/**
 * What is left of a victim's throughput, at least. The tenth that it may cost can only be measured where nobody else uses the two
 * processors that are emulated: `VPS_TEST_QUIET=1 make vm-test`.
 */
const LEAST = process.env.VPS_TEST_QUIET === undefined ? 0.6 : 0.9

let host: ScratchHost
let inside: Inside
let workshop: Workshop

beforeAll(async () => {
  workshop = new Workshop()
  workshop.compile('load', STATIC)
  host = await scratchHost()
  inside = await Inside.open(host)
  const common = {init: 'persist', mounts: [probesMount(workshop)]}
  await startServers(host, {
    victim: {
      ...common,
      template: 'busybox',
      resources: {
        cpu: {weight: 1000},
        memory: {limit: '128MiB', guarantee: '64MiB', swap: 0},
        pids: 100,
        io: {read: {iops: 5000}},
      },
    },
    noisy: {
      ...common,
      template: 'host',
      resources: {
        cpu: {cores: 1, limit: 0.9, weight: 100},
        memory: {limit: '192MiB', swap: 0},
        pids: 150,
        io: {read: {bps: '8MiB', iops: 400}, write: {bps: '4MiB', iops: 200}},
      },
    },
    bomb: {
      ...common,
      template: 'busybox',
      resources: {cpu: {cores: 1, limit: 0.9}, memory: {limit: '64MiB', swap: 0}, pids: 100},
    },
  })
})

afterAll(async () => {
  await host[Symbol.asyncDispose]()
  workshop[Symbol.dispose]()
})

/** Ends all commands that run in a server, and what they have left. */
async function endCommands(server: string, running: Running): Promise<void> {
  killCommands(host, server)
  await running.result
}

describe('a noisy neighbour', () => {
  /** The neighbour is frozen and goes on in turn, so that what else the machine does slows down both phases alike. */
  const TURNS = 9
  const TURN_MS = 450
  const SETTLE_MS = 50

  /** MiB of the victim's file in its page cache. */
  const kept = (): number => groupNumber(host, 'victim', 'memory.stat', 'file') / MIB

  beforeAll(async () => {
    await inside.sh('victim', 'dd if=/dev/zero of=/root/own bs=1M count=40 2>/dev/null; sync')
  })

  /** What the victim gets done beside its neighbour, in relation to what it gets done alone. */
  async function throughputBeside(noise: readonly string[]): Promise<number> {
    const frozen = join(host.cgroup('noisy'), 'payload/cgroup.freeze')
    const neighbour = await inside.begin('noisy', noise)
    await sleep(1000)
    const victim = await inside.begin('victim', ['/probes/load', 'work', '600', '/root/work'])
    await until('it works', () => victim.written() > 0, 20_000)
    const phases: Phase[] = []
    for (let turn = 0; turn <= 2 * TURNS; turn++) {
      writeFileSync(frozen, turn % 2 === 0 ? '1' : '0')
      await sleep(SETTLE_MS)
      const begin = now()
      await sleep(TURN_MS)
      phases.push({begin, end: now()})
    }
    writeFileSync(frozen, '0')
    await sleep(SETTLE_MS)
    await endCommands('victim', victim)
    await endCommands('noisy', neighbour)
    const samples = workSamples((await victim.result).stdout)
    const rates = phases.map(phase => rateIn(samples, phase))
    const ratios = Array.from({length: TURNS}, (_, index) => {
      const [before = 0, beside = 0, after = 0] = rates.slice(2 * index, 2 * index + 3)
      return (2 * beside) / (before + after)
    })
    return median(ratios)
  }

  const noises: [string, string[]][] = [
    ['processors', ['stress-ng', '--cpu', '4']],
    ['memory', ['stress-ng', '--vm', '2', '--vm-bytes', '300M']],
    ['processes', ['dash', '-c', 'bomb() { bomb | bomb & }; bomb; while :; do sleep 0.01; bomb; done']],
    ['disks', ['stress-ng', '--hdd', '2', '--hdd-bytes', '16M', '--temp-path', '/root']],
    ['sockets', ['stress-ng', '--sock', '2', '--udp', '2']],
  ]
  /** The others only where it is quiet, or all shall be tried: each takes a while. */
  const isShort = process.env.VPS_TEST_QUIET === undefined && process.env.VPS_TEST_THOROUGH === undefined

  test.each(isShort ? noises.slice(0, 3) : noises)(
    'that is after %s costs less than a tenth',
    async (_, noise) => {
      const refused = groupNumber(host, 'victim', 'memory.events', 'max')
      const ratio = await throughputBeside(noise)
      console.log(`victim beside ${noise[1]}: ${ratio.toFixed(3)}`)
      expect(ratio).toBeGreaterThan(LEAST)
      expect(groupNumber(host, 'victim', 'memory.events', 'max')).toBe(refused)
      expect(groupNumber(host, 'victim', 'pids.events', 'max')).toBe(0)
    },
  )

  test('costs nothing of the guarantee, though both together have less than their limits', async () => {
    const slice = host.cgroups.split('/').at(-1) ?? ''
    const bound = (bytes: string) =>
      execa('systemctl', ['set-property', '--runtime', slice, `MemoryMax=${bytes}`])
    await inside.sh('victim', 'cat /root/own >/dev/null')
    await bound('232M')
    try {
      const neighbour = await inside.begin('noisy', ['stress-ng', '--vm', '2', '--vm-bytes', '300M'])
      await sleep(3000)
      await endCommands('noisy', neighbour)
      expect(kept()).toBeGreaterThan(39)
    } finally {
      await bound('infinity')
    }
  })

  test('costs much without limits: the measure can fail', async () => {
    // As a neighbour on the victim's own processor with the same weight.
    for (const [server, weight] of [
      ['victim', '100'],
      ['noisy', '100'],
    ] as const) {
      writeFileSync(join(host.cgroup(server), 'payload/cpuset.cpus'), '0')
      writeFileSync(join(host.cgroup(server), 'cpu.weight'), weight)
    }
    expect(await throughputBeside(['stress-ng', '--cpu', '4'])).toBeLessThan(0.8)
  })
})

describe('a bomb', () => {
  interface Refused {
    readonly resource: string
    readonly kind: string
    readonly count: number
    readonly command: string | null
  }

  /** Counts of refusals of a server, as its kernel files have them. */
  const refusals = (server: string): number[] => [
    groupNumber(host, server, 'memory.events', 'max'),
    groupNumber(host, server, 'memory.events', 'oom_kill'),
    groupNumber(host, server, 'pids.events', 'max'),
  ]
  /** What `vps usage --refusals` says of the newest, by `RESOURCE KIND`. */
  const told = async (): Promise<Map<string, Refused>> => {
    const list = await host.json<Refused[]>(['usage', 'bomb', '--refusals'])
    return new Map(list.map(refused => [`${refused.resource} ${refused.kind}`, refused]))
  }
  /** Milliseconds that `vps list` takes. */
  const listTime = async (): Promise<number> => {
    const begin = performance.now()
    expect(await host.must(['list'])).toMatch(/victim +running/)
    return performance.now() - begin
  }
  const available = (): number =>
    Number(/^MemAvailable: +(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) / 1024

  let quiet = 0
  let bystander: number[]

  beforeAll(async () => {
    quiet = await listTime()
    bystander = refusals('victim')
  })

  /** The host answers while it goes off, and nobody but the server is hit. */
  async function expectContained(running: Running): Promise<void> {
    expect(await listTime()).toBeLessThan(3 * quiet + 1000)
    expect(await inside.sh('victim', 'echo fine')).toBe('fine')
    await endCommands('bomb', running)
    expect(refusals('victim')).toEqual(bystander)
    expect(groupNumber(host, 'bomb', 'memory.peak')).toBeLessThanOrEqual(64 * MIB)
    expect((await host.json<{state: string}[]>(['list', 'bomb']))[0]?.state).toBe('running')
  }

  const shell = (script: string): Promise<Running> => inside.begin('bomb', ['/bin/sh', '-c', script])

  test('of processes', async () => {
    const bomb = await shell('bomb() { bomb | bomb & }; bomb; while :; do sleep 0.01; bomb; done')
    await until('a fork is refused', () => groupNumber(host, 'bomb', 'pids.events', 'max') > 0, 90_000)
    await expectContained(bomb)
    expect(groupNumber(host, 'bomb', 'pids.peak')).toBeLessThanOrEqual(100)
    expect((await told()).get('pids max')?.count).toBeGreaterThan(0)
  })

  test('of memory', async () => {
    const bomb = await shell('while :; do /probes/load touch 200 >/dev/null; done')
    await until('one is killed', () => groupNumber(host, 'bomb', 'memory.events', 'oom_kill') > 0, 90_000)
    await expectContained(bomb)
    expect((await told()).get('memory oom_kill')).toMatchObject({command: 'load'})
  })

  test('of page cache', async () => {
    const before = available()
    const kills = groupNumber(host, 'bomb', 'memory.events', 'oom_kill')
    const flood = await shell('while :; do dd if=/dev/zero of=/root/flood bs=1M count=160 2>/dev/null; done')
    await sleep(3000)
    expect(before - available()).toBeLessThan(128)
    await expectContained(flood)
    expect(groupNumber(host, 'bomb', 'memory.events', 'oom_kill')).toBe(kills) // page cache is given back
    expect((await told()).get('memory max')?.count).toBeGreaterThan(0)
  })

  test('of directory entries', async () => {
    const max = groupNumber(host, 'bomb', 'memory.events', 'max')
    const before = available()
    const names = await shell('/probes/load misses /root 1000000')
    await until('its limit is reached', () => groupNumber(host, 'bomb', 'memory.events', 'max') > max, 90_000)
    await expectContained(names)
    expect(before - available()).toBeLessThan(128)
  })

  test('of files in memory: whoever makes them is killed, and a restart gives the memory back', async () => {
    const kills = groupNumber(host, 'bomb', 'memory.events', 'oom_kill')
    const files = await shell(
      'while :; do dd if=/dev/zero of=/dev/shm/bomb bs=1M conv=notrunc 2>/dev/null; done',
    )
    await until('one is killed', () => groupNumber(host, 'bomb', 'memory.events', 'oom_kill') > kills, 90_000)
    await expectContained(files)
    expect(groupNumber(host, 'bomb', 'memory.stat', 'shmem')).toBeGreaterThan(40 * MIB)
    await host.must(['restart', 'bomb'])
    expect(groupNumber(host, 'bomb', 'memory.stat', 'shmem')).toBeLessThan(MIB)
    expect(await inside.sh('bomb', 'echo fine')).toBe('fine')
  })

  test('leaves no trace in the limits', () => {
    expect(groupFile(host, 'bomb', 'memory.max')).toBe(String(64 * MIB))
    expect(groupFile(host, 'bomb', 'pids.max')).toBe('100')
  })
})

/** Microseconds of the monotonic clock, which load.c uses too. */
function now(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}
