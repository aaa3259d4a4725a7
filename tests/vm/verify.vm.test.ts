// vps verify where everything can be enforced: it proves limits that hold, finds one that does not, and leaves nothing.
import './guest-shell.ts'
import {readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import {type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {until} from '../helpers/processes.ts'

interface Finding {
  readonly key: string
  readonly asked: number | string
  readonly measured: number | string | null
  readonly deviation: number | null
  readonly state: string
  readonly note: string | null
}

const LONG = {timeout: 300_000}
/** What takes minutes, where everything is emulated, is for VPS_TEST_THOROUGH=1. */
const isShort = process.env.VPS_TEST_THOROUGH === undefined

let host: ScratchHost

beforeAll(async () => {
  host = await scratchHost()
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
})
afterEach(async () => {
  expect(await host.json<unknown[]>(['list', '--tag', 'vps-throwaway'])).toEqual([])
})

async function create(name: string, definition: object): Promise<void> {
  const input = JSON.stringify({template: 'busybox', init: 'persist', ...definition})
  await host.must(['create', name, '--file', '-'], {stdin: 'pipe', input})
}

async function verify(
  name: string,
  ...words: string[]
): Promise<{code: number | undefined; found: Map<string, Finding>}> {
  const {exitCode, stdout} = await host.vps(['verify', name, '--json', ...words], LONG)
  const {findings} = JSON.parse(String(stdout)) as {findings: Finding[]}
  return {code: exitCode, found: new Map(findings.map(finding => [finding.key, finding]))}
}

describe('limits that hold are proven', () => {
  beforeAll(async () => {
    const resources = {
      cpu: {limit: 0.5, weight: 200},
      memory: {limit: '48MiB', guarantee: '8MiB', swap: 'none', oomGroup: true},
      pids: 40,
      io: {write: {bps: '2MiB'}, read: {iops: 100}},
    }
    await create('web', {resources, limits: {nofile: '500:1000'}})
    await host.must(['start', 'web'])
  })

  test('memory, processes, rlimits: exactly, each killed or refused where it was asked to be', async () => {
    const {code, found} = await verify('web', '--only', 'memory,pids,limits')
    expect(code).toBe(0)
    expect(found.get('resources.memory.limit')).toMatchObject({state: 'held', note: 'killed there'})
    expect(Math.abs(found.get('resources.memory.limit')?.deviation ?? 1)).toBeLessThan(0.02)
    expect(found.get('resources.memory.oomGroup')).toMatchObject({state: 'held', measured: 'the server ends'})
    expect(found.get('resources.memory.guarantee')?.state).toBe('unproven')
    expect(found.get('resources.pids')).toMatchObject({state: 'held', asked: 40, measured: 40})
    expect(found.get('limits.nofile')).toMatchObject({state: 'held', measured: '500:1000'})
  }, 300_000)

  // Emulated processors, shared with whoever else is at work: they may fall short, and then it must say so. Never exceed.
  test('CPU and I/O: within their tolerances, or said to be short', async () => {
    const {found} = await verify('web', '--only', 'cpu,io')
    const keys = ['cpu.limit', 'cpu.weight', 'io.read.iops', 'io.write.bps'].map(key => `resources.${key}`)
    expect([...found.keys()].sort()).toEqual(keys.sort())
    for (const finding of found.values())
      expect(['held', 'unproven'], JSON.stringify(finding)).toContain(finding.state)
  }, 300_000)

  test('the server itself was not touched', async () => {
    const [web] = await host.json<{state: string; restarts: number}[]>(['list', 'web'])
    expect(web).toMatchObject({state: 'running', restarts: 0})
    const peak = Number(readFileSync(join(host.cgroup('web'), 'payload/memory.peak'), 'utf8'))
    expect(peak).toBeLessThan(32 * 1024 ** 2)
  })
})

test.skipIf(isShort)(
  'a limit that somebody lifts behind the back of the kernel’s reader is found out',
  async () => {
    await create('lifted', {resources: {pids: 30}})
    const lifting = (async () => {
      for (let found = ''; found === ''; ) {
        const {stdout} = await execa('sh', [
          '-c',
          `ls -d ${host.cgroups}/*verify-*/payload 2>/dev/null | head -1; sleep 0.02`,
        ])
        found = stdout.trim()
        if (found !== '') writeFileSync(join(found, 'pids.max'), '35')
      }
    })()
    const {code, found} = await verify('lifted')
    await lifting
    expect(code).toBe(1)
    expect(found.get('resources.pids')).toMatchObject({state: 'broken', asked: 30, measured: 35})
  },
  300_000,
)

test.skipIf(isShort)(
  'a memory limit that the host has not to spare is not tried',
  async () => {
    await create('huge', {resources: {memory: {limit: '512GiB'}}})
    const {code, found} = await verify('huge')
    expect(code).toBe(0)
    expect(found.get('resources.memory.limit')).toMatchObject({state: 'unproven', measured: null})
    expect(found.get('resources.memory.limit')?.note).toMatch(/not so much memory to spare/)
  },
  120_000,
)

describe.skipIf(isShort)('cut off in the middle', () => {
  beforeAll(async () => await create('busy', {resources: {cpu: {limit: 0.5}}}))

  async function begin(): Promise<{pid: number; done: Promise<unknown>}> {
    const child = execa(vpsProgram, ['verify', 'busy'], {env: {VPS_ROOT: host.root}, reject: false})
    await until('a sibling runs', () => runningThrowaways(), 60_000)
    return {pid: child.pid ?? 0, done: child}
  }

  async function runningThrowaways(): Promise<boolean> {
    const list = await host.json<{state: string}[]>(['list', '--tag', 'vps-throwaway'])
    return list.some(({state}) => state === 'running')
  }

  test('by kill -9, doctor knows what it left, and removes it; but not while it is at work', async () => {
    const {pid, done} = await begin()
    process.kill(pid, 'SIGSTOP') // a command that is at work for as long as it takes
    await host.vps(['doctor', '--repair'], LONG)
    expect(await runningThrowaways()).toBe(true)
    process.kill(pid, 'SIGKILL')
    await done
    const before = await host.vps(['doctor'])
    expect(String(before.stdout)).toMatch(/verify-[0-9a-f]{8}: a throw-away server whose maker is gone/)
    await host.vps(['doctor', '--repair'], LONG)
  }, 300_000)

  test('by Ctrl-C, it removes it itself', async () => {
    const {pid, done} = await begin()
    process.kill(pid, 'SIGINT')
    expect(await done).toMatchObject({exitCode: 1})
  }, 300_000)
})

// As `make bench` does where nothing is emulated; here, with all controllers, only where there is time: VPS_TEST_QUIET=1.
const measured = test.skipIf(process.env.VPS_TEST_QUIET === undefined)
measured(
  'a start with limits costs no more, against the same writes in C, than one without',
  async () => {
    const {all = '', exitCode} = await execa('node', ['bench/limits.ts', '4'], {
      reject: false,
      all: true,
      timeout: 300_000,
    })
    const ratio = Number(/^Start of a server with \d+ cgroup writes.*\n.*ratio ([\d.]+)/m.exec(all)?.[1])
    expect(exitCode, all).not.toBe(77)
    expect(ratio, all).toBeGreaterThan(0.5)
    expect(ratio, all).toBeLessThan(6)
  },
  360_000,
)
