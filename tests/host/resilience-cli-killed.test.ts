import {type ChildProcess, spawn} from 'node:child_process'
import {existsSync, readFileSync, watch} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {serverPaths} from '../../src/host/index.ts'
import {
  inconsistencies,
  type Standing,
  settledInconsistencies,
  standingOf,
  stateOf,
} from '../helpers/consistency.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {quietly, until} from '../helpers/processes.ts'
import {type Random, randomFrom, rounds, seededRandom} from '../helpers/random.ts'

/*
 * kill -9 of the CLI at random moments. Two lanes at once, each with a host of its own: a server that is created, started,
 * stopped and destroyed over and over, every time by a command that is killed, and a bystander that must notice nothing.
 */

const MOMENTS = rounds(200)
const LANES = 2

const VERBS = ['create', 'start', 'stop', 'destroy'] as const
type Verb = (typeof VERBS)[number]

/** Where a verb leads, and the exit code that it has when the killed one had got there already. */
const GOAL: Readonly<Record<Verb, {standing: Standing; already: number; saying: RegExp}>> = {
  create: {standing: 'stopped', already: 4, saying: /exists already|definition of .* already/},
  start: {standing: 'running', already: 4, saying: /is running already/},
  stop: {standing: 'stopped', already: 4, saying: /is not running/},
  destroy: {standing: 'none', already: 3, saying: /there is no server/},
}

const DOCUMENTED = [0, 1, 3, 4]
const UNKNOWN = {whole: 0, locked: 0}
const LOCKED = 'locked'
const BYSTANDER = 'bystander'
const COUNT = 'i=0; while :; do i=$((i+1)); echo $i >/count.new; mv /count.new /count; sleep 0.05; done'

const random = seededRandom('moments of kill -9')

class Lane {
  readonly host: ScratchHost
  readonly name = 'victim'
  readonly #random: Random
  readonly #durations: Record<Verb, {whole: number; locked: number}>
  #bystanderInit = ''
  /** How often a killed command left something to repair. */
  hurt = 0

  private constructor(host: ScratchHost, own: Random) {
    this.host = host
    this.#random = own
    this.#durations = {create: UNKNOWN, start: UNKNOWN, stop: UNKNOWN, destroy: UNKNOWN}
  }

  static async open(seed: number, neighbour: number): Promise<Lane> {
    const lane = new Lane(await scratchHost(neighbour), randomFrom(seed))
    const definition = `name: ${BYSTANDER}\ntemplate: host\ninit: [/bin/sh, -c, ${JSON.stringify(COUNT)}]\n`
    await lane.host.must(['create', BYSTANDER, '--file', '-'], {stdin: 'pipe', input: definition})
    await lane.host.must(['start', BYSTANDER])
    lane.#bystanderInit = stateOf(lane.host, BYSTANDER)?.get('init') ?? 'none'
    for (let round = 0; round < 2; round++) await lane.#measure()
    return lane
  }

  /** What each verb takes here and now; the second time counts, everything is warm then. */
  async #measure(): Promise<void> {
    for (const verb of VERBS) {
      const begin = performance.now()
      const child = this.#spawn(verb)
      const ended = endOf(child)
      const locked = (await Promise.race([this.#lockTaken(), ended])) === LOCKED ? performance.now() : begin
      await ended
      expect(child.exitCode, verb).toBe(0)
      this.#durations[verb] = {whole: performance.now() - begin, locked: performance.now() - locked}
    }
  }

  #words(verb: Verb): string[] {
    if (verb === 'create') return ['create', this.name, '--set', 'init=persist']
    return verb === 'destroy' ? ['destroy', this.name, '--force', '--yes'] : [verb, this.name]
  }

  /** One round: kill, look, go on. Returns whether the command was hit at all. */
  async round(): Promise<boolean> {
    const verb = await this.#nextVerb()
    const {hit, story} = await this.#killedAtRandom(verb)
    if (inconsistencies(this.host, [this.name, BYSTANDER]).some(problem => !/^at work/.test(problem)))
      this.hurt++
    await this.#listIsFine(story)
    if (this.#random.next() < 0.6) await this.#tryAgain(verb, story)
    else await this.#doAnother(verb, story)
    expect(await settledInconsistencies(this.host, [this.name, BYSTANDER]), story).toEqual([])
    expect(stateOf(this.host, BYSTANDER)?.get('init'), story).toBe(this.#bystanderInit)
    return hit
  }

  /** The verb that makes sense now. */
  async #nextVerb(): Promise<Verb> {
    const standing = standingOf(this.host, this.name)
    if (standing === 'none') return 'create'
    if (standing === 'running') return this.#random.next() < 0.8 ? 'stop' : 'destroy'
    return this.#random.pick(this.#stoppedBefore() ? ['destroy', 'destroy', 'start'] : ['start'])
  }

  #stoppedBefore(): boolean {
    return existsSync(serverPaths(this.host.paths, this.name).exit)
  }

  /**
   * Half of the moments anywhere between the verb's first and last; half after it has got the server's lock, which is when
   * what it leaves starts to matter, down to the tenth of a millisecond.
   */
  async #killedAtRandom(verb: Verb): Promise<{hit: boolean; story: string}> {
    const child = this.#spawn(verb)
    const ended = endOf(child)
    const kill = (): boolean => child.kill('SIGKILL') // bin/vps has become Node, or is about to
    let story: string
    if (this.#random.next() < 0.5) {
      const moment = this.#random.next() * this.#durations[verb].whole
      story = `${verb} killed after ${moment.toFixed(1)} of ${this.#durations[verb].whole.toFixed(0)} ms`
      await Promise.race([ended, sleep(moment)])
    } else {
      const moment = this.#random.next() * this.#durations[verb].locked
      story = `${verb} killed ${moment.toFixed(1)} of ${this.#durations[verb].locked.toFixed(0)} ms after its lock`
      const locked = await Promise.race([ended, this.#lockTaken()])
      if (locked === LOCKED) await spinOrSleep(moment)
    }
    kill()
    return {hit: (await ended) === 'SIGKILL', story}
  }

  #spawn(verb: Verb): ChildProcess {
    const env = {...process.env, VPS_ROOT: this.host.root}
    return spawn(vpsProgram, this.#words(verb), {env, stdio: 'ignore'})
  }

  /** A verb writes its name into the lock file when it has got it. */
  #lockTaken(): Promise<typeof LOCKED> {
    return new Promise(resolve => {
      const watcher = watch(this.host.paths.locks, (_, file) => {
        if (file !== `${this.name}.lock`) return
        watcher.close()
        resolve(LOCKED)
      })
      watcher.unref()
    })
  }

  /** No lock, no repair: it just has to tell what is there. */
  async #listIsFine(story: string): Promise<void> {
    if (this.#random.next() > 0.2) return
    const {exitCode, stdout, stderr} = await this.host.vps(['list', '--json'])
    expect({exitCode, stderr}, story).toEqual({exitCode: 0, stderr: ''})
    const servers = JSON.parse(String(stdout)) as {name: string; state: string}[]
    expect(servers.find(({name}) => name === BYSTANDER)?.state, story).toBe('running')
  }

  /** The same verb once more reaches its goal, or says that the killed one already had. */
  async #tryAgain(verb: Verb, story: string): Promise<void> {
    const {exitCode, stderr} = await this.host.vps(this.#words(verb))
    const {standing, already, saying} = GOAL[verb]
    if (exitCode !== 0) {
      expect({exitCode, stderr}, story).toEqual({exitCode: already, stderr: expect.stringMatching(saying)})
    }
    expect(standingOf(this.host, this.name), `${story}; tried again: ${exitCode} ${stderr}`).toBe(standing)
  }

  /** Any other verb works, or says in one documented way why not. */
  async #doAnother(verb: Verb, story: string): Promise<void> {
    const other = this.#random.pick(VERBS.filter(one => one !== verb) as [Verb, ...Verb[]])
    const {exitCode, stderr} = await this.host.vps(this.#words(other))
    const answer = `${story}; then ${other}: ${exitCode} ${stderr}`
    expect(DOCUMENTED, answer).toContain(exitCode)
    if (exitCode === 0) expect(standingOf(this.host, this.name), answer).toBe(GOAL[other].standing)
    else expect(stderr, answer).toMatch(/^(vps: )?.*victim/m)
    // What the killed one had begun may still come to its end: a stop goes on without its caller.
    if (verb === 'stop' && exitCode !== 0) await sleep(100)
  }

  async close(): Promise<void> {
    const file = join(serverPaths(this.host.paths, BYSTANDER).upper, 'count')
    const count = (): number => Number(quietly(() => readFileSync(file, 'utf8')) ?? 0)
    const before = count()
    await until('the bystander counts on', () => count() > before)
    await this.host.must(['destroy', '--all', '--force', '--yes'])
    expect(await settledInconsistencies(this.host, [this.name, BYSTANDER])).toEqual([])
    const checks = await this.host.json<{id: string; found: string}[]>(['doctor'])
    expect(checks.find(({id}) => id === 'leftovers')?.found).toBe('none')
  }
}

const sleep = (milliseconds: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, milliseconds))

/** A timer is a millisecond coarse, and in some verbs a millisecond is half of the work. */
async function spinOrSleep(milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds
  if (milliseconds > 3) await sleep(milliseconds - 2)
  while (performance.now() < end);
}

function endOf(child: ChildProcess): Promise<NodeJS.Signals | null> {
  return new Promise(resolve => child.once('exit', (_, signal) => resolve(signal)))
}

describe('kill -9 of the CLI', requires('root'), () => {
  const lanes: Lane[] = []

  beforeAll(async () => {
    for (let lane = 0; lane < LANES; lane++) lanes.push(await Lane.open(random.below(2 ** 31), lane))
  })

  afterAll(async () => {
    for (const lane of lanes) await lane.host[Symbol.asyncDispose]()
  })

  test(`${MOMENTS} times at random moments of create, start, stop and destroy`, {
    timeout: 300_000,
  }, async () => {
    let hits = 0
    let rounds = 0
    await Promise.all(
      lanes.map(async lane => {
        while (hits < MOMENTS && rounds++ < 2 * MOMENTS) if (await lane.round()) hits++
      }),
    )
    const hurt = lanes.reduce((sum, lane) => sum + lane.hurt, 0)
    console.log(`${hits} hit in ${rounds} rounds, ${hurt} of them left something to repair`)
    expect(hits).toBeGreaterThanOrEqual(MOMENTS)
    expect(hurt).toBeGreaterThan(0) // or this test is none
  })

  test('at the end everything can be destroyed to nothing', async () => {
    for (const lane of lanes) await lane.close()
  })
})
