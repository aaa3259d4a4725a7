import {spawn} from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {connect, Socket} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {execa, type Options, type Result} from 'execa'
import {afterAll, afterEach, beforeAll, describe, expect, test} from 'vitest'
import {serverPaths} from '../../src/host/index.ts'
import {encode, type LaunchPlan} from '../../src/launch/index.ts'
import {launch} from '../../src/native/index.ts'
import {request} from '../../src/server/control.ts'
import {settledInconsistencies, stateOf} from '../helpers/consistency.ts'
import {repository, requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {isAlive, until} from '../helpers/processes.ts'
import {type Random, seededRandom} from '../helpers/random.ts'

/*
 * The whole product with supervisor and vps-attach built with address and undefined-behaviour sanitizers: a life of a server,
 * then nonsense of every kind at each door of the C programs. The sanitizers end a program at the first thing they find and
 * write a report (tests/helpers/sanitizer-options.c).
 */

const sanitized = join(repository, 'build/sanitized')
const reports = join(sanitized, 'reports')
const random = seededRandom('nonsense for the sanitizers')

let installation: string
let host: ScratchHost

/** vps as it would be installed, with the two programs in place of the usual ones. */
function install(): string {
  for (const program of ['vps-supervisor', 'vps-attach'])
    if (!existsSync(join(sanitized, program)))
      throw new Error(`${sanitized}/${program} is missing: make sanitized`)
  const directory = mkdtempSync(join(tmpdir(), 'vps-sanitized-'))
  for (const part of ['bin', 'dist', 'package.json', 'oclif.manifest.json'])
    cpSync(join(repository, part), join(directory, part), {recursive: true})
  for (const part of ['node_modules', 'rootfs-templates'])
    symlinkSync(join(repository, part), join(directory, part))
  for (const program of ['vps-supervisor', 'vps-attach'])
    cpSync(join(sanitized, program), join(directory, 'dist/native', program))
  return directory
}

async function vps(words: readonly string[], options: Options = {}): Promise<Result> {
  const env = {VPS_ROOT: host.root, NO_COLOR: '1'}
  const all = {env, stdin: 'ignore', reject: false, timeout: 60_000, ...options} as const
  return (await execa(join(installation, 'bin/vps'), words, all)) as Result
}

async function must(...words: string[]): Promise<string> {
  const {exitCode, stdout, stderr} = await vps(words)
  expect({exitCode, stderr}, words.join(' ')).toEqual({exitCode: 0, stderr: ''})
  return String(stdout)
}

const supervisorOf = (name: string): number => Number(stateOf(host, name)?.get('supervisor'))

/** What the sanitizers have to say; the file is a report's only trace, as supervisors have no terminal. */
function findings(): string[] {
  return readdirSync(reports).map(name => readFileSync(join(reports, name), 'utf8').slice(0, 3000))
}

function forgetFindings(): void {
  for (const name of readdirSync(reports)) rmSync(join(reports, name))
}

describe('with sanitizers', requires('root'), () => {
  beforeAll(async () => {
    rmSync(reports, {recursive: true, force: true})
    mkdirSync(reports, {recursive: true})
    installation = install()
    host = await scratchHost()
  })

  afterEach(() => {
    const found = findings()
    forgetFindings()
    expect(found).toEqual([])
  })

  afterAll(async () => {
    await vps(['destroy', '--all', '--force', '--yes'])
    await host[Symbol.asyncDispose]()
    rmSync(installation, {recursive: true, force: true})
  })

  test('a report is seen, even of a supervisor that nobody hears', async () => {
    await must('create', 'zero', '--set', 'init=persist')
    await must('start', 'zero')
    const supervisor = supervisorOf('zero')
    process.kill(supervisor, 'SIGSEGV')
    await until('it ends', () => !isAlive(supervisor))
    expect(findings()).toEqual([expect.stringContaining('AddressSanitizer: SEGV')])
    forgetFindings()
    expect((await vps(['destroy', 'zero', '--yes'])).stderr).toContain('supervisor had died')
  })

  test('a life of a server', {timeout: 90_000}, async () => {
    await must('create', 'one', '--set', 'init=persist', '--set', 'console.size=16KiB')
    await must('start', 'one', '--wait')
    expect(await must('exec', 'one', '--', 'echo', 'hello')).toBe('hello')
    expect((await vps(['exec', 'one', '--', 'sh', '-c', 'exit 7'])).exitCode).toBe(7)
    expect((await vps(['exec', 'one', '--', 'nonesuch'])).exitCode).toBe(127)
    expect((await vps(['exec', 'one', '--user', 'nobody', '--', 'sh', '-c', 'kill -9 $$'])).exitCode).toBe(
      137,
    )
    const many = random.bytes(3_000_000)
    const echoed = await vps(['exec', 'one', '--', 'cat'], {stdin: 'pipe', input: many, encoding: 'buffer'})
    expect(Buffer.compare(Buffer.from(echoed.stdout as unknown as Uint8Array), many)).toBe(0)
    expect(await onTerminal('exec one -t -- sh -c "tty; stty size"', '')).toMatch(/\/dev\/(pts|console)/)
    await must('exec', 'one', '--', 'sh', '-c', 'seq 20000 >/dev/console') // rotates the log
    expect(await onTerminal('console one', 'typed\n', '\u001d')).toContain('19999')
    await must('logs', 'one', '-n', '5')
    await must('pause', 'one')
    await must('resume', 'one')
    await must('restart', 'one')
    const supervisor = supervisorOf('one')
    await must('stop', 'one')
    await until('the supervisor is gone', () => !isAlive(supervisor))
    await must('start', 'one')
    await must('stop', 'one', '--kill')
    await must('destroy', 'one', '--yes')
    expect(await settledInconsistencies(host, ['one'])).toEqual([])
  })

  test('a server with systemd, if there is one: ready, reboot, poweroff', {timeout: 120_000}, async () => {
    await must('create', 'two', '--set', 'restart.policy=on-failure')
    await must('start', 'two', '--wait')
    const supervisor = supervisorOf('two')
    const state = (): ReadonlyMap<string, string> | undefined => stateOf(host, 'two')
    // vps-init knows reboot and poweroff as signals; systemd knows them as commands, too.
    await vps(['exec', 'two', '--', 'sh', '-c', 'reboot || kill -INT 1'])
    await until(
      'it has rebooted',
      () => state()?.get('restarts') === '1' && state()?.get('ready') === '1',
      60_000,
    )
    expect(supervisorOf('two')).toBe(supervisor)
    process.kill(Number(state()?.get('init')), 'SIGKILL')
    await until(
      'it runs again',
      () => state()?.get('restarts') === '2' && state()?.get('ready') === '1',
      60_000,
    )
    await vps(['exec', 'two', '--', 'sh', '-c', 'poweroff || kill -USR2 1'])
    await until('it is off', () => !isAlive(supervisor), 60_000)
    await must('destroy', 'two', '--force', '--yes')
    expect(await settledInconsistencies(host, ['two'])).toEqual([])
  })

  test('a start that fails in a step', async () => {
    const definition =
      'name: fails\ntemplate: host\ninit: persist\nmounts: [{source: /nowhere, target: /x}]\n'
    await vps(['create', 'fails', '--file', '-'], {stdin: 'pipe', input: definition})
    const {exitCode, stderr} = await vps(['start', 'fails'])
    expect({exitCode, stderr}).toEqual({exitCode: 1, stderr: expect.stringContaining('fails.yaml:4:11')})
    await must('destroy', 'fails', '--yes')
    expect(await settledInconsistencies(host, ['fails'])).toEqual([])
  })

  test('a server whose health is checked every way, and whose hook hangs', {timeout: 90_000}, async () => {
    const health = (): string | undefined => stateOf(host, 'sick')?.get('health_reason')
    const hook = '["/bin/sh", "-c", "echo $VPS_REASON; sleep 30"]'
    await must(
      'create',
      'sick',
      '--set',
      'init=persist',
      '--set',
      'network=none',
      '--set',
      'health.exec=["true"]',
    )
    await must(
      'set',
      'sick',
      'health.interval=200ms',
      'health.timeout=500ms',
      'health.retries=1',
      'health.grace=0',
    )
    await must(
      'set',
      'sick',
      `hooks.onFailure=${hook}`,
      'hooks.timeout=300ms',
      'restart.policy=always',
      'restart.max=2',
    )
    await must('start', 'sick', '--wait')
    await must('set', 'sick', 'health.exec=[sleep, 1m]')
    await until('it hangs', () => health() === 'no answer within 500 ms', 20_000)
    await must('set', 'sick', 'health.exec-', 'health.tcp=80')
    await until('nobody listens', () => health()?.startsWith('port 80: ') === true, 20_000)
    await must('set', 'sick', 'health.tcp-', 'health.http=http://[::1]:80/x')
    await until('nobody answers', () => health()?.startsWith('port 80: ') === true, 20_000)
    const {plan, planJson, socket} = serverPaths(host.paths, 'sick')
    const {settings, steps} = JSON.parse(readFileSync(planJson, 'utf8')) as LaunchPlan
    const old = Object.entries(settings).filter(
      ([key]) => !/^(health|hook|restart-.*delay|events|attach)/.test(key),
    )
    writeFileSync(plan, encode({settings: Object.fromEntries(old), steps})) // as an older vps would have made it
    await request(socket, ['reload'])
    expect(stateOf(host, 'sick')?.get('health')).toBeUndefined()
    writeFileSync(plan, encode({settings, steps}))
    await request(socket, ['reload'])
    const supervisor = supervisorOf('sick')
    for (const restarts of ['1', '2', undefined]) {
      process.kill(Number(stateOf(host, 'sick')?.get('init')), 'SIGKILL')
      await until(
        'it is up again, or given up',
        () => stateOf(host, 'sick')?.get('restarts') === restarts,
        20_000,
      )
    }
    await until('the supervisor is gone', () => !isAlive(supervisor), 20_000)
    expect(await must('events', 'sick')).toMatch(/gave.up/)
    await must('destroy', 'sick', '--yes')
    expect(await settledInconsistencies(host, ['sick'])).toEqual([])
  })

  describe('nonsense', () => {
    beforeAll(async () => {
      await must('create', 'door', '--set', 'init=persist')
    })

    test('as launch plans', {timeout: 120_000}, async () => {
      const plan = JSON.parse(await must('start', 'door', '--explain', '--json')) as [LaunchPlan]
      const words = encode(plan[0]).toString('latin1').split('\0').slice(0, -1)
      const answers = new Map<string, number>()
      for (let round = 0; round < 300; round++) {
        const answer = await launchNonsense(mutated(words, random))
        answers.set(answer, (answers.get(answer) ?? 0) + 1)
      }
      await vps(['stop', 'door']) // cleans up, should one have died
      expect(answers.get('fault')).toBeGreaterThan(20) // each said what is wrong with it
      expect(answers.get('silence') ?? 0).toBe(0)
      expect(await settledInconsistencies(host, ['door'])).toEqual([])
    })

    test('at the control socket', {timeout: 90_000}, async () => {
      await must('start', 'door')
      const supervisor = supervisorOf('door')
      await Promise.all(Array.from({length: 100}, () => knock(randomRequest(random))))
      for (let round = 0; round < 400; round++) await knock(randomRequest(random))
      expect(isAlive(supervisor)).toBe(true)
      await expectAnswer('vps1\tstatus\n', /^ok\nname=door\n/)
      await expectAnswer('vps1\tnonsense\n', /^error\t38\t/)
      await expectAnswer('vps2\tstatus\n', /^error\t71\t/)
      for (const words of [
        'stop\t-1\t0',
        'stop\t1000\t65',
        'stop\t9223372036854775807\t0',
        'stop\tx\t',
        'stop\t1000\t-5',
      ])
        await expectAnswer(`vps1\t${words}\n`, /^error\t22\t/)
      await expectAnswer('vps1\trestart\t99999999999999999999\n', /^error\t22\t/)
      expect(isAlive(supervisor)).toBe(true)
      await expectAnswer('vps1\trestart\t0\n', /^ok\nrunning\t\d+\n/)
      expect(await must('exec', 'door', '--', 'echo', 'in')).toBe('in')
    })

    test('as accounts of earlier runs', {timeout: 120_000}, async () => {
      const {storage, socket} = serverPaths(host.paths, 'door')
      const month = new Date().toISOString().slice(0, 7)
      await must('stop', 'door')
      mkdirSync(join(storage, 'months'), {recursive: true})
      for (let round = 0; round < 12; round++) {
        writeFileSync(join(storage, 'usage'), randomAccount(random, 'vps-usage 1\nsince 5\nsaved 6\n'))
        writeFileSync(join(storage, 'months', month), randomAccount(random, ''))
        await must('start', 'door')
        await request(socket, ['account'])
        if (round % 2 === 0) await request(socket, ['reset-usage'])
        await must('stop', 'door', '--kill')
        expect(readFileSync(join(storage, 'usage'), 'utf8')).toMatch(
          /^vps-usage 1\nsince \d+\nsaved \d+\ncpu_usec /,
        )
      }
      await must('start', 'door')
    })

    test('at the console', {timeout: 60_000}, async () => {
      const supervisor = supervisorOf('door')
      for (let round = 0; round < 200; round++) {
        const frames = Array.from({length: 1 + random.below(8)}, () => randomFrame(random))
        await knock(Buffer.from('vps1\tconsole\n'), Buffer.concat(frames))
      }
      expect(isAlive(supervisor)).toBe(true)
      await expectAnswer('vps1\tstatus\n', /^ok\n/)
      await must('stop', 'door')
      await must('destroy', 'door', '--yes')
      expect(await settledInconsistencies(host, ['door'])).toEqual([])
    })
  })
})

/** Runs vps on a terminal of script(1): what it shows, after typing. */
async function onTerminal(command: string, ...typed: string[]): Promise<string> {
  const words = `${join(installation, 'bin/vps')} ${command}`
  const child = spawn('script', ['--quiet', '--return', '--command', words, '/dev/null'], {
    env: {...process.env, VPS_ROOT: host.root, TERM: 'xterm'},
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let shown = ''
  child.stdout.on('data', data => {
    shown += data
  })
  const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
  for (const text of typed) {
    await Promise.race([ended, sleep(700)])
    child.stdin.write(text)
  }
  expect(await ended, shown).toBe(0)
  return shown
}

/** Gives a supervisor a plan; `started` is ended again, `fault` is what it should say, `silence` is a supervisor that died. */
async function launchNonsense(words: readonly string[]): Promise<'started' | 'fault' | 'silence'> {
  const {run} = serverPaths(host.paths, 'door')
  rmSync(run, {recursive: true, force: true})
  mkdirSync(run, {mode: 0o700})
  const {reportFd} = await launch({
    supervisor: join(sanitized, 'vps-supervisor'),
    name: 'door',
    words: Buffer.from(`${words.join('\0')}\0`, 'latin1'),
  })
  const report = await readAll(new Socket({fd: reportFd}))
  const started = /^started\t(\d+)/m.exec(report)
  if (started !== null) {
    process.kill(Number(started[1]), 'SIGTERM')
    await until('it ends', () => !isAlive(Number(started[1])))
  }
  if (started !== null) return 'started'
  return /^fault\t/m.test(report) ? 'fault' : 'silence'
}

async function readAll(socket: Socket): Promise<string> {
  let text = ''
  const timer = setTimeout(() => socket.destroy(), 3_000)
  for await (const data of socket) {
    text += data
    if (/^started\t/m.test(text)) break
  }
  clearTimeout(timer)
  socket.destroy()
  return text
}

/** Settings that name where the supervisor works: with others in their place it would work elsewhere on this machine. */
const PLACES = /^(run-dir|storage-dir|cgroup|cgroup-root|init-program|name|id-base)$/

/** The plan with a few words lost, doubled, moved or replaced; never a path or what decides about one. */
function mutated(words: readonly string[], {below, pick, bytes, next}: Random): string[] {
  const result = [...words]
  if (next() < 0.15) return result.slice(0, below(result.length))
  for (let change = 1 + below(3); change > 0; change--) {
    const at = below(result.length)
    if (isPlace(result, at)) continue
    const replace = (word: string): unknown => result.splice(at, 1, word)
    pick<() => unknown>([
      () => replace(''),
      () => replace('x'.repeat(below(5000))),
      () =>
        replace(
          pick(['-1', '0', '1', '65536', '2147483648', '4294967296', '99999999999999999999', '1e9', '%s%n']),
        ),
      () =>
        replace(
          bytes(1 + below(20))
            .toString('latin1')
            .replaceAll(/[\0/]/g, '?'),
        ),
      () =>
        replace(
          pick(['step', 'set', 'end', 'layer', 'overlay', 'seccomp', 'exec', 'capabilities', 'vps-plan']),
        ),
    ])()
  }
  return result
}

function isPlace(words: readonly string[], at: number): boolean {
  return [words[at], words[at - 1]].some(
    word => word === undefined || word.includes('/') || PLACES.test(word),
  )
}

function randomRequest({below, pick, bytes, next}: Random): Buffer {
  if (next() < 0.4) return bytes(below(6000))
  const verb = pick([
    'status',
    'wait',
    'wait-ready',
    'console',
    'account',
    'reset-usage',
    'nonsense',
    '',
    'STATUS',
    'x'.repeat(below(5000)),
  ])
  const line = [
    'vps1',
    verb,
    ...Array.from({length: below(6)}, () => bytes(below(30)).toString('latin1')),
  ].join('\t')
  return Buffer.from(`${line}${pick(['\n', '\n\n', '\0\n', '', '\r\n'])}`, 'latin1')
}

function randomAccount({below, pick, bytes, next}: Random, heading: string): Buffer {
  if (next() < 0.2) return bytes(below(6000))
  const number = (): string =>
    pick([
      '0',
      '-5',
      '17',
      '9223372036854775807',
      '-9223372036854775808',
      '99999999999999999999',
      '',
      'x',
      '1e9',
    ])
  const names = [
    'cpu_usec',
    'memory_peak',
    'pids_max',
    'hugetlb_2MB_max',
    'io_rbytes',
    'seconds',
    'since',
    '',
    'x',
  ] as const
  const lines = Array.from({length: below(8)}, () => [pick<string>(names), number(), number()].join(' '))
  return Buffer.from(`${heading}${lines.join('\n')}${pick(['\n', '', ' \n'])}`)
}

function randomFrame({below, pick, bytes}: Random): Buffer {
  const payload = bytes(below(4000))
  const header = (kind: string, length: number): Buffer =>
    Buffer.from([kind.charCodeAt(0), (length >> 8) & 0xff, length & 0xff])
  return pick([
    () => Buffer.concat([header('d', payload.length), payload]),
    () => Buffer.concat([header('d', payload.length), payload]),
    () => Buffer.concat([header('w', below(65_536)), bytes(2)]),
    () => header('d', below(65_536)),
    () => payload,
    () => Buffer.from('d'),
  ])()
}

/** Connects, says it in pieces, and leaves without waiting for an answer. */
async function knock(...pieces: Buffer[]): Promise<void> {
  const socket = connect(serverPaths(host.paths, 'door').socket)
  const closed = new Promise(resolve => socket.once('close', resolve))
  socket.on('error', () => {}) // it may hang up on nonsense
  socket.resume()
  for (const piece of pieces) {
    const cut = random.below(piece.length + 1)
    socket.write(piece.subarray(0, cut))
    if (random.next() < 0.3) await sleep(1)
    socket.write(piece.subarray(cut))
    if (pieces.length > 1) await sleep(2)
  }
  socket.end()
  await Promise.race([closed, sleep(random.below(20))])
  socket.destroy()
}

async function expectAnswer(request: string, answer: RegExp): Promise<void> {
  const socket = connect({path: serverPaths(host.paths, 'door').socket, allowHalfOpen: true})
  socket.write(request)
  expect(await readAll(socket), JSON.stringify(request)).toMatch(answer)
}
