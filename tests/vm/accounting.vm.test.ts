// Refusals that are provoked on purpose, counted by the kernel of a host with all controllers, and found in the account: each
// of them, no more, before and after restarts. Linux 6.1 keeps no peak of swap and pids, and counts a refused fork in the
// group of the process that asked.

import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {Accounts} from '../helpers/accounts.ts'
import {type ScratchHost, scratchHost} from '../helpers/host.ts'
import {until} from '../helpers/processes.ts'
import {runState, startServers, stateNumber} from '../helpers/servers.ts'
import {must} from './guest-shell.ts'

const MiB = 1024 * 1024
const SWAP_FILE = '/accounting-test.swap'
const PATIENCE = 60_000

let host: ScratchHost

beforeAll(async () => {
  must(`
    dd if=/dev/zero of=${SWAP_FILE} bs=1M count=96 status=none
    chmod 600 ${SWAP_FILE}; mkswap -q ${SWAP_FILE}; swapon ${SWAP_FILE}`)
  host = await scratchHost()
  await startServers(host, {
    forks: {resources: {pids: 20}, restart: {policy: 'always'}},
    memory: {resources: {memory: {limit: '48MiB', swap: 'none'}}},
    swap: {resources: {memory: {limit: '32MiB', swap: '8MiB'}}},
    cpu: {resources: {cpu: {limit: 0.2}}},
    disk: {},
  })
}, 240_000)

afterAll(async () => {
  await host[Symbol.asyncDispose]()
  must(`swapoff ${SWAP_FILE}; rm ${SWAP_FILE}`)
}, 120_000)

/** Lets the server fork until exactly `refusals` forks have failed. */
function refusedForks(refusals: number, after = ''): string {
  return `my ($n, @k) = (0); while ($n < ${refusals}) {
    my $p = fork; if (!defined $p) { $n++; next } if (!$p) { sleep 60; exit } push @k, $p }
    kill 9, @k; waitpid $_, 0 for @k; ${after}`
}

/** Takes memory at run time: perl works out what is constant before it begins. */
const take = (mebibytes: number): string => `$n = ${mebibytes}; $x = "a" x ($n << 20)`

async function perl(name: string, program: string): Promise<number | undefined> {
  return (await host.vps(['exec', name, '--', 'perl', '-e', program], {timeout: 120_000})).exitCode
}

/** What the kernel counts in the server's payload. */
function kernels(name: string, file: string, key: string): number {
  const text = readFileSync(join(host.cgroup(name), 'payload', file), 'utf8')
  return Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1])
}

async function restartByPolicy(name: string): Promise<void> {
  const restarts = stateNumber(host, name, 'restarts')
  await host.vps(['exec', name, '--', 'sh', '-c', 'kill 1'])
  const again = (): boolean => {
    const state = runState(host, name)
    return state.get('state') === 'running' && Number(state.get('restarts')) === restarts + 1
  }
  await until('it runs again', again, PATIENCE)
}

const switches = (pid: number): number =>
  Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

describe('refused forks', () => {
  let accounts: Accounts
  beforeAll(() => {
    accounts = new Accounts(host, 'forks')
  })

  test('are recorded when they happen, with nobody asking', async () => {
    expect(await perl('forks', refusedForks(5))).toBe(0)
    await until('it is recorded', () => accounts.refused('pids', 'max') === 5, PATIENCE)
    await until('the account has it too', () => accounts.total('pids_max') === 5, PATIENCE)
    expect(accounts.refusals[0]).toMatchObject({limit: '20', process: ''})
    expect(Math.abs((accounts.refusals[0]?.time ?? 0) - Date.now())).toBeLessThan(60_000)
  })

  test('make the peak known, whether the kernel keeps it or not', () => {
    expect(accounts.total('pids_peak')).toBe(20)
  })

  test('are counted exactly, then let the supervisor sleep', async () => {
    expect(await perl('forks', refusedForks(7))).toBe(0)
    await accounts.ask('account')
    expect(accounts.total('pids_max')).toBe(12)
    expect(accounts.refused('pids', 'max')).toBe(12)
    await sleep(13_000) // after ten seconds the log of events is told what was held back
    const before = switches(stateNumber(host, 'forks', 'supervisor'))
    await sleep(4000)
    expect(switches(stateNumber(host, 'forks', 'supervisor'))).toBe(before)
  })

  test('are few lines when they are many', async () => {
    const lines = accounts.refusals.length
    expect(await perl('forks', refusedForks(1000))).toBe(0)
    await accounts.ask('account')
    expect(accounts.total('pids_max')).toBe(1012)
    expect(accounts.refused('pids', 'max')).toBe(1012)
    expect(accounts.refusals.length - lines).toBeLessThan(10)
  })

  test('stay counted over a restart from inside, a stop and a start', async () => {
    await restartByPolicy('forks')
    await accounts.ask('account')
    expect(accounts.total('pids_max')).toBe(1012)
    expect(kernels('forks', 'pids.events', 'max')).toBe(1012) // the group is the same
    expect(await perl('forks', refusedForks(3))).toBe(0)
    await host.must(['stop', 'forks'])
    expect(accounts.counts.get('pids_max')).toEqual({base: 0, run: 1015})
    await host.must(['start', 'forks'])
    expect(await perl('forks', refusedForks(2))).toBe(0)
    await accounts.ask('account')
    expect(accounts.counts.get('pids_max')).toEqual({base: 1015, run: 2})
    expect(accounts.refused('pids', 'max')).toBe(1017)
    expect(accounts.total('pids_peak')).toBe(20)
  })

  test('are seen by the tenant', async () => {
    const row = await host.inside('forks', `grep ^pids /run/host/vps/usage`)
    expect(row).toMatch(/^pids +\d+ +20 +- +- +20 +1017$/)
  })

  test('begin anew on request, and so does the peak', async () => {
    await accounts.ask('reset-usage')
    expect(accounts.total('pids_max')).toBe(0)
    expect(accounts.total('pids_peak')).toBeLessThan(10)
    expect(await perl('forks', refusedForks(4))).toBe(0)
    await accounts.ask('account')
    expect(accounts.total('pids_max')).toBe(4)
    expect(accounts.total('pids_peak')).toBe(20)
  })
})

describe('memory', () => {
  let accounts: Accounts
  beforeAll(() => {
    accounts = new Accounts(host, 'memory')
  })

  test('an OOM kill is recorded with the process, and every count is the kernel’s', async () => {
    expect(await perl('memory', take(200))).toBe(137)
    await until('it is recorded', () => accounts.refused('memory', 'oom_kill') === 1, PATIENCE)
    const line = accounts.refusals.find(({kind}) => kind === 'oom_kill')
    expect(line).toMatchObject({
      count: 1,
      limit: String(48 * MiB),
      process: expect.stringMatching(/^\d+ perl$/),
    })
    await accounts.ask('account')
    expect(accounts.total('memory_oom_kill')).toBe(1)
    for (const kind of ['max', 'oom', 'oom_kill']) {
      expect(accounts.total(`memory_${kind}`), kind).toBe(kernels('memory', 'memory.events', kind))
      expect(accounts.refused('memory', kind), kind).toBe(accounts.total(`memory_${kind}`))
    }
    expect(accounts.total('memory_peak')).toBeGreaterThan(46 * MiB)
    expect(accounts.total('memory_peak')).toBeLessThanOrEqual(48 * MiB)
  })

  test('a name that tries to look like another’s log line is a name', async () => {
    expect(await perl('memory', `$0 = ") UID:0 (x"; ${take(200)}`)).toBe(137)
    await until('it is recorded', () => accounts.refused('memory', 'oom_kill') === 2, PATIENCE)
    expect(accounts.refusals.findLast(({kind}) => kind === 'oom_kill')?.process).toMatch(/^\d+ \) UID:0 \(x$/)
  })

  test('several victims at once are all named', async () => {
    const four = `for (1..4) { if (!fork) { ${take(100)}; exit } } wait for 1..4`
    expect(await perl('memory', four)).toBe(0)
    await until('all are recorded', () => accounts.refused('memory', 'oom_kill') === 6, PATIENCE)
    const victims = accounts.refusals.filter(({kind}) => kind === 'oom_kill').slice(2)
    expect(victims.map(({count, process}) => `${count} ${process}`)).toEqual(
      victims.map(() => expect.stringMatching(/^1 \d+ perl$/)),
    )
    expect(new Set(victims.map(({process}) => process)).size).toBe(4)
  })

  test('the peak begins anew with what is held, and no old one comes back', async () => {
    await accounts.ask('reset-usage')
    const anew = accounts.total('memory_peak')
    expect(anew).toBeLessThan(40 * MiB)
    await accounts.ask('account')
    expect(accounts.total('memory_peak')).toBeLessThan(40 * MiB)
    await host.must(['stop', 'memory'])
    await host.must(['start', 'memory'])
    await accounts.ask('account')
    expect(accounts.total('memory_peak')).toBeLessThan(40 * MiB)
    expect(accounts.total('memory_oom_kill')).toBe(0)
  })

  test('what is held is billed', async () => {
    const before = accounts.month
    await sleep(2500)
    await accounts.ask('account')
    const seconds = (accounts.month.get('seconds') ?? 0) - (before.get('seconds') ?? 0)
    const memory = (accounts.month.get('memory_byte_seconds') ?? 0) - (before.get('memory_byte_seconds') ?? 0)
    const held = Number(readFileSync(join(host.cgroup('memory'), 'payload/memory.current'), 'utf8'))
    expect(seconds).toBeGreaterThanOrEqual(2)
    expect(memory / held).toBeGreaterThan(seconds * 0.7)
    expect(memory / held).toBeLessThan((seconds + 1) * 1.4)
  })
})

describe('swap', () => {
  test('what does not fit is counted as the kernel counts it', async () => {
    const accounts = new Accounts(host, 'swap')
    await perl('swap', take(80))
    await accounts.ask('account')
    expect(accounts.total('swap_max')).toBeGreaterThan(0)
    for (const kind of ['max', 'fail']) {
      expect(accounts.total(`swap_${kind}`), kind).toBe(kernels('swap', 'memory.swap.events', kind))
      expect(accounts.refused('swap', kind), kind).toBe(accounts.total(`swap_${kind}`))
    }
    expect(accounts.total('swap_peak')).toBe(8 * MiB) // this kernel keeps none, but the limit was hit
    expect(accounts.refusals.find(({resource}) => resource === 'swap')?.limit).toBe(String(8 * MiB))
  })
})

describe('CPU', () => {
  test('throttled periods are counted and recorded', async () => {
    const accounts = new Accounts(host, 'cpu')
    await perl('cpu', '1 while (times)[0] < 0.4')
    await accounts.ask('account')
    expect(accounts.total('cpu_throttled')).toBeGreaterThan(5)
    expect(accounts.total('cpu_throttled')).toBeLessThanOrEqual(kernels('cpu', 'cpu.stat', 'nr_throttled'))
    expect(accounts.total('cpu_throttled_usec')).toBeGreaterThan(500_000)
    expect(accounts.refused('cpu', 'throttled')).toBe(accounts.total('cpu_throttled'))
    expect(accounts.refusals[0]).toMatchObject({resource: 'cpu', kind: 'throttled', limit: '200000'})
    expect(await host.inside('cpu', `grep ^cpu_usec /run/host/vps/usage`)).toMatch(/20000\/100000 +\d+$/)
  })
})

describe('disks', () => {
  test('what is written and read is counted once', async () => {
    const accounts = new Accounts(host, 'disk')
    await accounts.ask('account')
    const written = accounts.total('io_wbytes')
    const read = accounts.total('io_rbytes')
    await host.inside('disk', 'dd if=/dev/zero of=/root/file bs=1M count=32 conv=fsync')
    must('echo 3 >/proc/sys/vm/drop_caches')
    await host.inside('disk', 'cat /root/file >/dev/null')
    await accounts.ask('account')
    expect((accounts.total('io_wbytes') - written) / (32 * MiB)).toBeGreaterThan(0.95)
    expect((accounts.total('io_wbytes') - written) / (32 * MiB)).toBeLessThan(1.5)
    expect((accounts.total('io_rbytes') - read) / (32 * MiB)).toBeGreaterThan(0.95)
    expect(accounts.month.get('io_wbytes')).toBeGreaterThan(30 * MiB)
  })
})

describe('a server with groups of its own', () => {
  beforeAll(async () => {
    await startServers(host, {systemd: {init: 'auto', resources: {pids: 300}}})
  }, 240_000)

  test('its refused forks are found in them, and kept when a group is gone', async () => {
    const accounts = new Accounts(host, 'systemd')
    const program = refusedForks(6, 'sleep 600')
    await host.must(['exec', 'systemd', '--', 'systemd-run', '--unit', 'bomb', 'perl', '-e', program])
    const found = async (): Promise<boolean> => {
      await accounts.ask('account')
      return accounts.total('pids_max') === 6
    }
    await until('all are found', found, PATIENCE)
    expect(accounts.refused('pids', 'max')).toBe(6)
    await host.inside('systemd', 'systemctl kill -s KILL bomb; systemctl reset-failed')
    await sleep(1000)
    await accounts.ask('account')
    expect(accounts.total('pids_max')).toBe(6)
    await host.must(['stop', 'systemd'], {timeout: 120_000})
    expect(accounts.total('pids_max')).toBe(6)
  }, 240_000)
})
