// Many servers with limits under systemd, and what kill -9 of everything leaves of their cgroups.
import './guest-shell.ts'
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync, globSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {Host} from '../../src/server/index.ts'
import {groupFile} from '../helpers/cgroup-files.ts'
import {settledInconsistencies} from '../helpers/consistency.ts'
import {type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {isAlive, listProcesses, until} from '../helpers/processes.ts'
import {type Random, rounds, seededRandom} from '../helpers/random.ts'
import {stateNumber} from '../helpers/servers.ts'

const MIB = 1024 * 1024

const resources = {
  cpu: {limit: 0.5, weight: 200},
  memory: {limit: '64MiB', high: '60MiB', swap: 0},
  pids: 50,
  io: {write: {bps: '8MiB'}},
}

/** What the kernel says of a server with these. */
const files: readonly ['server' | 'payload', string, string][] = [
  ['payload', 'cpu.max', '50000 100000'],
  ['server', 'cpu.weight', '200'],
  ['payload', 'memory.max', String(64 * MIB)],
  ['payload', 'memory.swap.max', '0'],
  ['payload', 'memory.high', String(60 * MIB)],
  ['payload', 'pids.max', '50'],
  ['payload', 'io.max', '254:0 rbps=max wbps=8388608 riops=max wiops=max'],
]

let host: ScratchHost
let api: Host

beforeAll(async () => {
  host = await scratchHost()
  api = await Host.open({root: host.root})
})

afterAll(async () => {
  await host[Symbol.asyncDispose]()
})

async function create(name: string): Promise<void> {
  const definition = {name, template: 'busybox', init: 'persist', resources}
  await api.create(name, {definitionText: JSON.stringify(definition)})
}

/** What is not as it should be, of the limits of these servers. */
function wrongLimits(names: readonly string[]): string[] {
  return names.flatMap(name =>
    files.flatMap(([group, file, wanted]) => {
      const found = groupFile(host, name, file, group)
      return found === wanted ? [] : [`${name}/${group}/${file}: ${found}`]
    }),
  )
}

function supervisors(): number[] {
  return listProcesses()
    .filter(({command, zombie}) => !zombie && command.startsWith('vps-supervisor'))
    .map(({pid}) => pid)
}

/** Says how long it takes, and that it goes on: a run that is silent for long counts as hung. */
async function timed<Value>(what: string, work: () => Promise<Value>): Promise<Value> {
  const begin = performance.now()
  const say = (verb: string): void =>
    console.log(`${what} ${verb} ${((performance.now() - begin) / 1000).toFixed(1)} s`)
  const clock = setInterval(() => say('goes on since'), 60_000)
  try {
    return await work()
  } finally {
    clearInterval(clock)
    say('took')
  }
}

/** Emulation makes two hundred a matter of minutes: `VPS_TEST_FLEET=200 make vm-test` has them all. */
const COUNT = Number(process.env.VPS_TEST_FLEET ?? 10)

describe('a fleet', () => {
  const names = Array.from({length: COUNT}, (_, index) => `fleet${index}`)
  const patient = {timeout: 600_000}
  let mountsBefore = 0

  const mounts = (): number => readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length
  const units = async (): Promise<string> =>
    (await execa('systemctl', ['list-units', '--all', '--plain', '--no-legend', 'vps*.scope'])).stdout

  test('start in one command, each with its limits', {timeout: 600_000}, async () => {
    mountsBefore = mounts()
    await timed(`create ${COUNT}`, async () => {
      // Some at once, so that they wait for the disk together.
      for (let from = 0; from < COUNT; from += 20) await Promise.all(names.slice(from, from + 20).map(create))
    })
    await timed(`start ${COUNT}`, () => host.must(['start', ...names], patient))
    expect(wrongLimits(names)).toEqual([])
    expect((await units()).split('\n')).toHaveLength(COUNT)
  })

  test('have supervisors that take next to nothing', () => {
    const pids = supervisors()
    expect(pids).toHaveLength(COUNT)
    const shares = pids.map(pid =>
      Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]),
    )
    const average = shares.reduce((sum, kib) => sum + kib, 0) / COUNT
    console.log(`PSS of a supervisor: ${average.toFixed(0)} KiB`)
    expect(average).toBeLessThan(200)
  })

  test('keep their limits when systemd is reloaded and executed anew', {timeout: 300_000}, async () => {
    await timed('daemon-reload', () => execa('systemctl', ['daemon-reload']))
    expect(wrongLimits(names)).toEqual([])
    await timed('daemon-reexec', () => execa('systemctl', ['daemon-reexec']))
    expect(wrongLimits(names)).toEqual([])
    expect(supervisors()).toHaveLength(COUNT)
    // systemd itself writes a unit's properties when another one changes; it must know ours.
    await host.must(['set', 'fleet7', 'resources.cpu.weight=300', 'resources.pids=60'])
    await execa('systemctl', ['daemon-reload'])
    expect(groupFile(host, 'fleet7', 'cpu.weight', 'server')).toBe('300')
    expect(groupFile(host, 'fleet7', 'pids.max')).toBe('60')
    expect(wrongLimits(names.filter(name => name !== 'fleet7'))).toEqual([])
  })

  test('are seen by systemd-cgtop', async () => {
    const {stdout} = await execa('systemd-cgtop', ['--batch', '-n1', '--depth=5'])
    expect(stdout).toMatch(/vps.*\.slice\/.*fleet7\.scope/)
    expect(wrongLimits(['fleet1', `fleet${COUNT - 1}`])).toEqual([])
  })

  test('stop, and leave nothing', {timeout: 600_000}, async () => {
    await timed(`stop ${COUNT}`, () => host.must(['stop', ...names], patient))
    expect(await units()).toBe('')
    expect(existsSync(host.cgroups) ? globSync('*/', {cwd: host.cgroups}) : []).toEqual([])
    expect(supervisors()).toEqual([])
    expect(mounts()).toBe(mountsBefore)
    expect(readdirSync(host.paths.runServers)).toEqual([])
    expect(await settledInconsistencies(host, names)).toEqual([])
    await timed(`destroy ${COUNT}`, () => host.must(['destroy', ...names, '--force', '--yes'], patient))
  })
})

// Minutes, where everything is emulated: VPS_TEST_THOROUGH=1.
describe.skipIf(process.env.VPS_TEST_THOROUGH === undefined)('kill -9', () => {
  const name = 'killed'
  const random: Random = seededRandom('moments of kill -9 with limits')
  /** Milliseconds that a command takes here and now. */
  const durations = {start: 0, set: 0}

  /** Begins `vps …`; `ended` when it has. */
  function begin(args: readonly string[]) {
    const child = spawn(vpsProgram, args, {
      stdio: 'ignore',
      env: {...process.env, VPS_ROOT: host.root, NO_COLOR: '1'},
    })
    return {child, ended: once(child, 'exit')}
  }

  const A = {pids: '50', weight: '200', limit: '50000 100000'}
  const B = {pids: '70', weight: '400', limit: '80000 100000'}
  const changed = ['resources.pids=70', 'resources.cpu.weight=400', 'resources.cpu.limit=0.8']
  const kernelHas = (): typeof A => ({
    pids: groupFile(host, name, 'pids.max'),
    weight: groupFile(host, name, 'cpu.weight', 'server'),
    limit: groupFile(host, name, 'cpu.max'),
  })

  beforeAll(async () => {
    await create(name)
    let from = performance.now()
    await host.must(['start', name])
    durations.start = performance.now() - from
    from = performance.now()
    await host.must(['set', name, 'resources.pids=51'])
    durations.set = performance.now() - from
    await host.must(['set', name, 'resources.pids=50'])
    await api.stop(name, {kill: true})
  })

  test('of a start leaves no cgroup that the next verb does not account for', async () => {
    for (let round = 0; round < rounds(16); round++) {
      const {child, ended} = begin(['start', name])
      // The first half is Node reading its program.
      await sleep(durations.start * (0.4 + 0.6 * random.next()))
      child.kill('SIGKILL')
      await ended
      await api.repairAll()
      expect(await settledInconsistencies(host, [name], 15_000)).toEqual([])
      const [view] = await api.list({names: [name]})
      if (view?.state === 'running') {
        expect(wrongLimits([name])).toEqual([])
        await api.stop(name, {kill: true})
      }
      expect(existsSync(host.cgroup(name))).toBe(false)
    }
  })

  test('of a change leaves all of the old limits or all of the new, in the kernel as in the definition', async () => {
    await api.start(name)
    for (let round = 0; round < rounds(16); round++) {
      const {child, ended} = begin(['set', name, ...changed])
      await sleep(durations.set * (0.4 + 0.6 * random.next()))
      child.kill('SIGKILL')
      await ended
      await api.repairAll()
      await api.set(name, [{path: 'description', value: `round ${round}`}]) // the next verb
      const {definition} = await api.show(name)
      const wanted = definition?.resources.pids === 70 ? B : A
      expect(kernelHas()).toEqual(wanted)
      expect(existsSync(join(host.paths.runServers, name, 'limits.undo'))).toBe(false)
      await api.set(name, [
        {path: 'resources.pids', value: '50'},
        {path: 'resources.cpu.weight', value: '200'},
        {path: 'resources.cpu.limit', value: '0.5'},
      ])
      expect(wrongLimits([name])).toEqual([])
    }
    await api.stop(name, {kill: true})
  })

  test('of a supervisor leaves no cgroup after doctor --repair', async () => {
    for (let round = 0; round < rounds(8); round++) {
      await api.start(name)
      await sleep(random.below(300))
      process.kill(stateNumber(host, name, 'supervisor'), 'SIGKILL')
      await until('it is noticed', async () => (await api.list({names: [name]}))[0]?.state === 'crashed')
      await api.repairAll()
      expect(existsSync(host.cgroup(name))).toBe(false)
      expect(await settledInconsistencies(host, [name], 15_000)).toEqual([])
    }
  })

  test('of a supervisor while it starts leaves none either', async () => {
    for (let round = 0; round < rounds(8); round++) {
      const {ended} = begin(['start', name])
      const hasOne = (): boolean => supervisors().length > 0
      await until('there is a supervisor', hasOne, 30_000)
      await sleep(random.below(150))
      for (const pid of supervisors()) process.kill(pid, 'SIGKILL')
      await ended
      await api.repairAll()
      // What was hit may have been its forerunner, which only begins it.
      const [view] = await api.list({names: [name]})
      if (view?.state === 'running') await api.stop(name, {kill: true})
      expect(existsSync(host.cgroup(name)), view?.state).toBe(false)
      expect(await settledInconsistencies(host, [name], 15_000)).toEqual([])
    }
  })
})

describe('cgroups that others made in our tree', () => {
  test('are found, and removed with who is in them; running servers are left alone', async () => {
    await create('bystander')
    await api.start('bystander')
    const stray = join(host.cgroups, 'stray')
    mkdirSync(join(stray, 'below'), {recursive: true})
    const sleeper = spawn('sleep', ['3600'], {stdio: 'ignore'})
    writeFileSync(join(stray, 'below/cgroup.procs'), String(sleeper.pid))
    const found = await host.vps(['doctor'])
    expect(String(found.stdout)).toContain(stray)
    await host.vps(['doctor', '--repair'])
    expect(existsSync(stray)).toBe(false)
    await until('its process is gone', () => !isAlive(sleeper.pid ?? 0))
    expect((await api.list({names: ['bystander']}))[0]?.state).toBe('running')
    expect(wrongLimits(['bystander'])).toEqual([])
    expect(await settledInconsistencies(host, ['bystander', 'killed'])).toEqual([])
  })
})

function sleep(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}
