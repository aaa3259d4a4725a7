// Servers on a host that systemd runs, with all of cgroup v2 at its disposal: what no building machine can show.
import './guest-shell.ts'
import {existsSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {execa} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {Host} from '../../src/server/index.ts'
import {type ScratchHost, scratchHost} from '../helpers/host.ts'

/** Of ten servers in an emulated machine, whose host may be busy; milliseconds. */
const PATIENCE = 120_000

let host: ScratchHost

beforeAll(async () => {
  host = await scratchHost()
})

afterAll(async () => {
  await host[Symbol.asyncDispose]()
})

async function systemctl(...args: string[]): Promise<string> {
  const {stdout} = await execa('systemctl', args, {reject: false})
  return stdout.trim()
}

describe('a server with systemd on a host with systemd', () => {
  beforeAll(async () => {
    await host.must(['create', 'web', '--template', 'host'], {timeout: 120_000})
    await host.must(['start', 'web', '--wait'], {timeout: 120_000})
  })

  test('is up, with no failed unit', async () => {
    expect(await host.inside('web', 'systemctl is-system-running')).toBe('running')
  })

  test('has a delegated scope', async () => {
    const unit = host.cgroup('web').split('/').at(-1) ?? ''
    expect(await systemctl('is-active', unit)).toBe('active')
    expect(await systemctl('show', '-P', 'Delegate', unit)).toBe('yes')
    expect(readFileSync(join(host.cgroup('web'), 'cgroup.controllers'), 'utf8')).toMatch(
      /\bmemory\b.*\bpids\b/,
    )
  })

  test('sees its own tree', async () => {
    expect(await host.inside('web', 'cat /proc/1/cgroup')).toBe('0::/init.scope')
  })

  test('is not disturbed by a reload of the host, nor by systemd being executed anew', async () => {
    const before = (await host.json<{pid: number}[]>(['list', 'web']))[0]?.pid
    await execa('systemctl', ['daemon-reload'])
    await execa('systemctl', ['daemon-reexec'])
    expect((await host.json<{pid: number}[]>(['list', 'web']))[0]?.pid).toBe(before)
    expect(await host.inside('web', 'systemctl is-system-running')).toBe('running')
  })

  test('takes part in a stop of the host: its scope told to stop, it shuts down in order', async () => {
    const unit = host.cgroup('web').split('/').at(-1) ?? ''
    await execa('systemctl', ['stop', unit])
    const [web] = await host.json<{state: string; lastExit: string}[]>(['list', 'web'])
    expect(web).toMatchObject({state: 'stopped', lastExit: 'poweroff'})
    expect(existsSync(host.cgroup('web'))).toBe(false)
  })
})

describe('ten servers at once', () => {
  const names = Array.from({length: 10}, (_, index) => `many${index}`)

  beforeAll(async () => {
    const api = await Host.open({root: host.root})
    const definitionText = JSON.stringify({template: 'busybox', init: 'persist'})
    await Promise.all(names.map(name => api.create(name, {definitionText})))
  }, PATIENCE)

  test(
    'start, run and leave no scope behind',
    async () => {
      await host.must(['start', ...names], {timeout: PATIENCE})
      const running = await host.json<{state: string}[]>(['list', ...names])
      expect(running.map(({state}) => state)).toEqual(names.map(() => 'running'))
      await host.must(['stop', ...names], {timeout: PATIENCE})
      expect(await systemctl('list-units', '--all', '--plain', '--no-legend', 'vps*.scope')).toBe('')
    },
    2 * PATIENCE,
  )
})
