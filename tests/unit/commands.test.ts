/* The CLI as it is built: every test runs bin/vps as a process. Nothing here needs root or a running server. */
import {spawn, spawnSync} from 'node:child_process'
import {copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {commandGroups, exampleParts, type Manifest, readManifest, spokenName} from '../../src/ui/index.ts'

const root = join(import.meta.dirname, '../..')
const vps = join(root, 'bin', 'vps')
const manifest: Manifest = readManifest(root)
let scratch: string

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'vps-commands-'))
})
afterAll(() => rmSync(scratch, {recursive: true, force: true}))

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function run(
  argv: readonly string[],
  options: {input?: string; env?: NodeJS.ProcessEnv; program?: string} = {},
): Ran {
  const {status, stdout, stderr} = spawnSync(options.program ?? vps, argv, {
    input: options.input ?? '',
    encoding: 'utf8',
    env: {...process.env, VPS_ROOT: join(scratch, 'root'), ...options.env},
  })
  return {code: status, out: stdout, err: stderr}
}

/** What `--json` printed. */
function json(argv: readonly string[]): unknown {
  return JSON.parse(run([...argv, '--json']).out)
}

describe('the program', () => {
  const {version} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {version: string}

  test('says its version', () => {
    expect(run(['version'])).toEqual({code: 0, out: `${version}\n`, err: ''})
    expect(run(['--version'])).toEqual({code: 0, out: `${version}\n`, err: ''})
  })

  test('runs through a symbolic link, as it is installed', () => {
    const link = join(scratch, 'vps-link')
    symlinkSync(vps, link)
    expect(run(['version'], {program: link}).out).toBe(`${version}\n`)
  })

  test('is not steered by NODE_ variables of the caller', () => {
    const preload = join(scratch, 'preload.cjs')
    writeFileSync(preload, 'process.stdout.write("preloaded\\n")')
    const env = {
      NODE_OPTIONS: `--require=${preload}`,
      NODE_PATH: scratch,
      NODE_DEBUG: 'fs',
      NODE_V8_COVERAGE: scratch,
    }
    expect(run(['version'], {env})).toEqual({code: 0, out: `${version}\n`, err: ''})
  })

  test('takes no plugin or theme from a home directory', () => {
    const data = join(scratch, 'home', '.local', 'share', 'vps')
    mkdirSync(data, {recursive: true})
    writeFileSync(
      join(data, 'package.json'),
      JSON.stringify({oclif: {plugins: [{name: 'evil', type: 'link', root: scratch}]}}),
    )
    const env = {HOME: join(scratch, 'home'), XDG_DATA_HOME: join(scratch, 'home', '.local', 'share')}
    expect(run(['help'], {env}).err).toBe('')
  })

  test('ends quietly when nobody reads on', async () => {
    const child = spawn('/bin/sh', ['-c', `"${vps}" help | head -n 1; exit \${PIPESTATUS:-0}`])
    let err = ''
    child.stderr.on('data', chunk => {
      err += String(chunk)
    })
    await new Promise(resolve => child.once('close', resolve))
    expect(err).toBe('')
  })

  test('a full disk below standard output is a failure, below standard error it changes nothing', () => {
    const shell = (line: string): Ran => run(['-c', line, 'sh', vps], {program: '/bin/sh'})
    expect(shell('"$1" help > /dev/full')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no space left'),
    })
    expect(shell('"$1" nonsense 2> /dev/full').code).toBe(2)
  })

  test('finds its Node and itself below PREFIX', () => {
    const library = join(scratch, 'prefix', 'lib', 'vps')
    for (const directory of ['bin', 'dist', 'node/bin'])
      mkdirSync(join(library, directory), {recursive: true})
    mkdirSync(join(scratch, 'prefix', 'bin'))
    copyFileSync(vps, join(library, 'bin', 'vps'))
    symlinkSync(process.execPath, join(library, 'node', 'bin', 'node'))
    writeFileSync(join(library, 'dist', 'main.js'), 'console.log(process.argv0, ...process.argv.slice(2))')
    const command = join(scratch, 'prefix', 'bin', 'vps')
    expect(spawnSync(join(library, 'bin', 'vps'), ['a b'], {encoding: 'utf8'}).stdout).toMatch(
      /node\/bin\/node a b\n$/,
    )
    symlinkSync('../lib/vps/bin/vps', command)
    expect(run(['a b', 'c'], {program: command}).out).toMatch(/node\/bin\/node a b c\n$/)
    rmSync(join(library, 'node'), {recursive: true})
    expect(run([], {program: command})).toMatchObject({
      code: 125,
      err: expect.stringContaining('no Node below'),
    })
  })

  test('colours nothing that is no terminal', () => {
    for (const argv of [['help'], ['help', 'start'], ['list'], ['nonsense']]) {
      const {out, err} = run(argv)
      expect(out + err).not.toContain('\u001b')
    }
  })
})

describe('help', () => {
  const commands = Object.values(manifest.commands)

  test('lists every command once', () => {
    const grouped = commandGroups.flatMap(group => group.commands)
    expect(grouped.toSorted()).toEqual(Object.keys(manifest.commands).toSorted())
    const {out} = run(['help'])
    for (const command of commands) expect(out).toContain(`  ${spokenName(command.id)} `)
  })

  test('is the same by vps, --help and help', () => {
    const page = run(['help']).out
    expect(run([]).out).toBe(page)
    expect(run(['--help']).out).toBe(page)
    expect(run(['start', '--help']).out).toBe(run(['help', 'start']).out)
    expect(run(['image']).out).toBe(run(['help', 'image']).out)
  })

  test.each(commands.map(command => [spokenName(command.id), command] as const))('of %s', (name, command) => {
    expect(command.summary).toMatch(/^[A-Z].*\.$/)
    expect(command.description?.length).toBeGreaterThan(40)
    expect(command.examples?.length).toBeGreaterThan(0)
    const {code, out} = run(['help', ...name.split(' ')])
    expect(code).toBe(0)
    expect(out).toContain(command.summary)
    expect(out).toContain('Examples')
    for (const flag of Object.keys(command.flags)) expect(out).toContain(`--${flag}`)
  })

  test.each(commands.map(command => [spokenName(command.id), command] as const))(
    'examples of %s use flags that exist',
    (_, command) => {
      for (const {command: line} of (command.examples ?? []).map(exampleParts)) {
        const ours = /\bvps (.*?)(?: -- |[|>)]|$)/.exec(line)?.[1] ?? ''
        expect(ours.startsWith(spokenName(command.id)), line).toBe(true)
        for (const [, flag] of ours.matchAll(/ --([a-z-]+)/g))
          expect(Object.keys(command.flags), line).toContain(flag)
        for (const [, char] of ours.matchAll(/ -([a-z])\b/g)) {
          expect(
            Object.values(command.flags).map(flag => flag.char),
            line,
          ).toContain(char)
        }
      }
    },
  )

  test('belongs to the other program after exec NAME', () => {
    const {code, err} = run(['exec', 'web1', 'ls', '--help'])
    expect(code).toBe(125)
    expect(err).toContain('there is no server web1')
    expect(run(['exec', '--help']).code).toBe(0)
    expect(run(['exec', 'web1', '--help']).code).toBe(0)
    expect(run(['exec', 'web1', '--', '--help']).code).toBe(125)
  })

  test('knows the exit codes', () => {
    expect(run(['help', 'exit-codes']).out).toContain('no such server')
  })
})

describe('wrong use', () => {
  test.each([
    [['strat'], 'vps: there is no command "strat"\n  try vps start\n'],
    [['image', 'lst'], 'vps: there is no command "image lst"\n  try vps image list\n'],
    [['help', 'strat'], 'vps: there is no command "strat"\n  try vps start\n'],
    [['qqqqqq'], 'vps: there is no command "qqqqqq"\n  try vps help\n'],
    [['list', '--foo'], 'vps: there is no flag --foo\n  try vps help list\n'],
    [['create'], 'vps: missing: NAME\n  try vps help create\n'],
    [['rename', 'a'], 'vps: missing: NEW\n  try vps help rename\n'],
    [['create', 'a', 'b'], 'vps: there is no use for b\n  try vps help create\n'],
    [['version', '--json=1', 'x'], 'vps: there is no use for 1, x\n  try vps help version\n'],
    [['completion', 'fish'], 'vps: expected fish to be one of: bash, zsh\n  try vps help completion\n'],
    [['logs', 'a', '-n', 'x'], 'vps: --lines is a whole number, not "x"\n'],
    [
      ['stop', 'a', '--timeout', '30'],
      'vps: --timeout is a time span, not "30"\n  try write it with its unit: 500ms, 30s, 10m\n',
    ],
    [['stop'], 'vps: no server is named\n  try vps stop NAME…, vps stop --all, or vps stop --tag T\n'],
    [
      ['stop', 'a', '--all'],
      'vps: names and --all exclude each other\n  try vps stop NAME…, vps stop --all, or vps stop --tag T\n',
    ],
    [['set', 'a'], 'vps: there is nothing to set\n  try vps set a key=value\n'],
    [['set', '--tag', 'x'], 'vps: there is nothing to set\n  try vps set NAME key=value\n'],
    [
      ['set', 'a', 'hostname'],
      'vps: "hostname" is no assignment\n  try write key=value, list+=item, or key- to unset\n',
    ],
    [
      ['image', 'remove'],
      'vps: no image is named\n  try vps image remove IMAGE…, or vps image remove --unused\n',
    ],
  ])('%j', (argv, message) => {
    expect(run(argv)).toEqual({code: 2, out: '', err: message})
  })

  test.each([[['exec']], [['exec', 'a']], [['run']], [['enter']], [['exec', 'a', '--env', 'x', '--', 'id']]])(
    '%j is a failure of vps itself: 125',
    argv => {
      expect(run(argv)).toMatchObject({code: 125, out: ''})
    },
  )

  test('with --json is an object with an error', () => {
    const {code, out, err} = run(['list', '--foo', '--json'])
    expect(code).toBe(2)
    expect(err).toBe('')
    expect(JSON.parse(out)).toMatchObject({
      error: {code: 'WRONG_USE', message: 'there is no flag --foo', exitCode: 2},
    })
  })

  test('the standard output of exec stays clean with --json', () => {
    const {code, out, err} = run(['exec', 'web1', '--json', '--', 'id', '--json'])
    expect({code, out}).toEqual({code: 125, out: ''})
    expect(JSON.parse(err)).toMatchObject({error: {code: 'NO_SUCH_SERVER', exitCode: 125}})
    expect(run(['exec', 'web1', '--', 'id', '--json']).err).toMatch(/^vps: /)
  })
})

describe('several servers', () => {
  test('each is tried, the exit code is that of the first failure', () => {
    const {code, out, err} = run(['stop', 'nosuch', 'Bad_Name', 'other'])
    expect({code, out}).toEqual({code: 3, out: ''})
    for (const name of ['nosuch', 'Bad_Name', 'other']) expect(err).toContain(name)
    expect(run(['stop', 'Bad_Name', 'nosuch']).code).toBe(2)
  })

  test('--json keeps the order of the command line, names once', () => {
    const {code, out} = run(['stop', 'b', 'a', 'b', '--json'])
    expect(code).toBe(3)
    expect(JSON.parse(out)).toMatchObject([
      {name: 'b', ok: false, error: {code: 'NO_SUCH_SERVER'}},
      {name: 'a', ok: false, error: {code: 'NO_SUCH_SERVER'}},
    ])
  })

  test('a tag that no server has is said, and nothing is done', () => {
    expect(run(['stop', '--tag', 'nope'])).toEqual({
      code: 0,
      out: '',
      err: 'vps: no server has the tag nope\n',
    })
  })

  test('destroy wants --yes without a terminal', () => {
    const {code, err} = run(['destroy', 'web1'])
    expect(code).toBe(2)
    expect(err).toContain('add --yes')
    expect(run(['destroy', 'web1', '--yes']).code).toBe(3)
  })
})

describe('validate', () => {
  const good = 'name: web1\ntemplate: host\n'
  const bad = 'name: web1\nhostnam: x\nstop: {timeout: soon}\n'
  const file = (name: string, text: string): string => {
    const path = join(scratch, name)
    writeFileSync(path, text)
    return path
  }

  test('a good file', () => {
    const path = file('web1.yaml', good)
    expect(run(['validate', path])).toEqual({code: 0, out: `${path}: valid\n`, err: ''})
  })

  test('all problems at once, with places and carets', () => {
    const path = file('web1.yaml', bad)
    const {code, out} = run(['validate', path])
    expect(code).toBe(2)
    expect(out).toContain(`${path}:2:1: error: `)
    expect(out).toContain('    2 | hostnam: x\n      | ^^^^^^^\n')
    expect(out).toContain(`${path}:3:`)
    expect(out).toContain(`${path}: invalid\n`)
  })

  test('several files, one missing', () => {
    const {code, out} = run(['validate', file('web1.yaml', good), join(scratch, 'missing.yaml')])
    expect(code).toBe(2)
    expect(out).toContain('web1.yaml: valid')
    expect(out).toContain(`cannot read ${join(scratch, 'missing.yaml')}`)
  })

  test('standard input', () => {
    expect(run(['validate', '-'], {input: good})).toMatchObject({code: 0, out: '-: valid\n'})
    expect(run(['validate', '-'], {input: bad}).code).toBe(2)
  })

  test('--strict counts warnings', () => {
    const suspicious =
      'name: web1\nmounts:\n  - {source: /srv/a, target: /srv/a}\n  - {source: /srv/a, target: /srv/b}\n'
    const problems = JSON.parse(run(['validate', '-', '--json'], {input: suspicious}).out) as [
      {problems: {grade: string}[]},
    ]
    const warned = problems[0].problems.some(({grade}) => grade === 'warning')
    expect(run(['validate', '-'], {input: suspicious}).code).toBe(0)
    expect(run(['validate', '-', '--strict'], {input: suspicious}).code).toBe(warned ? 2 : 0)
  })
})

test('schema prints a JSON Schema that knows the keys', () => {
  const schema = JSON.parse(run(['schema']).out) as {properties: object}
  expect(Object.keys(schema.properties)).toContain('hostname')
})

describe('the JSON page', () => {
  const page = readFileSync(join(root, 'docs', 'json.md'), 'utf8')
  const samples = new Map(
    [...page.matchAll(/^```json (.+)\n([\s\S]*?)^```$/gm)].map(([, name = '', text = '']) => [
      name,
      JSON.parse(text) as unknown,
    ]),
  )
  const keys = (value: unknown): string[] =>
    Object.keys((Array.isArray(value) ? value[0] : value) as object).toSorted()

  beforeAll(() => {
    const servers = join(scratch, 'root', 'etc', 'vps', 'servers')
    mkdirSync(servers, {recursive: true})
    writeFileSync(join(servers, 'web1.yaml'), 'name: web1\ntags: [a]\nprofiles: [small]\n')
    const profiles = join(scratch, 'root', 'etc', 'vps', 'profiles')
    mkdirSync(profiles, {recursive: true})
    writeFileSync(
      join(profiles, 'small.yaml'),
      '# One CPU, 1 GiB\nresources: {memory: {limit: 1GiB, swap: 0}}\n',
    )
  })
  afterAll(() => rmSync(join(scratch, 'root'), {recursive: true, force: true}))

  test.each([
    ['list'],
    ['usage'],
    ['traffic'],
    ['capacity'],
    ['network show'],
    ['network check'],
    ['version'],
    ['help'],
    ['doctor'],
    ['template list'],
    ['profile list'],
    ['profile show'],
  ])('%s has the keys that it documents', name => {
    const words = name === 'profile show' ? [name, 'small'].join(' ') : name
    expect(keys(json(words.split(' ')))).toEqual(keys(samples.get(name)))
  })

  test('plan, its summary and its servers', () => {
    const file = join(scratch, 'fleet.yaml')
    writeFileSync(file, 'fleet: acme\nservers:\n  - {name: alice, template: host}\n')
    const plan = json(['plan', '-f', file]) as {summary: object; servers: object}
    const sample = samples.get('plan') as typeof plan
    expect(keys(plan)).toEqual(keys(sample))
    expect(keys(plan.summary)).toEqual(keys(sample.summary))
    expect(keys(plan.servers)).toEqual(keys(sample.servers))
  })

  test('show has those of list and its own', () => {
    expect(keys(json(['show', 'web1']))).toEqual(
      [...keys(samples.get('list')), ...keys(samples.get('show'))].toSorted(),
    )
  })

  test('show --effective says what comes from where', () => {
    const sample = samples.get('show --effective') as {values: [object]}
    const shown = json(['show', 'web1', '--effective']) as {values: {key: string}[]}
    expect(keys(shown)).toEqual(keys(sample))
    const limit = shown.values.find(({key}) => key === 'resources.memory.limit')
    const file = join(scratch, 'root/etc/vps/profiles/small.yaml')
    expect(limit).toEqual({
      key: 'resources.memory.limit',
      value: '1GiB',
      origin: {file, line: 2, column: 22, key: 'resources.memory.limit'},
    })
    expect(keys(limit)).toEqual(keys(sample.values[0]))
  })

  test('validate', () => {
    const [checked] = JSON.parse(run(['validate', '-', '--json'], {input: 'hostnam: x\n'}).out) as [
      {problems: unknown},
    ]
    const [sample] = samples.get('validate') as [{problems: unknown}]
    expect(keys(checked)).toEqual(keys(sample))
    expect(keys(checked.problems)).toEqual(keys(sample.problems))
  })

  test('errors', () => {
    const sample = samples.get('error') as {error: object}
    const {error} = json(['show', 'web9']) as {error: object}
    expect(error).toEqual({...sample.error})
  })

  test('capacity has its rows, and split what it would write', () => {
    const {rows} = json(['capacity']) as {rows: unknown}
    expect(keys(rows)).toEqual(keys((samples.get('capacity') as {rows: unknown}).rows))
    expect(keys(json(['capacity', 'split', '1', '--print']))).toEqual(keys(samples.get('capacity split')))
  })

  test('set says what changed', () => {
    expect(keys(json(['set', 'web1', 'tags=[b]']))).toEqual(keys(samples.get('set')))
    expect(readFileSync(join(scratch, 'root/etc/vps/servers/web1.yaml'), 'utf8')).toContain('tags: [b]')
  })
})

describe('completion', () => {
  const complete = (...words: string[]): string[] => {
    const script = `source <("${vps}" completion bash) || exit 1
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); __vps 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`
    const {stdout} = spawnSync('bash', ['--norc', '-c', script, 'bash', ...words], {
      encoding: 'utf8',
      env: {...process.env, VPS_ROOT: join(scratch, 'root')},
    })
    return stdout.split('\n').filter(line => line !== '')
  }

  beforeAll(() => {
    const servers = join(scratch, 'root', 'etc', 'vps', 'servers')
    mkdirSync(servers, {recursive: true})
    for (const name of ['web1', 'web2', 'db1']) writeFileSync(join(servers, `${name}.yaml`), '')
    const profiles = join(scratch, 'root', 'etc', 'vps', 'profiles')
    mkdirSync(profiles, {recursive: true})
    writeFileSync(join(profiles, 'small.yaml'), '')
  })

  test.each([
    [
      ['vps', 'st'],
      ['start', 'stop'],
    ],
    [
      ['vps', 'start', 'web'],
      ['web1', 'web2'],
    ],
    [
      ['vps', 'start', 'db1', 'we'],
      ['web1', 'web2'],
    ],
    [['vps', 'exec', 'd'], ['db1']],
    [['vps', 'start', '--wa'], ['--wait']],
    [
      ['vps', 'image', ''],
      ['build', 'list', 'remove'],
    ],
    [['vps', 'create', 'web'], []],
    [
      ['vps', 'set', 'web'],
      ['web1', 'web2'],
    ],
    [['vps', 'set', 'web1', 'resources.memory.l'], ['resources.memory.limit=']],
    [['vps', 'set', 'web1', 'tags', '=', ''], []],
    [
      ['vps', 'profile', ''],
      ['list', 'show'],
    ],
    [['vps', 'profile', 'show', ''], ['small']],
    [['vps', 'create', 'x', '--template', 'bus'], ['busybox']],
    [['vps', 'exec', '--user', ''], []],
    [['vps', 'help', 'rest'], ['restart']],
    [
      ['vps', 'completion', ''],
      ['bash', 'zsh'],
    ],
  ])('%j', (words, expected) => {
    expect(complete(...words)).toEqual(expected)
  })

  test('the zsh script names every command', () => {
    const {out} = run(['completion', 'zsh'])
    expect(out).toMatch(/^#compdef vps\n/)
    for (const id of Object.keys(manifest.commands)) expect(out).toContain(`'${spokenName(id)}')`)
  })
})
