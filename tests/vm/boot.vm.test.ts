// The stop and the boot of a host with many servers that depend on each other, by the service that vps installs.
import './guest-shell.ts'
import {readFileSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {Host} from '../../src/index.ts'
import {type ScratchHost, scratchHost} from '../helpers/host.ts'
import {isAlive, until} from '../helpers/processes.ts'
import {runState, stateNumber} from '../helpers/servers.ts'

/** Emulation makes a hundred a matter of minutes: `VPS_TEST_FLEET=100 make vm-test` has them all. */
const COUNT = Number(process.env.VPS_TEST_FLEET ?? 8)
const DEAF = 5
const patient = {timeout: 900_000}

let host: ScratchHost
let api: Host

const nameOf = (index: number): string => `s${String(index).padStart(3, '0')}`
const names = Array.from({length: COUNT}, (_, index) => nameOf(index))
/** A tree of three branches at each knot. */
const afterOf = (index: number): string[] => (index === 0 ? [] : [nameOf(Math.floor((index - 1) / 3))])
/** The last ones ignore whatever asks them to stop; nobody comes after them. */
const isDeaf = (index: number): boolean => index >= COUNT - DEAF

beforeAll(async () => {
  host = await scratchHost()
  api = await Host.open({root: host.root})
  for (const [index, name] of names.entries()) {
    const definition = {
      name,
      template: 'busybox',
      autostart: true,
      after: afterOf(index),
      stop: {timeout: '3s'},
      init: isDeaf(index)
        ? ['sh', '-c', "trap '' TERM PWR USR1 USR2 INT; while :; do sleep 1; done"]
        : 'persist',
    }
    await api.create(name, {definitionText: JSON.stringify(definition)})
  }
}, 900_000)

afterAll(async () => {
  await execa('systemctl', ['stop', 'vps.service'], {reject: false})
  await host.vps(['install-service', '--remove'])
  await host[Symbol.asyncDispose]()
}, 900_000)

interface Line {
  readonly time: string
  readonly type: string
  readonly server: string | null
  readonly detail?: Readonly<Record<string, unknown>>
}

function eventsSince(time: string): Line[] {
  const text = readFileSync(join(host.paths.events, 'log'), 'utf8')
  const lines = text
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as Line)
  return lines.filter(line => line.time >= time)
}

/** When something of a type first happened to each server. */
function moments(lines: readonly Line[], type: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const line of lines) if (line.type === type && line.server !== null) found.set(line.server, line.time)
  return found
}

const running = (): string[] => names.filter(name => runState(host, name).get('state') === 'running')

async function systemctl(...words: string[]): Promise<void> {
  const begin = performance.now()
  await execa('systemctl', words, patient)
  console.log(
    `systemctl ${words.join(' ').slice(0, 60)}: ${((performance.now() - begin) / 1000).toFixed(1)} s`,
  )
}

function expectStarted(since: string): void {
  expect(running()).toEqual(names)
  const started = moments(eventsSince(since), 'started')
  expect(started.size).toBe(COUNT)
  for (const [index, name] of names.entries())
    for (const other of afterOf(index))
      expect(String(started.get(name)) >= String(started.get(other)), name).toBe(true)
}

function expectStopped(since: string): void {
  expect(running()).toEqual([])
  const lines = eventsSince(since)
  const stopped = moments(lines, 'stopped')
  expect(stopped.size).toBe(COUNT)
  for (const [index, name] of names.entries())
    for (const other of afterOf(index))
      expect(String(stopped.get(name)) <= String(stopped.get(other)), name).toBe(true)
  const [shutdown] = lines.filter(({type}) => type === 'shutdown')
  expect(shutdown?.detail).toMatchObject({stopped: COUNT - DEAF, killed: DEAF, failed: 0})
}

describe(`${COUNT} servers`, () => {
  test('come up in their order when the service starts', patient, async () => {
    await host.must(['install-service', '--boot-deadline', '10m', '--shutdown-deadline', '5m'])
    expect((await execa('systemctl', ['is-enabled', 'vps.service'])).stdout).toBe('enabled')
    const since = new Date().toISOString()
    await systemctl('start', 'vps.service')
    expectStarted(since)
    const [boot] = eventsSince(since).filter(({type}) => type === 'boot')
    expect(boot?.detail).toMatchObject({started: COUNT, notUp: 0})
  })

  test('have scopes that systemd stops after the service', async () => {
    const {stdout} = await execa('systemctl', ['list-units', '--plain', '--no-legend', 'vps*.scope'])
    const scopes = stdout.split('\n').map(line => line.split(' ')[0] ?? '')
    expect(scopes).toHaveLength(COUNT)
    const {stdout: before} = await execa('systemctl', ['show', '--value', '-p', 'Before', scopes[0] ?? ''])
    expect(before.split(' ')).toContain('vps.service')
  })

  test('go down in the reverse order when systemd stops everything at once', patient, async () => {
    const {stdout} = await execa('systemctl', ['list-units', '--plain', '--no-legend', 'vps*.scope'])
    const scopes = stdout.split('\n').map(line => line.split(' ')[0] ?? '')
    // As at a shutdown of the host: one transaction that stops the service and all scopes.
    const units = ['vps.service', ...scopes]
    const target = '/run/systemd/system/vps-test-down.target'
    writeFileSync(target, `[Unit]\nConflicts=${units.join(' ')}\nAfter=${units.join(' ')}\n`)
    await execa('systemctl', ['daemon-reload'])
    const since = new Date().toISOString()
    const begin = performance.now()
    await systemctl('start', 'vps-test-down.target')
    expect((performance.now() - begin) / 1000).toBeLessThan(300)
    expectStopped(since)
    rmSync(target)
    await execa('systemctl', ['daemon-reload'])
  })

  test('come up again after a boot, those that ran', patient, async () => {
    rmSync(host.paths.run, {recursive: true}) // as a boot leaves it
    const since = new Date().toISOString()
    await systemctl('start', 'vps.service')
    expectStarted(since)
  })

  test('come up again after a crash of the host', patient, async () => {
    const supervisors = names.map(name => stateNumber(host, name, 'supervisor'))
    for (const pid of supervisors) process.kill(pid, 'SIGKILL')
    await until('they are gone', () => !supervisors.some(isAlive), 60_000)
    const since = new Date().toISOString()
    await systemctl('reload-or-restart', 'vps.service')
    expectStarted(since)
  })

  test('go down with the service', patient, async () => {
    const since = new Date().toISOString()
    await systemctl('stop', 'vps.service')
    expectStopped(since)
    const {stdout} = await execa('systemctl', ['list-units', '--all', '--plain', '--no-legend', 'vps*.scope'])
    expect(stdout).toBe('')
  })
})
