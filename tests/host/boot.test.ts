/* The boot and the shutdown of a host: order, what comes up again, and servers that do not listen. */
import {readFileSync, rmSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {type BootReport, Host, type ShutdownReport} from '../../src/index.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {isAlive, until} from '../helpers/processes.ts'
import {createServers, runState, stateNumber} from '../helpers/servers.ts'

const DEAF = ['sh', '-c', "trap '' TERM PWR USR1 USR2 INT; while :; do sleep 1; done"]

/** Who comes after whom. */
const AFTER: Readonly<Record<string, readonly string[]>> = {
  db: [],
  cache: [],
  app1: ['db', 'cache'],
  app2: ['db'],
  web: ['app1', 'app2', 'nobody'],
}

describe('boot and shutdown', requires('root'), () => {
  let host: ScratchHost
  let api: Host

  beforeAll(async () => {
    host = await scratchHost()
    api = await Host.open({root: host.root})
    const graph = Object.entries(AFTER).map(([name, after]) => [name, {autostart: true, after}])
    await createServers(host, {
      ...Object.fromEntries(graph),
      slow: {autostart: {enabled: true, delay: '1500ms'}},
      deaf: {autostart: true, init: DEAF, stop: {timeout: '1s'}},
      kept: {restart: {policy: 'always'}},
      once: {},
    })
  })

  afterAll(async () => {
    await host[Symbol.asyncDispose]()
  })

  const set = (name: string, ...words: string[]) =>
    api.set(
      name,
      words.map(word => ({path: word.split('=', 1)[0] ?? '', value: word.slice(word.indexOf('=') + 1)})),
    )
  const isUp = (name: string): boolean => runState(host, name).get('state') === 'running'
  const results = ({servers}: BootReport | ShutdownReport) =>
    Object.fromEntries(servers.map(({name, result}) => [name, result]))

  /** The servers of events of a type, in their order. */
  function eventsOf(type: string, since: string): string[] {
    const lines = readFileSync(join(host.paths.events, 'log'), 'utf8').split('\n').filter(Boolean)
    return lines
      .map(line => JSON.parse(line) as {time: string; type: string; server: string})
      .filter(line => line.type === type && line.time >= since)
      .map(({server}) => server)
  }

  function expectOrder(names: readonly string[], comesLater: (name: string) => readonly string[]): void {
    for (const name of Object.keys(AFTER))
      for (const other of comesLater(name))
        if (other in AFTER)
          expect(names.indexOf(name), `${name} and ${other}`).toBeGreaterThan(names.indexOf(other))
  }

  const ALL = {
    ...Object.fromEntries(Object.keys(AFTER).map(name => [name, 'started'])),
    slow: 'started',
    deaf: 'started',
  }

  test('a boot starts what has autostart, each after those it comes after; nobody waits for a slow one', async () => {
    const since = new Date().toISOString()
    const settled: string[] = []
    const report = await api.boot({onServer: ({name}) => settled.push(name)})
    expect(results(report)).toEqual(ALL)
    expect(settled.indexOf('slow')).toBeGreaterThan(settled.indexOf('db'))
    expect(settled.indexOf('slow')).toBeGreaterThan(settled.indexOf('deaf'))
    expectOrder(eventsOf('started', since), name => AFTER[name] ?? [])
    expect([isUp('kept'), isUp('once')]).toEqual([false, false])
  })

  test('a second one does nothing', async () => {
    const {stdout, stderr, exitCode} = await host.vps(['boot'])
    expect(stdout).toBe('nothing to start: 7 run already')
    expect(stderr).toBe('vps: server web is to come after nobody, which is no server of this host')
    expect(exitCode).toBe(0)
  })

  test('a shutdown stops all in the reverse order, and kills who does not listen', async () => {
    for (const name of ['kept', 'once']) await api.start(name)
    const since = new Date().toISOString()
    const report = await api.shutdown()
    expect(results(report)).toEqual({
      ...Object.fromEntries(Object.keys(AFTER).map(name => [name, 'stopped'])),
      slow: 'stopped',
      deaf: 'killed',
      kept: 'stopped',
      once: 'stopped',
    })
    expectOrder(eventsOf('stopped', since).toReversed(), name => AFTER[name] ?? [])
    expect(report.tookMs).toBeLessThan(10_000)
    expect(await host.must(['shutdown'])).toBe('no server runs')
  })

  test('those that ran come up again, where the policy says so', async () => {
    rmSync(host.paths.run, {recursive: true}) // as a boot of the host leaves it
    expect(results(await api.boot())).toEqual({...ALL, kept: 'started'})
  })

  test('after a crash of the host, too', async () => {
    for (const name of ['deaf', 'cache']) await api.stop(name, {kill: true})
    await set('cache', 'autostart=false', 'restart.policy=always')
    const names = ['db', 'app1', 'app2', 'web', 'slow', 'kept']
    const supervisors = names.map(name => stateNumber(host, name, 'supervisor'))
    for (const pid of supervisors) process.kill(pid, 'SIGKILL')
    await until('they are gone', () => !supervisors.some(isAlive))
    const report = await api.boot()
    expect(results(report)).toEqual({
      ...Object.fromEntries(names.map(name => [name, 'started'])),
      deaf: 'started',
    })
    expect(isUp('cache')).toBe(false) // the admin's stop wins
  })

  test('one that ended by itself for good stays down', async () => {
    await set('cache', 'init=[sh, -c, exit 0]', 'restart.policy=on-failure')
    await api.start('cache')
    await until('it has ended', () => runState(host, 'cache').size === 0)
    const report = await api.boot()
    expect(report.servers.map(({name}) => name)).not.toContain('cache')
  })

  test('at the deadline everything is killed', async () => {
    await set('deaf', 'stop.timeout=1m')
    const report = await api.shutdown({deadlineMs: 1500})
    expect(results(report).deaf).toBe('killed')
    expect(report.tookMs).toBeLessThan(8_000)
    expect(report.servers.filter(({result}) => result === 'failed')).toEqual([])
  })

  test('one that fails keeps those after it down and no others; a cycle is named with its way round', async () => {
    await set('app2', 'hooks={preStart: [/bin/false]}')
    await set('slow', 'after=[kept]', 'autostart=true')
    await set('kept', 'after=[slow]', 'autostart=true')
    const {stdout, stderr, exitCode} = await host.vps(['boot'])
    expect(exitCode).toBe(1)
    expect(stdout).toContain('web: not started, as it comes after app2')
    expect(stdout).toContain('3 started, 0 ran already, 4 not up') // db, app1, deaf
    expect(stderr).toContain('the preStart hook of server app2 failed: /bin/false ended with status 1')
    expect(
      String(stderr).match(/servers wait for each other: (kept → slow → kept|slow → kept → slow)/g),
    ).toHaveLength(1)
    await api.shutdown({deadlineMs: 1000})
  })

  test('after the deadline nothing is begun', async () => {
    const report = await api.boot({deadlineMs: 1})
    expect(new Set(report.servers.map(({result}) => result))).toContain('not-begun')
    await api.shutdown({deadlineMs: 500})
  })

  test('the service is written into a tree, enabled, and taken away', async () => {
    const target = join(host.root, 'image')
    const install = (...words: string[]) => host.must(['install-service', '--root', target, ...words])
    const unit = join(target, 'etc/systemd/system/vps.service')
    await install('--systemd', '--shutdown-deadline', '2m')
    const text = readFileSync(unit, 'utf8')
    expect(text).toMatch(/^ExecStart=-"\/.*\/bin\/vps" boot --deadline 300s$/m)
    expect(text).toMatch(/^ExecStop="\/.*\/bin\/vps" shutdown --deadline 120s$/m)
    expect(text).toContain(`Environment="VPS_ROOT=${host.root}"`)
    expect(text).toContain('TimeoutStopSec=180')
    expect(readFileSync(join(target, 'etc/systemd/system/multi-user.target.wants/vps.service'), 'utf8')).toBe(
      text,
    )
    await install('--systemd', '--remove')
    expect(() => readFileSync(unit)).toThrow('ENOENT')
    await install() // it has no systemd
    expect(readFileSync(join(target, 'etc/rc2.d/S90vps'), 'utf8')).toContain('# Provides:          vps')
    expect(await host.must(['list', '--json'])).toContain('web')
    await install('--sysv', '--remove')
    expect(() => readFileSync(join(target, 'etc/rc2.d/S90vps'))).toThrow('ENOENT')
  })
})
