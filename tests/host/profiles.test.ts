/*
 * Profiles through the command line, with real files and a server that runs: what counts, who said it, and when a change
 * of a profile takes effect.
 */
import {mkdir, rm, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'

let host: ScratchHost
beforeAll(async () => {
  host = await scratchHost()
})
afterAll(async () => await host[Symbol.asyncDispose]())

const profile = async (name: string, text: string): Promise<void> => {
  await mkdir(host.paths.profiles, {recursive: true})
  await writeFile(join(host.paths.profiles, `${name}.yaml`), text)
}

interface Effective {
  readonly values: readonly {key: string; value: unknown; origin: {file: string; line: number} | null}[]
}

const effective = async (server: string, key: string) =>
  (await host.json<Effective>(['show', server, '--effective'])).values.find(one => one.key === key)

test('a server is created without any profile there', requires('root'), async () => {
  await host.must(['create', 'plain', '--template', 'busybox', '--set', 'init=persist'])
  expect(await host.json(['profile', 'list'])).toEqual([])
  expect(await effective('plain', 'env')).toEqual({key: 'env', value: {}, origin: null})
})

test(
  'one that is not there is named with its place, the nearest one, and its file',
  requires('root'),
  async () => {
    await profile('small', '# The smallest we sell\nenv: {SIZE: small}\n')
    const {exitCode, stderr} = await host.vps([
      'create',
      'web1',
      '--template',
      'busybox',
      '--set',
      'profiles=[smal]',
    ])
    expect(exitCode).toBe(2)
    expect(stderr).toContain(`there is no profile "smal": ${host.paths.profiles}/smal.yaml does not exist`)
    expect(stderr).toContain('did you mean small?')
    expect((await host.json<{name: string}[]>(['list'])).map(({name}) => name)).toEqual(['plain'])
  },
)

test('a server gets what its profiles say, and its own keys win', requires('root'), async () => {
  await profile(
    'base',
    'template: busybox\ninit: persist\nenv: {SIZE: none, BASE: "1"}\ntags: [sold]\nstop: {timeout: 3s}\n',
  )
  await host.must([
    'create',
    'web1',
    '--template',
    'busybox',
    '--start',
    '--set',
    'profiles=[base, small]',
    '--set',
    'env.OWN=yes',
  ])
  const environment = await host.inside('web1', 'tr "\\0" "\\n" </proc/1/environ')
  for (const line of ['SIZE=small', 'BASE=1', 'OWN=yes']) expect(environment.split('\n')).toContain(line)
  expect((await host.json<{name: string}[]>(['list', '--tag', 'sold'])).map(({name}) => name)).toEqual([
    'web1',
  ])

  const text = await host.must(['show', 'web1', '--effective'])
  expect(text).toMatch(/^init: persist +# base\.yaml:2:1$/m)
  expect(text).toMatch(/^ {2}SIZE: small +# small\.yaml:2:7$/m)
  expect(text).toMatch(/^ {2}OWN: yes +# web1\.yaml:\d+:\d+$/m)
  expect(text).toMatch(/^network:\n {2}mode: links +# default$/m)
})

test('who uses a profile is listed', requires('root'), async () => {
  expect(await host.json(['profile', 'list'])).toEqual([
    {
      name: 'base',
      file: join(host.paths.profiles, 'base.yaml'),
      description: '',
      servers: ['web1'],
      valid: true,
    },
    {
      name: 'small',
      file: join(host.paths.profiles, 'small.yaml'),
      description: 'The smallest we sell',
      servers: ['web1'],
      valid: true,
    },
  ])
  expect(await host.must(['profile', 'list'])).toMatch(/^small +1 +The smallest we sell /m)
  expect(await host.must(['profile', 'show', 'small'])).toContain('env: {SIZE: small}')
  const unknown = await host.vps(['profile', 'show', 'smal'])
  expect(unknown.exitCode).toBe(2)
  expect(unknown.stderr).toContain('did you mean small')
})

test('a change of a profile counts at the next start', requires('root'), async () => {
  await profile('small', '# The smallest we sell\nenv: {SIZE: larger}\ntags: [upgraded]\n')
  const size = async () => (await host.inside('web1', 'tr "\\0" "\\n" </proc/1/environ | grep ^SIZE=')).trim()
  expect(await size()).toBe('SIZE=small')
  expect(await effective('web1', 'env.SIZE')).toMatchObject({value: 'larger'})
  // What lists show of a definition is kept: a changed profile is noticed there as well.
  expect((await host.json<{name: string}[]>(['list', '--tag', 'upgraded'])).map(({name}) => name)).toEqual([
    'web1',
  ])
  await host.must(['restart', 'web1'])
  expect(await size()).toBe('SIZE=larger')
})

test('setting profiles says which keys that changes', requires('root'), async () => {
  const report = await host.json<{live: string[]; afterRestart: string[]}>(['set', 'web1', 'profiles=[base]'])
  expect(report.live).toContain('profiles')
  expect(report.live).toContain('tags')
  expect(report.afterRestart).toEqual(['env'])
})

test('a broken profile stops nothing that runs, and is found by its line', requires('root'), async () => {
  await profile('base', 'template: busybox\nstop: {timeout: soon}\n')
  const file = join(host.paths.profiles, 'base.yaml')
  const [listed] = await host.json<{state: string; problem: string | null}[]>(['list', 'web1'])
  expect(listed?.problem).toContain('base.yaml:2:17: stop.timeout must be a span of time')
  const restart = await host.vps(['restart', 'web1'])
  expect(restart.exitCode).toBe(2)
  expect(restart.stderr).toContain(`${file}:2:17: error: stop.timeout must be a span of time`)
  expect(restart.stderr).toContain('    2 | stop: {timeout: soon}')
  expect(await host.inside('web1', 'echo alive')).toBe('alive')
  const shown = await host.vps(['profile', 'show', 'base'])
  expect(shown.exitCode).toBe(2)
  expect(shown.stdout).toContain(`${file}:2:17: error`)
  const validated = await host.vps(['validate', join(host.paths.definitions, 'web1.yaml')])
  expect(validated.stdout).toContain(`${file}:2:17: error`)
  expect(await host.must(['profile', 'list'])).toMatch(/^base +1 +invalid/m)

  await rm(file)
  const gone = await host.vps(['restart', 'web1'])
  expect(gone.stderr).toContain(`there is no profile "base": ${file} does not exist`)
  expect(await host.inside('web1', 'echo alive')).toBe('alive')
  await host.must(['stop', 'web1'])
})
