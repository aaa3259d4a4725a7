import {readdirSync, readFileSync} from 'node:fs'
import {describe, expect, test} from 'vitest'
import {
  type Assignment,
  type Definition,
  editDefinition,
  parseAssignments,
  parseDefinition,
} from '../../src/definition/index.ts'

const edit = (text: string, ...words: string[]) => editDefinition(text, parseAssignments(words)).text

const WEB1 = `# The shop of Miller Ltd
name: web1   # as the file
tags: [web, miller]

template: debian                 # or {name: debian, suite: bookworm}
# What it may see of the host
mounts:
  # the pages
  - {source: /srv/web1, target: /srv/www, readonly: true}   # do not write
  - source: /srv/upload   # by ftp
    target: /srv/upload
  # - {source: /srv/old, target: /srv/old}
stop:
  timeout: 30s   # the database is slow
  # signal: SIGTERM
description: |
  Two lines
  of text

env:
# the end
`

/** The lines that are only in one of two texts, in order: "- old" and "+ new". */
function changes(before: string, after: string): string[] {
  const [old, now] = [before.split('\n'), after.split('\n')]
  let head = 0
  while (head < Math.min(old.length, now.length) && old[head] === now[head]) head++
  let tail = 0
  while (tail < Math.min(old.length, now.length) - head && old.at(-1 - tail) === now.at(-1 - tail)) tail++
  const part = (lines: string[], sign: string) =>
    lines.slice(head, lines.length - tail).map(line => `${sign} ${line}`)
  return [...part(old, '-'), ...part(now, '+')]
}

test('limits are taken away one by one', () => {
  const text =
    'resources:\n  memory:\n    limit: 1GiB # the size\n    swap: 0\nsysctl: {net.ipv4.ip_forward: 1, a.b: 2}\n'
  expect(edit(text, 'resources.memory.swap-', 'sysctl.net.ipv4.ip_forward-')).toBe(
    'resources:\n  memory:\n    limit: 1GiB # the size\nsysctl: {a.b: 2}\n',
  )
})

describe('one assignment changes one place', () => {
  test.each([
    [
      'stop.timeout=45s',
      ['-   timeout: 30s   # the database is slow', '+   timeout: 45s   # the database is slow'],
    ],
    ['name=web2', ['- name: web1   # as the file', '+ name: web2   # as the file']],
    ['tags=[a, b]', ['- tags: [web, miller]', '+ tags: [a, b]']],
    ['tags+=old', ['- tags: [web, miller]', '+ tags: [web, miller, old]']],
    ['tags[0]-', ['- tags: [web, miller]', '+ tags: [miller]']],
    ['tags[1]=x', ['- tags: [web, miller]', '+ tags: [web, x]']],
    ['tags=[]', ['- tags: [web, miller]', '+ tags: []']],
    ['tags-', ['- tags: [web, miller]']],
    ['tags=', ['- tags: [web, miller]']],
    [
      'mounts[0].readonly=false',
      [
        '-   - {source: /srv/web1, target: /srv/www, readonly: true}   # do not write',
        '+   - {source: /srv/web1, target: /srv/www, readonly: false}   # do not write',
      ],
    ],
    [
      'mounts[0].readonly-',
      [
        '-   - {source: /srv/web1, target: /srv/www, readonly: true}   # do not write',
        '+   - {source: /srv/web1, target: /srv/www}   # do not write',
      ],
    ],
    ['mounts[1].readonly=true', ['+     readonly: true']],
    ['mounts+={source: /a, target: /b}', ['+   - {source: /a, target: /b}']],
    ['mounts[1].options+=nosuid', ['+     options: [nosuid]']],
    [
      'template.suite=trixie',
      [
        '- template: debian                 # or {name: debian, suite: bookworm}',
        '+ template: {name: debian, suite: trixie}                 # or {name: debian, suite: bookworm}',
      ],
    ],
    ['env.PORT=8080', ['- env:', '+ env: {PORT: "8080"}']],
    ['env.GREETING=hello: "you" # and you', ['- env:', `+ env: {GREETING: 'hello: "you" # and you'}`]],
    [`env.EMPTY=""`, ['- env:', '+ env: {EMPTY: ""}']],
    ['autostart=true', ['+ autostart: true']],
    ['security.capabilities.drop=[net_raw]', ['+ security: {capabilities: {drop: [net_raw]}}']],
    ['security.capabilities.drop+=net_raw', ['+ security: {capabilities: {drop: [net_raw]}}']],
    ['stop.signal=SIGTERM', ['+   signal: SIGTERM']],
    ['stop={timeout: 30s}', []],
    [
      'stop={timeout: 1m}',
      ['-   timeout: 30s   # the database is slow', '+   timeout: 1m   # the database is slow'],
    ],
    ['description=', ['- description: |', '-   Two lines', '-   of text']],
    [
      'description=One: line',
      ['- description: |', '-   Two lines', '-   of text', '+ description: "One: line"'],
    ],
    ['network=host', ['+ network: host']],
    ['restart.policy=no', ['+ restart: {policy: no}']],
    ['console.size=2MiB', ['+ console: {size: 2MiB}']],
    ['init=[sleep, infinity]', ['+ init: [sleep, infinity]']],
    ['init=persist', ['+ init: persist']],
    ['hostname-', []],
    ['resources.memory.limit=1GiB', ['+ resources: {memory: {limit: 1GiB}}']],
    ['resources.memory.swap=none', ['+ resources: {memory: {swap: none}}']],
    ['resources.memory.limit-', []],
    ['resources.cpu.limit=150%', ['+ resources: {cpu: {limit: 150%}}']],
    ['resources.cpu.cpus=0-1,4', ['+ resources: {cpu: {cpus: "0-1,4"}}']],
    ['resources.pids=null', ['+ resources: {pids: null}']],
    ['resources.io.devices+={device: /dev/sdb}', ['+ resources: {io: {devices: [{device: /dev/sdb}]}}']],
    ['resources.hugepages.2MiB=512MiB', ['+ resources: {hugepages: {2MiB: 512MiB}}']],
    ['limits.nofile=1024:65536', ['+ limits: {nofile: 1024:65536}']],
    ['limits.core=unlimited', ['+ limits: {core: unlimited}']],
    ['sysctl.net.ipv4.ip_forward=1', ['+ sysctl: {net.ipv4.ip_forward: "1"}']],
    ['sysctl["net.ipv4.tcp_rmem"]=4096 87380 6291456', ['+ sysctl: {net.ipv4.tcp_rmem: 4096 87380 6291456}']],
    ['sysctl.net/ipv4/conf/eth0.1/forwarding=1', ['+ sysctl: {net/ipv4/conf/eth0.1/forwarding: "1"}']],
    ['profiles=[debian, small]', ['+ profiles: [debian, small]']],
    ['profiles+=small', ['+ profiles: [small]']],
    ['enforce=best-effort', ['+ enforce: best-effort']],
  ])('%s', (word, expected) => {
    expect(changes(WEB1, edit(WEB1, word))).toEqual(expected)
  })

  test('a new list of mappings goes on lines of its own', () => {
    expect(edit('name: web1\n', 'mounts+={source: /a, target: /b}')).toBe(
      'name: web1\nmounts:\n  - {source: /a, target: /b}\n',
    )
  })

  test('a comment behind a value that is removed stays', () => {
    expect(changes(WEB1, edit(WEB1, 'stop.timeout-'))).toEqual([
      '-   timeout: 30s   # the database is slow',
      '+   # the database is slow',
    ])
    const text = edit(WEB1, 'mounts-')
    for (const comment of ['# the pages', '# do not write', '# by ftp', '# - {source: /srv/old'])
      expect(text).toContain(comment)
    expect(parseDefinition(text, {file: 'web1.yaml'}).definition.mounts).toEqual([])
  })

  test('the first line of an item can be removed', () => {
    const text = 'mounts:\n  - source: /a\n    target: /b\n  - target: /c # c\n'
    expect(edit(text, 'mounts[0].source-')).toBe('mounts:\n  - target: /b\n  - target: /c # c\n')
    expect(edit(text, 'mounts[1].target-')).toBe('mounts:\n  - source: /a\n    target: /b\n  - {} # c\n')
  })

  test('a list over lines keeps the items that stay, with their comments', () => {
    const text = 'tags:\n  - web # it serves\n  - miller # the customer\n  - old\n'
    expect(edit(text, 'tags=[web, smith]')).toBe('tags:\n  - web # it serves\n  - smith # the customer\n')
    expect(edit(text, 'tags=[web, miller, old, new]')).toBe(`${text}  - new\n`)
    expect(edit(text, 'tags[1]-')).toBe('tags:\n  - web # it serves\n  # the customer\n  - old\n')
  })

  test('brackets over lines keep their comments', () => {
    const text = 'tags: [\n  web, # it serves\n  miller # the customer\n]\n'
    expect(edit(text, 'tags+=new')).toBe('tags: [\n  web, # it serves\n  miller, new # the customer\n]\n')
    expect(edit(text, 'tags[0]-')).toContain('# it serves')
    expect(edit(text, 'tags[1]-')).toContain('# the customer')
  })

  test('what has no line break at its end, what has carriage returns', () => {
    expect(edit('name: web1', 'autostart=true')).toBe('name: web1\nautostart: true')
    expect(edit('name: web1\r\ntags: []\r\n', 'autostart=true', 'tags+=a')).toBe(
      'name: web1\r\ntags: [a]\r\nautostart: true\r\n',
    )
    expect(edit('', 'template=host')).toBe('template: host\n')
    expect(edit('# to do\n', 'template=host')).toBe('# to do\ntemplate: host\n')
    expect(edit('{"name": "web1"}\n', 'autostart=true')).toBe('{"name": "web1", autostart: true}\n')
    expect(edit('---\nname: web1\n...\n', 'autostart=true')).toBe('---\nname: web1\nautostart: true\n...\n')
  })
})

describe('what cannot be done is refused', () => {
  test.each([
    ['foo', 'BAD_ASSIGNMENT'],
    ['=x', 'BAD_ASSIGNMENT'],
    ['', 'BAD_ASSIGNMENT'],
    ['-', 'BAD_ASSIGNMENT'],
    ['a..b=1', 'BAD_ASSIGNMENT'],
    ['.a=1', 'BAD_ASSIGNMENT'],
    ['a.=1', 'BAD_ASSIGNMENT'],
    ['a[x]=1', 'BAD_ASSIGNMENT'],
    ['a[01]=1', 'BAD_ASSIGNMENT'],
    ['a-=b', 'BAD_ASSIGNMENT'],
    ['a b=1', 'BAD_ASSIGNMENT'],
    ['tags=[a', 'BAD_ASSIGNMENT'],
    ['tags=*a', 'BAD_ASSIGNMENT'],
    ['mounts[7].readonly=true', 'BAD_ASSIGNMENT'],
    ['mounts[7]-', 'BAD_ASSIGNMENT'],
    ['name.first=x', 'BAD_ASSIGNMENT'],
    ['tags.first=x', 'BAD_ASSIGNMENT'],
    ['stop[0]=x', 'BAD_ASSIGNMENT'],
  ])('%j', (word, code) => {
    expect(() => edit(WEB1, word)).toThrow(expect.objectContaining({code, exitCode: 2}))
  })

  test('a text that is no YAML', () => {
    expect(() => edit('tags: [a', 'autostart=true')).toThrow(
      expect.objectContaining({code: 'INVALID_DEFINITION', exitCode: 2}),
    )
  })

  test('what an alias leads to', () => {
    const text = 'stop: &s {timeout: 5s}\nconsole: *s\n'
    expect(() => edit(text, 'console.timeout=6s')).toThrow(expect.objectContaining({code: 'CANNOT_EDIT'}))
    // It would change the value of console too.
    expect(() => edit(text, 'stop.timeout=6s')).toThrow(expect.objectContaining({code: 'CANNOT_EDIT'}))
  })

  test('an invalid value is written, and found when the text is read again', () => {
    for (const [word, message] of [
      ['stop.timeout=soon', 'stop.timeout must be a span of time such as 30s or 1h30m, not "soon"'],
      ['tags=web', 'tags must be a list, not "web"'],
      ['nonsense.x=1', 'unknown key nonsense'],
      ['mounts+={source: /a}', 'mounts[2].target is missing'],
    ] as const) {
      const {problems} = parseDefinition(edit(WEB1, word), {file: 'web1.yaml'})
      expect(problems.map(problem => problem.message)).toEqual([message])
    }
  })
})

/* Random assignments on real files: whatever happens, nothing is lost that was not asked for. */

/** A small generator (mulberry32), so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const VALUES: Readonly<Record<string, readonly (string | undefined)[]>> = {
  description: [
    'a',
    'a: b',
    '# x',
    '- y',
    'one\ntwo',
    "it's",
    '"q"',
    '{',
    '[',
    '*',
    '&',
    '!',
    '%',
    '@',
    '`',
    'null',
    '5',
    ' x ',
    undefined,
  ],
  tags: ['[a, b]', '[]', '[c]', '[d, e, f, g]', undefined],
  'tags[+]': ['z', 'y-1'],
  'tags[0]': ['first', undefined],
  'env.A': ['1', 'a, b', '}', undefined],
  'env.B': ['""', 'x #y', undefined],
  env: ['{A: 1}', '{C: "x"}', undefined],
  'mounts[+]': ['{source: /p, target: /q}', '{source: /r, target: /s, options: [nosuid, nodev]}'],
  'mounts[0].readonly': ['true', 'false', undefined],
  'mounts[0]': ['{source: /n, target: /m}', undefined],
  'mounts[1]': ['{source: /o, target: /l, optional: true}', undefined],
  mounts: ['[]', '[{source: /one, target: /two}]', undefined],
  'stop.timeout': ['1s', '1h30m', undefined],
  stop: ['{timeout: 9s, signal: SIGTERM}', '{}', undefined],
  'security.capabilities.drop': ['[net_raw]', '[mknod, net_raw]', undefined],
  'security.allow[+]': ['tun'],
  security: ['{allow: [fuse]}', undefined],
  template: ['host', '{name: debian, suite: sid}', undefined],
  'template.suite': ['trixie', undefined],
  'restart.policy': ['no', 'always', undefined],
  init: ['persist', '[sleep, 5]', '/sbin/init', undefined],
  autostart: ['true', '{enabled: true, delay: 5s}', undefined],
  'autostart.delay': ['3s', undefined],
  after: ['[db1, cache1]', undefined],
  'hooks.preStart': ['[/bin/true, x]', undefined],
  'resources.memory.limit': ['1GiB', 'null', undefined],
  'resources.memory': ['{limit: 2GiB, swap: none}', undefined],
  'resources.pids': ['100', undefined],
  'limits.nofile': ['1024:65536', '"4096"', undefined],
  'sysctl.net.core.somaxconn': ['1024', undefined],
  sysctl: ['{kernel.sem: 32000 1024000000 500 32000}', undefined],
  profiles: ['[small]', undefined],
}

const commentsIn = (text: string) =>
  [...text.matchAll(/(?:^|\s)(#[^\n\r]*)/g)].map(([, comment = '']) => comment)

const sources = [
  WEB1,
  `${WEB1}\ntags2: &x [a]\n`.replace('tags2', 'x'),
  WEB1.replaceAll('\n', '\r\n'),
  ...readdirSync(new URL('definitions/good/', import.meta.url))
    .filter(name => name.endsWith('.yaml'))
    .map(name => readFileSync(new URL(`definitions/good/${name}`, import.meta.url), 'utf8')),
  'tags:\n# zero\n- a # one\n# two\n- b # three\nmounts:\n-   source: /a # four\n    target: /b\n-   {source: /c, target: /d}\n# five\n',
  'tags: [ a, # one\n  b # two\n  ]\nenv: { A: "1", # three\n  B: \'2\' }\nstop: {\n  # four\n  timeout: 5s, # five\n  }\n',
]

describe('random assignments', () => {
  test.each(sources.map((text, index) => [index, text] as const))(
    'on text %i lose no comment, change no other key and no other line',
    (index, source) => {
      const next = random(index + 1)
      const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)] as T
      let refused = 0
      let done = 0
      for (let round = 0; round < 25; round++) {
        let text = source
        for (let step = 0; step < 5; step++) {
          const path = pick(Object.keys(VALUES))
          const assignment = {path, value: pick(VALUES[path] ?? [])}
          const outcome = tryEdit(text, assignment)
          if (outcome === undefined) refused++
          else {
            const why = JSON.stringify({assignment, text, outcome})
            for (const comment of commentsIn(source)) expect(outcome.includes(comment), why).toBe(true)
            expectOtherLines(text, outcome, rootOf(path), why)
            expectOtherKeys(text, outcome, assignment, why)
            text = outcome
            done++
          }
        }
      }
      expect(refused).toBeLessThan(done / 4)
    },
  )
})

const rootOf = (path: string): string => path.split(/[.[]/)[0] ?? ''

function tryEdit(text: string, assignment: Assignment): string | undefined {
  try {
    return editDefinition(text, [assignment]).text
  } catch (error) {
    expect(error).toMatchObject({code: expect.stringMatching(/^(CANNOT_EDIT|BAD_ASSIGNMENT)$/)})
    return undefined
  }
}

/** Every line outside the key that was assigned is still there, in order, byte for byte. */
function expectOtherLines(before: string, after: string, root: string, why: string): void {
  if (before.startsWith('{')) return
  const lines = before.replace(/\n$/, '').split('\n')
  const start = lines.findIndex(line => line.startsWith(`${root}:`))
  const next = lines.findIndex(
    (line, index) => index > start && /^[^\s#-]/.test(line) && !/^[\]}]/.test(line),
  )
  const others = start < 0 ? lines : lines.toSpliced(start, (next < 0 ? lines.length : next) - start)
  const left = after.split('\n')
  for (const line of others) {
    const index = left.indexOf(line)
    expect(index, `${line} ${why}`).toBeGreaterThanOrEqual(0)
    left.splice(0, index + 1)
  }
}

/** Every key but the one that was assigned reads as before, and that one as it was asked for. */
function expectOtherKeys(before: string, after: string, {path, value}: Assignment, why: string): void {
  const read = (text: string) => parseDefinition(text, {file: 'web1.yaml', name: 'web1'})
  const [old, now] = [read(before), read(after)]
  const without = (definition: Definition) => ({...definition, [rootOf(path)]: undefined})
  expect(without(now.definition), why).toEqual(without(old.definition))
  if (path === 'description')
    expect(now.definition.description, why).toBe(value === '"q"' ? 'q' : (value ?? ''))
  if (path === 'tags[+]') expect(now.definition.tags, why).toEqual([...old.definition.tags, value])
  if (path === 'env.A' && value !== undefined) expect(now.definition.env, why).toMatchObject({A: value})
}
