import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {
  changedKeys,
  checkProfile,
  effectiveText,
  effectiveValues,
  limitValues,
  loadDefinition,
  type ProfileLookup,
  parseDefinition,
  profileNames,
  profilesIn,
  renderProblems,
  requireValid,
} from '../../src/definition/index.ts'

const MIB = 1024 ** 2

/** Profiles that are in no directory. */
const among = (texts: Readonly<Record<string, string>>): ProfileLookup =>
  Object.assign(
    (name: string) => {
      const text = texts[name]
      return text === undefined ? undefined : {file: `/p/${name}.yaml`, text}
    },
    {directory: '/p', names: () => Object.keys(texts)},
  )

const read = (text: string, texts: Readonly<Record<string, string>>) =>
  parseDefinition(text, {file: '/s/web1.yaml', profiles: among(texts)})

/** `key: error message` with file and place, short. */
const said = (text: string, texts: Readonly<Record<string, string>>) =>
  read(text, texts).problems.map(
    ({grade, message, origin: {file, line, column}}) => `${file}:${line}:${column} ${grade}: ${message}`,
  )

const BASE = `# Debian 12
template: {name: debian, suite: bookworm}
tags: [debian]
env: {LANG: C.UTF-8, SIZE: none}
resources:
  memory: {limit: 512MiB, high: 400MiB, swap: 0}
  pids: 100
mounts:
  - {source: /srv/a, target: /a}
  - {source: /srv/b, target: /b, readonly: true}
`
const SMALL = `resources:
  memory:
    limit: 1GiB
  cpu: {limit: 100%, weight: 50}
limits: {nofile: 1024:4096, core: 0}
env: {SIZE: small}
`
const TEXTS = {base: BASE, small: SMALL}

describe('laying profiles under a definition', () => {
  const loaded = read(
    'profiles: [base, small]\nresources: {cpu: {weight: 200}, memory: {high: null}}\nenv: {A: b}\nmounts: [{source: /srv/c, target: /c}]\nlimits: {core: unlimited}\n',
    TEXTS,
  )
  const {definition} = loaded

  test('has no problems', () => {
    expect(renderProblems(loaded.problems, loaded.texts)).toBe('')
    expect(requireValid(loaded)).toBe(definition)
  })

  test('a later one wins, the definition over all, mappings by key', () => {
    expect(definition.name).toBe('web1')
    expect(definition.template).toEqual({name: 'debian', suite: 'bookworm'})
    expect(definition.tags).toEqual(['debian'])
    expect(definition.resources.memory).toMatchObject({limit: 1024 * MIB, swap: 0, guarantee: null})
    expect(definition.resources.cpu).toMatchObject({limit: 1, weight: 200})
    expect(definition.resources.pids).toBe(100)
    expect(definition.env).toEqual({LANG: 'C.UTF-8', SIZE: 'small', A: 'b'})
    expect(definition.limits).toEqual({
      nofile: {soft: '1024', hard: '4096'},
      core: {soft: 'infinity', hard: 'infinity'},
    })
  })

  test('a list replaces the one before, and null takes back', () => {
    expect(definition.mounts.map(({source}) => source)).toEqual(['/srv/c'])
    expect(definition.resources.memory.high).toBeNull()
  })

  test('the order of profiles counts', () => {
    const turned = read('profiles: [small, base]\n', TEXTS).definition
    expect(turned.resources.memory.limit).toBe(512 * MIB)
    expect(turned.env.SIZE).toBe('none')
    expect(turned.resources.cpu.weight).toBe(50)
  })

  test.each([
    [['resources', 'memory', 'limit'], '/p/small.yaml', 3, 5],
    [['resources', 'memory', 'swap'], '/p/base.yaml', 6, 41],
    [['resources', 'memory', 'high'], '/s/web1.yaml', 2, 42],
    [['resources', 'cpu', 'weight'], '/s/web1.yaml', 2, 19],
    [['env', 'LANG'], '/p/base.yaml', 4, 7],
    [['env', 'SIZE'], '/p/small.yaml', 6, 7],
    [['mounts', 0, 'source'], '/s/web1.yaml', 4, 11],
    [['mounts', 0, 'readonly'], '/s/web1.yaml', 4, 10],
    [['template', 'suite'], '/p/base.yaml', 2, 26],
    [['tags', 0], '/p/base.yaml', 3, 8],
    [['stop', 'timeout'], '/s/web1.yaml', 1, 1],
    [['resources', 'memory', 'guarantee'], '/s/web1.yaml', 2, 33],
  ] as const)('%j comes from %s:%i:%i', (path, file, line, column) => {
    expect(loaded.origin(path)).toMatchObject({file, line, column})
  })

  test('what is a default is known', () => {
    expect(loaded.written(['resources', 'memory', 'limit'])).toBe(true)
    expect(loaded.written(['resources', 'memory', 'high'])).toBe(true)
    expect(loaded.written(['resources', 'memory', 'guarantee'])).toBe(false)
    expect(loaded.written(['stop', 'timeout'])).toBe(false)
    expect(loaded.written(['mounts', 0, 'target'])).toBe(true)
  })

  test('definitions never share what comes from a profile', () => {
    const lookup = among(TEXTS)
    const one = parseDefinition('profiles: [base]', {file: '/s/a.yaml', profiles: lookup}).definition
    one.tags.push('x')
    one.env.X = 'y'
    const two = parseDefinition('profiles: [base]', {file: '/s/b.yaml', profiles: lookup}).definition
    expect([two.tags, two.env.X]).toEqual([['debian'], undefined])
  })

  test('names of JavaScript are names like others', () => {
    const {env} = read('profiles: [odd]\nenv: {constructor: a}\n', {
      odd: 'env: {__proto__: x, constructor: y, toString: z}\n',
    }).definition
    expect(Object.entries(env)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'a'],
      ['toString', 'z'],
    ])
    expect(({} as Record<string, unknown>).x).toBeUndefined()
  })

  test('a part of a template is completed by the definition', () => {
    const {definition: whole, problems} = read('profiles: [suite]\ntemplate: debian\n', {
      suite: 'template: {suite: trixie}\n',
    })
    expect(problems).toEqual([])
    expect(whole.template).toEqual({name: 'debian', suite: 'trixie'})
  })

  test('parameters of another template are left behind', () => {
    expect(read('profiles: [base]\ntemplate: busybox\n', TEXTS).definition.template).toEqual({
      name: 'busybox',
    })
    expect(
      read('profiles: [base]\ntemplate: {name: debian, mirror: x}\n', TEXTS).definition.template,
    ).toEqual({
      name: 'debian',
      suite: 'bookworm',
      mirror: 'x',
    })
  })

  test('changed keys are those that count', () => {
    const before = read('profiles: [base]\nresources: {pids: 100}\n', TEXTS).definition
    const after = read('profiles: [base, small]\nresources: {pids: 100}\n', TEXTS).definition
    expect(changedKeys(before, after)).toEqual({
      live: ['profiles', 'resources.cpu.limit', 'resources.cpu.weight', 'resources.memory.limit'],
      restart: ['env', 'limits'],
    })
    // What a profile said, said by the definition itself, changes nothing.
    const inlined = read('profiles: [base]\nresources: {memory: {limit: 512MiB}}\n', TEXTS).definition
    expect(changedKeys(before, inlined)).toEqual({live: [], restart: []})
  })
})

describe('problems of profiles', () => {
  test('stand at the place in the profile', () => {
    expect(
      said('profiles: [bad]\ntags: [a, a]\n', {bad: 'tags: web\nresources: {memory: {limit: 1G}}\n'}),
    ).toEqual([
      '/s/web1.yaml:2:11 warning: tag a is written twice',
      '/p/bad.yaml:1:7 error: tags must be a list, not "web"',
      '/p/bad.yaml:2:29 error: resources.memory.limit must be an amount of data such as 1MiB, not "1G"',
    ])
  })

  test('are shown with the line of their file', () => {
    const loaded = read('# one\n# two\nprofiles: [bad]\n', {bad: '# first\nnme: x\n'})
    expect(renderProblems(loaded.problems, loaded.texts)).toBe(
      '/p/bad.yaml:2:1: error: unknown key nme\n    2 | nme: x\n      | ^^^\n      = the keys here are description, tags, template, hostname, init, env, mounts, security, resources, limits, sysctl, enforce, restart, after, autostart, stop, hooks, health, console, project, network, provision',
    )
    expect(() => requireValid(loaded)).toThrow(
      '/s/web1.yaml has 1 error\n/p/bad.yaml:2:1: error: unknown key nme',
    )
  })

  test('sense is made of what counts, and found where it was said last', () => {
    expect(said('profiles: [base]\nresources: {memory: {guarantee: 1GiB, high: null}}\n', TEXTS)).toEqual([
      '/s/web1.yaml:2:33 error: resources.memory.guarantee 1GiB is more than resources.memory.limit 512MiB',
    ])
    expect(
      said('profiles: [half]\nresources: {memory: {limit: 128MiB, swap: 0}}\n', {
        half: 'resources: {memory: {guarantee: 256MiB}}\n',
      }),
    ).toEqual([
      '/p/half.yaml:1:33 error: resources.memory.guarantee 256MiB is more than resources.memory.limit 128MiB',
    ])
  })

  test('a name and profiles of its own are refused', () => {
    expect(said('profiles: [a]\n', {a: 'name: x\nprofiles: [b]\n'})).toEqual([
      '/p/a.yaml:1:1 error: name cannot stand here: a profile serves many servers',
      '/p/a.yaml:2:1 error: profiles cannot stand here: a profile cannot build on others: name them one after the other in the definition',
    ])
  })

  test('syntax, an empty file, a missing part', () => {
    expect(said('profiles: [a]\n', {a: 'tags: [x\n'})).toEqual([
      '/p/a.yaml:1:9 error: a closing ] is missing',
    ])
    expect(said('profiles: [a]\n', {a: '# nothing yet\n'})).toEqual([])
    expect(said('profiles: [a]\n', {a: 'template: {suite: x}\n'})).toEqual([
      '/p/a.yaml:1:11 error: template.name is missing',
    ])
  })

  test.each([
    ['smal', 'there is no profile "smal": /p/smal.yaml does not exist', 'did you mean small?'],
    [
      'gigantic',
      'there is no profile "gigantic": /p/gigantic.yaml does not exist',
      'the profiles here are base, small',
    ],
  ])('the unknown profile %s', (name, message, suggestion) => {
    const {problems} = read(`tags: []\nprofiles: [base, ${name}]\n`, TEXTS)
    expect(problems).toMatchObject([{grade: 'error', message, suggestion, origin: {line: 2, column: 18}}])
  })

  test('names that are none, and twice the same', () => {
    expect(said('profiles: [Small, ../x, small.yaml, a/b]\n', TEXTS)).toHaveLength(4)
    const {problems} = read('profiles: [/etc/vps/profiles/small.yaml]\n', TEXTS)
    expect(problems).toMatchObject([{suggestion: 'did you mean small?'}])
    expect(said('profiles: [base, base]\n', TEXTS)).toEqual([
      '/s/web1.yaml:1:18 warning: profile base is named twice',
    ])
    expect(said('profiles: small\n', TEXTS)).toEqual([
      '/s/web1.yaml:1:11 error: profiles must be a list, not "small"',
    ])
  })
})

describe('a directory of profiles', () => {
  let directory = ''
  const file = (name: string, text: string | Buffer) => writeFileSync(join(directory, name), text)
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'vps-profiles-'))
    file('small.yaml', SMALL)
    file('.hidden.yaml', 'x: 1\n')
    file('notes.txt', 'x\n')
    file('latin.yaml', Buffer.from('description: B\xfcro\n', 'latin1'))
    mkdirSync(join(directory, 'folder.yaml'))
    symlinkSync('/dev/zero', join(directory, 'endless.yaml'))
    file('server.yaml', 'profiles: [small]\n')
  })
  afterAll(() => rmSync(directory, {recursive: true}))

  test('names those there are; one that is missing has none', () => {
    expect(profileNames(directory)).toEqual(['endless', 'folder', 'latin', 'server', 'small'])
    expect(profileNames(join(directory, 'nowhere'))).toEqual([])
    expect(profilesIn(join(directory, 'nowhere'))('small')).toBeUndefined()
  })

  test('is read with a definition', async () => {
    const path = join(directory, 'server.yaml')
    const {definition, problems} = await loadDefinition(path, {profiles: directory})
    expect(problems.filter(({grade}) => grade === 'error')).toEqual([])
    expect(definition.limits.nofile).toEqual({soft: '1024', hard: '4096'})
    const {problems: alone} = await loadDefinition(path)
    expect(alone.map(({message}) => message)).toEqual(['there is no profile "small"'])
  })

  test('what cannot be read is said, and ends soon', () => {
    const lookup = profilesIn(directory)
    const words = (name: string) =>
      parseDefinition(`profiles: [${name}]`, {file: '/s/a.yaml', profiles: lookup}).problems.map(
        ({message, origin}) => `${origin.file}: ${message}`,
      )
    expect(words('latin')).toEqual([`${directory}/latin.yaml: the profile is not UTF-8 text`])
    expect(words('folder')).toEqual([`${directory}/folder.yaml: the profile cannot be read: EISDIR`])
    expect(words('endless')).toEqual([
      `${directory}/endless.yaml: the file is larger than 256KiB, which no definition needs`,
    ])
  })
})

describe('a profile by itself', () => {
  const check = (text: string) => checkProfile({file: '/p/a.yaml', text})

  test('is described by its key or by the comment it begins with', () => {
    expect(
      check('# yaml-language-server: $schema=x\n# One CPU,\n# 1 GiB\n\n# more\ntags: []\n').description,
    ).toBe('One CPU, 1 GiB')
    expect(check('# comment\ndescription: Small\n').description).toBe('Small')
    expect(check('tags: []\n# late\n').description).toBe('')
  })

  test('may leave things to definitions, but not be wrong', () => {
    expect(check('template: {suite: trixie}\n').problems).toEqual([])
    expect(check('resources: {memory: {limit: 1GiB, high: 2GiB, swap: 0}}\n').problems).toMatchObject([
      {grade: 'error', origin: {file: '/p/a.yaml', line: 1, column: 41}},
    ])
    expect(check('nme: x\n').problems).toMatchObject([{message: 'unknown key nme'}])
  })
})

describe('what counts, in words', () => {
  const loaded = read(
    'profiles: [base, small]\ndescription: "a: b # c"\nresources: {memory: {high: null}}\nsysctl: {net.core.somaxconn: 1024}\n',
    TEXTS,
  )

  test('names the place of every value', () => {
    const text = effectiveText(loaded).replaceAll(/(?<=\S) +#/g, ' #')
    for (const line of [
      '# web1.yaml   /s/web1.yaml: the definition, which has the last word',
      '# small.yaml  /p/small.yaml: a profile',
      'name: web1 # default',
      '    limit: 1GiB # small.yaml:3:5',
      '    swap: 0 # base.yaml:6:41',
      '    high: null # web1.yaml:3:22',
      '    oomGroup: false # default',
      '    # not set: guarantee, reserve',
      '  - {source: /srv/b, target: /b, readonly: true} # base.yaml:10:5',
      '  nofile: 1024:4096 # small.yaml:5:10',
      '  net.core.somaxconn: "1024" # web1.yaml:4:10',
      '  mode: links # default',
    ])
      expect(text).toContain(`${line}\n`)
  })

  test('reads back the same', () => {
    for (const text of [
      'profiles: [base, small]\nresources: {memory: {high: null}}\n',
      'resources: {memory: {limit: 1000000001, swap: 0}, io: {latency: 1s500ms, devices: [{device: /dev/sdb, read: {iops: 5}}]}}\n',
      'init: [nginx, -g, "daemon off;"]\nenv: {A: "1", B: "# x", C: "null"}\ndescription: |\n  two\n  lines\n',
      'resources: {rdma: {mlx5_0: {handles: 2}}, misc: {sev: 1}, hugepages: {2MiB: 4MiB}, cpu: {cpus: "0", weight: idle}}\nlimits: {cpu: 10m, as: unlimited, memlock: 5:1GiB}\n',
    ]) {
      const first = read(text, TEXTS)
      const again = read(effectiveText(first), TEXTS)
      expect(again.definition).toEqual(first.definition)
      expect(again.problems.filter(({grade}) => grade === 'error')).toEqual([])
    }
  })

  test('tells a server from a profile of the same name', () => {
    const same = parseDefinition('profiles: [small]\n', {file: '/s/small.yaml', profiles: among(TEXTS)})
    expect(effectiveText(same)).toMatch(/limit: 1GiB +# p\/small\.yaml:3:5\n/)
    expect(effectiveText(same)).toMatch(/profiles: \[small\] +# s\/small\.yaml:1:1\n/)
  })

  test('limits alone, for vps show', () => {
    expect(limitValues(loaded.definition).map(({key, value}) => `${key} ${value}`)).toEqual([
      'resources.cpu.limit 1',
      'resources.cpu.weight 50',
      'resources.memory.limit 1GiB',
      'resources.memory.swap 0',
      'resources.pids 100',
      'limits.nofile 1024:4096',
      'limits.core 0',
      'sysctl.net.core.somaxconn 1024',
    ])
    expect(limitValues(read('tags: []', {}).definition)).toEqual([])
  })

  test('is there for programs too', () => {
    const values = new Map(effectiveValues(loaded).map(({key, ...rest}) => [key, rest]))
    expect(values.get('resources.memory.limit')).toMatchObject({
      value: '1GiB',
      origin: {file: '/p/small.yaml', line: 3},
    })
    expect(values.get('resources.memory.guarantee')).toEqual({value: null, origin: null})
    expect(values.get('restart.window')).toEqual({value: '10m', origin: null})
    expect(values.get('limits.nofile')).toMatchObject({value: '1024:4096'})
    expect(values.get('mounts')).toMatchObject({value: [{source: '/srv/a'}, {readonly: true}]})
  })
})
