/* Servers' accounts as verbs see them: files made by hand in the formats of supervisors and kernels. No root is needed. */
import {existsSync, readFileSync} from 'node:fs'
import {mkdir, mkdtemp, rename, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {DEFAULT_CONFIG, type HostPaths, hostPaths, serverPaths} from '../../src/host/index.ts'
import {usageFiles} from '../../src/resources/index.ts'
import {destroyingPath} from '../../src/server/journal.ts'
import {keepMonths} from '../../src/server/kept-months.ts'
import {months} from '../../src/server/months.ts'
import {newRecord, readRecord, type ServerRecord, writeRecord} from '../../src/server/record.ts'
import {repairServer} from '../../src/server/repair.ts'
import {sortTop, type TopRow, top} from '../../src/server/top.ts'
import type {Context} from '../../src/server/types.ts'
import {refusals, resetUsage, usage} from '../../src/server/usage.ts'
import {makeStorage} from '../../src/storage/index.ts'

let root: string
let paths: HostPaths
let context: Context
let said: string[]

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vps-unit-'))
  paths = hostPaths(root)
  said = []
  context = {paths, config: DEFAULT_CONFIG, progress: () => {}, notice: line => said.push(line)}
  for (const directory of [paths.definitions, paths.servers, paths.ids, paths.runServers])
    await mkdir(directory, {recursive: true})
})
afterEach(async () => await rm(root, {recursive: true, force: true}))

async function server(name: string, files: Readonly<Record<string, string>> = {}): Promise<ServerRecord> {
  const {definition, storage} = serverPaths(paths, name)
  await writeFile(definition, `name: ${name}\ntemplate: host\ntags: [t-${name}]\n`)
  await makeStorage(storage)
  const record = newRecord(0, 'host-0123456789ab')
  await writeRecord(storage, record)
  for (const [file, text] of Object.entries(files)) {
    await mkdir(join(storage, file, '..'), {recursive: true})
    await writeFile(join(storage, file), text)
  }
  return record
}

/** Field 22 of /proc/PID/stat of this process, which stands in for a supervisor that does not answer. */
const ownStart = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ')[19] ?? ''

async function runs(name: string, group: Readonly<Record<string, string>>): Promise<void> {
  const {run, state} = serverPaths(paths, name)
  const cgroup = join(root, 'cgroup', name)
  await mkdir(run)
  await mkdir(join(cgroup, 'payload'), {recursive: true})
  for (const [file, text] of Object.entries(group)) await writeFile(join(cgroup, 'payload', file), text)
  await writeFile(
    state,
    `supervisor=${process.pid}\nsupervisor_start=${ownStart}\ninit=1\nstate=running\ncgroup=${cgroup}\n`,
  )
}

const LEDGER = 'vps-usage 1\nsince 1790000000\nsaved 1790000300\npids_max 2 5\npids_peak 3 9\n'

describe('usage', () => {
  test('of a stopped server, and of one that never ran', async () => {
    await server('web1', {usage: LEDGER})
    await server('web2')
    expect(await usage(context, {})).toMatchObject([
      {
        name: 'web1',
        state: 'stopped',
        since: '2026-09-21T14:13:20.000Z',
        saved: '2026-09-21T14:18:20.000Z',
        resources: {pids: {held: 0, maxheld: 9, failcnt: 7}},
        pressure: null,
        counts: {pids_max: 7, pids_peak: 9},
      },
      {name: 'web2', since: null, saved: null, counts: {}},
    ])
    expect(said).toEqual([])
  })

  test('of a server whose supervisor does not answer: its last accounts, and a notice', async () => {
    await server('web1', {usage: LEDGER})
    await server('web2')
    for (const name of ['web1', 'web2']) await runs(name, {'pids.current': '4\n', 'pids.max': '10\n'})
    const [web1] = await usage(context, {})
    expect(web1).toMatchObject({
      state: 'running',
      resources: {pids: {held: 4, maxheld: 9, limit: 10, failcnt: 7}},
    })
    expect(said).toEqual([
      'the supervisor of web1 and 1 more did not save its accounts; what it wrote last is shown',
    ])
  })

  test('a ledger that is none does not hide the other servers', async () => {
    await server('web1', {usage: 'vps-usage 9\n'})
    await server('web2', {usage: LEDGER})
    expect(await usage(context, {})).toMatchObject([
      {name: 'web1', since: null},
      {name: 'web2', counts: {pids_max: 7}},
    ])
    expect(said).toEqual([
      expect.stringContaining('web1/usage is no ledger that this version of vps can read'),
    ])
    await expect(resetUsage(context, 'web1')).rejects.toMatchObject({code: 'BAD_LEDGER'})
  })

  test('by tag and by name', async () => {
    await server('web1')
    await server('web2')
    expect((await usage(context, {tag: 't-web2'})).map(({name}) => name)).toEqual(['web2'])
    await expect(usage(context, {names: ['web3']})).rejects.toMatchObject({exitCode: 3})
  })

  test('reset of a stopped server: all at 0, from now on', async () => {
    await server('web1', {usage: LEDGER})
    await resetUsage(context, 'web1')
    const [web1] = await usage(context, {})
    expect(web1?.counts).toEqual({pids_max: 0, pids_peak: 0})
    expect(Date.parse(web1?.since ?? '')).toBeGreaterThan(Date.now() - 60_000)
    await server('web2')
    await resetUsage(context, 'web2') // there is nothing to reset
  })
})

test('refusals of several servers come in the order of time', async () => {
  await server('web1', {'log/refusals': '1000\tpids\tmax\t1\t5\t5\t\n3000\tpids\tmax\t2\t5\t5\t\n'})
  await server('web2', {'log/refusals': '2000\tmemory\toom_kill\t1\t9\t9\t77 node\n'})
  const found = await refusals(context, {all: true}, 0)
  expect(found.map(({name, time}) => [name, Date.parse(time)])).toEqual([
    ['web1', 1000],
    ['web2', 2000],
    ['web1', 3000],
  ])
  expect(await refusals(context, {names: ['web2']}, 2001)).toEqual([])
})

describe('months', () => {
  const text = (seconds: number) => `seconds ${seconds}\ncpu_usec 0\n`

  async function destroyed(name: string): Promise<string> {
    const {storage, definition} = serverPaths(paths, name)
    const {uuid} = readRecord(paths, name) ?? {uuid: ''}
    const journal = destroyingPath(paths, name, uuid, 'none')
    await rm(definition)
    await rename(storage, journal)
    return journal
  }

  test('of servers that are there; those that used nothing are left out', async () => {
    const {uuid} = await server('web1', {'months/2026-10': text(10)})
    await server('web2', {'months/2026-09': text(20)})
    expect(await months(context, '2026-10', {all: true})).toEqual([
      {
        name: 'web1',
        uuid,
        month: '2026-10',
        destroyed: false,
        runningSeconds: 10,
        cpuSeconds: 0,
        memoryByteHours: null, // not counted, as its line is missing
        ioReadBytes: null,
        ioWriteBytes: null,
      },
    ])
    await expect(months(context, '2026-10', {names: ['web9']})).rejects.toMatchObject({exitCode: 3})
    await expect(months(context, 'october', {all: true})).rejects.toMatchObject({exitCode: 2})
  })

  test('outlive their server, and are told from those of a new one of its name', async () => {
    const first = await server('web1', {'months/2026-10': text(10), 'months/2026-11': text(11)})
    await destroyed('web1')
    await repairServer(context, 'web1')
    expect(existsSync(serverPaths(paths, 'web1').storage)).toBe(false)
    const second = await server('web1', {'months/2026-10': text(5)})
    await server('web1-b', {'months/2026-10': text(7)})
    const found = await months(context, '2026-10', {names: ['web1']})
    expect(found.map(({uuid, destroyed: gone, runningSeconds}) => [uuid, gone, runningSeconds])).toEqual([
      [second.uuid, false, 5],
      [first.uuid, true, 10],
    ])
    expect(await months(context, '2026-11', {names: ['web1']})).toMatchObject([{uuid: first.uuid}])
    expect(await months(context, '2026-10', {all: true})).toHaveLength(3)
    expect(await months(context, '2026-10', {tag: 't-web1'})).toMatchObject([{uuid: second.uuid}])
    expect(said).toEqual(['finished the interrupted removal of server web1'])
  })

  test('a destroy that was cut off between two months moves the rest', async () => {
    const {uuid} = await server('web1', {'months/2026-10': text(10), 'months/2026-11': text(11)})
    const journal = await destroyed('web1')
    const kept = join(paths.var, 'months', `web1-${uuid}`)
    await mkdir(kept, {recursive: true})
    await rename(join(usageFiles(journal).months, '2026-10'), join(kept, '2026-10'))
    await keepMonths(paths, 'web1', journal)
    await keepMonths(paths, 'web1', journal)
    expect(await months(context, '2026-10', {names: ['web1']})).toMatchObject([{runningSeconds: 10}])
    expect(await months(context, '2026-11', {names: ['web1']})).toMatchObject([{runningSeconds: 11}])
  })

  test('a server that used nothing leaves nothing', async () => {
    await server('web1')
    await destroyed('web1')
    await repairServer(context, 'web1')
    expect(existsSync(join(paths.var, 'months'))).toBe(false)
  })
})

describe('top', () => {
  test('reports what happened between two looks, of running servers only', async () => {
    await server('web1')
    await server('web2')
    await runs('web1', {'cpu.stat': 'usage_usec 1000000\n', 'memory.current': '5\n'})
    const stat = join(root, 'cgroup', 'web1', 'payload', 'cpu.stat')
    const reports = top(paths, {intervalMs: 200})
    const next = reports.next()
    await writeFile(stat, 'usage_usec 1200000\n')
    const {value: report} = await next
    expect(report?.servers).toMatchObject([{name: 'web1', memory: 5, pids: null, memoryLimit: null}])
    expect(report?.servers[0]?.cpuPercent).toBeGreaterThan(20)
    expect(report?.servers[0]?.cpuPercent).toBeLessThan(101)
    await reports.return(undefined)
  })

  test('ends when it is told to, also amid a wait', async () => {
    const ending = new AbortController()
    const next = top(paths, {intervalMs: 60_000, signal: ending.signal}).next()
    ending.abort()
    expect(await next).toMatchObject({done: true})
  })

  test('sorts the largest first, what is not known last, names from a to z', () => {
    const row = (name: string, values: Partial<TopRow>) => ({name, ...values}) as TopRow
    const rows = [
      row('c', {cpuPercent: 5, memory: null, ioReadBytesPerSecond: 1, ioWriteBytesPerSecond: 1}),
      row('a', {cpuPercent: null, memory: 1, ioReadBytesPerSecond: null, ioWriteBytesPerSecond: null}),
      row('b', {cpuPercent: 50, memory: 7, ioReadBytesPerSecond: 0, ioWriteBytesPerSecond: 9}),
    ]
    const names = (order: Parameters<typeof sortTop>[1]) => sortTop(rows, order).map(({name}) => name)
    expect(names('cpu')).toEqual(['b', 'c', 'a'])
    expect(names('memory')).toEqual(['b', 'a', 'c'])
    expect(names('io')).toEqual(['b', 'c', 'a'])
    expect(names('name')).toEqual(['a', 'b', 'c'])
  })
})
