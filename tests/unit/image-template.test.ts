import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {VpsError} from '../../src/errors.ts'
import {type HostPaths, hostPaths} from '../../src/host/index.ts'
import {listTemplates, loadTemplate} from '../../src/image/index.ts'
import {resolveParameters, substitute} from '../../src/image/parameters.ts'

let root: string
let paths: HostPaths
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vps-unit-'))
  paths = hostPaths(root)
  await mkdir(paths.templates, {recursive: true})
})
afterEach(async () => await rm(root, {recursive: true, force: true}))

async function template(name: string, text: string): Promise<void> {
  await writeFile(join(paths.templates, `${name}.yaml`), text)
}

/** The error's message, without the directory of the file in it. */
async function failure(name: string): Promise<string> {
  const error: unknown = await loadTemplate(name, paths).catch((caught: unknown) => caught)
  if (!(error instanceof VpsError)) throw new Error(`expected an error, got ${JSON.stringify(error)}`)
  expect(error.exitCode).toBe(2)
  return error.message.replaceAll(`${paths.templates}/`, '')
}

describe('templates', () => {
  test('those that come with vps are all valid, and listed by name', async () => {
    const names = (await listTemplates(paths)).map(place => place.name)
    expect(names).toEqual(['busybox', 'debian', 'host', 'tarball'])
    for (const name of names) expect((await loadTemplate(name, paths)).description).not.toBe('')
  })

  test("the admin's win, and may extend the built-in of their own name", async () => {
    await template('debian', 'extends: debian\npackages: [nginx]\nfiles:\n  /etc/motd: hello\n')
    const recipe = await loadTemplate('debian', paths)
    expect(recipe.builder).toBe('mmdebstrap')
    expect(recipe.packages).toContain('systemd')
    expect(recipe.packages.at(-1)).toBe('nginx')
    expect(recipe.files['/etc/motd']?.content).toBe('hello')
    expect((await listTemplates(paths)).find(place => place.name === 'debian')?.own).toBe(true)
  })

  test('the example of the documentation is one', async () => {
    const page = await readFile(join(import.meta.dirname, '../../docs/templates.md'), 'utf8')
    const example = /```yaml\n# \/etc\/vps\/templates\/web\.yaml\n([^`]+)```/.exec(page)?.[1]
    await template('web', example ?? '')
    const recipe = await loadTemplate('web', paths)
    expect(recipe.packages.slice(-2)).toEqual(['nginx', 'openssh-server'])
    expect(recipe.directories['/srv/www']).toEqual({mode: 0o2775, user: 'root', group: 'www-data'})
    expect(recipe.run).toEqual(['nginx -t'])
  })

  test('what is inherited can be replaced and taken away', async () => {
    await template(
      'base',
      'builder: busybox\nfiles: {/a: one, /b: two}\nlinks: {/l: a}\ndirectories: {/d: , /e: }\n',
    )
    await template(
      'next',
      'extends: base\nfiles: {/a: three, /b: null}\nlinks: {/l: null}\ndirectories: {/e: false}\n',
    )
    const recipe = await loadTemplate('next', paths)
    expect(recipe.files).toEqual({'/a': {content: 'three', mode: 0o644, user: 'root', group: 'root'}})
    expect(recipe.links).toEqual({})
    expect(Object.keys(recipe.directories)).toEqual(['/d'])
  })

  test('permission bits are octal, however they are written', async () => {
    await template(
      'modes',
      'builder: busybox\ndirectories: {/a: {mode: 0700}, /b: {mode: "1777"}, /c: {mode: 0o555}}\n',
    )
    const {directories} = await loadTemplate('modes', paths)
    expect(Object.values(directories).map(({mode}) => mode)).toEqual([0o700, 0o1777, 0o555])
  })

  test('every problem is reported at once, with line and column', async () => {
    await template(
      'bad',
      `builder: busybix
descriptoin: a typo
files:
  relative: x
  /etc/../x: y
  /etc/m: {mode: 999, content: z}
users:
  Root: {id: 0}
  web: {id: 70000}
units:
  mask: {foo: why}
packages: ["-o=Dpkg::Pre-Install-Pkgs::=sh"]
parameters:
  name: {type: string}
  size: {type: strin}
`,
    )
    expect(await failure('bad')).toBe(`the template is invalid:
bad.yaml:1:10: builder must be one of host, mmdebstrap, busybox, tarball, did you mean busybox
bad.yaml:2:1: unknown key descriptoin in a template, did you mean description
bad.yaml:4:3: relative must be an absolute path without . and ..
bad.yaml:5:3: /etc/../x must be an absolute path without . and ..
bad.yaml:6:18: files: /etc/m: mode must be permission bits such as 0644
bad.yaml:8:3: Root is not an account name
bad.yaml:9:13: users: web: id must be 0 to 65534
bad.yaml:11:10: foo is not the name of a systemd unit
bad.yaml:12:12: packages: -o=Dpkg::Pre-Install-Pkgs::=sh is not the name of a package
bad.yaml:14:3: name can not be the name of a parameter
bad.yaml:15:16: parameters: size: type must be one of string, integer, boolean, strings, file, did you mean string`)
  })

  test('a file that is no YAML says where', async () => {
    await template('broken', 'builder: host\nfiles: {\n')
    expect(await failure('broken')).toMatch(/^the template is invalid:\nbroken\.yaml:3:1: /)
  })

  test('an unknown one names the nearest', async () => {
    expect(await failure('debain')).toBe('no template is called debain, did you mean debian')
    expect(await failure('../../etc/shadow')).toBe('"../../etc/shadow" is not the name of a template')
  })

  test('a circle is refused', async () => {
    await template('a', 'extends: b\n')
    await template('b', 'extends: a\n')
    expect(await failure('a')).toBe('template a extends itself: a.yaml extends b.yaml')
  })

  test('an extended template keeps its builder', async () => {
    await template('odd', 'extends: debian\nbuilder: busybox\n')
    expect(await failure('odd')).toBe(
      'odd.yaml: builder is busybox, but debian, which it extends, is made by mmdebstrap',
    )
  })
})

describe('parameters', () => {
  const choose = async (choice: Record<string, unknown>, directory?: string) =>
    resolveParameters(await loadTemplate(String(choice.name), paths), {name: '', ...choice}, directory)

  test('have defaults', async () => {
    expect(await choose({name: 'debian'})).toEqual({suite: 'bookworm', variant: 'minbase', packages: []})
  })

  test('a file is relative to the definition', async () => {
    expect(await choose({name: 'tarball', source: 'a.tar'}, '/srv')).toEqual({
      source: '/srv/a.tar',
      maxGiB: 32,
    })
  })

  test('all wrong ones are named at once', async () => {
    await expect(choose({name: 'debian', suit: 'x', variant: 'tiny', packages: 'nginx'})).rejects.toThrow(
      'template debian: unknown parameter suit, did you mean suite; ' +
        'parameter variant must be one of apt, minbase, buildd, important, standard; ' +
        'parameter packages must be a list of texts',
    )
    await expect(choose({name: 'tarball'})).rejects.toThrow('template tarball: parameter source is needed')
    await expect(choose({name: 'debian', suite: '--hook=x'})).rejects.toThrow('does not look right')
    await expect(choose({name: 'debian', packages: ['-y']})).rejects.toThrow('does not look right')
  })

  test('fill in files, where their names are known', async () => {
    await template(
      'greet',
      'builder: busybox\nparameters: {who: {type: string, default: all}}\nfiles: {/m: "hi {{who}}, {{ who }}, {{other}}"}\n',
    )
    const recipe = await loadTemplate('greet', paths)
    expect(substitute(recipe, {who: 'you'}).files['/m']?.content).toBe('hi you, you, {{other}}')
  })
})
