import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {serverPaths} from '../../src/host/index.ts'
import {settledInconsistencies, standingOf} from '../helpers/consistency.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'

/* What an admin gets wrong: names, definitions, the order of things, files changed or lost by hand. */

let host: ScratchHost

const create = (name: string): Promise<string> => host.must(['create', name, '--set', 'init=persist'])

describe('bad input', requires('root'), () => {
  beforeAll(async () => {
    host = await scratchHost()
    await create('good')
  })

  afterAll(async () => {
    await host[Symbol.asyncDispose]()
  })

  const names = ['../x', 'Web1', 'x'.repeat(64), '', '-x', 'a/b', 'a.b', 'a b', 'ü', '.', 'x\n']
  const takers: [string, (name: string) => string[]][] = [
    ['create', name => ['create', '--', name]],
    ['start', name => ['start', '--', name]],
    ['stop', name => ['stop', '--', name]],
    ['restart', name => ['restart', '--', name]],
    ['show', name => ['show', '--', name]],
    ['destroy', name => ['destroy', '--force', '--yes', '--', name]],
    ['rename', name => ['rename', '--', 'good', name]],
    ['set', name => ['set', '--', name, 'description=x']],
    ['logs', name => ['logs', '--', name]],
  ]
  test.for(takers)('%s refuses what is no name', {timeout: 30_000}, async ([verb, words]) => {
    const tried = verb === 'create' || verb === 'destroy' ? names : names.slice(0, 3)
    const answers = await Promise.all(tried.map(async name => ({name, result: await host.vps(words(name))})))
    for (const {
      name,
      result: {exitCode, stderr},
    } of answers) {
      expect(exitCode, `${JSON.stringify(name)}: ${stderr}`).toBe(2)
      expect(stderr).toMatch(/^vps: /)
    }
    expect(await settledInconsistencies(host, ['good'])).toEqual([])
  })

  test('exec and enter refuse it with 125', async () => {
    for (const words of [
      ['exec', '../good', '--', 'true'],
      ['enter', '../good'],
      ['console', 'Web1'],
    ]) {
      const {exitCode, stderr} = await host.vps(words)
      expect(exitCode, String(stderr)).toBe(words[0] === 'console' ? 2 : 125)
    }
  })

  test('63 characters are a name', async () => {
    const name = 'x'.repeat(63)
    await host.must(['create', name, '--set', 'init=persist', '--start'])
    expect(await host.inside(name, 'hostname')).toBe(name)
    expect(await settledInconsistencies(host, ['good', name])).toEqual([])
    await host.must(['destroy', name, '--force', '--yes'])
  })

  test('create -f reports all problems of a definition with their places, and makes nothing', async () => {
    const file = join(host.root, 'bad.yaml')
    writeFileSync(
      file,
      'name: bad\ntemplte: host\nmounts:\n  - {source: srv, target: /srv}\nrestart: {policy: never}\n',
    )
    const {exitCode, stderr} = await host.vps(['create', 'bad', '-f', file])
    expect(exitCode).toBe(2)
    for (const place of ['bad.yaml:2:1', 'bad.yaml:4:', 'bad.yaml:5:']) expect(stderr).toContain(place)
    expect(await settledInconsistencies(host, ['good', 'bad'])).toEqual([])
  })

  test('create -f says which file cannot be read', async () => {
    const {exitCode, stderr} = await host.vps(['create', 'bad', '-f', '/nowhere/bad.yaml'])
    expect(exitCode).toBe(2)
    expect(stderr).toMatch(/cannot read \/nowhere\/bad\.yaml/)
  })

  test.for([
    [['create', 'good'], 4, /good exists already/],
    [['start', 'nobody'], 3, /no server nobody/],
    [['stop', 'nobody'], 3, /no server nobody/],
    [['destroy', 'nobody', '--yes'], 3, /no server nobody/],
    [['show', 'nobody'], 3, /no server nobody/],
    [['stop', 'good'], 4, /good is not running/],
    [['pause', 'good'], 4, /good is not running/],
    [['resume', 'good'], 4, /good is not running/],
    [['exec', 'good', '--', 'true'], 125, /good is not running/],
    [['exec', 'nobody', '--', 'true'], 125, /no server nobody/],
    [['rename', 'good', 'good'], 4, /good exists already/],
    [['destroy', 'good'], 2, /--yes/],
    [['set', 'good', 'nme=x'], 2, /nme/],
    [['set', 'good', 'template=busybox'], 2, /template/],
    [['create', 'other', '--template', 'nosuch'], 2, /no template is called nosuch/],
  ] as [string[], number, RegExp][])('vps %s: %i', async ([words, code, saying]) => {
    const {exitCode, stderr} = await host.vps(words)
    expect({exitCode, stderr}).toEqual({exitCode: code, stderr: expect.stringMatching(saying)})
    expect(await settledInconsistencies(host, ['good'])).toEqual([])
  })

  test('what a running server refuses', async () => {
    await host.must(['start', 'good'])
    for (const [words, saying] of [
      [['start', 'good'], /good is running already/],
      [['destroy', 'good', '--yes'], /good is running/],
      [['rename', 'good', 'better'], /good is running/],
    ] as const) {
      const {exitCode, stderr} = await host.vps(words)
      expect({exitCode, stderr}).toEqual({exitCode: 4, stderr: expect.stringMatching(saying)})
    }
    expect(standingOf(host, 'good')).toBe('running')
    await host.must(['stop', 'good'])
  })

  test('a timeout longer than any timer is no timeout of a millisecond', async () => {
    await host.must(['start', 'good'])
    const {exit, killed} = await host
      .json<{exit: string; killed: boolean}[]>(['stop', 'good', '--timeout', '30d'])
      .then(([report]) => report ?? {exit: '', killed: true})
    expect({exit, killed}).toEqual({exit: 'exited 0', killed: false})
  })

  test('a definition written by hand into etc/vps/servers can be created, and run by nothing before', async () => {
    const {definition} = serverPaths(host.paths, 'byhand')
    writeFileSync(definition, '# mine\nname: byhand\ntemplate: host\ninit: persist\n')
    const {exitCode, stderr} = await host.vps(['start', 'byhand'])
    expect({exitCode, stderr}).toEqual({exitCode: 4, stderr: expect.stringMatching(/not created yet/)})
    const [view] = (await host.json<{name: string; state: string}[]>(['list'])).filter(
      ({name}) => name === 'byhand',
    )
    expect(view?.state).toBe('defined')
    await host.must(['create', 'byhand'])
    await host.must(['start', 'byhand'])
    expect(readFileSync(definition, 'utf8')).toMatch(/^# mine\n/)
    await host.must(['destroy', 'byhand', '--force', '--yes'])
    expect(await settledInconsistencies(host, ['good', 'byhand'])).toEqual([])
  })

  test('a definition of another name in its file is refused', async () => {
    writeFileSync(serverPaths(host.paths, 'alias').definition, 'name: other\ntemplate: host\n')
    const {exitCode, stderr} = await host.vps(['create', 'alias'])
    expect({exitCode, stderr}).toEqual({exitCode: 2, stderr: expect.stringMatching(/alias\.yaml:1:7/)})
    await host.must(['destroy', 'alias', '--yes'])
    expect(await settledInconsistencies(host, ['good', 'alias'])).toEqual([])
  })

  test('a definition that is removed by hand costs no data, and its server still stops', async () => {
    await create('lost')
    await host.must(['start', 'lost'])
    await host.inside('lost', 'echo precious >/root/data')
    const {definition} = serverPaths(host.paths, 'lost')
    const text = readFileSync(definition, 'utf8')
    rmSync(definition)
    expect(await host.inside('lost', 'cat /root/data')).toBe('precious')
    await host.must(['stop', 'lost'])
    for (const [words, code] of [
      [['start', 'lost'], 1],
      [['set', 'lost', 'description=x'], 1],
      [['create', 'lost'], 4],
    ] as const) {
      const {exitCode, stderr} = await host.vps(words)
      expect(exitCode, String(stderr)).toBe(code)
      expect(stderr).toContain('lost')
    }
    expect(
      (await host.json<{name: string; state: string}[]>(['list'])).find(({name}) => name === 'lost')?.state,
    ).toBe('invalid')
    writeFileSync(definition, text)
    await host.must(['start', 'lost'])
    expect(await host.inside('lost', 'cat /root/data')).toBe('precious')
    rmSync(definition)
    await host.must(['destroy', 'lost', '--force', '--yes'])
    expect(await settledInconsistencies(host, ['good', 'lost'])).toEqual([])
  })

  test('a definition that is broken by hand keeps its server neither running nor in use', async () => {
    await create('broken')
    await host.must(['start', 'broken'])
    const {definition} = serverPaths(host.paths, 'broken')
    const text = readFileSync(definition, 'utf8')
    writeFileSync(definition, 'name: [broken\n  what: {')
    expect(await host.inside('broken', 'echo here')).toBe('here')
    const restarted = await host.vps(['restart', 'broken'])
    expect({exitCode: restarted.exitCode, stderr: restarted.stderr}).toEqual({
      exitCode: 2,
      stderr: expect.stringMatching(/broken\.yaml:\d+:\d+/),
    })
    expect(standingOf(host, 'broken')).toBe('running')
    expect((await host.json<object>(['show', 'broken'])) as object).toMatchObject({state: 'running'})
    await host.must(['stop', 'broken'])
    const started = await host.vps(['start', 'broken'])
    expect(started.exitCode).toBe(2)
    writeFileSync(definition, text)
    await host.must(['start', 'broken'])
    writeFileSync(definition, '\0\xff\0')
    await host.must(['destroy', 'broken', '--force', '--yes'])
    expect(await settledInconsistencies(host, ['good', 'broken'])).toEqual([])
  })

  test('files that are no definitions, and directories in the wrong place, disturb nothing', async () => {
    writeFileSync(join(host.paths.definitions, 'Not a server.yaml'), 'nonsense')
    writeFileSync(join(host.paths.definitions, 'good.yaml~'), 'nonsense')
    mkdirSync(join(host.paths.definitions, 'directory.yaml'))
    const {exitCode, stdout, stderr} = await host.vps(['list', '--json'])
    expect({exitCode, stderr}).toEqual({exitCode: 0, stderr: ''})
    const views = JSON.parse(String(stdout)) as {name: string; state: string}[]
    expect(views.find(({name}) => name === 'good')?.state).toBe('stopped')
    const created = await host.vps(['create', 'directory'])
    expect(created.exitCode).toBe(2)
    expect(created.stderr).toContain('directory.yaml')
    rmSync(join(host.paths.definitions, 'directory.yaml'), {recursive: true})
  })
})
