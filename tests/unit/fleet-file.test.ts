// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the syntax of fleet files
/*
 * Fleet files: what comes of good ones, and exactly what is said about bad ones. The cases are in fleets/good/THEME.txt and
 * fleets/bad/THEME.txt: a title, `fleet.yaml`, other files below a line `--- NAME`, variables below `--- --var NAME=VALUE`, and
 * after the dashes what is expected. A new case is a few lines there.
 */
import {mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import process from 'node:process'
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import {
  type Loaded,
  type Path,
  parseDefinition,
  profilesIn,
  renderProblems,
} from '../../src/definition/index.ts'
import {
  checkFleet,
  type Fleet,
  fleetJsonSchema,
  InvalidFleet,
  isFleetFile,
  loadFleet,
} from '../../src/fleet/file/index.ts'
import {hostPaths} from '../../src/host/index.ts'

const scratch = mkdtempSync(join(tmpdir(), 'vps-fleet-'))
const paths = hostPaths(join(scratch, 'root'))
const home = process.cwd()

beforeAll(() => {
  mkdirSync(paths.profiles, {recursive: true})
  writeFileSync(join(paths.profiles, 'tiny.yaml'), 'template: busybox\nresources: {memory: {limit: 64MiB}}\n')
})

afterEach(() => process.chdir(home))
afterAll(() => rmSync(scratch, {recursive: true, force: true}))

let number = 0

/** Writes files by their relative names, and makes their directory the current one. */
function write(files: Readonly<Record<string, string | Buffer>>): void {
  const directory = join(scratch, `${number++}`)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), {recursive: true})
    writeFileSync(join(directory, name), text)
  }
  process.chdir(directory)
}

/** Loads `fleet.yaml` of files. */
async function load(
  files: Readonly<Record<string, string | Buffer>>,
  variables: Record<string, string> = {},
): Promise<Fleet> {
  write(files)
  return await loadFleet({paths}, ['fleet.yaml'], {variables})
}

/** What is said about it: all problems as they are shown. */
async function said(
  files: Readonly<Record<string, string | Buffer>>,
  variables: Record<string, string> = {},
): Promise<string> {
  try {
    const {problems, texts} = await load(files, variables)
    return renderProblems(problems, texts)
  } catch (error) {
    if (!(error instanceof InvalidFleet)) throw error
    expect(error).toMatchObject({code: 'INVALID_FLEET', exitCode: 2})
    return error.message.split('\n').slice(1).join('\n').replaceAll(paths.profiles, 'PROFILES')
  }
}

interface Case {
  readonly title: string
  readonly files: Readonly<Record<string, string>>
  readonly variables: Record<string, string>
  readonly expected: string
}

function casesOf(directory: string): {theme: string; cases: Case[]}[] {
  const url = new URL(`fleets/${directory}/`, import.meta.url)
  return readdirSync(url).map(theme => ({
    theme,
    cases: readFileSync(new URL(theme, url), 'utf8')
      .split(/^======== /m)
      .slice(1)
      .map(part => caseOf(part, theme)),
  }))
}

function caseOf(part: string, theme: string): Case {
  const [, title, body, expected] = /^(.*)\n([\s\S]*?)--------\n([\s\S]*)$/.exec(part) ?? []
  if (title === undefined || body === undefined || expected === undefined)
    throw new Error(`bad case in ${theme}: ${part}`)
  const [first = '', ...others] = body.split(/^--- /m)
  const files: Record<string, string> = {'fleet.yaml': first}
  const variables: Record<string, string> = {}
  for (const other of others) {
    const [head = '', ...lines] = other.split('\n')
    const [, name, value] = /^--var (.*?)=(.*)$/.exec(head) ?? []
    if (name !== undefined && value !== undefined) variables[name] = value
    else files[head] = lines.join('\n')
  }
  return {title, files, variables, expected: expected.trimEnd()}
}

const bad = casesOf('bad')

describe.each(bad)('wrong $theme', ({cases}) => {
  test.each(cases)('$title', async ({files, variables, expected}) => {
    expect(await said(files, variables)).toBe(expected)
    expect(expected).not.toBe('')
  })
})

test('there are enough of them', () => {
  expect(bad.flatMap(({cases}) => cases).length).toBeGreaterThanOrEqual(45)
})

describe.each(casesOf('good'))('good $theme', ({cases}) => {
  test.each(cases)('$title', async ({files, variables, expected}) => {
    const fleet = await load(files, variables)
    expect(fleet.problems.filter(({grade}) => grade === 'error')).toEqual([])
    const [head] = /^#.*\n/.exec(fleet.servers[0]?.text ?? '') ?? []
    expect(head).toBe('# From the fleet acme: change it there, the next `vps apply` writes this file anew.\n')
    const shown = fleet.servers.map(
      ({place, state, text}) => `# ${place} ${state}\n${text.slice(head?.length)}`,
    )
    expect(shown.join('').replaceAll(process.cwd(), 'HERE')).toBe(`${expected}\n`)
    expectTrue(fleet)
  })
})

/** The text of each server reads back as the same definition, and keeps its meaning where the fleet's files are not known. */
function expectTrue({servers}: Fleet): void {
  for (const {name, text, definition, loadedAt} of servers) {
    const file = join(paths.definitions, `${name}.yaml`)
    const loaded = parseDefinition(text, {
      file,
      profiles: profilesIn(paths.profiles),
    })
    expect(
      renderProblems(
        loaded.problems.filter(({grade}) => grade === 'error'),
        loaded.texts,
      ),
    ).toBe('')
    expect(loaded.definition).toEqual(definition)
    expectSame(loadedAt(file), loaded)
  }
}

/** What the fleet knows of a server that it wrote is what reading it would say: where each key stands, and the nearest of others. */
function expectSame(known: Loaded | undefined, read: Loaded): void {
  const {profiles} = read.definition
  expect(known === undefined).toBe(profiles.length > 0)
  if (known === undefined) return
  expect({...known, origin: null, written: null}).toEqual({
    ...read,
    problems: [],
    origin: null,
    written: null,
  })
  const paths = [[], ...pathsIn(read.definition), ['network', 'links', 7, 'rate'], ['resources', 'pids']]
  for (const path of paths) {
    expect(known.origin(path)).toEqual(read.origin(path))
    expect(known.written(path)).toBe(read.written(path))
  }
}

function pathsIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  const steps = Array.isArray(value) ? [...value.keys()] : Object.keys(value)
  return [
    ...(path.length > 0 ? [path] : []),
    ...steps.flatMap(step => pathsIn(value[step as keyof typeof value], [...path, step])),
  ]
}

describe('where it comes from', () => {
  const files = {
    'fleet.yaml': `fleet: acme
profiles:
  small: {template: debian, resources: {pids: 300}}
servers:
  - from: tenants.csv
    name: "\${name}"
    profiles: [tiny, small]
    tags: [x]
    network: {publish: ["\${port}:22/tcp"]}
`,
    'tenants.csv': 'name,port\nmiller,2201\nsmith,2202\n',
  }

  test.each([
    [['network', 'publish', 0], 'tenants.csv', 3, 7],
    [['name'], 'tenants.csv', 3, 1],
    [['tags'], 'fleet.yaml', 8, 5],
    [['network'], 'fleet.yaml', 9, 5],
    [['resources', 'pids'], 'fleet.yaml', 3, 41],
    [['stop', 'timeout'], 'fleet.yaml', 5, 5],
    [['resources', 'memory', 'limit'], 'tiny.yaml', 2, 22],
  ] as const)('%j', async (path, file, line, column) => {
    const {servers} = await load(files)
    const origin = servers[1]?.originOf(path)
    expect(origin).toMatchObject({line, column})
    expect(origin?.file.endsWith(file)).toBe(true)
    expect(servers[1]?.place).toBe('fleet.yaml:5:5 (tenants.csv:3)')
  })

  test('all files are named', async () => {
    const {files: names} = await load(files)
    expect(names.map(name => name.replace(paths.profiles, 'PROFILES'))).toEqual([
      'fleet.yaml',
      'tenants.csv',
      'PROFILES/tiny.yaml',
    ])
  })
})

describe('files', () => {
  const one = 'fleet: acme\nservers: [{name: web1, template: debian}]\n'

  test('are named, and those of directories', async () => {
    write({
      'a.yaml': one,
      'd/b.yaml': 'servers: [{name: web2, template: debian}]\n',
      'd/.c.yaml': '!',
      'd/c.txt': '!',
    })
    const {name, servers, files} = await loadFleet({paths}, ['a.yaml', 'd', 'd/b.yaml'])
    expect([name, servers.map(server => server.name), files]).toEqual([
      'acme',
      ['web1', 'web2'],
      ['a.yaml', 'd/b.yaml'],
    ])
  })

  test.each([
    ['none.yaml', 'cannot read none.yaml'],
    ['empty', 'there is no fleet file in empty'],
  ])('%s cannot be read', async (file, message) => {
    write({'empty/x.txt': ''})
    await expect(loadFleet({paths}, [file])).rejects.toMatchObject({
      code: 'UNREADABLE_FLEET',
      exitCode: 2,
      message,
    })
  })

  test('may have a mark of their byte order and lines that end as on Windows', async () => {
    const {servers} = await load({
      'fleet.yaml':
        '\ufefffleet: acme\r\nservers:\r\n  - {from: t.csv, name: "${name}", template: debian}\r\n',
      't.csv': '\ufeff"name","note"\r\n"miller","a\r\nb"\r\n',
    })
    expect(servers.map(({name, place}) => [name, place])).toEqual([['miller', 'fleet.yaml:3:5 (t.csv:2)']])
  })

  test('must be UTF-8', async () => {
    expect(await said({'fleet.yaml': Buffer.from('fleet: acme\n# M\xfcller\n', 'latin1')})).toMatch(
      /^fleet.yaml:2:1: error: this line is not UTF-8 text\n/,
    )
    const table = {
      'fleet.yaml': 'fleet: acme\nservers: [{from: t.csv, name: "${name}", template: debian}]\n',
      't.csv': Buffer.from('name\nm\xfcller\n', 'latin1'),
    }
    expect(await said(table)).toMatch(/^t.csv:2:1: error: this line is not UTF-8 text\n/)
  })

  test('have an end', async () => {
    const message = 'the file is larger than 8MiB, which no fleet needs'
    expect(await said({'fleet.yaml': Buffer.alloc(8 * 1024 ** 2 + 1, '#')})).toContain(message)
    write({'fleet.yaml': 'fleet: acme\ninclude: /dev/zero\n'})
    await expect(loadFleet({paths}, ['fleet.yaml'])).rejects.toThrow(message)
  })
})

describe('variables', () => {
  const files = {
    'fleet.yaml':
      'fleet: acme\nvars: {note: file}\nservers: [{name: web1, template: debian, description: "${note}"}]\n',
  }
  const description = async (variables: Record<string, string>) =>
    (await load(files, variables)).servers[0]?.definition.description

  test('are those of the file, over them the environment, over it what is handed in', async () => {
    expect(await description({})).toBe('file')
    process.env.VPS_VAR_note = 'environment'
    try {
      expect(await description({})).toBe('environment')
      expect(await description({note: 'handed in'})).toBe('handed in')
    } finally {
      delete process.env.VPS_VAR_note
    }
  })

  test('that are handed in must be there', async () => {
    await expect(description({nota: 'x'})).rejects.toMatchObject({
      code: 'NO_SUCH_VARIABLE',
      exitCode: 2,
      message: 'the fleet has no variable "nota", did you mean note',
      suggestions: ['its variables are note'],
    })
  })
})

describe('what a tenant writes', () => {
  test('bombs of aliases and of ranges end soon', async () => {
    const levels = Array.from({length: 9}, (_, level) => {
      const below = level === 0 ? '"${name}"' : `*a${level - 1}`
      return `    l${level}: &a${level} [${Array(10).fill(below).join(', ')}]`
    })
    const bomb = `fleet: acme\nservers:\n  - name: web1\n    template:\n      name: debian\n${levels.join('\n').replaceAll('    l', '      l')}\n`
    expect(await said({'fleet.yaml': bomb})).toContain('this is more than 20000 values')
    const ranges = 'fleet: acme\nservers: [{name: "a{1..999999999}-{1..999999999}", template: debian}]\n'
    expect(await said({'fleet.yaml': ranges})).toContain('these are more than 10000 servers in all')
  })

  test('a list that contains itself', async () => {
    const text = 'fleet: acme\nservers: [{name: web1, template: {name: debian, x: &x ["${name}", *x]}}]\n'
    expect(await said({'fleet.yaml': text})).not.toBe('')
  })

  test('is never taken for a part of the fleet', async () => {
    const {servers} = await load({
      'fleet.yaml':
        'fleet: acme\nservers: [{from: t.csv, name: "${name}", template: debian, description: "${note}"}]\n',
      't.csv': 'name,note\na,${name}\nb,"${env:HOME}"\nc,"x\nautostart: true"\nd,"{1..3}, [a]"\n',
    })
    expect(servers.map(({definition}) => [definition.description, definition.autostart])).toEqual(
      ['${name}', '${env:HOME}', 'x\nautostart: true', '{1..3}, [a]'].map(note => [note, expect.anything()]),
    )
    expect(new Set(servers.map(({definition}) => JSON.stringify(definition.autostart))).size).toBe(1)
  })
})

describe('the page of fleet files', () => {
  const page = readFileSync(new URL('../../docs/fleet-file.md', import.meta.url), 'utf8')
  const block = (start: RegExp) =>
    new RegExp(`\`\`\`(?:yaml|csv)\n(${start.source}[\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? ''

  test('has a fleet that is as it says', async () => {
    const fleet = await load({'fleet.yaml': block(/# fleet.yaml/), 'tenants.csv': block(/name,size/)})
    expectTrue(fleet)
    expect(fleet.problems).toEqual([])
    expect(page).toContain(`That is ${fleet.servers.length} servers.`)
    const miller = fleet.servers.find(({name}) => name === 'miller')
    const shown = block(/# From the fleet/)
    expect(miller?.text.startsWith(shown)).toBe(true)
    expect(miller?.text.slice(shown.length)).toMatch(/^provision:/)
  })
})

describe('check', () => {
  test('tells a fleet from a definition', () => {
    write({
      'a.yaml': '# x\n\ufefffleet: acme\n',
      'b.yaml': 'servers:\n',
      'c.yaml': 'name: web1\ndescription: |\n  fleet: no\nenv: {servers: a}\n',
    })
    expect(['a.yaml', 'b.yaml', 'c.yaml', 'none.yaml'].map(isFleetFile)).toEqual([true, true, false, false])
  })

  test('says all that is wrong, and does not throw', async () => {
    write({'fleet.yaml': 'fleet: acme\nservers: [{name: Web1, template: debian}]\n'})
    const checked = await checkFleet({paths}, ['fleet.yaml'])
    expect(checked).toMatchObject({name: undefined, servers: undefined, problems: [{grade: 'error'}]})
    expect([...checked.texts.keys()]).toEqual(['fleet.yaml'])
    write({'fleet.yaml': 'fleet: acme\nservers: [{name: web1, template: debian}]\n'})
    expect(await checkFleet({paths}, ['fleet.yaml'])).toMatchObject({name: 'acme', servers: 1, problems: []})
  })
})

test('the schema for editors is as generated, and knows the keys', () => {
  const schema = fleetJsonSchema() as {properties: object; $defs: object}
  expect(Object.keys(schema.properties)).toEqual(['fleet', 'include', 'vars', 'profiles', 'servers'])
  expect(Object.keys(schema.$defs)).toContain('network')
  expect(JSON.parse(readFileSync(new URL('../../docs/fleet.schema.json', import.meta.url), 'utf8'))).toEqual(
    schema,
  )
})

test('many servers are read at once', async () => {
  const rows = Array.from({length: 1000}, (_, index) => `tenant-${index},small,${2000 + index}`)
  const {servers} = await load({
    'fleet.yaml': `fleet: acme
profiles:
  base:  {template: debian, autostart: true}
  small: {extends: base, resources: {cpu: {cores: 1, limit: 0.5}, memory: {limit: 512MiB, swap: 0}, pids: 300}}
servers:
  - {from: t.csv, name: "\${name}", profiles: ["\${size}"], network: {publish: ["\${port}:22/tcp"]}}
`,
    't.csv': `name,size,port\n${rows.join('\n')}\n`,
  })
  expect(servers.length).toBe(1000)
  expect(servers.at(-1)?.name).toBe('tenant-999')
})
