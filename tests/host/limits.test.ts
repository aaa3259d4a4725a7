// Limits on a host that cannot keep them all: one where cgroup v1 still holds controllers. What is asked for is refused by
// name, or done without, and said so.
import {createHash} from 'node:crypto'
import {existsSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {findCgroup2, readMounts, serverPaths} from '../../src/host/index.ts'
import type {ServerDetails, ServerView} from '../../src/server/index.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {createServers, type Wanted} from '../helpers/servers.ts'

const cgroup2 = await findCgroup2(await readMounts())
const lacks = ['memory', 'cpu', 'pids'].every(name => cgroup2?.controllers.includes(name) === false)
const v1Only = {skip: requires('root').skip || !lacks}
const hugepages = {skip: requires('root').skip || cgroup2?.controllers.includes('hugetlb') !== true}

const LIMITS: Wanted = {resources: {memory: {limit: '256MiB'}, cpu: {limit: 1.5, weight: 200}, pids: 500}}
const KEYS = ['resources.cpu.limit', 'resources.cpu.weight', 'resources.memory.limit', 'resources.pids']

let host: ScratchHost

beforeAll(async () => {
  host = await scratchHost()
})

afterAll(async () => {
  await host[Symbol.asyncDispose]()
})

const definitionOf = (name: string): string => readFileSync(serverPaths(host.paths, name).definition, 'utf8')

describe('a host where v1 holds the controllers', v1Only, () => {
  beforeAll(async () => {
    await createServers(host, {
      limited: LIMITS,
      modest: {...LIMITS, enforce: 'best-effort'},
      free: {},
    })
  })

  test('refuses a start that asks for limits, each by its place, its controller and who has it', async () => {
    const {exitCode, stderr} = await host.vps(['start', 'limited'])
    expect(exitCode).toBe(5)
    expect(stderr).toContain('this host cannot enforce 4 limits of server limited')
    for (const [key, controller] of [
      ['memory.limit', 'memory'],
      ['cpu.limit', 'cpu'],
      ['cpu.weight', 'cpu'],
      ['pids', 'pids'],
    ])
      expect(stderr).toMatch(
        new RegExp(
          `limited\\.yaml:\\d+:\\d+ resources\\.${key}: cgroup v1 holds the ${controller} controller \\(/`,
        ),
      )
    expect(stderr).toMatch(/try boot the host with `cgroup_no_v1=all/)
    expect(stderr).toMatch(/try go without them: `--allow-unenforced`, or `enforce: best-effort`/)
    expect(existsSync(serverPaths(host.paths, 'limited').run)).toBe(false)
    expect(existsSync(host.cgroup('limited'))).toBe(false)
  })

  test('starts a server that asks for none', async () => {
    await host.must(['start', 'free'])
    const [view] = await host.json<ServerView[]>(['list', 'free'])
    expect(view).toMatchObject({state: 'running', unenforced: []})
    expect(await host.must(['list', 'free'])).not.toContain('*')
  })

  test('starts with --allow-unenforced, and says so in list and show', async () => {
    await host.must(['start', 'limited', '--allow-unenforced'])
    const [view] = await host.json<ServerView[]>(['list', 'limited'])
    expect(view?.unenforced.toSorted()).toEqual(KEYS)
    expect(await host.must(['list', 'limited', 'free'])).toMatch(
      /limited +running\*[\s\S]*\* runs without limits that this host cannot enforce/,
    )
    const details = await host.json<ServerDetails>(['show', 'limited'])
    expect(details.unenforcedLimits).toHaveLength(4)
    expect(details.unenforcedLimits).toContainEqual({
      key: 'resources.pids',
      controller: 'pids',
      reason: expect.stringContaining('cgroup v1 holds the pids controller'),
      remedy: expect.stringContaining('cgroup_no_v1=all'),
    })
    expect(await host.must(['show', 'limited'])).toMatch(
      /Not enforced on this host[\s\S]*resources\.memory\.limit +cgroup v1 holds the memory controller/,
    )
  })

  test('starts by `enforce: best-effort` as well, and says so', async () => {
    await host.must(['start', 'modest'])
    const [view] = await host.json<ServerView[]>(['list', 'modest'])
    expect(view?.unenforced.toSorted()).toEqual(KEYS)
  })

  test('does not carry --allow-unenforced over to the next start', async () => {
    const {exitCode, stderr} = await host.vps(['restart', 'limited'])
    expect(exitCode).toBe(5)
    expect(stderr).toContain('cannot enforce 4 limits')
    expect((await host.json<ServerView[]>(['list', 'limited']))[0]?.state).toBe('running')
    await host.must(['restart', 'limited', '--allow-unenforced'])
  })

  test('refuses a live limit, and leaves the definition as it was', async () => {
    const before = definitionOf('free')
    const {exitCode, stderr} = await host.vps(['set', 'free', 'resources.memory.limit=64MiB', 'tags=[a]'])
    expect(exitCode).toBe(5)
    expect(stderr).toMatch(/resources\.memory\.limit: cgroup v1 holds the memory controller/)
    expect(definitionOf('free')).toBe(before)
    expect((await host.json<ServerView[]>(['list', 'free']))[0]?.unenforced).toEqual([])
  })

  test('lets a server that runs without some limits change those, but take on no others', async () => {
    await host.must(['set', 'limited', 'resources.memory.limit=512MiB'])
    const {exitCode, stderr} = await host.vps(['set', 'limited', 'resources.memory.swap=0'])
    expect(exitCode).toBe(5)
    expect(stderr).toContain('cannot enforce a limit of server limited')
    expect(stderr).not.toContain('resources.memory.limit')
    await host.must(['set', 'modest', 'resources.memory.swap=0'])
    const [view] = await host.json<ServerView[]>(['list', 'modest'])
    expect(view?.unenforced).toContain('resources.memory.swap')
  })

  test('changes the definition of a stopped server without asking the kernel', async () => {
    await host.must(['stop', 'free'])
    await host.must(['set', 'free', 'resources.memory.limit=64MiB'])
    expect((await host.vps(['start', 'free'])).exitCode).toBe(5)
  })

  test('runs a command without its limits only when told so', async () => {
    const file = join(host.root, 'job.yaml')
    await host.must(['create', 'job', '-f', '-'], {
      stdin: 'pipe',
      input: JSON.stringify({name: 'job', template: 'host', init: 'persist', ...LIMITS}),
    })
    await host.must(['destroy', 'job', '--yes'])
    writeFileSync(file, JSON.stringify({name: 'job', template: 'host', init: 'persist', ...LIMITS}))
    expect((await host.vps(['run', '-f', file, '--rm', '--', 'true'])).exitCode).toBe(125)
    expect((await host.vps(['run', '-f', file, '--rm', '--allow-unenforced', '--', 'true'])).exitCode).toBe(0)
  })
})

describe('what a definition says of a running server', hugepages, () => {
  const file = (name: string): string =>
    readFileSync(join(host.cgroup('pages'), 'payload', name), 'utf8').trim()

  beforeAll(async () => {
    await createServers(host, {pages: {resources: {hugepages: {'2MiB': '64MiB'}}}})
    await host.must(['start', 'pages'])
  })

  test('is what the kernel says', () => {
    expect(file('hugetlb.2MB.max')).toBe('67108864')
  })

  test('is changed live, and taken away', async () => {
    await host.must(['set', 'pages', 'resources.hugepages.2MiB=32MiB'])
    expect(file('hugetlb.2MB.max')).toBe('33554432')
    await host.must(['set', 'pages', 'resources.hugepages='])
    expect(file('hugetlb.2MB.max')).toBe('max')
    await host.must(['set', 'pages', 'resources.hugepages.2MiB=16MiB'])
    expect(file('hugetlb.2MB.max')).toBe('16777216')
  })

  test('waits as long as it was only written to the file', async () => {
    await host.must(['set', 'pages', 'hostname=other'])
    const path = serverPaths(host.paths, 'pages').definition
    writeFileSync(path, definitionOf('pages').replace('16MiB', '8MiB'))
    const pending = await host.json<ServerDetails['pending']>(['show', 'pages', '--pending'])
    expect(pending).toEqual({
      afterRestart: [{key: 'hostname', running: 'pages', file: 'other'}],
      live: [
        {key: 'resources.hugepages.2MiB', file: 'hugetlb.2MB.max', kernel: '16777216', wanted: '8388608'},
      ],
    })
    expect(await host.must(['show', 'pages', '--pending'])).toMatch(
      /hostname +other after a restart, now pages/,
    )
    await host.must(['set', 'pages', 'tags=[x]'])
    expect(file('hugetlb.2MB.max')).toBe('8388608')
    await host.must(['restart', 'pages'])
    expect(await host.json(['show', 'pages', '--pending'])).toEqual({afterRestart: [], live: []})
  })

  test('is rolled back when a change was cut off, and kept when its definition stands', async () => {
    const {definition, limitsUndo} = serverPaths(host.paths, 'pages')
    const path = join(host.cgroup('pages'), 'payload/hugetlb.2MB.max')
    const journal = (commit: string): string => JSON.stringify({commit, writes: [{path, value: '8388608'}]})
    writeFileSync(path, '4194304')
    writeFileSync(limitsUndo, journal('of a text that was never written'))
    const {stderr} = await host.vps(['set', 'pages', 'tags=[y]'])
    expect(stderr).toContain('undid the interrupted change of server pages')
    expect(file('hugetlb.2MB.max')).toBe('8388608')
    expect(existsSync(limitsUndo)).toBe(false)

    writeFileSync(definition, definitionOf('pages').replace('8MiB', '4MiB'))
    writeFileSync(path, '4194304')
    writeFileSync(limitsUndo, journal(createHash('sha256').update(definitionOf('pages')).digest('hex')))
    const again = await host.vps(['set', 'pages', 'tags=[z]'])
    expect(again.stderr).toContain('finished the interrupted change of server pages')
    expect(file('hugetlb.2MB.max')).toBe('4194304')
    expect(existsSync(limitsUndo)).toBe(false)
  })
})
