import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {type Definition, parseDefinition} from '../../src/definition/index.ts'
import {DEFAULT_CONFIG, hostPaths, silent} from '../../src/host/index.ts'
import {differences, hideHashes} from '../../src/server/difference.ts'
import {
  type HistoryNote,
  historyFile,
  readHistory,
  recordHistory,
  renameHistory,
} from '../../src/server/history.ts'
import type {Context} from '../../src/server/types.ts'

let root: string
let context: Context
let file: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vps-unit-'))
  const paths = hostPaths(root)
  context = {paths, config: DEFAULT_CONFIG, progress: silent, notice: silent}
  file = historyFile(paths, 'web1')
})
afterEach(() => rmSync(root, {recursive: true, force: true}))

const record = (note: HistoryNote, name = 'web1'): void => recordHistory(context, name, note)
const history = (name = 'web1'): string[] =>
  readHistory(context.paths, name).map(({number, verb, text}) => `${number} ${verb} ${text}`)

describe('recording', () => {
  test('who, when, what, from where; for root only', () => {
    record({verb: 'create', text: 'name: web1\n', source: '/srv/web1.yaml'})
    record({verb: 'set', text: 'name: web1\ntags: [a]\n', before: 'name: web1\n'})
    record({verb: 'destroy', text: null, before: 'name: web1\ntags: [a]\n'})
    expect(readHistory(context.paths, 'web1')).toMatchObject([
      {number: 1, verb: 'create', text: 'name: web1\n', source: '/srv/web1.yaml'},
      {number: 2, verb: 'set', text: 'name: web1\ntags: [a]\n', source: null},
      {number: 3, verb: 'destroy', text: null, source: null},
    ])
    for (const {user, time} of readHistory(context.paths, 'web1')) {
      expect(user).not.toBe('')
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/)
    }
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(context.paths.history).mode & 0o777).toBe(0o700)
  })

  test('a change by hand is put first', () => {
    record({verb: 'create', text: 'a'})
    record({verb: 'set', text: 'c', before: 'b'})
    expect(history()).toEqual(['1 create a', '2 by-hand b', '3 set c'])
  })

  test('what there was before the first is kept, to go back to', () => {
    record({verb: 'set', text: 'b', before: 'a'})
    expect(history()).toEqual(['1 by-hand a', '2 set b'])
  })

  test('a large definition is found again', () => {
    const large = 'ü'.repeat(100_000)
    record({verb: 'create', text: large})
    record({verb: 'set', text: 'b', before: large})
    expect(history().map(line => line.slice(0, 8))).toEqual(['1 create', '2 set b'])
  })

  test('never throws', () => {
    mkdirSync(file, {recursive: true}) // a directory in its place
    record({verb: 'create', text: 'a'})
    rmSync(context.paths.var, {recursive: true})
    mkdirSync(join(context.paths.var, '..'), {recursive: true})
    writeFileSync(context.paths.var, '')
    record({verb: 'create', text: 'a'})
  })

  test('servers that vps makes for itself have none', () => {
    recordHistory({...context, unrecorded: true}, 'web1', {verb: 'create', text: 'a'})
    expect(existsSync(file)).toBe(false)
  })
})

describe('a file that a crash left', () => {
  test('a torn line is skipped, and what comes after it is whole', () => {
    record({verb: 'create', text: 'a'})
    appendFileSync(file, '{"time":"2026-11-30T12:00:00.000Z","user":"root","ver')
    expect(history()).toEqual(['1 create a'])
    record({verb: 'set', text: 'b', before: 'a'})
    expect(history()).toEqual(['1 create a', '2 set b'])
  })

  test('what is no entry is skipped', () => {
    record({verb: 'create', text: 'a'})
    const odd = [{verb: 'odd', text: 'x'}, {verb: 'set', text: 7}, {verb: 'set'}]
    for (const value of odd)
      appendFileSync(file, `${JSON.stringify({time: '2026-11-30T12:00:00.000Z', user: 'root', ...value})}\n`)
    appendFileSync(file, '\0\0\0\nnull\n[]\n')
    expect(history()).toEqual(['1 create a'])
  })
})

describe('bounds', () => {
  test('a hundred entries are kept, and keep their numbers', () => {
    for (let index = 1; index <= 250; index++) record({verb: 'set', text: `tags: [t${index}]`.padEnd(60)})
    const kept = readHistory(context.paths, 'web1')
    expect(kept).toHaveLength(100)
    expect(kept[0]).toMatchObject({number: 151, text: 'tags: [t151]'.padEnd(60)})
    expect(kept.at(-1)).toMatchObject({number: 250, text: 'tags: [t250]'.padEnd(60)})
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(102)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(context.paths.history)).toEqual(['web1.jsonl'])
  })

  test('huge definitions do not fill the disk', () => {
    for (let index = 1; index <= 12; index++) record({verb: 'set', text: `${index}`.padEnd(1024 * 1024)})
    expect(statSync(file).size).toBeLessThan(5 * 1024 * 1024)
    expect(readHistory(context.paths, 'web1').map(({number}) => number)).toEqual([10, 11, 12])
  })
})

describe('a renamed server', () => {
  test('takes its history along', () => {
    record({verb: 'create', text: 'a'})
    renameHistory(context, 'web1', 'web2')
    record({verb: 'rename', text: 'b', before: 'a'}, 'web2')
    expect(history('web2')).toEqual(['1 create a', '2 rename b'])
    expect(existsSync(file)).toBe(false)
  })

  test('goes on behind a destroyed one of that name', () => {
    record({verb: 'create', text: 'x'}, 'web2')
    record({verb: 'destroy', text: null, before: 'x'}, 'web2')
    record({verb: 'create', text: 'a'})
    const moved = readFileSync(file)
    renameHistory(context, 'web1', 'web2')
    expect(history('web2')).toEqual(['1 create x', '2 destroy null', '3 create a'])
    writeFileSync(file, moved) // cut off before it was removed
    renameHistory(context, 'web1', 'web2')
    expect(history('web2')).toEqual(['1 create x', '2 destroy null', '3 create a'])
    expect(existsSync(file)).toBe(false)
  })

  test('without a history has none then', () => {
    renameHistory(context, 'web1', 'web2')
    expect(history('web2')).toEqual([])
  })
})

describe('what is shown of a change', () => {
  const HASH = '$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2'
  const withPassword = (password: string): Definition => {
    const text = `name: web1\nprovision: {users: [{name: admin, password: '${password}'}]}\n`
    const {definition, problems} = parseDefinition(text, {file: 'web1.yaml'})
    expect(problems.filter(({grade}) => grade === 'error')).toEqual([])
    return definition
  }

  test('is never the hash of a password', () => {
    const other = HASH.replace('qFm', 'Xyz')
    const changes = differences(withPassword(HASH), withPassword(other))
    expect(changes).toHaveLength(1)
    expect(JSON.stringify(changes)).not.toContain('$6$')
    expect(JSON.stringify(changes[0]?.old)).toContain('(hash)')
    expect(JSON.stringify(changes[0]?.new)).toContain('(another hash)')
  })

  test('references and words for none stay', () => {
    const changes = differences(withPassword(HASH), withPassword('generate'))
    expect(JSON.stringify(changes[0]?.new)).toContain('generate')
    const reference = `password: \${file:/root/hash}`
    expect(hideHashes(reference)).toBe(reference)
  })

  test.each([
    HASH,
    `$y$j9T$abc/def$${'x'.repeat(43)}`,
    `$2b$12$${'a'.repeat(53)}`,
    '$5$rounds=5000$salt$abcdefgh',
  ])('%s is hidden in a text, however it is quoted', hash => {
    expect(hideHashes(`a: {password: "${hash}", shell: /bin/sh}\nb: ${hash}\n`)).toBe(
      'a: {password: "(hash)", shell: /bin/sh}\nb: (hash)\n',
    )
  })
})
