/* Fleets of real servers through the CLI: plan, apply, apply again, change, prune, refuse, take back, interrupt, kill. */
import {type ChildProcess, spawn} from 'node:child_process'
import {existsSync, readFileSync} from 'node:fs'
import {writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {FleetHost} from '../../src/fleet/index.ts'
import {lockFile, serverPaths} from '../../src/host/index.ts'
import type {ServerView} from '../../src/server/index.ts'
import {settledInconsistencies, stateOf} from '../helpers/consistency.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {until} from '../helpers/processes.ts'
import {rounds, seededRandom} from '../helpers/random.ts'

type Entry = Readonly<Record<string, unknown>>

const BASE = {template: 'host', init: 'persist'}

/** Writes a fleet file; what is not said of the servers is `BASE`. JSON is YAML. */
async function fleetFile(
  {root}: ScratchHost,
  servers: readonly Entry[],
  {fleet = 'acme', profiles = {}}: {fleet?: string; profiles?: Entry} = {},
): Promise<string> {
  const file = join(root, `${fleet}-${Math.random().toString(36).slice(2)}.yaml`)
  const entries = servers.map(entry => ({profiles: ['base'], ...entry}))
  await writeFile(file, JSON.stringify({fleet, profiles: {base: BASE, ...profiles}, servers: entries}))
  return file
}

/** What `--json` says of each server that something was done to. */
interface Line {
  readonly event: string
  readonly name?: string
  readonly outcome?: string
  readonly steps?: readonly string[]
  readonly because?: string
  readonly error?: {readonly code: string; readonly message: string}
}

interface Applied {
  readonly exitCode: number | undefined
  readonly lines: readonly Line[]
  /** `lab-1: create, start`, by name. */
  readonly done: readonly string[]
  readonly stderr: string
}

async function apply(host: ScratchHost, file: string, ...flags: string[]): Promise<Applied> {
  const {exitCode, stdout, stderr} = await host.vps(['apply', '-f', file, '--yes', '--json', ...flags])
  const text = String(stdout)
  const lines = text
    .split('\n')
    .filter(line => line.startsWith('{"event"'))
    .map(line => JSON.parse(line) as Line)
  const done = lines
    .filter(({event, outcome}) => event === 'server' && outcome === 'done')
    .map(({name, steps = []}) => `${name}: ${steps.join(', ')}`)
    .sort()
  return {exitCode, lines, done, stderr: `${stderr}${text.includes('"error"') ? text : ''}`}
}

const outcomes = ({lines}: Applied): Record<string, string | undefined> =>
  Object.fromEntries(lines.filter(({event}) => event === 'server').map(({name, outcome}) => [name, outcome]))

/** `lab-1 running` of all servers. */
async function states(host: ScratchHost): Promise<string[]> {
  const servers = await host.json<ServerView[]>(['list'])
  return servers.map(({name, state}) => `${name} ${state}`)
}

const definitionOf = ({paths}: ScratchHost, name: string): string =>
  readFileSync(serverPaths(paths, name).definition, 'utf8')

const initOf = (host: ScratchHost, name: string): string | undefined => stateOf(host, name)?.get('init')

describe('a fleet', requires('root'), () => {
  let host: ScratchHost

  beforeAll(async () => {
    host = await scratchHost()
  })
  afterAll(async () => {
    await host[Symbol.asyncDispose]()
  })

  test('is planned, applied, changed key by key, and pruned', async () => {
    const labs = {name: 'lab-{1..2}', profiles: ['small']}
    const small = {extends: 'base', tags: ['small']}
    const first = await fleetFile(host, [labs, {name: 'idle', state: 'stopped'}], {profiles: {small}})
    const planned = await host.vps(['plan', '-f', first])
    expect(planned.exitCode).toBe(6)
    expect(planned.stdout).toContain('Plan: 3 to create, 2 to start, 0 unchanged.')
    expect(await states(host)).toEqual([])

    const huge = await fleetFile(host, [{name: 'huge', resources: {memory: {limit: '100TiB'}}}])
    const refused = await host.vps(['plan', '-f', huge])
    expect(refused).toMatchObject({exitCode: 5, stderr: expect.stringMatching(/memory: 100TiB needed/)})

    const unasked = await host.vps(['apply', '-f', first])
    expect(unasked).toMatchObject({exitCode: 2, stderr: expect.stringContaining('add --yes')})
    expect(await states(host)).toEqual([])

    expect(await apply(host, first)).toMatchObject({
      exitCode: 0,
      done: ['idle: create', 'lab-1: create, start', 'lab-2: create, start'],
    })
    expect(await states(host)).toEqual(['idle stopped', 'lab-1 running', 'lab-2 running'])
    const inits = ['lab-1', 'lab-2'].map(name => initOf(host, name))

    expect(await apply(host, first)).toMatchObject({exitCode: 0, done: []})
    expect(await host.vps(['plan', '-f', first])).toMatchObject({exitCode: 0})

    // One key of one profile: exactly those that have it, and live.
    const tagged = {...small, tags: ['small', 'paid']}
    const second = await fleetFile(host, [labs, {name: 'idle', state: 'stopped'}], {
      profiles: {small: tagged},
    })
    expect(await apply(host, second)).toMatchObject({exitCode: 0, done: ['lab-1: change', 'lab-2: change']})
    expect(['lab-1', 'lab-2'].map(name => initOf(host, name))).toEqual(inits)
    const [view] = await host.json<ServerView[]>(['list', 'lab-1'])
    expect(view).toMatchObject({tags: ['small', 'paid'], fleet: 'acme'})

    // A key that waits for a restart, the state of another, and one that is in the file no more.
    const third = await fleetFile(
      host,
      [{name: 'lab-1', profiles: ['small'], hostname: 'one.example.net'}, {name: 'idle'}],
      {profiles: {small: tagged}},
    )
    expect(await apply(host, third, '--no-restart')).toMatchObject({
      exitCode: 0,
      done: ['idle: start', 'lab-1: change'],
    })
    expect(initOf(host, 'lab-1')).toBe(inits[0])
    expect((await host.vps(['plan', '-f', third, '--no-restart'])).exitCode).toBe(0)
    expect(await apply(host, third)).toMatchObject({exitCode: 0, done: ['lab-1: restart']})
    expect(await host.inside('lab-1', 'hostname')).toBe('one.example.net')
    expect(await states(host)).toEqual(['idle running', 'lab-1 running', 'lab-2 running'])
    expect(await apply(host, third, '--prune')).toMatchObject({exitCode: 0, done: ['lab-2: destroy']})
    expect(await states(host)).toEqual(['idle running', 'lab-1 running'])
    expect(await settledInconsistencies(host, ['idle', 'lab-1', 'lab-2'])).toEqual([])
  })

  test('does not touch servers that are not its own, and takes them over when it is told to', async () => {
    const before = definitionOf(host, 'lab-1')
    await host.must(['create', 'hand', '--set', 'init=persist'])
    const file = await fleetFile(host, [{name: 'hand'}, {name: 'lab-1'}, {name: 'new'}], {fleet: 'other'})
    const refused = await host.vps(['apply', '-f', file, '--yes', '--prune'])
    expect(refused.exitCode).toBe(4)
    expect(refused.stderr).toMatch(/there is a server hand already, .*hand-made/)
    expect(refused.stderr).toMatch(/there is a server lab-1 already, .*it is of fleet acme/)
    expect(refused.stderr).toContain('--adopt')
    expect(await states(host)).toEqual(['hand stopped', 'idle running', 'lab-1 running'])
    expect(definitionOf(host, 'lab-1')).toBe(before)

    const taken = await apply(host, file, '--adopt')
    expect(taken).toMatchObject({
      exitCode: 0,
      done: ['hand: adopt, start', 'lab-1: adopt, change, restart', 'new: create, start'],
    })
    expect(await host.json<ServerView[]>(['list', 'hand', 'lab-1'])).toMatchObject([
      {fleet: 'other'},
      {fleet: 'other'},
    ])
    await host.must(['destroy', '--all', '--force', '--yes'])
  })

  test('goes on with the others when a server fails, or not', async () => {
    const missing = {mounts: [{source: '/no/such/place', target: '/srv'}]}
    const file = await fleetFile(host, [
      {name: 'bad', ...missing},
      {name: 'late', after: ['bad']},
      {name: 'ok'},
    ])
    const went = await apply(host, file)
    expect(went.exitCode).toBe(1)
    expect(outcomes(went)).toEqual({bad: 'failed', late: 'skipped', ok: 'done'})
    expect(went.lines.find(({name, event}) => name === 'bad' && event === 'server')?.error?.message).toMatch(
      /\/no\/such\/place|cannot start/,
    )
    expect(went.lines.find(({outcome}) => outcome === 'skipped')).toMatchObject({because: 'bad'})
    expect(await states(host)).toEqual(['bad stopped', 'ok running'])
    await host.must(['destroy', '--all', '--force', '--yes'])

    const stopped = await apply(host, file, '--fail-fast', '--parallel', '1')
    expect(stopped.exitCode).toBe(1)
    expect(outcomes(stopped)).toMatchObject({bad: 'failed', ok: 'not-begun'})
    await host.must(['destroy', '--all', '--force', '--yes'])
  })

  test('is taken back as a whole when a server fails', async () => {
    const before = await fleetFile(host, [{name: 'runs'}, {name: 'rests', state: 'stopped'}])
    await apply(host, before)
    await host.must(['create', 'hand', '--set', 'init=persist'])
    const texts = ['runs', 'rests', 'hand'].map(name => definitionOf(host, name))
    const init = initOf(host, 'runs')

    const after = await fleetFile(host, [
      {name: 'hand'},
      {name: 'new'},
      {name: 'rests', tags: ['up']},
      {name: 'runs', tags: ['changed']},
      {
        name: 'zbad',
        after: ['new', 'rests', 'runs', 'hand'],
        mounts: [{source: '/no/such/place', target: '/srv'}],
      },
    ])
    const failed = await apply(host, after, '--atomic', '--adopt')
    expect(failed.exitCode).toBe(1)
    expect(failed.lines.at(-1)).toMatchObject({event: 'end', ok: false, takenBack: 'yes'})
    expect(await states(host)).toEqual(['hand stopped', 'rests stopped', 'runs running'])
    expect(['runs', 'rests', 'hand'].map(name => definitionOf(host, name))).toEqual(texts)
    expect(initOf(host, 'runs')).toBe(init) // its tags are live, so nothing was started anew
    expect(await host.json<ServerView[]>(['list', 'hand'])).toMatchObject([{fleet: null}])
    expect(existsSync(join(host.paths.fleets, 'acme.json'))).toBe(false)
    expect(await settledInconsistencies(host, ['hand', 'new', 'rests', 'runs', 'zbad'])).toEqual([])
    expect((await host.vps(['plan', '-f', before])).exitCode).toBe(0)

    // Killed while it takes back, the next apply finishes that first, whatever it is about.
    const killed = spawnApply(host, after, '--atomic', '--adopt', '--json')
    await until('it takes back', () => killed.output().includes('"taking-back"'))
    killed.child.kill('SIGKILL')
    await killed.ended
    const isCutOff = existsSync(join(host.paths.fleets, 'acme.json'))
    const next = await host.vps(['apply', '-f', before, '--yes'])
    expect(next.exitCode, String(next.stderr)).toBe(0)
    if (isCutOff) expect(next.stderr).toContain('was cut off while it was taken back; finishing that first')
    expect(await states(host)).toEqual(['hand stopped', 'rests stopped', 'runs running'])
    expect(['runs', 'rests', 'hand'].map(name => definitionOf(host, name))).toEqual(texts)
    expect(await host.json<ServerView[]>(['list', 'hand'])).toMatchObject([{fleet: null}])
    expect(existsSync(join(host.paths.fleets, 'acme.json'))).toBe(false)
    await host.must(['destroy', '--all', '--force', '--yes'])
  })

  test('is applied by one at a time', async () => {
    const lock = await lockFile(join(host.paths.locks, '.apply.lock'), {
      verb: 'apply of fleet x',
      what: 'a test',
    })
    const one = await fleetFile(host, [{name: 'same', tags: ['one']}, {name: 'only-one'}])
    const two = await fleetFile(host, [{name: 'same', tags: ['two']}, {name: 'only-two'}])
    const refused = await host.vps(['apply', '-f', one, '--yes', '--no-wait'])
    expect(refused).toMatchObject({exitCode: 4})
    expect(refused.stderr).toContain(`vps apply of fleet x (pid ${process.pid}) is at work on it`)
    const both = [one, two].map(file => spawnApply(host, file, '--prune'))
    await until('both wait', () => both.every(({output}) => output().includes('waiting for')))
    await lock[Symbol.asyncDispose]()
    for (const {child, ended, output} of both) {
      await ended
      expect(child.exitCode, output()).toBe(0)
    }
    const left = (await states(host)).join()
    expect(['only-one running,same running', 'only-two running,same running']).toContain(left)
    const [same] = await host.json<ServerView[]>(['list', 'same'])
    expect(same?.tags).toEqual([left.startsWith('only-one') ? 'one' : 'two'])
    await host.must(['destroy', '--all', '--force', '--yes'])
  })

  test('is left in good order by Ctrl-C, and finished by the same command', async () => {
    const file = await fleetFile(host, [{name: 'lab-{1..6}'}])
    const {child, ended, output} = spawnApply(host, file, '--parallel', '1')
    await until('the first is done', () => /lab-1: created, started/.test(output()))
    child.kill('SIGINT')
    await ended
    expect(child.exitCode).toBe(130)
    expect(output()).toMatch(/not begun/)
    expect(output()).toMatch(/The same command does the rest/)
    const begun = (await states(host)).length
    expect(begun).toBeLessThan(6)
    const rest = await apply(host, file)
    expect(rest).toMatchObject({exitCode: 0})
    expect(rest.done.length).toBe(6 - begun)
    expect((await states(host)).length).toBe(6)
    await host.must(['destroy', '--all', '--force', '--yes'])
  })
})

const KILLS = rounds(12)

/** What the fleet of a version is to be at the end. */
interface Version {
  readonly file: string
  readonly flags: readonly string[]
  readonly wanted: readonly string[]
}

describe('kill -9 of an apply', requires('root'), () => {
  const random = seededRandom('moments of kill -9 of an apply')
  let host: ScratchHost

  beforeAll(async () => {
    host = await scratchHost()
  })
  afterAll(async () => {
    await host[Symbol.asyncDispose]()
  })

  /** Each differs from the one before in all that an apply does. */
  async function versions(): Promise<Version[]> {
    const all = [
      [{name: 'lab-{1..4}'}, {name: 'idle', state: 'stopped'}, {name: 'db', tags: ['a']}],
      [
        {name: 'lab-{3..5}', hostname: 'other.example.net'},
        {name: 'idle'},
        {name: 'db', tags: ['b'], state: 'stopped'},
        {name: 'new', after: ['lab-5']},
      ],
      [{name: 'lab-{1..2}'}, {name: 'idle', state: 'stopped', tags: ['x']}, {name: 'db', after: ['lab-1']}],
    ]
    const files = await Promise.all(all.map(servers => fleetFile(host, servers)))
    return files.flatMap((file, index) => {
      const flags = ['-f', file, '--yes', '--prune']
      const wanted = (all[index] ?? []).flatMap(entry => expanded(entry))
      return [{file, flags: index === 1 ? [...flags, '--atomic'] : flags, wanted: wanted.toSorted()}]
    })
  }

  function expanded({name, state = 'running'}: {name: string; state?: string}): string[] {
    const [, stem = name, from, to] = /^(.*)\{(\d+)\.\.(\d+)\}$/.exec(name) ?? []
    if (from === undefined) return [`${name} ${state}`]
    const count = Number(to) - Number(from) + 1
    return Array.from({length: count}, (_, index) => `${stem}${Number(from) + index} ${state}`)
  }

  /** The servers with their states and definitions. */
  async function standing(): Promise<Record<string, string>> {
    const servers = await host.json<ServerView[]>(['list'])
    return Object.fromEntries(
      servers.map(({name, state, fleet}) => [`${name} ${state}`, `${fleet} ${definitionOf(host, name)}`]),
    )
  }

  test(`${KILLS} times at random moments: the same command leads to what it would have led to`, {
    timeout: 60_000 + KILLS * 6_000,
  }, async () => {
    const all = await versions()
    const names = ['lab-1', 'lab-2', 'lab-3', 'lab-4', 'lab-5', 'idle', 'db', 'new']
    const undisturbed = new Map<Version, {took: number; standing: Record<string, string>}>()
    for (const version of [...all, ...all]) {
      const begin = performance.now()
      await host.must(['apply', ...version.flags])
      undisturbed.set(version, {took: performance.now() - begin, standing: await standing()})
      expect(Object.keys(await standing()), version.file).toEqual(version.wanted)
    }
    const api = await FleetHost.open({root: host.root})
    let hit = 0
    for (let round = 0; hit < KILLS && round < 3 * KILLS; round++) {
      const version = all[round % all.length]
      const known = version && undisturbed.get(version)
      if (version === undefined || known === undefined) throw new Error('no version')
      const moment = random.next() * known.took
      const story = `round ${round} (${version.flags.join(' ')}) killed after ${moment.toFixed(0)} of ${known.took.toFixed(0)} ms`
      const env = {...process.env, VPS_ROOT: host.root}
      const child = spawn(vpsProgram, ['apply', ...version.flags], {env, stdio: 'ignore'})
      const ended = endOf(child)
      await Promise.race([ended, sleep(moment)])
      child.kill('SIGKILL')
      if ((await ended) === 'SIGKILL') hit++
      const again = await host.vps(['apply', ...version.flags])
      expect(again.exitCode, `${story}: ${again.stderr}`).toBe(0)
      expect(await standing(), story).toEqual(known.standing)
      expect(await settledInconsistencies(host, names), story).toEqual([])
      expect((await api.plan([version.file], {prune: true})).pending, story).toBe(false)
    }
    console.log(`${hit} applies were killed`)
    expect(hit).toBe(KILLS)
    expect(existsSync(join(host.paths.fleets, 'acme.json'))).toBe(false)
    await host.must(['destroy', '--all', '--force', '--yes'])
    expect(await settledInconsistencies(host, names)).toEqual([])
    const checks = await host.json<{id: string; found: string}[]>(['doctor'])
    expect(checks.find(({id}) => id === 'leftovers')?.found).toBe('none')
  })
})

/** An apply whose output, of both kinds, can be read while it goes on. */
function spawnApply(
  {root}: ScratchHost,
  file: string,
  ...flags: string[]
): {child: ChildProcess; ended: Promise<unknown>; output: () => string} {
  const env = {...process.env, VPS_ROOT: root, NO_COLOR: '1'}
  const child = spawn(vpsProgram, ['apply', '-f', file, '--yes', ...flags], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      text += data.toString()
    })
  return {child, ended: endOf(child), output: () => text}
}

function endOf(child: ChildProcess): Promise<NodeJS.Signals | null> {
  return new Promise(resolve => child.once('exit', (_, signal) => resolve(signal)))
}
