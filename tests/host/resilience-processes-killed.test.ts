import {type ChildProcess, spawn} from 'node:child_process'
import {globSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {cgroupsOf, processesOf, settledInconsistencies, standingOf, stateOf} from '../helpers/consistency.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {isAlive, listProcesses, namespaceOf, quietly, readProcess, until} from '../helpers/processes.ts'
import {rounds, seededRandom} from '../helpers/random.ts'

/* kill -9 of everything that stands beside or in a server: its supervisor, its init, the programs of vps exec. */

const DIES_WITHIN_MS = 1_000
const BYSTANDER = 'bystander'
const BOOTS = rounds(25)
const STOPS = rounds(15)
const STARTS = rounds(15)
const random = seededRandom('kill -9 of supervisors and inits')

let host: ScratchHost
let bystanderInit: string | undefined

async function create(name: string, ...settings: string[]): Promise<void> {
  const set = ['init=persist', ...settings].flatMap(setting => ['--set', setting])
  await host.must(['create', name, ...set])
}

const numberOf = (name: string, key: 'init' | 'supervisor'): number => Number(stateOf(host, name)?.get(key))

/** A command of this host, and its end. */
function begin(...words: string[]): {child: ChildProcess; ended: Promise<number | null>} {
  const env = {...process.env, VPS_ROOT: host.root}
  const child = spawn(vpsProgram, words, {env, stdio: 'ignore'})
  return {child, ended: new Promise(resolve => child.once('exit', resolve))}
}

/** Spins: the moments that matter here are microseconds. */
function pause(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
}

/** False when there is no such process. */
function kill(pid: number): boolean {
  if (!(pid > 1)) throw new Error(`${pid} is no process to kill`) // 0 would be our own process group
  return quietly(() => process.kill(pid, 'SIGKILL')) ?? false
}

/** Everything of the server that lives ends within the second. */
async function diesWithIt(name: string): Promise<void> {
  await until(`everything of ${name} ends`, () => !processesOf(host, name).some(isAlive), DIES_WITHIN_MS)
}

async function allIsWell(story: string, ...names: string[]): Promise<void> {
  expect(await settledInconsistencies(host, [BYSTANDER, ...names]), story).toEqual([])
  expect(stateOf(host, BYSTANDER)?.get('init'), story).toBe(bystanderInit)
}

describe('kill -9', requires('root'), () => {
  beforeAll(async () => {
    host = await scratchHost()
    await create(BYSTANDER)
    await host.must(['start', BYSTANDER])
    bystanderInit = stateOf(host, BYSTANDER)?.get('init')
  })

  afterAll(async () => {
    await host[Symbol.asyncDispose]()
  })

  describe('of a supervisor', () => {
    test('takes its server along, and the next verb says so', async () => {
      await create('one')
      await host.must(['start', 'one'])
      const init = numberOf('one', 'init')
      kill(numberOf('one', 'supervisor'))
      await until('its init ends', () => !isAlive(init), DIES_WITHIN_MS)
      await diesWithIt('one')
      expect(
        (await host.json<{name: string; state: string}[]>(['list'])).find(({name}) => name === 'one'),
      ).toMatchObject({
        state: 'crashed',
      })
      const started = await host.vps(['start', 'one'])
      expect(started.stderr).toContain("server one's supervisor had died")
      expect(started.exitCode).toBe(0)
      expect(await host.inside('one', 'echo in')).toBe('in')
      await host.must(['stop', 'one'])
      await allIsWell('a start after a crash', 'one')
    })

    test.for(['stop', 'restart', 'destroy', 'set', 'exec'] as const)('is said by %s, too', async verb => {
      await host.vps(['create', 'one', '--set', 'init=persist'])
      await host.vps(['start', 'one'])
      kill(numberOf('one', 'supervisor'))
      const words = {
        stop: ['stop', 'one'],
        restart: ['restart', 'one'],
        destroy: ['destroy', 'one', '--yes'],
        set: ['set', 'one', 'description=later'],
        exec: ['exec', 'one', '--', 'true'],
      }[verb]
      const {exitCode, stderr} = await host.vps(words)
      expect(stderr).toMatch(/server one's supervisor (had|has) died/)
      expect(exitCode).toBe({stop: 4, restart: 0, destroy: 0, set: 0, exec: 125}[verb])
      if (verb === 'exec') await host.vps(['stop', 'one'])
      await allIsWell(verb, 'one')
      if (verb === 'restart') await host.must(['stop', 'one'])
    })

    test('ends the commands that run in its server', async () => {
      await host.vps(['create', 'one', '--set', 'init=persist'])
      await host.must(['start', 'one'])
      const exec = host.vps(['exec', 'one', '--', 'sleep', '600'])
      await until('the command runs', () => groupsOfCommands('one').length > 0)
      kill(numberOf('one', 'supervisor'))
      const {exitCode, stderr} = await exec
      expect({exitCode, stderr}).toEqual({exitCode: 137, stderr: 'vps: server one has stopped'})
      await diesWithIt('one')
      await host.vps(['stop', 'one'])
      await allIsWell('exec', 'one')
    })

    test(`at ${BOOTS} random moments of its boot`, {timeout: 120_000}, async () => {
      await host.vps(['create', 'boot', '--set', 'init=persist'])
      let hits = 0
      for (let round = 0; hits < BOOTS && round < 3 * BOOTS; round++) {
        const early = random.next() < 0.4
        const wait = random.next() * (early ? 4 : 25)
        const {child, ended} = begin('start', 'boot')
        const pid = await firstSupervisor('boot', early, child)
        pause(wait)
        const hit = pid !== undefined && kill(pid)
        const code = await ended
        const story = `${early ? 'first' : 'second'} process killed after ${wait.toFixed(2)} ms; start: ${code}`
        if (hit) hits++
        expect(code, story).toBeOneOf([0, 1])
        // The one that was spawned does not matter any more once it has forked the other.
        if (hit && (code !== 0 || !early)) await diesWithIt('boot')
        const next = await host.vps([random.pick(['start', 'stop']), 'boot'])
        expect(next.exitCode, `${story}; then: ${next.stderr}`).toBeOneOf([0, 4])
        await allIsWell(story, 'boot')
        if (standingOf(host, 'boot') === 'running') await host.must(['stop', 'boot'])
        await allIsWell(story, 'boot')
      }
      expect(hits).toBe(BOOTS)
    })

    test(`at ${STOPS} random moments of a stop`, {timeout: 60_000}, async () => {
      await host.vps(['create', 'halt', '--set', 'init=persist'])
      for (let round = 0; round < STOPS; round++) {
        await host.must(['start', 'halt'])
        const supervisor = numberOf('halt', 'supervisor')
        const {ended} = begin('stop', 'halt')
        await Promise.race([
          ended,
          until('it stops', () => stateOf(host, 'halt')?.get('state') === 'stopping'),
        ])
        pause(random.next() * 8)
        // The supervisor, or the last child, which cleans up after it.
        kill(random.next() < 0.5 ? supervisor : (titled('halt').at(-1) ?? supervisor))
        expect(await ended).toBe(0)
        await allIsWell(`round ${round}`, 'halt')
        expect(standingOf(host, 'halt')).toBe('stopped')
      }
    })
  })

  describe('of init', () => {
    test('ends its server', async () => {
      await create('mortal')
      await host.must(['start', 'mortal'])
      const supervisor = numberOf('mortal', 'supervisor')
      kill(numberOf('mortal', 'init'))
      await until('its supervisor ends', () => !isAlive(supervisor))
      await allIsWell('init killed', 'mortal')
      expect(await host.json(['show', 'mortal'])).toMatchObject({state: 'stopped', lastExit: 'signaled 9'})
    })

    test('restarts it when the definition says so, as often as it says', async () => {
      await create('phoenix', 'restart.policy=on-failure', 'restart.max=2')
      await host.must(['start', 'phoenix'])
      const supervisor = numberOf('phoenix', 'supervisor')
      for (let restart = 1; restart <= 2; restart++) {
        const init = numberOf('phoenix', 'init')
        kill(init)
        await until('there is a new one', () => {
          const state = stateOf(host, 'phoenix')
          return state?.get('state') === 'running' && state.get('restarts') === String(restart)
        })
        expect(numberOf('phoenix', 'init')).not.toBe(init)
        expect(numberOf('phoenix', 'supervisor')).toBe(supervisor)
        await allIsWell(`restart ${restart}`, 'phoenix')
      }
      kill(numberOf('phoenix', 'init'))
      await until('its supervisor has had enough', () => !isAlive(supervisor))
      await allIsWell('the third time', 'phoenix')
      expect(await host.json(['show', 'phoenix'])).toMatchObject({state: 'stopped'})
    })

    test(`at ${STARTS} random moments of its start`, {timeout: 60_000}, async () => {
      await host.vps(['create', 'born', '--set', 'init=persist'])
      let hits = 0
      for (let round = 0; hits < STARTS && round < 4 * STARTS; round++) {
        const {ended} = begin('start', 'born')
        const wait = random.next() * 12
        const pid = await firstInit('born', ended)
        pause(wait)
        const hit = pid !== undefined && kill(pid)
        if (hit) hits++
        const code = await ended
        const story = `init killed ${wait.toFixed(2)} ms after its birth; start: ${code}`
        expect(code, story).toBeOneOf([0, 1])
        if (hit) await until(`it is stopped; ${story}`, () => standingOf(host, 'born') === 'stopped')
        await allIsWell(story, 'born')
        await host.vps(['stop', 'born'])
      }
      expect(hits).toBe(STARTS)
    })
  })

  describe('of vps exec', () => {
    beforeAll(async () => {
      await create('works')
      await host.must(['start', 'works'])
    })

    test('leaves nothing of the command, whichever part of it dies', async () => {
      const parts = new Set<string>()
      for (let part = 0; part < 3; part++) {
        const {child, ended} = begin('exec', 'works', '--', 'sh', '-c', 'sleep 600 & sleep 600')
        const family = (): number[] => [
          child.pid ?? 0,
          ...listProcesses()
            .filter(({parent, zombie}) => parent === child.pid && !zombie)
            .map(({pid}) => pid),
        ]
        await until('the command runs', () => commandsIn('works').length === 3 && family().length === 3)
        const victim = family()[part] ?? 0
        parts.add(readProcess(victim)?.name ?? '')
        kill(victim)
        if (part === 1) child.kill('SIGKILL') // the watcher alone is missed by nobody until then
        await ended
        if (part === 0)
          await until('the command is gone', () => commandsIn('works').length === 0, DIES_WITHIN_MS)
        await host.must(['exec', 'works', '--', 'true'])
        if (part === 0) expect(groupsOfCommands('works')).toEqual([])
        for (const pid of commandsIn('works')) kill(pid)
        await until('the command is gone', () => commandsIn('works').length === 0)
      }
      expect(parts.size).toBe(3)
      expect(await host.json(['show', 'works'])).toMatchObject({state: 'running'})
    })

    test('at 20 random moments of its beginning', {timeout: 60_000}, async () => {
      for (let round = 0; round < 20; round++) {
        const {child, ended} = begin('exec', 'works', '--', 'sleep', '600')
        await sleep(random.next() * 120)
        child.kill('SIGKILL')
        await ended
        await until('the command is gone', () => commandsIn('works').length === 0, DIES_WITHIN_MS)
      }
      await host.must(['exec', 'works', '--', 'true'])
      await until('no group is left', () => groupsOfCommands('works').length === 0)
      await host.must(['stop', 'works'])
      await allIsWell('exec killed', 'works')
    })
  })

  test('and all can be destroyed to nothing', async () => {
    await host.must(['destroy', '--all', '--force', '--yes'])
    expect(
      await settledInconsistencies(host, [
        BYSTANDER,
        'one',
        'boot',
        'halt',
        'mortal',
        'phoenix',
        'born',
        'works',
      ]),
    ).toEqual([])
  })
})

/** The pid of a supervisor that boots: the process that vps spawned, or the one that it forks into the server's cgroup. */
async function firstSupervisor(
  name: string,
  spawned: boolean,
  starter: ChildProcess,
): Promise<number | undefined> {
  while (starter.exitCode === null && starter.signalCode === null) {
    const [pid] = spawned ? titled(name) : groupMembers(name, 'supervisor')
    if (pid !== undefined) return pid
    await new Promise(resolve => setImmediate(resolve))
  }
  return undefined
}

async function firstInit(name: string, ended: Promise<unknown>): Promise<number | undefined> {
  let over = false
  void ended.then(() => {
    over = true
  })
  while (!over) {
    const [pid] = groupMembers(name, 'payload')
    if (pid !== undefined) return pid
    await new Promise(resolve => setImmediate(resolve))
  }
  return undefined
}

function groupMembers(name: string, group: string): number[] {
  return cgroupsOf(host, name).flatMap(top =>
    (quietly(() => readFileSync(join(top, group, 'cgroup.procs'), 'utf8')) ?? '')
      .split('\n')
      .filter(Boolean)
      .map(Number),
  )
}

/** Supervisors that call themselves that of `name`, by pid; other runs of this test are in other network namespaces. */
function titled(name: string): number[] {
  const ours = namespaceOf('self', 'net')
  return listProcesses()
    .filter(({command, zombie}) => command === `vps-supervisor: ${name}` && !zombie)
    .filter(({pid}) => namespaceOf(pid, 'net') === ours)
    .map(({pid}) => pid)
    .sort((a, b) => a - b)
}

function groupsOfCommands(name: string): string[] {
  return cgroupsOf(host, name).flatMap(top => globSync('**/vps-attach-*/', {cwd: top}))
}

/** Processes in the groups of commands. */
function commandsIn(name: string): number[] {
  return groupsOfCommands(name)
    .flatMap(group => groupMembers(name, group))
    .filter(isAlive)
}
