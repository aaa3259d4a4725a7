import {appendFileSync, existsSync, readFileSync, statSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {serverPaths} from '../../src/host/index.ts'
import {type HistoryItem, Host, type ServerDiff} from '../../src/server/index.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {createServers} from '../helpers/servers.ts'

let host: ScratchHost
let api: Host

beforeAll(async () => {
  host = await scratchHost()
  api = await Host.open({root: host.root})
})
afterAll(async () => await host[Symbol.asyncDispose]())

async function story(name: string): Promise<string[]> {
  return (await api.history({name})).map(({number, verb, changes}) => {
    const keys = changes?.map(
      ({key, old, new: now}) => `${key} ${JSON.stringify(old)}>${JSON.stringify(now)}`,
    )
    return `${number} ${verb} ${keys?.join(' ') ?? 'errors'}`.trim()
  })
}

const definition = (name: string): string => serverPaths(host.paths, name).definition

describe('the history of a definition', requires('root'), () => {
  test('has every change with its keys, old and new, and what was done by hand', {
    timeout: 60_000,
  }, async () => {
    const source = join(host.root, 'web1.yaml')
    writeFileSync(source, 'name: web1\ntemplate: host\ninit: persist\n')
    await host.must(['create', 'web1', '--file', source])
    await host.must(['set', 'web1', 'hostname=one'])
    await host.must(['set', 'web1', 'hostname=one']) // nothing new
    appendFileSync(definition('web1'), 'tags: [hand]\n')
    await host.must(['set', 'web1', 'description=two'])
    await host.must(['rename', 'web1', 'web2'])
    expect((await story('web2')).slice(1)).toEqual([
      '2 set hostname "web1">"one"',
      '3 by-hand tags []>["hand"]',
      '4 set description "">"two"',
      '5 rename name "web1">"web2"',
    ])
    const [created] = await api.history({name: 'web2'})
    expect(created).toMatchObject({source, verb: 'create', server: 'web2'})
    expect(statSync(join(host.paths.history, 'web2.jsonl')).mode & 0o777).toBe(0o600)
    expect(existsSync(join(host.paths.history, 'web1.jsonl'))).toBe(false)
    const text = await host.must(['history', 'web2'])
    expect(text).toMatch(/^4 {2}\d{4}-\d\d-\d\d [\d:]{8} {2}\S+ {2}set\n {4}description: .* → two$/m)
    expect(text).toMatch(new RegExp(`create {2}from ${source}$`, 'm'))
  })

  test('brings back an earlier definition, live where it can be', {timeout: 60_000}, async () => {
    const definitionText = 'name: back\ntemplate: host\ninit: persist\nhostname: first\n'
    await api.create('back', {definitionText, start: true})
    await host.must(['set', 'back', 'hostname=second', 'tags=[a]'])
    const diff = await host.vps(['diff', 'back', '--to', '1', '--json'])
    expect(diff.exitCode).toBe(6)
    const [{from, to, changes}] = JSON.parse(String(diff.stdout)) as [ServerDiff]
    expect({from, to}).toEqual({from: 'definition', to: 1})
    expect(changes).toEqual([
      {key: 'tags', old: ['a'], new: [], when: 'live'},
      {key: 'hostname', old: 'second', new: 'first', when: 'restart'},
    ])
    expect((await host.vps(['rollback', 'back'])).exitCode).toBe(2) // nobody to ask
    await host.must(['rollback', 'back', '--yes'])
    expect(await api.show('back')).toMatchObject({definition: {hostname: 'first', tags: []}})
    expect((await api.history({name: 'back', last: 1}))[0]).toMatchObject({
      verb: 'rollback',
      source: 'entry 1',
    })
    const report = await api.rollback('back')
    expect(report).toMatchObject({entry: 2, live: ['tags'], afterRestart: ['hostname']})
    await expect(api.rollback('back', {to: 99})).rejects.toMatchObject({code: 'NO_SUCH_ENTRY', exitCode: 2})
    await expect(api.rollback('back', {to: new Date(0)})).rejects.toMatchObject({code: 'NO_SUCH_ENTRY'})
    expect(await api.rollback('back', {to: new Date()})).toMatchObject({live: [], afterRestart: []})
  })

  test('an earlier definition that is refused changes nothing', async () => {
    await createServers(host, {fixed: {}})
    const file = definition('fixed')
    await host.must(['set', 'fixed', 'description=x'])
    const good = readFileSync(file, 'utf8')
    writeFileSync(file, 'name: fixed\nbad: {')
    expect((await host.vps(['set', 'fixed', 'tags=[a]'])).exitCode).toBe(2)
    writeFileSync(file, good)
    expect(await story('fixed')).toHaveLength(2)
    writeFileSync(file, 'name: fixed\nbad: {')
    await api.replaceDefinition('fixed', good) // mended, and the bad one is kept as what it was
    expect((await story('fixed')).slice(2)).toEqual(['3 by-hand errors', '4 edit errors'])
    expect(await host.must(['history', 'fixed', '--show', '3'])).toBe('name: fixed\nbad: {')
    expect((await host.vps(['rollback', 'fixed', '--to', '3', '--yes'])).exitCode).toBe(2)
    expect(readFileSync(file, 'utf8')).toBe(good)
    expect(await api.rollback('fixed')).toMatchObject({entry: 1})
  })

  test('tells what runs from what is written', async () => {
    expect((await host.vps(['diff', 'back'])).exitCode).toBe(6)
    const [pending] = JSON.parse(String((await host.vps(['diff', 'back', '--json'])).stdout)) as [ServerDiff]
    expect(pending).toMatchObject({from: 'running', to: 'definition', running: true})
    expect(pending.changes).toEqual([{key: 'hostname', old: 'first', new: 'second', when: 'restart'}])
    await host.must(['restart', 'back'])
    expect((await host.vps(['diff', 'back'])).stdout).toBe('back: runs as it is written')
    appendFileSync(definition('back'), 'description: by hand\n')
    expect((await host.vps(['diff', 'back'])).stdout).toMatch(/description: .* → by hand$/m)
    expect((await host.vps(['diff', 'web2'])).stdout).toBe('web2: does not run')
  })

  test('a destroyed server can be looked at, and made again', {timeout: 60_000}, async () => {
    await host.must(['destroy', 'back', '--force', '--yes'])
    const entries = await api.history({name: 'back'})
    expect(entries.slice(-2).map(({verb}) => verb)).toEqual(['by-hand', 'destroy'])
    const last = entries.at(-2)?.number ?? 0
    const text = await host.must(['history', 'back', '--show', String(last)])
    expect(text).toContain('by hand')
    await host.must(['create', 'back', '--file', '-'], {stdin: 'pipe', input: `${text}\n`})
    expect((await host.vps(['rollback', 'back', '--yes'])).stderr).toContain('has no other definition')
    await host.must(['destroy', 'back', '--yes'])
    expect((await host.vps(['history', 'never'])).exitCode).toBe(3)
    expect((await host.vps(['history', '--show', '1'])).exitCode).toBe(2)
    expect((await host.vps(['diff', 'back', '--from', '1', '--to', '2'])).exitCode).toBe(6)
  })

  test('twenty changes at once are twenty entries', {timeout: 60_000}, async () => {
    await createServers(host, {busy: {}})
    await Promise.all(
      Array.from({length: 20}, (_, index) => api.set('busy', [{path: 'tags', value: `[t${index}]`}])),
    )
    const entries = await api.history({name: 'busy'})
    expect(entries.map(({verb}) => verb)).toEqual(['create', ...Array.from({length: 20}, () => 'set')])
    expect(new Set(entries.map(({changes}) => JSON.stringify(changes))).size).toBe(21)
  })

  test('of all servers, the last ones', async () => {
    const all = await host.json<HistoryItem[]>(['history', '-n', '3'])
    expect(all.map(({server}) => server)).toEqual(['busy', 'busy', 'busy'])
  })

  test('hashes of passwords are not shown', async () => {
    const hash = '$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2'
    await createServers(host, {hashed: {description: `with ${hash}`}})
    expect(await host.must(['history', 'hashed', '--show', '1'])).not.toContain(hash)
    expect(await host.must(['history', 'hashed', '--show', '1'])).toContain('(hash)')
    expect(await host.must(['history', 'hashed', '--show', '1', '--with-hashes'])).toContain(hash)
  })

  test('neither it nor the definition is for the eyes of others', async () => {
    await createServers(host, {secret: {template: 'busybox'}})
    const modes = (): number[] =>
      [definition('secret'), join(host.paths.history, 'secret.jsonl')].map(
        file => statSync(file).mode & 0o777,
      )
    expect(modes()).toEqual([0o600, 0o600])
    await host.must(['set', 'secret', 'description=changed'])
    expect(modes()).toEqual([0o600, 0o600])
  })
})
