import {execFileSync} from 'node:child_process'
import {mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {
  CAPABILITIES,
  capabilityNumber,
  changedKeys,
  type Definition,
  editDefinition,
  effectiveText,
  formatBytes,
  formatDuration,
  jsonSchema,
  keyInfo,
  keySteps,
  type Link,
  type Loaded,
  loadDefinition,
  parseAssignments,
  parseBytes,
  parseDefinition,
  parseDuration,
  referencePage,
  renderProblems,
  requireValid,
  serverName,
  signalNumber,
} from '../../src/definition/index.ts'

/** A definition that has no checks of health. */
const NO_HEALTH = {
  exec: null,
  tcp: null,
  http: null,
  interval: 10_000,
  timeout: 5000,
  retries: 3,
  grace: 30_000,
  action: 'none',
} as const

const good = fileURLToPath(new URL('definitions/good/', import.meta.url))

const NO_RATES = {bps: null, iops: null}
const NO_LIMITS = {
  cpu: {cores: null, cpus: null, dedicated: null, limit: null, burst: null, weight: null},
  memory: {limit: null, high: null, guarantee: null, reserve: null, swap: null, oomGroup: false},
  pids: null,
  io: {weight: null, latency: null, read: NO_RATES, write: NO_RATES, devices: []},
  hugepages: {},
  rdma: {},
  misc: {},
} satisfies Definition['resources']

const NO_NETWORK = {
  mode: 'none',
  links: [],
  publish: [],
  firewall: {in: 'allow', out: 'allow', rules: []},
  connections: 16_384,
  dns: [],
} satisfies Definition['network']

const LINK = {
  name: 'eth0',
  mode: 'routed',
  addresses: ['auto'],
  bridge: null,
  vlan: null,
  parent: null,
  gateway: [],
  mac: 'auto',
  mtu: 'auto',
  rate: {in: null, out: null, burst: null, packets: null},
} satisfies Link

/** What good/every-key.yaml says about the network. */
const EVERY_NETWORK = {
  mode: 'links',
  links: [
    {
      ...LINK,
      addresses: ['auto4', '203.0.113.7', '2001:db8:7::/64', 'pool:public'],
      mac: '02:00:00:12:34:ab',
      mtu: 1400,
      rate: {in: 100_000_000, out: 1_500_000_000, burst: 262_144, packets: 20_000},
    },
    {
      ...LINK,
      name: 'eth1',
      mode: 'bridge',
      addresses: ['192.0.2.10/24'],
      bridge: 'br0',
      vlan: 20,
      gateway: ['192.0.2.1', 'fe80::1'],
    },
  ],
  publish: [
    {address: null, hostPort: 8080, guestPort: 80, count: 1, protocol: 'tcp'},
    {address: null, hostPort: 53, guestPort: 53, count: 1, protocol: 'udp'},
    {address: '127.0.0.1', hostPort: 5000, guestPort: 5000, count: 1, protocol: 'tcp'},
    {address: '2001:db8::1', hostPort: 443, guestPort: 8443, count: 1, protocol: 'tcp'},
    {address: null, hostPort: 20_000, guestPort: 30_000, count: 101, protocol: 'udp'},
  ],
  firewall: {
    in: 'deny',
    out: 'allow',
    rules: [
      {action: 'allow', direction: 'in', protocol: 'tcp', ports: '22', from: ['198.51.100.0/24'], to: []},
      {
        action: 'allow',
        direction: 'in',
        protocol: 'udp',
        ports: '53,2000-3001',
        from: ['tag:web', 'server:db1', '192.0.2.1'],
        to: [],
      },
      {action: 'deny', direction: 'out', protocol: 'any', ports: null, from: [], to: ['10.0.0.0/8']},
      {action: 'deny', direction: 'in', protocol: 'icmp', ports: null, from: [], to: ['2001:db8:7::/64']},
    ],
  },
  connections: 20_000,
  dns: ['2001:db8::53'],
} satisfies Definition['network']

/** What good/every-key.yaml says about what is set up in the server. */
const EVERY_PROVISION = {
  users: [
    {
      name: 'admin',
      sudo: 'nopasswd',
      sshKeys: [
        'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKo8bVwbLDK096hBEh72upohOgIlxidx1hjrTDBz1Pjz anna@example.net',
      ],
      password: `\${file:/root/admin.hash}`,
      shell: '/bin/zsh',
      groups: ['adm'],
      uid: 2000,
      home: '/srv/admin',
      comment: 'Anna Miller',
    },
    {
      name: 'root',
      sudo: 'true',
      sshKeys: [],
      password: 'generate',
      shell: null,
      groups: [],
      uid: null,
      home: null,
      comment: '',
    },
  ],
  groups: ['deploy'],
  files: [
    {path: '/etc/motd', content: 'Hello\n', source: null, mode: '0644', owner: 'root', group: ''},
    {
      path: '/etc/app/token',
      content: null,
      source: '/srv/token',
      mode: '0600',
      owner: '33',
      group: 'www-data',
    },
  ],
  packages: ['nginx'],
  run: [`echo \${env:TOKEN} > /root/token`, ['touch', '/etc/done']],
  timezone: 'Europe/Berlin',
  locale: 'de_DE.UTF-8',
} satisfies Definition['provision']

const NO_PROVISION = {
  users: [],
  groups: [],
  files: [],
  packages: [],
  run: [],
  timezone: null,
  locale: null,
} satisfies Definition['provision']

const MIB = 1024 ** 2

/** What good/every-key.yaml says about limits. */
const EVERY_LIMIT = {
  profiles: [],
  resources: {
    cpu: {cores: 4, cpus: null, dedicated: null, limit: 1.5, burst: 0.5, weight: 'idle'},
    memory: {
      limit: 1024 * MIB,
      high: 900 * MIB,
      guarantee: 256 * MIB,
      reserve: 512 * MIB,
      swap: 'none',
      oomGroup: true,
    },
    pids: 500,
    io: {
      weight: 200,
      latency: 10,
      read: {bps: 100 * MIB, iops: null},
      write: {bps: 50 * MIB, iops: 2000},
      devices: [{device: '/dev/sdb', read: NO_RATES, write: {bps: 1_000_000, iops: null}}],
    },
    hugepages: {'2MiB': 512 * MIB},
    rdma: {mlx5_0: {handles: 2, objects: null}},
    misc: {sev: 10},
  },
  limits: {
    nofile: {soft: '1024', hard: '65536'},
    memlock: {soft: `${64 * MIB}`, hard: `${64 * MIB}`},
    core: {soft: '0', hard: 'infinity'},
    cpu: {soft: '600', hard: '3600'},
    rttime: {soft: '200000', hard: '200000'},
    nproc: {soft: 'infinity', hard: 'infinity'},
  },
  sysctl: {
    'net.ipv4.ip_forward': '1',
    'net/ipv4/tcp_rmem': '4096 87380 6291456',
    'kernel.shmmax': '68719476736',
  },
  enforce: 'best-effort',
} satisfies Partial<Definition>

/** With every key there is a firewall, and beside it a link that it cannot guard: that is allowed, and said. */
const SAID = [
  'network.firewall does not guard link eth1: packets of links of mode bridge do not pass its rules',
] as const

const messages = ({problems}: Loaded) => problems.map(({grade, message}) => `${grade}: ${message}`)

describe('good definitions', () => {
  test.each(readdirSync(good).filter(name => name.endsWith('.yaml')))('%s has no problems', async name => {
    const loaded = await loadDefinition(join(good, name))
    const said = name === 'every-key.yaml' ? SAID : []
    expect(messages(loaded)).toEqual(said.map(text => `recommendation: ${text}`))
    expect(requireValid(loaded)).toBe(loaded.definition)
  })

  test('everything that can be written is read as it is meant', async () => {
    const {definition} = await loadDefinition(join(good, 'every-key.yaml'))
    expect(definition).toEqual({
      name: 'every-key',
      description: 'The shop of Miller Ltd.\nSecond line\twith a tab.\n',
      tags: ['shop', 'miller.ltd'],
      template: {name: 'debian', suite: 'bookworm', packages: ['nginx', 'php-fpm'], mirror: null},
      hostname: 'Shop.Example.NET',
      init: ['nginx', '-g', 'daemon off;', '60', 'true'],
      env: {
        LANG: 'C.UTF-8',
        PORT: '8080',
        VERSION: '1.10',
        HEX: '0x1F',
        DEBUG: 'no',
        VERBOSE: 'true',
        EMPTY: '',
      },
      mounts: [
        {
          source: '/srv/shop',
          target: '/srv/www',
          readonly: true,
          optional: true,
          options: ['nosuid', 'nodev', 'noexec', 'noatime', 'recursive'],
        },
        {source: '/srv/upload', target: '/srv/www/upload', readonly: false, optional: false, options: []},
      ],
      security: {
        capabilities: {add: ['sys_nice'], drop: ['net_raw', 'mknod']},
        allow: ['nesting', 'fuse', 'tun', 'bpf', 'perf', 'userfaultfd', 'keyctl'],
      },
      restart: {policy: 'always', max: 10, window: 5_400_000, delay: 2000, maxDelay: 60_000},
      health: {
        ...NO_HEALTH,
        exec: ['pg_isready', '-q'],
        interval: 15_000,
        timeout: 2000,
        retries: 5,
        grace: 60_000,
        action: 'restart',
      },
      after: ['db1', 'cache1'],
      autostart: {enabled: true, delay: 5000},
      hooks: {
        preStart: ['/usr/local/sbin/volume', 'up', '1'],
        postStart: ['/usr/bin/note'],
        preStop: ['/usr/bin/note', 'going down'],
        postStop: ['/usr/local/sbin/volume', 'down'],
        onFailure: ['/usr/local/sbin/page'],
        timeout: 10_000,
      },
      stop: {signal: 'SIGRTMIN+3', timeout: 90_000},
      console: {size: 1_572_864, files: 8},
      project: 'miller',
      network: EVERY_NETWORK,
      provision: EVERY_PROVISION,
      ...EVERY_LIMIT,
    } satisfies Definition)
  })

  test('what is left out has its default', async () => {
    const {definition} = await loadDefinition(join(good, 'nothing-written.yaml'))
    expect(definition).toEqual({
      name: 'nothing-written',
      description: '',
      tags: [],
      template: {name: 'host'},
      hostname: 'nothing-written',
      init: 'auto',
      env: {},
      mounts: [],
      security: {capabilities: {add: [], drop: []}, allow: []},
      restart: {policy: 'no', max: 5, window: 600_000, delay: 100, maxDelay: 10_000},
      health: NO_HEALTH,
      after: [],
      autostart: {enabled: false, delay: 0},
      hooks: {preStart: [], postStart: [], preStop: [], postStop: [], onFailure: [], timeout: 30_000},
      stop: {signal: 'auto', timeout: 30_000},
      console: {size: 1_048_576, files: 4},
      project: 'default',
      network: {...NO_NETWORK, mode: 'links', links: [LINK]},
      provision: NO_PROVISION,
      profiles: [],
      resources: NO_LIMITS,
      limits: {},
      sysctl: {},
      enforce: 'strict',
    } satisfies Definition)
  })

  test('defaults are never shared between definitions', () => {
    const one = parseDefinition('name: a\n', {file: 'a.yaml'}).definition
    one.tags.push('x')
    one.env.X = 'y'
    one.template.suite = 'z'
    const two = parseDefinition('name: b\n', {file: 'b.yaml'}).definition
    expect([two.tags, two.env, two.template]).toEqual([[], {}, {name: 'host'}])
  })
})

describe('the name', () => {
  test.each(['a', '0', 'web1', 'a-b', 'a'.repeat(63), 'web-'])('%s is one', name => {
    expect(serverName(name)).toBe(name)
  })

  test.each([
    '',
    '-a',
    'A',
    'a_b',
    'a.b',
    '../x',
    'a/b',
    '/a',
    '.',
    '..',
    'a'.repeat(64),
    'a\n',
    'a b',
    'ä',
    '--all',
    'a\0',
  ])('%j is none', name => {
    expect(() => serverName(name)).toThrow(expect.objectContaining({code: 'BAD_NAME', exitCode: 2}))
  })

  test('comes from the file, unless the caller says it', () => {
    expect(parseDefinition('template: host', {file: '/x/web7.yaml'}).definition.name).toBe('web7')
    expect(parseDefinition('template: host', {file: '/x/web7.yaml', name: 'web8'}).definition.name).toBe(
      'web8',
    )
    const {problems} = parseDefinition('name: web7', {file: '/x/web7.yaml', name: 'web8'})
    expect(problems.map(({message}) => message)).toEqual(['name must be web8, not "web7"'])
  })

  test('is anything where the file has no name of its own', () => {
    expect(parseDefinition('name: web7', {file: '<stdin>'}).problems).toEqual([])
    expect(parseDefinition('tags: []', {file: '<stdin>'}).problems.map(({message}) => message)).toEqual([
      'name is missing',
    ])
  })
})

describe('where things stand', () => {
  const text =
    'name: web1\nmounts:\n  - {source: /a, target: /b}\n  - source: /c\n    target: /d\nstop: {timeout: 5s}\n'
  const loaded = parseDefinition(text, {file: 'web1.yaml'})

  test.each([
    [['mounts', 1, 'source'], 4, 5, 'mounts[1].source'],
    [['mounts', 0, 'target'], 3, 18, 'mounts[0].target'],
    [['mounts', 1], 4, 5, 'mounts[1]'],
    [['stop', 'timeout'], 6, 8, 'stop.timeout'],
    [['stop', 'signal'], 6, 1, 'stop.signal'],
    [['mounts', 1, 'readonly'], 4, 5, 'mounts[1].readonly'],
    [['network'], 1, 1, 'network'],
    [['env', 'a b'], 1, 1, 'env["a b"]'],
  ] as const)('%j is in line %i, column %i', (path, line, column, key) => {
    expect(loaded.origin(path)).toEqual({file: 'web1.yaml', line, column, key})
  })

  test('columns count characters, and the caret stands below wide ones', () => {
    const wide = '{description: "漢字 😀", nme: x}\n'
    const {problems} = parseDefinition(wide, {file: 'web1.yaml'})
    expect(renderProblems(problems, wide)).toBe(
      [
        'web1.yaml:1:23: error: unknown key nme',
        '    1 | {description: "漢字 😀", nme: x}',
        `      | ${' '.repeat(25)}^^^`,
        '      = did you mean name?',
      ].join('\n'),
    )
  })

  test('a long line is cut around the place', () => {
    const long = `{env: {A: "${'x'.repeat(300)}"}, nme: x}\n`
    const {problems} = parseDefinition(long, {file: 'web1.yaml'})
    const [, line = '', caret = ''] = renderProblems(problems, long).split('\n')
    expect(line.length).toBeLessThan(140)
    expect(line.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1)).toBe('nme')
  })
})

describe('hostile input', () => {
  const messages = (text: string) =>
    parseDefinition(text, {file: 'web1.yaml'}).problems.map(({message}) => message)

  test('control characters are refused and never printed', () => {
    const text = 'description: "a\u001b[2Jb"\n'
    const {problems} = parseDefinition(text, {file: 'web1.yaml'})
    expect(problems.map(({message}) => message)).toEqual(['the file holds the control character U+001B'])
    expect(renderProblems(problems, text)).not.toContain('\u001b')
    expect(messages('name: web1\0\n')).toEqual(['the file holds the control character U+0000'])
    expect(messages('name: web1\rtags: []\n')).toEqual(['the file holds the control character U+000D'])
  })

  test('what is not known is shown without its control characters', () => {
    const text = '"\\u001b]0;x\\u0007": "\\u202e"\ntags: ["\\u009b2J"]\n'
    const {problems} = parseDefinition(text, {file: 'web1.yaml'})
    expect(problems.length).toBe(2)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the test
    expect(renderProblems(problems, text)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
  })

  test('too large, too deep, too many', () => {
    expect(messages(`description: "${'x'.repeat(256 * 1024)}"`)).toEqual([
      'the file is larger than 256KiB, which no definition needs',
    ])
    expect(messages(`template: {name: a, x: ${'['.repeat(500)}${']'.repeat(500)}}`)).toEqual([
      'the file is nested deeper than 64 levels',
    ])
    expect(messages(`name: ${'['.repeat(100_000)}`).length).toBe(1)
    expect(messages(`tags: [${'a,'.repeat(1001)}]`)).toEqual(['tags must have at most 1000 items, not 1001'])
    expect(messages(`tags: [${'a,'.repeat(1000)}]`).length).toBe(100)
    expect(messages(`env: {${Array.from({length: 5000}, (_, i) => `${i}: x`).join(', ')}}`).length).toBe(100)
  })

  test('names of JavaScript are names like others', () => {
    expect(messages('__proto__: {a: 1}')[0]).toBe('unknown key __proto__')
    expect(messages('constructor: x')[0]).toBe('unknown key constructor')
    const {definition, problems} = parseDefinition('env: {__proto__: x, constructor: y}\n', {
      file: 'web1.yaml',
    })
    expect(problems).toEqual([])
    expect(Object.entries(definition.env)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ])
    const open = parseDefinition('template: {name: a, __proto__: {polluted: 1}}\n', {file: 'web1.yaml'})
      .definition.template
    expect(open.polluted).toBeUndefined()
    expect(Object.keys(open)).toEqual(['name', '__proto__'])
  })

  test('reserved directories can be told', () => {
    const text = 'mounts: [{source: /tmp/x/var/lib/vps/a, target: /a}]\n'
    expect(messages(text)).toEqual([])
    const {problems} = parseDefinition(text, {file: 'web1.yaml', reserved: ['/tmp/x/var/lib/vps']})
    expect(problems.map(({message}) => message)).toEqual([
      'mounts[0].source must not be in /tmp/x/var/lib/vps, which belongs to vps',
    ])
  })
})

describe('files', () => {
  let directory = ''
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'vps-definition-'))
  })
  afterAll(() => rmSync(directory, {recursive: true}))

  test('one that cannot be read is an error of its own', async () => {
    for (const file of [join(directory, 'missing.yaml'), directory]) {
      await expect(loadDefinition(file)).rejects.toMatchObject({code: 'UNREADABLE_DEFINITION', exitCode: 1})
    }
  })

  test('one that is not UTF-8 is a problem with its line', async () => {
    const file = join(directory, 'latin.yaml')
    writeFileSync(file, Buffer.from('name: latin\ndescription: B\xfcro\n', 'latin1'))
    const {problems} = await loadDefinition(file)
    expect(problems.map(({message, origin}) => [message, origin.line])).toEqual([
      ['this line is not UTF-8 text', 2],
    ])
  })

  test('a byte order mark is no matter', async () => {
    const file = join(directory, 'bom.yaml')
    writeFileSync(file, '\ufeffname: bom\nnme: x\n')
    const {problems} = await loadDefinition(file)
    expect(problems.map(({origin}) => [origin.line, origin.column])).toEqual([[2, 1]])
  })

  test('/dev/zero ends soon', async () => {
    const {problems} = await loadDefinition('/dev/zero')
    expect(problems.map(({message}) => message)).toEqual([
      'the file is larger than 256KiB, which no definition needs',
    ])
  })
})

describe('units', () => {
  test.each([
    ['0', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1h30m', 5_400_000],
    ['1d2h3m4s5ms', 93_784_005],
    ['', undefined],
    ['30', undefined],
    ['1m1h', undefined],
    ['1m1m', undefined],
    ['1.5h', undefined],
    ['-1s', undefined],
    [' 1s', undefined],
    ['1s\n', undefined],
    ['99999999999999999999d', undefined],
  ] as const)('the span %j', (text, expected) => {
    expect(parseDuration(text)).toBe(expected)
  })

  test.each([
    ['0', 0],
    ['4096', 4096],
    ['1B', 1],
    ['1kB', 1000],
    ['1KiB', 1024],
    ['512MiB', 536_870_912],
    ['1.5GiB', 1_610_612_736],
    ['2TB', 2_000_000_000_000],
    ['1k', undefined],
    ['1M', undefined],
    ['1KB', undefined],
    ['1mib', undefined],
    ['0.5B', undefined],
    ['1 MiB', undefined],
    ['-1', undefined],
    ['99999999TiB', undefined],
  ] as const)('the amount %j', (text, expected) => {
    expect(parseBytes(text)).toBe(expected)
  })

  test('are printed so that they read back the same', () => {
    for (let value = 1; value < 2 ** 40; value = Math.ceil(value * 1.37)) {
      expect(parseDuration(formatDuration(value))).toBe(value)
      expect(parseBytes(formatBytes(value * 1024))).toBe(value * 1024)
      expect(parseBytes(formatBytes(value * 1000))).toBe(value * 1000)
    }
  })

  test('are printed as an admin writes them', () => {
    expect([0, 90_000, 86_400_000, 1500].map(formatDuration)).toEqual(['0s', '1m30s', '1d', '1s500ms'])
    expect([0, 512, 1_048_576, 500_000, 123_456_789].map(formatBytes)).toEqual([
      '0B',
      '512B',
      '1MiB',
      '500kB',
      '117.7MiB',
    ])
  })
})

describe('the tables', () => {
  test('capabilities have the numbers of the kernel', () => {
    const numbers = {
      chown: 0,
      net_admin: 12,
      net_raw: 13,
      sys_admin: 21,
      setfcap: 31,
      bpf: 39,
      checkpoint_restore: 40,
    }
    for (const [name, number] of Object.entries(numbers)) expect(capabilityNumber(name)).toBe(number)
    expect(CAPABILITIES.length).toBe(41)
    expect(capabilityNumber('nonsense')).toBeUndefined()
  })

  test('signals have the numbers of the kernel', () => {
    const numbers = {SIGTERM: 15, TERM: 15, SIGPWR: 30, SIGUSR2: 12, 'SIGRTMIN+3': 37, 'RTMAX-1': 63}
    for (const [name, number] of Object.entries(numbers)) expect(signalNumber(name)).toBe(number)
    for (const name of ['', 'SIG', 'term', 'SIGRTMIN+99', 'SIGRTMIN-1', '15'])
      expect(signalNumber(name)).toBeUndefined()
  })

  test('keys know when a change takes effect', () => {
    expect(keyInfo(['tags'])?.change).toBe('live')
    expect(keyInfo(['mounts', 0, 'source'])?.change).toBe('restart')
    expect(keyInfo(['env', 'LANG'])?.change).toBe('restart')
    expect(keyInfo(['template', 'suite'])?.change).toBe('restart')
    expect(keyInfo(['stop', 'timeout'])?.change).toBe('live')
    expect(keyInfo(['nonsense'])).toBeUndefined()
    expect(keyInfo(['stop', 'nonsense'])).toBeUndefined()
  })

  test('changed keys are told apart', () => {
    const read = (text: string) => parseDefinition(text, {file: 'web1.yaml'}).definition
    const before = read(
      'tags: [a]\nstop: {timeout: 5s, signal: SIGTERM}\nmounts: [{source: /a, target: /b}]\n',
    )
    const after = read(
      'tags: [b]\nstop: {timeout: 6s, signal: SIGTERM}\nenv: {A: b}\ntemplate: {name: host, x: 1}\n',
    )
    expect(changedKeys(before, after)).toEqual({
      live: ['tags', 'stop.timeout'],
      restart: ['template', 'env', 'mounts'],
    })
    expect(changedKeys(before, before)).toEqual({live: [], restart: []})
  })
})

describe('a network', () => {
  const network = (yaml: string) =>
    parseDefinition(`network: ${yaml}\n`, {file: 'web1.yaml'}).definition.network
  const changes = (before: string, after: string) => {
    const [one, two] = [before, after].map(
      yaml => parseDefinition(`network: ${yaml}\n`, {file: 'web1.yaml'}).definition,
    )
    return one && two ? changedKeys(one, two) : undefined
  }

  test('of links has one routed link unless others are written', () => {
    expect(network('links')).toEqual({...NO_NETWORK, mode: 'links', links: [LINK]})
    expect(network('{mode: links, publish: 80:80}').links).toEqual([LINK])
    expect(network('{mode: links, links: [{}, {}, {mode: macvlan, parent: eth5}]}').links).toEqual([
      LINK,
      {...LINK, name: 'eth1'},
      {...LINK, name: 'eth2', mode: 'macvlan', parent: 'eth5', addresses: []},
    ])
    expect(network('host')).toEqual({...NO_NETWORK, mode: 'host'})
  })

  test('changes link by link, live where only live keys differ', () => {
    expect(
      changes(
        '{mode: links, links: [{}, {rate: {in: 1mbit}}]}',
        '{mode: links, links: [{addresses: [auto, 192.0.2.1]}, {rate: {in: 2mbit}, mtu: 1400}]}',
      ),
    ).toEqual({
      live: ['network.links[0].addresses', 'network.links[1].rate.in'],
      restart: ['network.links[1].mtu'],
    })
    expect(changes('{mode: links, links: [{}]}', '{mode: links, links: [{}, {}]}')).toEqual({
      live: [],
      restart: ['network.links'],
    })
    expect(
      changes('{mode: links, links: [{}, {}]}', '{mode: links, links: [{name: eth1}, {name: eth0}]}'),
    ).toEqual({
      live: [],
      restart: ['network.links'],
    })
    expect(
      changes(
        '{mode: links}',
        '{mode: links, publish: 80:80, connections: 100, firewall: {in: deny, rules: [{allow: any}]}}',
      ),
    ).toEqual({
      live: ['network.publish', 'network.firewall.in', 'network.firewall.rules', 'network.connections'],
      restart: [],
    })
    expect(changes('none', 'links')?.restart).toContain('network.mode')
  })

  test('keys are taken apart', () => {
    expect(keySteps('network.links[0].rate.in')).toEqual(['network', 'links', '0', 'rate', 'in'])
    expect(keySteps('stop.timeout')).toEqual(['stop', 'timeout'])
  })

  test('is written out so that it reads back the same', async () => {
    const loaded = await loadDefinition(join(good, 'every-key.yaml'))
    const text = effectiveText(loaded)
    expect(text).toMatch(/\{allow: "udp\/53,2000-3001", from: \[/)
    expect(text).toContain('53:53/udp')
    expect(text).toContain('in: 100mbit')
    const again = parseDefinition(text, {file: 'every-key.yaml'})
    expect(messages(again)).toEqual(SAID.map(text => `recommendation: ${text}`))
    expect(again.definition).toEqual(loaded.definition)
  })

  test('is set from the command line as it is written there', () => {
    const set = (...words: string[]) =>
      parseDefinition(editDefinition('network: links\n', parseAssignments(words)).text, {file: 'web1.yaml'})
    const {definition, problems, text} = set(
      'network.publish+=[2001:db8::1]:443:443',
      'network.links+={addresses: [auto]}',
      'network.links[0].rate.in=50mbit',
      'network.firewall.rules+={allow: tcp/22, from: 192.0.2.1}',
    )
    expect(renderProblems(problems, text)).toBe('')
    expect(definition.network.publish).toMatchObject([{address: '2001:db8::1', hostPort: 443}])
    expect(definition.network.links).toEqual([{...LINK, rate: {...LINK.rate, in: 50_000_000}}])
    expect(definition.network.firewall.rules).toMatchObject([
      {action: 'allow', ports: '22', from: ['192.0.2.1']},
    ])
  })
})

/** What an example of one key needs beside it. */
const COMPANIONS: Readonly<Record<string, readonly string[]>> = {
  'cpu.burst': ['limit: 1'],
  'rate.burst': ['in: 100mbit'],
  'devices[]': ['device: /dev/sdb'],
  'mounts[]': ['source: /srv/a', 'target: /srv/b'],
  'network.mode': [],
  network: ['mode: links'],
  'links[].mode': ['bridge: br0'],
  'links[].bridge': ['mode: bridge'],
  'links[].vlan': ['mode: bridge', 'bridge: br0'],
  'links[].parent': ['mode: macvlan'],
  'links[].gateway': ['mode: macvlan', 'parent: eth0', 'addresses: [192.0.2.10/24, "2001:db8::10/64"]'],
  'rules[].direction': ['allow: any'],
  'rules[].from': ['allow: tcp/22'],
  'rules[].to': ['deny: any'],
  'users[]': ['name: admin'],
  'files[]': ['path: /etc/motd', 'content: x'],
  'files[].source': ['path: /etc/motd'],
}

describe('documentation', () => {
  test('is as generated', () => {
    const script = fileURLToPath(new URL('../../scripts/generate-definition-docs.ts', import.meta.url))
    execFileSync(process.execPath, [script, '--check'])
  })

  test('every example of the reference page is valid', () => {
    const chapters = referencePage().split(/^##+ /m)
    const examples = chapters.flatMap(chapter => {
      const path = chapter.split('\n')[0] ?? ''
      const example = /```yaml\n([\s\S]*?)\n```/.exec(chapter)?.[1]
      return example && /^[A-Za-z.[\]]+$/.test(path) ? [{path, example}] : []
    })
    expect(examples.length).toBeGreaterThan(55)
    for (const {path, example} of examples) {
      const yaml = path
        .split('.')
        .slice(0, -1)
        .reduceRight((inner, step) => {
          const needed = (COMPANIONS[`${step}.${inner.split(':')[0]}`] ?? COMPANIONS[step] ?? []).filter(
            line => !inner.startsWith(line.slice(0, line.indexOf(':') + 1)),
          )
          const mapping = `{${[inner, ...needed].join(', ')}}`
          return step.endsWith('[]') ? `${step.slice(0, -2)}: [${mapping}]` : `${step}: ${mapping}`
        }, example)
      const profiles = (name: string) => ({file: `${name}.yaml`, text: ''})
      const {problems} = parseDefinition(yaml, {file: 'web1.yaml', profiles})
      const errors = problems.filter(({grade}) => grade === 'error')
      expect(renderProblems(errors, yaml)).toBe('')
    }
  })

  test('the JSON Schema refuses unknown keys at every level and documents every key', () => {
    const visit = (schema: Record<string, unknown>): number => {
      const properties = schema.properties as Record<string, Record<string, unknown>> | undefined
      let keys = 0
      if (properties)
        expect(schema.additionalProperties).toBe('name' in properties && Object.keys(properties).length === 1)
      for (const property of Object.values(properties ?? {})) {
        expect(property.description).toMatch(/\.$/)
        keys += 1 + visit(property)
      }
      for (const inner of (schema.anyOf ?? []) as Record<string, unknown>[]) keys += visit(inner)
      return schema.items ? keys + visit(schema.items as Record<string, unknown>) : keys
    }
    expect(visit(jsonSchema() as Record<string, unknown>)).toBeGreaterThan(30)
  })
})
