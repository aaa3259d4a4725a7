import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {type HostPaths, hostPaths, serverPaths} from '../../src/host/index.ts'
import {isPattern, patternExpression} from '../../src/patterns.ts'
import {Host} from '../../src/server/index.ts'
import {newRecord, writeRecord} from '../../src/server/record.ts'
import {makeStorage} from '../../src/storage/index.ts'

describe('patterns', () => {
  const names = ['lab-001', 'lab-019', 'lab-1', 'web', 'web1', 'web10', 'xweb1']

  test.each([
    ['*', names],
    ['web*', ['web', 'web1', 'web10']],
    ['web?', ['web1']],
    ['*web*', ['web', 'web1', 'web10', 'xweb1']],
    ['lab-0[0-9][0-9]', ['lab-001', 'lab-019']],
    ['lab-0[!0]?', ['lab-019']],
    ['[lx]*1', ['lab-001', 'lab-1', 'xweb1']],
    ['web[0', 'its [ has no ]'],
    ['web[9-0]', 'a range in its […] is upside down'],
    ['web.', []],
    ['w(eb|x)*', []],
  ])('%s', (pattern, expected) => {
    const expression = patternExpression(pattern)
    if (typeof expected === 'string') expect(expression).toBe(expected)
    else expect(names.filter(name => (expression as RegExp).test(name))).toEqual(expected)
  })

  test('no name is a pattern', () => {
    for (const name of names) expect(isPattern(name)).toBe(false)
  })
})

describe('selections', () => {
  let root: string
  let paths: HostPaths
  let host: Host

  const define = (name: string, rest: string): Promise<void> =>
    writeFile(serverPaths(paths, name).definition, `name: ${name}\ntemplate: host\n${rest}`)

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'vps-unit-'))
    paths = hostPaths(root)
    host = await Host.open({root})
    for (const directory of [paths.definitions, paths.servers]) await mkdir(directory, {recursive: true})
    await define('web1', 'tags: [web]\nproject: shop\n')
    await define('web2', 'tags: [web, big]\n')
    await define('db1', 'project: shop\n')
    await define('broken', 'no: such\n')
    const {storage} = serverPaths(paths, 'db1')
    await makeStorage(storage)
    await writeRecord(storage, {...newRecord(0, 'host-0123456789ab'), fleet: 'acme'})
  })
  afterEach(async () => await rm(root, {recursive: true, force: true}))

  test.each([
    [{all: true}, ['broken', 'db1', 'web1', 'web2']],
    [{names: ['web*']}, ['web1', 'web2']],
    [{names: ['web*', 'web2', 'db1']}, ['db1', 'web1', 'web2']],
    [{tag: 'web'}, ['web1', 'web2']],
    [{project: 'shop'}, ['db1', 'web1']],
    [{tag: 'web', project: 'shop'}, ['web1']],
    [{names: ['web*'], tag: 'big'}, ['web2']],
    [{names: ['web1'], tag: 'big'}, []],
    [{all: true, state: 'defined' as const}, ['web1', 'web2']],
    [{state: 'stopped' as const}, ['db1']],
    [{state: 'invalid' as const}, ['broken']],
    [{fleet: 'acme'}, ['db1']],
    [{fleet: 'other'}, []],
  ])('%j', async (selection, expected) => {
    expect(await host.resolve(selection)).toEqual(expected)
  })

  test.each([
    [{}, {code: 'NOTHING_SELECTED', exitCode: 2}],
    [{names: ['web9']}, {code: 'NO_SUCH_SERVER', exitCode: 3}],
    [
      {names: ['web1', 'mail*']},
      {code: 'NO_SUCH_SERVER', message: `no server's name fits the pattern "mail*"`, exitCode: 3},
    ],
    [{names: ['web[']}, {code: 'BAD_PATTERN', exitCode: 2}],
    [{names: ['../web*']}, {code: 'NO_SUCH_SERVER', exitCode: 3}],
    [{names: ['../web1']}, {code: 'BAD_NAME', exitCode: 2}],
  ])('%j is refused', async (selection, error) => {
    await expect(host.resolve(selection)).rejects.toMatchObject(error)
  })

  test('who owns a server is part of its view', async () => {
    const views = await host.list({names: ['db1', 'web1']})
    expect(views.map(({name, fleet}) => ({name, fleet}))).toEqual([
      {name: 'db1', fleet: 'acme'},
      {name: 'web1', fleet: null},
    ])
  })
})

describe('calling off', () => {
  test('a verb that is called off before it begins does nothing', async () => {
    const root = await mkdtemp(join(tmpdir(), 'vps-unit-'))
    try {
      const host = await Host.open({root})
      const signal = AbortSignal.abort(new Error('enough'))
      await expect(host.create('web1', {template: 'busybox', signal})).rejects.toMatchObject({
        code: 'ABORTED',
        cause: {message: 'enough'},
      })
      await expect(host.stop('web1', {signal})).rejects.toMatchObject({code: 'ABORTED'})
    } finally {
      await rm(root, {recursive: true, force: true})
    }
  })
})
