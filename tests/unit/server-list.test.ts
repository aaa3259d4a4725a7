import {readFileSync} from 'node:fs'
import {mkdir, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {type HostPaths, hostPaths, serverPaths, writeFileAtomic} from '../../src/host/index.ts'
import {Host} from '../../src/server/index.ts'
import {newRecord, writeRecord} from '../../src/server/record.ts'
import {makeStorage} from '../../src/storage/index.ts'

let root: string
let paths: HostPaths
let host: Host

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vps-unit-'))
  paths = hostPaths(root)
  host = await Host.open({root})
  for (const directory of [paths.definitions, paths.servers, paths.runServers])
    await mkdir(directory, {recursive: true})
})
afterEach(async () => await rm(root, {recursive: true, force: true}))

async function define(name: string, rest = ''): Promise<void> {
  await writeFile(serverPaths(paths, name).definition, `name: ${name}\ntemplate: host\n${rest}`)
}

async function store(name: string): Promise<void> {
  const {storage} = serverPaths(paths, name)
  await makeStorage(storage)
  await writeRecord(storage, newRecord(0, 'host-0123456789ab'))
}

/** Field 22 of /proc/PID/stat of this process, which stands in for a supervisor. */
const ownStart = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ')[19] ?? ''

async function run(name: string, values: Record<string, string | number> = {}): Promise<void> {
  const state = {
    name,
    supervisor: process.pid,
    supervisor_start: ownStart,
    init: process.pid,
    init_start: ownStart,
    state: 'running',
    ready: 1,
    since: 1_790_000_000,
    restarts: 2,
    cgroup: '/nowhere',
    id_base: 1_879_048_192,
    ...values,
  }
  const {run: directory, state: file} = serverPaths(paths, name)
  await mkdir(directory)
  await writeFile(join(directory, 'lock'), '') // a lost supervisor leaves it, one that ended does not
  await writeFile(
    file,
    Object.entries(state)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  )
}

async function stateOf(name: string): Promise<string | undefined> {
  return (await host.list({names: [name]}))[0]?.state
}

describe('states', () => {
  test('a definition alone is defined, with storage it is stopped', async () => {
    await define('web1', 'tags: [web]\nautostart: true\nhostname: web1.example.net\n')
    expect(await host.list()).toEqual([
      {
        name: 'web1',
        state: 'defined',
        ready: false,
        health: null,
        pid: null,
        since: null,
        template: 'host',
        image: null,
        tags: ['web'],
        autostart: true,
        restarts: 0,
        lastExit: null,
        hostname: 'web1.example.net',
        project: 'default',
        links: [{name: 'eth0', mode: 'routed', interface: null, addresses: []}],
        pressure: null,
        unenforced: [],
        fleet: null,
        problem: null,
      },
    ])
    await store('web1')
    expect(await host.list()).toMatchObject([{state: 'stopped', image: 'host-0123456789ab'}])
  })

  test('a supervisor that lives makes it running, with what it says', async () => {
    await define('web1')
    await store('web1')
    await run('web1')
    expect(await host.list()).toMatchObject([
      {state: 'running', ready: true, pid: process.pid, restarts: 2, since: '2026-09-21T14:13:20.000Z'},
    ])
  })

  test('addresses are told by link, IPv4 first, by number', async () => {
    await define('web1', 'network: {links: [{name: eth0}, {name: eth1}]}\n')
    await mkdir(paths.addresses, {recursive: true})
    const held = [
      'fd00::10 eth0',
      'fd00::9 eth0',
      '10.0.0.10 eth0',
      '10.0.0.9 eth0',
      'fd01::_64 eth1',
      '.10.0.0.8 eth1',
    ]
    for (const [address, link] of held.map(text => text.split(' ')))
      await symlink(`web1 ${link}`, join(paths.addresses, address ?? ''))
    await symlink('web2 eth0', join(paths.addresses, '10.0.0.7'))
    const [web1] = await host.list()
    expect(web1?.links.map(({name, addresses}) => [name, ...addresses])).toEqual([
      ['eth0', '10.0.0.9', '10.0.0.10', 'fd00::9', 'fd00::10'],
      ['eth1', 'fd01::/64'],
    ])
  })

  test.each([
    ['starting', 'starting'],
    ['restarting', 'starting'],
    ['stopping', 'stopping'],
  ])('%s is shown as %s', async (state, shown) => {
    await define('web1')
    await store('web1')
    await run('web1', {state})
    expect(await stateOf('web1')).toBe(shown)
  })

  test('a supervisor that is gone, or whose number is another process now, means crashed', async () => {
    await define('web1')
    await store('web1')
    await run('web1', {supervisor_start: Number(ownStart) - 1})
    expect(await host.list()).toMatchObject([{state: 'crashed', pid: null, ready: false}])
  })

  test('a supervisor that is just cleaning up has removed its lock: that is no crash', async () => {
    await define('web1')
    await store('web1')
    await run('web1', {supervisor_start: Number(ownStart) - 1})
    await rm(join(serverPaths(paths, 'web1').run, 'lock'))
    expect(await stateOf('web1')).toBe('stopping')
  })

  test('an invalid definition is shown with its first error and its place', async () => {
    await define('web1', 'hostnam: x\n')
    expect(await host.list()).toMatchObject([{state: 'invalid', template: null}])
    expect((await host.list())[0]?.problem).toMatch(/^web1\.yaml:3:1: .*hostnam/)
    await run('web1')
    expect(await stateOf('web1')).toBe('running')
  })

  test('storage without a definition is invalid and says why', async () => {
    await store('web1')
    expect((await host.list())[0]?.problem).toBe(
      `its definition is missing: ${serverPaths(paths, 'web1').definition}`,
    )
  })

  test('how it ended is shown without the time', async () => {
    await define('web1')
    await store('web1')
    await writeFileAtomic(serverPaths(paths, 'web1').exit, 'signaled 9 1790000000\n')
    expect((await host.list())[0]?.lastExit).toBe('signaled 9')
    expect(await host.show('web1')).toMatchObject({
      lastExit: 'signaled 9',
      lastExitAt: '2026-09-21T14:13:20.000Z',
    })
  })
})

describe('the cache of summaries', () => {
  test('is never older than the definition', async () => {
    await define('web1', 'tags: [a]\n')
    expect((await host.list())[0]?.tags).toEqual(['a'])
    await writeFileAtomic(serverPaths(paths, 'web1').definition, 'name: web1\ntemplate: host\ntags: [b]\n')
    expect((await host.list())[0]?.tags).toEqual(['b'])
    await rm(serverPaths(paths, 'web1').definition)
    expect(await host.list()).toEqual([])
  })

  test('that is broken does no harm', async () => {
    await define('web1')
    await host.list()
    await writeFile(join(paths.cache, 'summaries.json'), '{"version":1,"entries":[[')
    expect(await stateOf('web1')).toBe('defined')
  })

  test('makes a list of 1,000 servers take milliseconds', async () => {
    const names = Array.from({length: 1000}, (_, index) => `server-${index}`)
    for (const name of names) {
      await define(name, 'tags: [web, miller]\nrestart: {policy: always}\n')
      await mkdir(serverPaths(paths, name).storage)
    }
    for (const name of names.slice(0, 300)) await run(name)
    const processorTime = async (): Promise<number> => {
      const begin = process.cpuUsage()
      const views = await host.list()
      const {user, system} = process.cpuUsage(begin)
      expect(views).toHaveLength(1000)
      expect(views.filter(view => view.state === 'running')).toHaveLength(300)
      return user + system
    }
    const parsing = await processorTime() // half a second: every definition is read
    const times: number[] = []
    for (let round = 0; round < 5; round++) times.push(await processorTime())
    expect(parsing / Math.min(...times)).toBeGreaterThan(4) // some 25 ms
  })
})

describe('selection', () => {
  beforeEach(async () => {
    await define('a', 'tags: [x]\n')
    await define('b', 'tags: [x, y]\n')
    await define('c')
  })

  test('names, a tag, and all', async () => {
    expect(await host.resolve({names: ['c', 'a', 'c']})).toEqual(['a', 'c'])
    expect(await host.resolve({tag: 'x'})).toEqual(['a', 'b'])
    expect(await host.resolve({names: ['b', 'c'], tag: 'y'})).toEqual(['b'])
    expect(await host.resolve({all: true})).toEqual(['a', 'b', 'c'])
    expect(await host.resolve({tag: 'nothing'})).toEqual([])
    expect((await host.list({tag: 'y'})).map(({name}) => name)).toEqual(['b'])
  })

  test('an unknown name, a wrong one and none at all are refused', async () => {
    await expect(host.resolve({names: ['a', 'nope']})).rejects.toMatchObject({
      code: 'NO_SUCH_SERVER',
      exitCode: 3,
    })
    await expect(host.resolve({names: ['../etc']})).rejects.toMatchObject({code: 'BAD_NAME', exitCode: 2})
    await expect(host.resolve({})).rejects.toMatchObject({code: 'NOTHING_SELECTED', exitCode: 2})
    await expect(host.show('nope')).rejects.toMatchObject({exitCode: 3})
  })

  test('files that are no definitions are no servers', async () => {
    await writeFile(join(paths.definitions, 'my notes.yaml'), '')
    await writeFile(join(paths.definitions, 'a.yaml.bak'), '')
    await writeFile(join(paths.definitions, '.c.yaml.01234567.tmp'), '')
    expect(await host.resolve({all: true})).toEqual(['a', 'b', 'c'])
  })
})
