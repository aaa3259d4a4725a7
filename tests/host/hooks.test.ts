/* Hooks: programs of the host around the start and the stop of a server. */
import {chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {serverPaths} from '../../src/host/index.ts'
import type {HookFacts, StartReport} from '../../src/index.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {listProcesses, until} from '../helpers/processes.ts'
import {createServers, runState, stateNumber} from '../helpers/servers.ts'

describe('hooks', requires('root'), () => {
  let host: ScratchHost
  let directory: string

  beforeAll(async () => {
    host = await scratchHost()
    directory = join(host.root, 'hooks')
    mkdirSync(directory)
    program('note', 'cat >"$0.facts"; env >"$0.env"; echo "$VPS_HOOK $VPS_STATE $*" >>"$0.calls"')
    program('fail', 'echo first; echo "no volume" >&2; exit 3')
    program('hang', 'sleep 4711 & sleep 4711')
    await createServers(host, {web: {tags: ['shop'], hostname: 'web.example.net'}})
  })

  afterAll(async () => {
    await host[Symbol.asyncDispose]()
  })

  function program(name: string, text: string): void {
    writeFileSync(join(directory, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(directory, name), 0o755)
  }

  const hook = (name: string, ...words: string[]): string =>
    `[${[join(directory, name), ...words].join(', ')}]`
  const setHooks = (text: string) => host.must(['set', 'web', `hooks=${text}`])
  const read = (name: string): string => readFileSync(join(directory, name), 'utf8')
  const isUp = (): boolean => runState(host, 'web').get('state') === 'running'

  test('are run around a start and a stop, and know of which server', async () => {
    const all = ['preStart', 'postStart', 'preStop', 'postStop']
    await setHooks(`{${all.map(name => `${name}: ${hook('note', 'of', name)}`).join(', ')}}`)
    await host.must(['start', 'web'])
    const facts = JSON.parse(read('note.facts')) as HookFacts
    expect(facts).toMatchObject({
      hook: 'postStart',
      name: 'web',
      state: 'running',
      pid: stateNumber(host, 'web', 'init'),
      hostname: 'web.example.net',
      tags: ['shop'],
      addresses: [expect.stringMatching(/^10\./), expect.stringMatching(/^fd/)],
    })
    const names = read('note.env')
      .split('\n')
      .map(line => line.split('=')[0])
    const known = names.filter(name => name?.startsWith('VPS_') || ['PATH', 'LANG'].includes(name ?? ''))
    expect(names.filter(name => !known.includes(name)).sort()).toEqual(
      ['', 'PWD', '_'].filter(name => names.includes(name)),
    )
    expect(read('note.env')).toContain(`VPS_ADDRESSES=${facts.addresses.join(' ')}\n`)
    await host.must(['restart', 'web'])
    await host.must(['stop', 'web'])
    const stopped = ['preStop running of preStop', 'postStop stopped of postStop']
    const started = ['preStart stopped of preStart', 'postStart running of postStart']
    expect(read('note.calls').trim().split('\n')).toEqual([...started, ...stopped, ...started, ...stopped])
    expect(JSON.parse(read('note.facts'))).toMatchObject({hook: 'postStop', exit: 'exited 0', pid: null})
  })

  test('a preStart that fails keeps the server from starting, and postStop undoes what it did', async () => {
    await setHooks(`{preStart: ${hook('fail')}, postStop: ${hook('note', 'undo')}}`)
    const {stderr, exitCode} = await host.vps(['start', 'web'])
    expect(exitCode).toBe(1)
    expect(stderr).toContain(
      `the preStart hook of server web failed: ${join(directory, 'fail')} ended with status 3`,
    )
    expect(stderr).toContain('it said: first\n')
    expect(stderr).toContain('no volume')
    expect(existsSync(serverPaths(host.paths, 'web').run)).toBe(false)
    expect(read('note.calls').trim().split('\n').at(-1)).toBe('postStop stopped undo')
    expect(readFileSync(join(serverPaths(host.paths, 'web').log, 'hooks.log'), 'utf8')).toMatch(
      /preStart: .*fail\nfirst\nno volume\nended with status 3\n/,
    )
    expect(readFileSync(join(host.paths.events, 'log'), 'utf8')).toMatch(
      /"type":"hook-failed","server":"web"/,
    )
  })

  test('the others only report their failure, and the exit code says so', async () => {
    await setHooks(`{postStart: ${hook('fail')}, preStop: ${hook('fail')}}`)
    const start = await host.vps(['start', 'web', '--json'])
    expect(start.exitCode).toBe(1)
    const [report] = JSON.parse(String(start.stdout)) as (StartReport & {ok: boolean})[]
    expect(report).toMatchObject({ok: true, hookFailures: [{hook: 'postStart', output: 'first\nno volume'}]})
    expect(isUp()).toBe(true)
    const stop = await host.vps(['stop', 'web'])
    expect([stop.exitCode, isUp()]).toEqual([1, false])
    expect(stop.stdout).toMatch(/^web: stopped after/)
    expect(stop.stderr).toContain('the preStop hook of server web failed')
  })

  test('one that takes too long is killed with all that it began', async () => {
    await setHooks(`{preStart: ${hook('hang')}, timeout: 300ms}`)
    const {stderr} = await host.vps(['start', 'web'])
    expect(stderr).toContain('was killed after 0.3 s')
    const left = () =>
      listProcesses().filter(({command, zombie}) => !zombie && command.includes('sleep 4711'))
    await until('nothing of it is left', () => left().length === 0)
  })

  test('are programs that nobody but root can change', async () => {
    const refused = async (path: string): Promise<string> => {
      await setHooks(`{preStart: [${path}]}`)
      const {stderr, exitCode} = await host.vps(['start', 'web'])
      expect(exitCode).toBe(1)
      return String(stderr)
    }
    program('open', 'exit 0')
    chmodSync(join(directory, 'open'), 0o777)
    expect(await refused(join(directory, 'open'))).toContain(
      'open can be changed by others than root (mode 777); it was not run',
    )
    mkdirSync(join(directory, 'shared'))
    symlinkSync('/bin/true', join(directory, 'shared/true'))
    chmodSync(join(directory, 'shared'), 0o775)
    expect(await refused(join(directory, 'shared/true'))).toContain(
      'shared can be changed by others than root',
    )
    expect(await refused(join(directory, 'none'))).toContain(`there is no ${join(directory, 'none')}`)
    expect(await refused(directory)).toContain('is no program')
  })

  test('a removal by force runs those of a stop', async () => {
    await setHooks(`{preStop: ${hook('note', 'last')}, postStop: ${hook('note', 'gone')}}`)
    await host.must(['start', 'web'])
    await host.must(['destroy', 'web', '--force', '--yes'])
    expect(read('note.calls').trim().split('\n').slice(-2)).toEqual([
      'preStop running last',
      'postStop stopped gone',
    ])
  })
})
