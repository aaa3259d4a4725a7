import {existsSync, readFileSync, renameSync, statSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {execa} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import type {HostEvent} from '../../src/host/index.ts'
import {Host} from '../../src/server/index.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {until} from '../helpers/processes.ts'
import {createServers, startServers, stateNumber} from '../helpers/servers.ts'

let host: ScratchHost
let api: Host

beforeAll(async () => {
  host = await scratchHost()
  api = await Host.open({root: host.root})
})
afterAll(async () => await host[Symbol.asyncDispose]())

async function events(...names: string[]): Promise<HostEvent[]> {
  return await Array.fromAsync(api.events({names}))
}

/** What commands write of a server; what its supervisor writes has a test of its own. */
const OF_SUPERVISORS = ['stopped', 'ready', 'limit', 'restarting', 'gave-up', 'healthy', 'unhealthy']

async function story(...names: string[]): Promise<string[]> {
  return (await events(...names)).map(({type}) => type).filter(type => !OF_SUPERVISORS.includes(type))
}

describe('the log of a host', requires('root'), () => {
  test('tells the life of a server, and that of its values nothing', async () => {
    await startServers(host, {life: {}})
    await host.must(['pause', 'life'])
    await host.must(['resume', 'life'])
    await host.must(['set', 'life', 'description=secret-value', 'hostname=other'])
    await host.must(['set', 'life', 'description=secret-value'])
    await host.must(['stop', 'life'])
    await host.must(['rename', 'life', 'afterlife'])
    await host.must(['destroy', 'afterlife', '--yes'])
    expect(await story('life', 'afterlife')).toEqual([
      'created',
      'started',
      'paused',
      'resumed',
      'changed',
      'renamed',
      'destroyed',
    ])
    const changed = (await events('life')).find(({type}) => type === 'changed')
    expect(changed?.detail).toEqual({keys: 'description, hostname', afterRestart: 'hostname'})
    const log = join(host.paths.events, 'log')
    expect(readFileSync(log, 'utf8')).not.toContain('secret-value')
    expect(statSync(log).mode & 0o777).toBe(0o600)
  })

  test('a start that failed says why', async () => {
    await createServers(host, {broken: {mounts: [{source: '/nonexistent', target: '/srv'}]}})
    expect((await host.vps(['start', 'broken'])).exitCode).not.toBe(0)
    const failed = (await events('broken')).at(-1)
    expect(failed).toMatchObject({type: 'failed', server: 'broken'})
    expect(failed?.detail?.reason).toContain('/nonexistent')
  })

  test('a supervisor that was killed is told of by who finds it', async () => {
    await startServers(host, {lost: {}})
    process.kill(stateNumber(host, 'lost', 'supervisor'), 'SIGKILL')
    await host.must(['start', 'lost'])
    const types = (await events('lost')).map(({type, detail}) => `${type} ${detail?.exit ?? ''}`.trim())
    expect(types).toContain('stopped lost')
    expect(types.indexOf('stopped lost')).toBeLessThan(types.lastIndexOf('started'))
  })

  test('the command filters, aligns, and writes JSON a line each', async () => {
    const text = await host.must(['events', 'broken', '--type', 'created', '--type', 'failed'])
    expect(text).toMatch(/^\d{4}-\d\d-\d\d [\d:]{8}\.\d{3} {2}broken {4}created {4}template=host\n/)
    expect(text).toMatch(/failed {5}reason="cannot start server broken/)
    const lines = (await host.must(['events', '--json', '--since', '1h'])).split('\n')
    for (const line of lines)
      expect(Object.keys(JSON.parse(line))).toEqual(['time', 'type', 'server', 'detail'])
    expect(await host.must(['events', 'b*', '--since', '2099-01-01'])).toBe('')
    expect((await host.vps(['events', '--since', 'soon'])).exitCode).toBe(2)
    expect((await host.vps(['events', '--type', 'odd'])).exitCode).toBe(2)
    expect((await host.vps(['events', 'a['])).exitCode).toBe(2)
  })

  test('is followed over a rotation', async () => {
    await using child = follow('--json', '--since', '0s')
    await until('it watches', () => child.isReady())
    await host.must(['create', 'one', '--set', 'init=persist'])
    await until('the first event', () => child.lines().length > 0)
    const log = join(host.paths.events, 'log')
    renameSync(log, `${log}.1`)
    await host.must(['destroy', 'one', '--yes'])
    await until('the second event', () => child.lines().length > 1)
    expect(child.lines().map(line => (JSON.parse(line) as HostEvent).type)).toEqual(['created', 'destroyed'])
  })

  test('keeps every event of twenty verbs at once', async () => {
    const names = Array.from({length: 20}, (_, index) => `many-${index}`)
    await Promise.all(names.map(name => api.create(name, {set: [{path: 'init', value: 'persist'}]})))
    await host.must(['destroy', 'many-*', '--yes'])
    const seen = (await events('many-*')).map(({type, server}) => `${server} ${type}`)
    expect(seen.toSorted()).toEqual(
      names.flatMap(name => [`${name} created`, `${name} destroyed`]).toSorted(),
    )
  })
})

interface Following extends AsyncDisposable {
  lines(): string[]
  isReady(): boolean
}

/** `vps events -f` as a process; ready once it watches. */
function follow(...flags: string[]): Following {
  const child = execa(vpsProgram, ['events', '-f', ...flags], {
    env: {VPS_ROOT: host.root},
    stdin: 'ignore',
    reject: false,
    buffer: false,
  })
  let text = ''
  child.stdout.on('data', chunk => {
    text += String(chunk)
  })
  return {
    lines: () => text.split('\n').slice(0, -1),
    isReady: () => {
      const status = `/proc/${child.pid}/fdinfo`
      return existsSync(status) && hasWatch(status)
    },
    async [Symbol.asyncDispose]() {
      child.kill()
      await child
    },
  }
}

function hasWatch(directory: string): boolean {
  try {
    const files = Array.from({length: 40}, (_, index) => join(directory, String(index)))
    return files.some(file => existsSync(file) && readFileSync(file, 'utf8').includes('inotify wd:'))
  } catch {
    return false
  }
}

describe('waiting', requires('root'), () => {
  beforeAll(async () => await createServers(host, {web: {}}))

  /** Does something while somebody waits, who must not be there before. */
  async function whileWaiting(
    state: 'running' | 'ready' | 'stopped' | 'gone',
    work: () => Promise<unknown>,
  ): Promise<void> {
    let done = false
    const waiting = api.wait('web', {state, timeoutMs: 30_000}).finally(() => {
      done = true
    })
    await sleep(150)
    expect(done).toBe(false)
    await work()
    expect(await waiting).toMatchObject({name: 'web', state})
  }

  test('until it runs, is ready, runs again after a pause, and is stopped', {timeout: 60_000}, async () => {
    await whileWaiting('running', () => host.must(['start', 'web']))
    expect(await api.wait('web', {state: 'ready'})).toMatchObject({state: 'ready'})
    await host.must(['pause', 'web'])
    await whileWaiting('running', () => host.must(['resume', 'web']))
    await whileWaiting('stopped', () => host.must(['stop', 'web']))
  })

  test('a supervisor that is killed has stopped', async () => {
    await host.must(['start', 'web'])
    const supervisor = stateNumber(host, 'web', 'supervisor')
    await whileWaiting('stopped', async () => process.kill(supervisor, 'SIGKILL'))
  })

  test('the time that it may take', async () => {
    await host.must(['start', 'web'])
    const late = await host.vps(['wait', 'web', '--state', 'stopped', '--timeout', '100ms'])
    expect(late.exitCode).toBe(4)
    expect(late.stderr).toContain('server web was not stopped within 100ms: it is running')
    expect((await host.vps(['wait', 'web', '--state', 'healthy', '--timeout', '1s'])).stderr).toContain(
      'nobody checks the health of server web',
    )
    const caller = new AbortController()
    const called = api.wait('web', {state: 'stopped', signal: caller.signal})
    caller.abort()
    await expect(called).rejects.toMatchObject({code: 'ABORTED'})
  })

  test('until all are gone; one that is gone is waited for in no other state', async () => {
    const waiting = host.must(['wait', 'web', 'never-was', '--state', 'gone'])
    await whileWaiting('gone', () => host.must(['destroy', 'web', '--force', '--yes']))
    expect((await waiting).split('\n').map(line => line.replace(/ after .*/, ''))).toEqual(
      expect.arrayContaining(['web: gone', 'never-was: gone']),
    )
    expect((await host.vps(['wait', 'web', '--state', 'running'])).exitCode).toBe(3)
  })

  test('a server that is destroyed meanwhile ends it', async () => {
    await createServers(host, {brief: {}})
    const waiting = api.wait('brief', {state: 'running', timeoutMs: 30_000})
    const ended = expect(waiting).rejects.toMatchObject({code: 'NO_SUCH_SERVER'})
    await host.must(['destroy', 'brief', '--yes'])
    await ended
  })
})

describe('a log that cannot be written', requires('root'), () => {
  test('keeps no verb from its work', async () => {
    const log = join(host.paths.events, 'log')
    renameSync(log, `${log}.kept`)
    await execa('ln', ['-s', '/dev/full', log])
    await host.must(['create', 'unlogged', '--set', 'init=persist', '--start'])
    await host.must(['destroy', 'unlogged', '--force', '--yes'])
    renameSync(`${log}.kept`, log)
    expect(await story('unlogged')).toEqual([])
  })
})
