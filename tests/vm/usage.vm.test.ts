// Refusals that are provoked one by one, and what `vps usage` says of them, over everything that ends a run.
import {existsSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {Host, type ServerMonth, type ServerRefusal, type ServerUsage, sortTop} from '../../src/index.ts'
import {Workshop} from '../helpers/bare-server.ts'
import {type ScratchHost, scratchHost} from '../helpers/host.ts'
import {Inside} from '../helpers/inside.ts'
import {until} from '../helpers/processes.ts'
import {probesMount, runState, STATIC, startServers, stateNumber} from '../helpers/servers.ts'
import './guest-shell.ts'

const MIB = 1024 * 1024
const PIDS = 24

let host: ScratchHost
let api: Host
let inside: Inside
let workshop: Workshop

beforeAll(async () => {
  workshop = new Workshop()
  for (const name of ['load', 'refused-forks', 'reboot-call']) workshop.compile(name, STATIC)
  host = await scratchHost()
  api = await Host.open({root: host.root})
  inside = await Inside.open(host)
  const common = {template: 'busybox', init: 'persist', mounts: [probesMount(workshop)]}
  await startServers(host, {
    web: {...common, resources: {pids: PIDS, memory: {limit: '48MiB', guarantee: '8MiB', swap: 'none'}}},
    neighbour: {...common, resources: {pids: PIDS, memory: {limit: '48MiB'}}},
    busy: {...common, resources: {cpu: {limit: 0.2}, io: {write: {bps: '4MiB'}}}},
  })
})

afterAll(async () => {
  await host[Symbol.asyncDispose]()
  workshop[Symbol.dispose]()
})

/** As `vps usage NAME`, without the start of a Node, which takes seconds here. */
async function usageOf(name: string): Promise<ServerUsage> {
  const [found] = await api.usage({names: [name]})
  if (found === undefined) throw new Error(`no usage of ${name}`)
  return found
}

async function refusalsOf(name: string, resource: string, kind: string): Promise<ServerRefusal[]> {
  const found = await api.refusals({names: [name]})
  return found.filter(refusal => refusal.resource === resource && refusal.kind === kind)
}

function sum(refusals: readonly ServerRefusal[]): number {
  return refusals.reduce((total, {count}) => total + count, 0)
}

async function refuseForks(name: string, count: number): Promise<void> {
  const {stdout, stderr, code} = await inside.run(name, ['/probes/refused-forks', String(count)])
  expect({stdout, stderr, code}).toEqual({stdout: `refused ${count}\n`, stderr: '', code: 0})
}

/** Has the kernel kill one process for memory. */
async function killForMemory(name: string): Promise<void> {
  const {code} = await inside.load(name, 'touch', 200)
  expect(code).toBe(137)
}

/** What was provoked so far. */
const provoked = {forks: 0, kills: 0}

/** What the command says. */
async function expectExactly(): Promise<void> {
  const [web] = await host.json<ServerUsage[]>(['usage', 'web'])
  const {pids, oomKills} = web?.resources ?? {}
  expect({forks: pids?.failcnt, kills: oomKills?.failcnt}).toEqual(provoked)
}

describe('refusals are counted exactly', () => {
  test('as they happen', async () => {
    await refuseForks('web', 17)
    for (let kill = 0; kill < 3; kill++) await killForMemory('web')
    provoked.forks += 17
    provoked.kills += 3
    await expectExactly()
    await refuseForks('web', 1)
    provoked.forks += 1
    await expectExactly()
  })

  test('and recorded: who, when, what, how much', async () => {
    const forks = await refusalsOf('web', 'pids', 'max')
    expect(sum(forks)).toBe(provoked.forks)
    for (const {limit, time} of forks) {
      expect(limit).toBe(PIDS)
      expect(Math.abs(Date.now() - Date.parse(time))).toBeLessThan(600_000)
    }
    const kills = await refusalsOf('web', 'memory', 'oom_kill')
    expect(sum(kills)).toBe(provoked.kills)
    for (const {limit, command, pid} of kills) {
      expect(limit).toBe(48 * MIB)
      expect(command).toBe('load')
      expect(pid).toBeGreaterThan(1)
    }
    expect(await host.must(['usage', '--refusals', 'web', '--since', '1h'])).toMatch(
      /web +pids +max +\d+ +\d+ +24 +- +-/,
    )
  })

  test('a storm of them too', async () => {
    await refuseForks('web', 2000)
    provoked.forks += 2000
    await expectExactly()
    const lines = await refusalsOf('web', 'pids', 'max')
    expect(sum(lines)).toBe(provoked.forks)
    expect(lines.length).toBeLessThan(30)
  })

  test('the neighbour was refused nothing', async () => {
    const {resources} = await usageOf('neighbour')
    expect([resources.pids?.failcnt, resources.oomKills?.failcnt, resources.memory?.failcnt]).toEqual([
      0, 0, 0,
    ])
    expect(await api.refusals({names: ['neighbour']})).toEqual([])
  })
})

describe('they survive', () => {
  test('vps restart', async () => {
    await host.must(['restart', 'web'])
    await expectExactly()
    await refuseForks('web', 5)
    provoked.forks += 5
  })

  test('a reboot from inside', async () => {
    const init = stateNumber(host, 'web', 'init')
    await inside.run('web', ['/probes/reboot-call', 'reboot'])
    await until('it runs again', () => runsAs('web') > 0 && runsAs('web') !== init, 30_000)
    await expectExactly()
    await killForMemory('web')
    provoked.kills += 1
    await expectExactly()
  })

  test('a stop', async () => {
    await host.must(['stop', 'web'])
    await expectExactly()
    expect(await usageOf('web')).toMatchObject({
      state: 'stopped',
      pressure: null,
      resources: {memory: {held: 0, limit: null}, pids: {held: 0}},
    })
  })

  test('a boot of the host: /run is empty, the cgroup is gone', async () => {
    expect(existsSync(host.cgroup('web'))).toBe(false)
    await host.must(['stop', '--all'])
    rmSync(host.paths.run, {recursive: true})
    await expectExactly()
    await host.must(['start', 'web', 'neighbour', 'busy'])
    await expectExactly()
    await refuseForks('web', 2)
    provoked.forks += 2
    await expectExactly()
  })

  test('a supervisor that is killed, once they were written down', async () => {
    await expectExactly()
    process.kill(stateNumber(host, 'web', 'supervisor'), 'SIGKILL')
    await until('it is seen', async () => (await usageOf('web')).state === 'crashed')
    await expectExactly()
    await host.must(['start', 'web'])
    await expectExactly()
  })

  test('a rename', async () => {
    await host.must(['stop', 'web'])
    await host.must(['rename', 'web', 'shop'])
    await host.must(['rename', 'shop', 'web'])
    await host.must(['start', 'web'])
    await expectExactly()
  })
})

describe('peaks', () => {
  test('are those of all runs; a ~ where this kernel keeps none', async () => {
    const {resources} = await usageOf('web')
    const {memory, pids, swap} = resources
    expect(memory?.maxheld).toBeGreaterThan(46 * MIB)
    expect(memory?.maxheld).toBeLessThanOrEqual(48 * MIB)
    expect(memory).toMatchObject({guarantee: 8 * MIB, limit: 48 * MIB, high: 'max', exact: true})
    expect(memory?.held).toBeLessThan(20 * MIB)
    expect(pids).toMatchObject({maxheld: PIDS, limit: PIDS})
    expect(swap).toMatchObject({limit: 0, maxheld: 0})
    const group = join(host.cgroup('web'), 'payload')
    for (const [use, file] of [
      [pids, 'pids.peak'],
      [swap, 'memory.swap.peak'],
    ] as const)
      expect(use?.exact, file).toBe(existsSync(join(group, file)))
    const page = await host.must(['usage', 'web'])
    expect(page).toMatch(/^memory .* 48MiB +\d+$/m)
    expect(/^pids .*/m.exec(page)?.[0].includes('~')).toBe(!pids?.exact)
  })

  test('of a guest that forked and stopped before the host was booted are kept', async () => {
    await host.must(['stop', 'neighbour'])
    const before = (await usageOf('neighbour')).resources.memory?.maxheld
    expect(before).toBeGreaterThan(0)
    await host.must(['start', 'neighbour'])
    expect((await usageOf('neighbour')).resources.memory?.maxheld).toBeGreaterThanOrEqual(before ?? 0)
  })
})

test('a reset begins anew, of a running server and of a stopped one', async () => {
  await host.must(['usage', '--reset', 'web'])
  expect((await usageOf('web')).resources).toMatchObject({
    pids: {failcnt: 0},
    oomKills: {failcnt: 0},
    memory: {failcnt: 0, exact: false},
  })
  await refuseForks('web', 4)
  expect((await usageOf('web')).resources.pids?.failcnt).toBe(4)
  await host.must(['restart', 'web'])
  expect((await usageOf('web')).resources.pids?.failcnt).toBe(4)
  await host.must(['stop', 'web'])
  await host.must(['usage', '--reset', 'web'])
  expect((await usageOf('web')).resources).toMatchObject({pids: {failcnt: 0, maxheld: 0}})
  await host.must(['start', 'web'])
  expect((await usageOf('web')).resources.pids?.failcnt).toBe(0)
})

test('the tenant reads the same numbers inside, and can not write them', async () => {
  await refuseForks('web', 3)
  const failcnt = (await usageOf('web')).resources.pids?.failcnt
  expect(failcnt).toBe(3)
  const text = await inside.sh('web', 'cat /run/host/vps/usage')
  expect(/^pids .*/m.exec(text)?.[0].trim().split(/\s+/).at(-1)).toBe('3')
  await expect(inside.sh('web', 'echo x > /run/host/vps/usage')).rejects.toThrow('Read-only file system')
})

describe('what is measured', () => {
  test('throttling is counted, and shown by top as its ceiling', async () => {
    const running = await inside.begin('busy', ['/probes/load', 'spin', '12', '2'])
    const reports = api.top({intervalMs: 3000})
    await reports.next() // the first is about a moment only
    const {value} = await reports.next()
    const shown = sortTop(value?.servers ?? [], 'cpu')
    await reports.return(undefined)
    await running.result
    expect(shown[0]?.name).toBe('busy')
    expect(shown[0]?.cpuLimit).toBe(0.2)
    expect(shown[0]?.cpuPercent).toBeGreaterThan(15)
    expect(shown[0]?.cpuPercent).toBeLessThan(25)
    expect(shown.find(({name}) => name === 'web')).toMatchObject({memoryLimit: 48 * MIB, pidsLimit: PIDS})
    const {resources, pressure} = await usageOf('busy')
    expect(resources.cpu?.failcnt).toBeGreaterThan(20)
    expect(resources.cpu?.limit).toBe(0.2)
    expect(resources.cpuThrottled?.held).toBeGreaterThan(1_000_000)
    expect(pressure?.cpu?.some.totalUsec).toBeGreaterThan(0)
    expect(sum(await refusalsOf('busy', 'cpu', 'throttled'))).toBe(resources.cpu?.failcnt)
  })

  test('bytes written are those that were written', async () => {
    const before = (await usageOf('busy')).resources.ioWriteBytes
    expect(before?.limit).toBe(4 * MIB)
    await inside.sh(
      'busy',
      'dd if=/dev/zero of=/root/file bs=1M count=8 conv=fsync 2>/dev/null; rm /root/file',
    )
    const after = (await usageOf('busy')).resources.ioWriteBytes
    const written = (after?.held ?? 0) - (before?.held ?? 0)
    expect(written).toBeGreaterThanOrEqual(8 * MIB)
    expect(written).toBeLessThan(12 * MIB)
  })

  test('the month has all of it, and outlives its server', async () => {
    const [month] = await api.months('now', {names: ['busy']})
    const total = (await usageOf('busy')).resources
    expect(month?.cpuSeconds).toBeGreaterThan(0.5)
    expect(month?.cpuSeconds).toBeLessThanOrEqual((total.cpu?.held ?? 0) / 1e6)
    expect(month?.memoryByteHours).toBeGreaterThan(0)
    expect(month?.ioWriteBytes).toBeGreaterThan(8 * MIB)
    await host.must(['destroy', 'busy', '--force', '--yes'])
    const [gone] = await host.json<ServerMonth[]>(['usage', '--month', 'now', 'busy'])
    expect(gone).toMatchObject({uuid: month?.uuid, destroyed: true})
    expect(gone?.cpuSeconds).toBeGreaterThanOrEqual(month?.cpuSeconds ?? 1)
  })
})

/** The pid of its init; 0 while it does not run. */
function runsAs(name: string): number {
  const state = runState(host, name)
  return state.get('state') === 'running' ? Number(state.get('init')) : 0
}
