import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import {serverPaths} from '../../src/host/index.ts'
import {encode, type LaunchPlan} from '../../src/launch/index.ts'
import {launch} from '../../src/native/index.ts'
import {readReport} from '../../src/server/report.ts'
import {Accounts} from '../helpers/accounts.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {isAlive, until} from '../helpers/processes.ts'
import {runState, stateNumber} from '../helpers/servers.ts'

/*
 * The account that a supervisor keeps of its server. What needs controllers is in the vm ring; the CPU is counted everywhere.
 */

let host: ScratchHost
let accounts: Accounts

const NAME = 'counted'

beforeAll(async () => {
  host = await scratchHost()
  await host.must([
    'create',
    NAME,
    '--template',
    'host',
    '--set',
    'init=persist',
    '--set',
    'restart.policy=always',
  ])
  accounts = new Accounts(host, NAME)
})

afterAll(async () => {
  await host[Symbol.asyncDispose]()
})

/** Keeps a processor busy for about 100 ms of CPU time. */
async function burn(): Promise<void> {
  await host.inside(NAME, 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done')
}

function kernelsCpu(): number {
  const text = readFileSync(join(host.cgroup(NAME), 'payload/cpu.stat'), 'utf8')
  return Number(/^usage_usec (\d+)$/m.exec(text)?.[1])
}

/** Ends the supervisor as a crash does, and has vps tidy up. */
async function crash(): Promise<void> {
  const supervisor = stateNumber(host, NAME, 'supervisor')
  process.kill(supervisor, 'SIGKILL')
  await until('it is dead', () => !isAlive(supervisor))
  await host.vps(['stop', NAME])
}

/** Ends init from inside; the supervisor starts another. */
async function endInit(): Promise<void> {
  const restarts = stateNumber(host, NAME, 'restarts')
  await host.vps(['exec', NAME, '--', 'sh', '-c', 'kill 1'])
  await until('it runs again', () => {
    const state = runState(host, NAME)
    return state.get('state') === 'running' && Number(state.get('restarts')) === restarts + 1
  })
}

const switches = (pid: number): number =>
  Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

describe('the ledger', requires('root'), () => {
  beforeEach(async () => {
    await host.vps(['stop', NAME])
  })

  test('begins with the first run, not before', async () => {
    const begin = Math.floor(Date.now() / 1000)
    expect(accounts.text).toBeUndefined()
    await host.must(['start', NAME])
    await accounts.ask('account')
    expect(accounts.text).toMatch(/^vps-usage 1\nsince \d+\nsaved \d+\ncpu_usec 0 \d+\n/)
    expect(accounts.since).toBeGreaterThanOrEqual(begin)
    expect(accounts.since).toBeLessThanOrEqual(Date.now() / 1000)
  })

  test('has the lines that this kernel offers the server, no others', async () => {
    await host.must(['start', NAME])
    await accounts.ask('account')
    const payload = join(host.cgroup(NAME), 'payload')
    const offered = (name: string, file: string, pattern = /./): void => {
      const text = existsSync(join(payload, file)) ? readFileSync(join(payload, file), 'utf8') : ''
      expect(accounts.counts.has(name), name).toBe(pattern.test(text))
    }
    offered('cpu_usec', 'cpu.stat')
    offered('cpu_throttled', 'cpu.stat', /^nr_throttled /m)
    offered('memory_oom_kill', 'memory.events')
    offered('memory_peak', 'memory.current')
    offered('swap_max', 'memory.swap.events')
    offered('swap_peak', 'memory.swap.current')
    offered('pids_max', 'pids.events')
    offered('pids_peak', 'pids.current')
    expect(accounts.counts.has('io_rbytes')).toBe(existsSync(join(payload, 'io.stat')))
    offered('hugetlb_2MB_max', 'hugetlb.2MB.events')
    offered('hugetlb_64KB_max', 'hugetlb.64KB.events')
  })

  test('counts what the kernel counts', async () => {
    await host.must(['start', NAME])
    await burn()
    const before = kernelsCpu()
    await accounts.ask('account')
    const {run} = accounts.counts.get('cpu_usec') ?? {run: 0}
    expect(run).toBeGreaterThan(20_000)
    expect(run).toBeGreaterThanOrEqual(before)
    expect(run).toBeLessThanOrEqual(kernelsCpu())
  })

  test('is saved at the end, and the next run comes on top', async () => {
    await host.must(['start', NAME])
    await burn()
    await accounts.ask('account')
    const during = accounts.total('cpu_usec')
    await host.must(['stop', NAME])
    const end = accounts.total('cpu_usec')
    expect(end).toBeGreaterThanOrEqual(during)
    expect(end).toBeLessThan(during + 1_000_000)
    await host.must(['start', NAME])
    await accounts.ask('account')
    const {base, run} = accounts.counts.get('cpu_usec') ?? {base: 0, run: 0}
    expect(base).toBe(end)
    expect(run).toBeLessThanOrEqual(kernelsCpu())
  })

  test('goes on when init is started anew', async () => {
    await host.must(['start', NAME])
    await burn()
    await accounts.ask('account')
    const before = accounts.total('cpu_usec')
    await endInit()
    expect(accounts.total('cpu_usec')).toBeGreaterThanOrEqual(before) // saved at the end of that run
    await burn()
    await accounts.ask('account')
    expect(accounts.total('cpu_usec')).toBeGreaterThan(before + 20_000)
  })

  test('loses what came after the last save to a crash, no more', async () => {
    await host.must(['start', NAME])
    await burn()
    await accounts.ask('account')
    const saved = accounts.total('cpu_usec')
    await crash()
    expect(accounts.total('cpu_usec')).toBe(saved)
    await host.must(['start', NAME])
    await accounts.ask('account')
    expect(accounts.counts.get('cpu_usec')?.base).toBe(saved)
  })

  test.each([
    ['of another version', 'vps-usage 2\nsince 1\nsaved 1\ncpu_usec 5 5\n'],
    ['that is empty', ''],
    ['that is cut off', 'vps-usage 1\nsince 1\nsaved 1\ncpu_usec 55 5'],
    ['with a line of nonsense', 'vps-usage 1\nsince 1\nsaved 1\ncpu_usec five 5\n'],
    ['with a number beyond all numbers', 'vps-usage 1\nsince 1\nsaved 1\ncpu_usec 9223372036854775807 1\n'],
    ['without a beginning', 'vps-usage 1\nsaved 1\ncpu_usec 5 5\n'],
    ['longer than any', `vps-usage 1\nsince 1\nsaved 1\n${'x 1 1\n'.repeat(1000)}`],
  ])('one %s is kept aside, and a new one begun', async (_, damaged) => {
    writeFileSync(join(accounts.storage, 'usage'), damaged)
    await host.must(['start', NAME])
    await accounts.ask('account')
    expect(readFileSync(join(accounts.storage, 'usage.damaged'), 'utf8')).toBe(damaged)
    expect(accounts.since).toBeGreaterThan(Date.now() / 1000 - 60)
    expect(accounts.counts.get('cpu_usec')?.base).toBe(0)
  })

  test('keeps lines of controllers that are not here now, and passes over those of a later version', async () => {
    writeFileSync(
      join(accounts.storage, 'usage'),
      'vps-usage 1\nsince 1000\nsaved 2000\ncpu_usec 700 77\nhugetlb_16GB_max 3 4\nmemory_peak 500 900\nnew_thing 1 2\n',
    )
    await host.must(['start', NAME])
    await accounts.ask('account')
    expect(accounts.since).toBe(1000)
    expect(accounts.counts.get('cpu_usec')?.base).toBe(777)
    expect(accounts.counts.get('hugetlb_16GB_max')).toEqual({base: 7, run: 0})
    expect(accounts.counts.get('memory_peak')?.base).toBe(900)
    expect(accounts.counts.has('new_thing')).toBe(false)
  })

  test('begins anew on request, while the server runs', async () => {
    await host.must(['start', NAME])
    await burn()
    await accounts.ask('account')
    const {base, run} = accounts.counts.get('cpu_usec') ?? {base: 0, run: 0}
    const month = accounts.month.get('cpu_usec') ?? 0
    expect(base + run).toBeGreaterThan(0)
    await accounts.ask('reset-usage')
    expect(accounts.total('cpu_usec')).toBe(0)
    expect(accounts.since).toBeGreaterThan(Date.now() / 1000 - 60)
    expect(accounts.month.get('cpu_usec')).toBeGreaterThanOrEqual(month) // what is billed stays
    await burn()
    await host.must(['stop', NAME])
    expect(accounts.total('cpu_usec')).toBeGreaterThan(20_000)
    expect(accounts.total('cpu_usec')).toBeLessThan(2_000_000)
  })

  test('is not touched by a start that fails', async () => {
    await host.must(['start', NAME])
    await host.must(['stop', NAME])
    const before = accounts.text
    await host.must(['set', NAME, 'mounts=[{source: /nowhere, target: /x}]'])
    expect((await host.vps(['start', NAME])).exitCode).not.toBe(0)
    expect(accounts.text).toBe(before)
    await host.must(['set', NAME, 'mounts=[]'])
  })
})

describe('months', requires('root'), () => {
  test('have the seconds that it ran and the CPU time of all its runs', async () => {
    await host.vps(['stop', NAME])
    const before = accounts.month
    const added = (name: string): number => (accounts.month.get(name) ?? 0) - (before.get(name) ?? 0)
    await host.must(['start', NAME])
    await burn()
    await sleep(2200)
    await host.must(['stop', NAME])
    expect(added('seconds')).toBeGreaterThanOrEqual(2)
    expect(added('seconds')).toBeLessThan(60)
    expect(added('cpu_usec')).toBeGreaterThan(20_000)
    const run = accounts.counts.get('cpu_usec')?.run
    expect(added('cpu_usec')).toBe(run) // one run, all of it within this month or the test runs at midnight
  })
})

describe('the table that the server sees', requires('root'), () => {
  const INSIDE = '/run/host/vps/usage'

  test('says what was used, is renewed in place, and can not be written', async () => {
    await host.vps(['stop', NAME])
    await host.must(['start', NAME])
    const cpu = async (): Promise<number> =>
      Number((await host.inside(NAME, `awk '$1 == "cpu_usec" {print $2}' ${INSIDE}`)) || Number.NaN)
    const before = await cpu()
    expect(before).toBeGreaterThan(0)
    await burn()
    await accounts.ask('account')
    expect(await cpu()).toBeGreaterThan(before + 20_000)
    const table = await host.inside(NAME, `cat ${INSIDE}`)
    expect(table).toMatch(/^Usage, written \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\. Present values/)
    expect(table).toMatch(/^resource +held +maxheld +guarantee +high +limit +failcnt$/m)
    const attempts = `echo x >${INSIDE} || rm -f ${INSIDE} || mv ${INSIDE} /tmp || chmod 644 ${INSIDE} || echo refused`
    expect(await host.inside(NAME, `stat -c %a ${INSIDE}; ${attempts}`)).toMatch(/^444\nrefused$/)
    expect(await host.inside(NAME, 'cat /proc/self/mountinfo')).not.toContain(host.root)
  })
})

describe('a supervisor', requires('root'), () => {
  test('sleeps while nothing happens', async () => {
    await host.vps(['stop', NAME])
    await host.must(['start', NAME, '--wait'])
    const supervisor = stateNumber(host, NAME, 'supervisor')
    await sleep(1500) // its starter hangs up
    const before = switches(supervisor)
    await sleep(3000)
    expect(switches(supervisor)).toBe(before)
  })

  test('takes a sample every accounting interval, and sleeps in between', async () => {
    await host.vps(['stop', NAME])
    const [plan] = await host.json<[LaunchPlan]>(['start', NAME, '--explain'])
    const {run} = serverPaths(host.paths, NAME)
    mkdirSync(run, {mode: 0o700})
    writeFileSync(join(run, 'usage'), '', {mode: 0o444})
    const {'await-scope': _, ...settings} = plan.settings // nobody asks systemd for one
    const words = encode({...plan, settings: {...settings, 'accounting-interval': '1'}})
    mkdirSync(join(settings.cgroup ?? '', '..'), {recursive: true})
    await readReport((await launch({name: NAME, words})).reportFd)
    const supervisor = stateNumber(host, NAME, 'supervisor')
    const saved = (): number => Number(/^saved (\d+)$/m.exec(accounts.text ?? '')?.[1])
    await sleep(1500)
    const first = saved()
    const before = switches(supervisor)
    await until('it was saved', () => saved() >= first + 3)
    expect(switches(supervisor) - before).toBeLessThan(40)
    await host.must(['stop', NAME])
  })

  test('answers all who ask at once', async () => {
    await host.must(['start', NAME])
    await Promise.all(Array.from({length: 20}, () => accounts.ask('account')))
    expect(accounts.text).toMatch(/^vps-usage 1\n/)
  })
})
