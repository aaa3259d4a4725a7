import {describe, expect, test} from 'vitest'
import {parseNames, renderAccounts} from '../../src/image/accounts.ts'
import {debianSources, parseSources, renderSources} from '../../src/image/apt-sources.ts'
import type {Recipe} from '../../src/image/index.ts'

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const debian = {
  name: '/etc/apt/sources.list.d/debian.sources',
  text: `# a comment
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm
 bookworm-updates
Components: main contrib
Signed-By: ${keyring}

Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: ${keyring}

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no
`,
}
const others = {
  name: '/etc/apt/sources.list',
  text: `deb [arch=amd64 signed-by=/etc/apt/keyrings/vendor.asc] https://vendor.example/apt bookworm main
deb https://vendor.example/debian bookworm-vendor main
deb https://vendor.example/debian bookworm stable
# deb http://comment.example/debian bookworm main
deb-src http://source.example/debian bookworm main
`,
}

describe('the archives of a Debian image', () => {
  const host = {suite: 'bookworm', files: [debian, others]}

  test("are those of the host's own release, third parties' are not", () => {
    expect(debianSources('bookworm', undefined, host)).toEqual([
      {uri: 'http://mirror.example/debian', suite: 'bookworm', signedBy: keyring},
      {uri: 'http://mirror.example/debian', suite: 'bookworm-updates', signedBy: keyring},
      {uri: 'http://security.example/debian-security', suite: 'bookworm-security', signedBy: keyring},
    ])
  })

  test('another release comes from the same archives', () => {
    const suites = debianSources('trixie', undefined, host).map(({uri, suite}) => `${uri} ${suite}`)
    expect(suites).toEqual([
      'http://mirror.example/debian trixie',
      'http://mirror.example/debian trixie-updates',
      'http://security.example/debian-security trixie-security',
    ])
    expect(debianSources('sid', undefined, host).map(({suite}) => suite)).toEqual(['sid'])
  })

  test("a mirror of the template stands instead of them, but for the host's security", () => {
    expect(
      debianSources('bookworm', 'http://m.example/debian/', host).map(({uri, suite}) => `${uri} ${suite}`),
    ).toEqual([
      'http://m.example/debian bookworm',
      'http://m.example/debian bookworm-updates',
      'http://security.example/debian-security bookworm-security',
    ])
  })

  test('on a host without any, none: mmdebstrap has a default', () => {
    expect(debianSources('bookworm', undefined, {suite: undefined, files: []})).toEqual([])
    expect(debianSources('bookworm', undefined, {suite: 'bookworm', files: [others]})).toEqual([])
    expect(debianSources('bookworm', 'http://m.example', {suite: undefined, files: []})).toHaveLength(2)
  })

  test('the one-line format, with options', () => {
    const name = '/etc/apt/sources.list'
    expect(
      parseSources({
        name,
        text: `deb [ signed-by=${keyring} ] http://a.example/debian bookworm main # mine\n`,
      }),
    ).toEqual([{uri: 'http://a.example/debian', suite: 'bookworm', signedBy: keyring}])
  })

  test('are written as stanzas', () => {
    expect(renderSources(debianSources('sid', 'http://m.example', host))).toBe(
      'Types: deb\nURIs: http://m.example\nSuites: sid\nComponents: main\n',
    )
  })
})

describe('accounts', () => {
  const user = {group: 'root', gecos: '', home: '/', shell: '/bin/sh'}
  const recipe = {
    users: {
      root: {...user, id: 0},
      www: {...user, id: 33, group: 'www'},
      bus: {...user, id: undefined, group: 'bus'},
      gone: {...user, id: undefined},
    },
    groups: {
      root: {id: 0, members: []},
      www: {id: 33, members: ['root', 'gone']},
      bus: {id: undefined, members: []},
    },
  } as unknown as Recipe
  const host = parseNames(
    'root:x:0:0::/root:/bin/sh\nbus:x:104:1::/:\nwww:x:1000:1::/:\n',
    'bus:x:106:\nwww:x:82:\n',
  )
  const files = renderAccounts(recipe, host)

  test("system accounts have the host's numbers, its people's are not taken", () => {
    expect(files.passwd).toBe('root:x:0:0::/:/bin/sh\nwww:x:33:82::/:/bin/sh\nbus:x:104:106::/:/bin/sh\n')
    expect(files.group).toBe('root:x:0:\nwww:x:82:root\nbus:x:106:\n')
  })

  test('all passwords are locked', () => {
    for (const line of files.shadow.trim().split('\n')) expect(line).toMatch(/^[a-z]+:\*:20000:0:99999:7:::$/)
    expect(files.gshadow).toBe('root:*::\nwww:*::root\nbus:*::\n')
  })
})
