import {chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {parse} from 'yaml'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'

interface Row {
  readonly resource: string
  readonly host: number
  readonly promised: number
  readonly running: number
  readonly allowed: number
  readonly unbounded: readonly string[]
  readonly state: string
}

interface Report {
  readonly ok: boolean
  readonly rows: readonly Row[]
  readonly servers: number
  readonly running: number
  readonly unread: readonly string[]
}

let host: ScratchHost

beforeAll(async () => {
  host = await scratchHost()
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
})

async function capacity(): Promise<{code: number | undefined; report: Report; row: (name: string) => Row}> {
  const {exitCode, stdout} = await host.vps(['capacity', '--json'])
  const report = JSON.parse(String(stdout)) as Report
  const row = (name: string): Row => {
    const found = report.rows.find(({resource}) => resource === name)
    if (found === undefined) throw new Error(`no row ${name}`)
    return found
  }
  return {code: exitCode, report, row}
}

async function create(name: string, ...sets: string[]): Promise<void> {
  const flags = ['init=persist', 'enforce=best-effort', ...sets].flatMap(set => ['--set', set])
  await host.must(['create', name, '--template', 'busybox', ...flags])
}

describe.skipIf(requires('root').skip)('vps capacity', () => {
  test('adds up what was created; a definition alone is no server yet', async () => {
    await create('one', 'resources.cpu.limit=0.5', 'resources.memory.limit=64MiB', 'resources.pids=100')
    await create('two', 'resources.cpu.limit=0.25')
    writeFileSync(join(host.paths.definitions, 'later.yaml'), 'template: busybox\nresources: {pids: 7}\n')
    await host.must(['start', 'one'])
    const {code, report, row} = await capacity()
    expect(code).toBe(0)
    expect(report).toMatchObject({ok: true, servers: 2, running: 1, unread: []})
    expect(row('cpus')).toMatchObject({promised: 0.75, running: 0.5, unbounded: [], allowed: 4, state: 'ok'})
    expect(row('memory')).toMatchObject({promised: 64 * 1024 ** 2, unbounded: ['two'], allowed: 1})
    expect(row('pids')).toMatchObject({promised: 100, unbounded: ['two']})
  })

  test('ends with 6 when more was promised than host.yaml allows, and says of what', async () => {
    const {row} = await capacity()
    await create('large', `resources.memory.limit=${row('memory').host}`)
    const over = await capacity()
    expect(over.code).toBe(6)
    expect(over.report.ok).toBe(false)
    expect(over.row('memory').state).toBe('over')
    expect(over.row('cpus').state).toBe('ok')
    writeFileSync(host.paths.hostConfig, 'overcommit: {memory: 1.5}\n')
    expect((await capacity()).code).toBe(0)
    rmSync(host.paths.hostConfig)
    await host.must(['destroy', 'large', '--yes'])
  })

  test('counts what a profile promises', async () => {
    mkdirSync(host.paths.profiles, {recursive: true})
    writeFileSync(join(host.paths.profiles, 'small.yaml'), 'resources: {pids: 50}\n')
    await create('sold', 'profiles=[small]')
    expect((await capacity()).row('pids').promised).toBe(150)
    await host.must(['destroy', 'sold', '--yes'])
  })

  test('names a server whose definition is broken instead of counting it', async () => {
    const file = join(host.paths.definitions, 'two.yaml')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, `${text}nonsense: true\n`)
    expect((await capacity()).report).toMatchObject({servers: 1, unread: ['two']})
    expect(String((await host.vps(['capacity'])).stdout)).toContain(
      'not counted, the definition is invalid: two',
    )
    writeFileSync(file, text)
  })
})

describe.skipIf(requires('root').skip)('vps capacity split', () => {
  test('writes a profile that N servers fill the host with', async () => {
    const before = (await capacity()).report.rows
    await host.must(['destroy', '--all', '--force', '--yes'])
    await host.must(['capacity', 'split', '3', '--name', 'third', '--reserve', '25%'])
    const file = join(host.paths.profiles, 'third.yaml')
    expect(statSync(file).mode & 0o777).toBe(0o644)
    const {resources} = parse(readFileSync(file, 'utf8')) as {resources: {pids: number; cpu: {limit: number}}}
    for (const name of ['a', 'b', 'c']) await create(name, 'profiles=[third]')
    const {code, row} = await capacity()
    expect(code).toBe(0)
    expect(row('pids').promised).toBe(3 * resources.pids)
    expect(row('cpus').promised).toBeCloseTo(3 * resources.cpu.limit)
    for (const {resource, host: has} of before.filter(({host: size}) => size > 0)) {
      expect(row(resource).promised / has).toBeGreaterThan(0.7)
      expect(row(resource).promised / has).toBeLessThanOrEqual(0.75)
    }
  })

  test('keeps a profile that is there, unless it is told otherwise', async () => {
    const file = join(host.paths.profiles, 'third.yaml')
    writeFileSync(file, '# mine\n')
    const refused = await host.vps(['capacity', 'split', '3', '--name', 'third'])
    expect(refused.exitCode).toBe(4)
    expect(String(refused.stderr)).toContain('--force')
    expect(readFileSync(file, 'utf8')).toBe('# mine\n')
    await host.must(['capacity', 'split', '3', '--name', 'third', '--force'])
    expect(readFileSync(file, 'utf8')).toContain('pids:')
  })

  test('with --print writes nothing but the profile, to standard output', async () => {
    const text = await host.must(['capacity', 'split', '2', '--print'])
    expect(parse(text)).toHaveProperty('resources.memory.limit')
    expect(existsSync(join(host.paths.profiles, 'split-2.yaml'))).toBe(false)
  })

  test.each([
    [['0'], 2],
    [['many'], 2],
    [['900000'], 2],
    [['2', '--reserve', '100%'], 2],
    [['2', '--reserve', 'half'], 2],
    [['2', '--name', '../../out'], 2],
  ])('refuses %j', async (words, code) => {
    const {exitCode, stderr} = await host.vps(['capacity', 'split', ...words])
    expect({exitCode, said: String(stderr).startsWith('vps: ')}).toEqual({exitCode: code, said: true})
  })

  test('says where it could not write', async () => {
    rmSync(host.paths.profiles, {recursive: true, force: true})
    writeFileSync(host.paths.profiles, '')
    const {exitCode, stderr} = await host.vps(['capacity', 'split', '2'])
    expect(exitCode).not.toBe(0)
    expect(String(stderr)).toContain(host.paths.profiles)
    rmSync(host.paths.profiles)
    chmodSync(host.paths.etc, 0o755)
  })
})

describe.skipIf(requires('root').skip || process.env.VPS_TEST_VM === '1')(
  'vps verify where v1 holds the controllers',
  () => {
    test('says of each limit that this host can’t keep it and how it could, and makes nothing', async () => {
      await create('v1', 'resources.pids=100', 'resources.cpu.limit=0.5')
      const {exitCode, stdout} = await host.vps(['verify', 'v1', '--json'])
      const report = JSON.parse(String(stdout)) as {
        ok: boolean
        findings: {key: string; state: string; note: string}[]
      }
      expect(exitCode).toBe(5)
      expect(report.ok).toBe(false)
      expect(report.findings.map(({key, state}) => [key, state])).toEqual([
        ['resources.cpu.limit', 'unenforced'],
        ['resources.pids', 'unenforced'],
      ])
      expect(report.findings[1]?.note).toMatch(/cgroup v1 holds the pids controller.*cgroup_no_v1=all/)
      expect(await host.json<unknown[]>(['list', '--tag', 'vps-throwaway'])).toEqual([])
    })

    test('proves what needs no cgroup', async () => {
      await create('rlimits', 'limits.nofile=500:1000')
      const {exitCode, stdout} = await host.vps(['verify', 'rlimits', '--json'])
      expect(exitCode).toBe(0)
      expect(JSON.parse(String(stdout))).toMatchObject({
        ok: true,
        findings: [{key: 'limits.nofile', asked: '500:1000', measured: '500:1000', state: 'held'}],
      })
      expect(await host.json<unknown[]>(['list', '--tag', 'vps-throwaway'])).toEqual([])
    })

    test('of a server without limits has nothing to say, of no server a lot', async () => {
      await create('free')
      expect(await host.must(['verify', 'free'])).toBe('free has no limits to verify')
      expect((await host.vps(['verify', 'nobody'])).exitCode).toBe(3)
      expect((await host.vps(['verify', 'free', '--only', 'gpu'])).exitCode).toBe(2)
    })
  },
)
