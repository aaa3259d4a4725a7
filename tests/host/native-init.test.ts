import {spawn, spawnSync} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {constants} from 'node:os'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {nativeFile} from '../../src/native/index.ts'
import {
  BareServer,
  type BareServerOptions,
  collect,
  type Result,
  spawnWithWords,
  Workshop,
} from '../helpers/bare-server.ts'

const {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPWR, SIGWINCH} = constants.signals
const SIGRTMIN = 34 // as glibc and musl leave it to programs

let workshop: Workshop
beforeAll(() => {
  workshop = new Workshop()
})
afterAll(() => workshop[Symbol.dispose]())

function begin(options: BareServerOptions = {}): Promise<BareServer> {
  return BareServer.begin(workshop, options)
}

function exec(server: BareServer, script: string): Promise<Result> {
  const child = spawnWithWords([nativeFile('vps-attach')], server.words(['sh', '-c', script]), [
    'pipe',
    'pipe',
    'pipe',
  ])
  return collect(child)
}

function status(server: BareServer): string {
  return readFileSync(`/proc/${server.pid}/status`, 'utf8')
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 3000; Date.now() < end; await sleep(10)) if (condition()) return
  throw new Error(`not within three seconds: ${what}`)
}

test('on the host itself it refuses to run: its kill(-1) would hit everything', () => {
  const {status, stderr} = spawnSync(nativeFile('vps-init'), {encoding: 'utf8'})
  expect(status).toBe(125)
  expect(stderr).toBe('vps-init: runs only as process 1 of a server\n')
})

describe('persist', () => {
  test('stays up with nothing to do, without waking up once', async () => {
    await using server = await begin()
    const switches = () => /^voluntary_ctxt_switches:\s+(\d+)/m.exec(status(server))?.[1]
    expect(status(server)).toMatch(/^Name:\s+vps-init$/m)
    await sleep(50)
    const before = switches()
    await sleep(500)
    expect(switches()).toBe(before)
  })

  test('has every signal blocked that can be, so that none is lost', async () => {
    await using server = await begin()
    // all but SIGKILL, SIGSTOP and the two that libc keeps to itself
    expect(/^SigBlk:\s+([0-9a-f]+)$/m.exec(status(server))?.[1]).toBe('fffffffe7ffbfeff')
  })

  test('reaps orphans', async () => {
    await using server = await begin()
    await exec(server, 'for i in 1 2 3 4 5; do (setsid sleep 0.1 &); done')
    await sleep(300)
    const {stdout} = await exec(server, 'ps -eo stat=,ppid=,comm=')
    expect(stdout).not.toMatch(/^Z\S*\s+1\b/m)
    expect(stdout).toContain('vps-init')
  })

  test.each([
    ['SIGTERM', SIGTERM],
    ['SIGINT', SIGINT],
    ['SIGPWR', SIGPWR],
    ['SIGUSR1, the halt of busybox,', SIGUSR1],
    ['SIGUSR2, the poweroff of busybox,', SIGUSR2],
    ['SIGRTMIN+3', SIGRTMIN + 3],
  ])('%s ends it cleanly, at once, with all that runs', async (_, number) => {
    await using server = await begin()
    await exec(server, 'setsid sleep 3335 >/dev/null 2>&1 </dev/null &')
    const start = Date.now()
    server.signal(number)
    expect(await server.ended).toBe(0)
    expect(Date.now() - start).toBeLessThan(1000)
  })

  test.each([
    ['SIGHUP', SIGHUP],
    ['SIGQUIT', SIGQUIT],
    ['SIGWINCH', SIGWINCH],
  ])('%s does not', async (_, number) => {
    await using server = await begin()
    server.signal(number)
    await sleep(50)
    expect((await exec(server, 'echo alive')).stdout).toBe('alive\n')
  })

  test('a service may take its time to end, a stopped one is continued', async () => {
    await using server = await begin()
    const script = 'trap "sleep 0.5; exit" TERM; while :; do sleep 0.05; done'
    await exec(
      server,
      `setsid sh -c '${script}' >/dev/null 2>&1 </dev/null & setsid sh -c 'kill -STOP $$' >/dev/null 2>&1 </dev/null & sleep 0.2`,
    )
    const start = Date.now()
    server.signal(SIGTERM)
    expect(await server.ended).toBe(0)
    expect(Date.now() - start).toBeGreaterThan(400)
    expect(Date.now() - start).toBeLessThan(3000)
  })

  test('what does not end within five seconds is killed', async () => {
    await using server = await begin()
    await exec(
      server,
      `setsid sh -c 'trap "" TERM; while :; do sleep 1; done' >/dev/null 2>&1 </dev/null & sleep 0.2`,
    )
    const start = Date.now()
    server.signal(SIGTERM)
    expect(await server.ended).toBe(0)
    expect(Date.now() - start).toBeGreaterThan(4500)
    expect(Date.now() - start).toBeLessThan(7000)
  })

  test('an interactive shell, which ignores SIGTERM, does not hold it up', async () => {
    await using server = await begin()
    const shell = spawnWithWords(
      [nativeFile('vps-attach')],
      server.words(['bash', '--norc', '--noprofile', '-i'], {tty: '1'}),
      ['pipe', 'pipe', 'pipe'],
    )
    let screen = ''
    shell.stdout?.on('data', data => {
      screen += data
    })
    const closed = new Promise(resolve => shell.once('close', resolve))
    await until('the prompt', () => screen.includes('# '))
    const start = Date.now()
    server.signal(SIGTERM)
    expect(await server.ended).toBe(0)
    expect(Date.now() - start).toBeLessThan(2000)
    expect(await closed).toBe(129)
    shell.stdin?.destroy()
  })
})

describe('a command', () => {
  const ready = 'echo up; while :; do sleep 0.05; done'

  test.each([0, 1, 7, 255])('its status %i is that of init', async code => {
    await using server = await begin({command: ['sh', '-c', `sleep 0.2; exit ${code}`]})
    expect(await server.ended).toBe(code)
  })

  test('a signal that ends it is told as 128+n', async () => {
    await using server = await begin({command: ['sh', '-c', 'sleep 0.2; kill -SEGV $$']})
    expect(await server.ended).toBe(128 + constants.signals.SIGSEGV)
  })

  test.each([
    [127, '/no/such/program', 'No such file or directory'],
    [126, '/etc/passwd', 'Permission denied'],
  ])('init ends with %i when it cannot run %s', async (code, program, reason) => {
    const argv = ['--fork', '--pid', nativeFile('vps-init'), program]
    expect(await collect(spawn('unshare', argv))).toMatchObject({
      code,
      stderr: `vps-init: ${program}: ${reason}\n`,
    })
  })

  test.each([
    ['TERM', SIGTERM],
    ['INT', SIGINT],
    ['HUP', SIGHUP],
    ['QUIT', SIGQUIT],
    ['USR1', SIGUSR1],
    ['USR2', SIGUSR2],
    ['WINCH', SIGWINCH],
  ])('is sent SIG%s', async (name, number) => {
    await using server = await begin({command: ['sh', '-c', `trap 'exit 9' ${name}; ${ready}`]})
    await until('it is up', () => server.output.includes('up\n'))
    server.signal(number)
    expect(await server.ended).toBe(9)
  })

  test('starts with default signals in a session of its own, and orphans are reaped beside it', async () => {
    const command = [
      'sh',
      '-c',
      `grep -E '^Sig(Blk|Ign)' /proc/self/status; ps -o sid= -p $$; echo self $$; (sleep 0.1 &); ${ready}`,
    ]
    await using server = await begin({command})
    await until('it is up', () => server.output.includes('up\n'))
    expect(server.output).toMatch(/^SigBlk:\s0+$/m)
    expect(server.output).toMatch(/^SigIgn:\s0+$/m)
    const [, session, self] = /^ *(\d+)\nself (\d+)$/m.exec(server.output) ?? []
    expect(self).toMatch(/^\d+$/)
    expect(session).toBe(self)
    await sleep(300)
    expect((await exec(server, 'ps -eo stat=,ppid=')).stdout).not.toMatch(/^Z\S*\s+1\b/m)
  })

  test('its end is the end of everything', async () => {
    await using server = await begin({
      command: ['sh', '-c', 'setsid sh -c "trap : TERM; while :; do sleep 1; done" & sleep 0.3; exit 4'],
    })
    expect(await server.ended).toBe(4)
  })
})

describe('readiness', () => {
  async function listen(socket: string): Promise<{message: Promise<string>}> {
    const child = spawn(workshop.compile('notify-listen'), [socket])
    let output = ''
    child.stdout.on('data', data => {
      output += data
    })
    const message = new Promise<string>(resolve =>
      child.once('close', () => resolve(output.replace('listening\n', ''))),
    )
    await until('it listens', () => output.includes('listening'))
    return {message}
  }

  test.each([
    ['persist', []],
    ['a command that has been executed', ['sh', '-c', 'echo "[$NOTIFY_SOCKET]"; sleep 30']],
  ])('is told to NOTIFY_SOCKET: %s', async (name, command) => {
    const socket = join(workshop.directory, `${name.length}.sock`)
    const {message} = await listen(socket)
    const setup = `chmod 755 ${workshop.directory} 2>/dev/null || :`
    spawnSync('chmod', ['755', workshop.directory])
    await using server = await begin({command, env: {NOTIFY_SOCKET: socket}, setup})
    expect(await message).toBe('READY=1\n')
    if (command.length > 0) await until('the command has spoken', () => server.output.includes('[]\n')) // not handed on
  })

  test('nobody listening does no harm', async () => {
    await using server = await begin({env: {NOTIFY_SOCKET: '/nowhere/notify'}})
    expect((await exec(server, 'echo alive')).stdout).toBe('alive\n')
  })
})

test('built with sanitizers it does the same, and they find nothing', {timeout: 60_000}, async () => {
  const init = workshop.compileNative('vps-init', ['init/*.c', 'common/signals.c'])
  const env = {ASAN_OPTIONS: 'detect_leaks=0'} // its leak check traces, which a pid namespace's init can't be
  spawnSync('chmod', ['755', workshop.directory])
  await using persist = await begin({init, env, stderr: 'pipe'})
  await exec(persist, 'setsid sleep 3335 >/dev/null 2>&1 </dev/null &')
  persist.signal(SIGTERM)
  expect(await persist.ended).toBe(0)
  expect(persist.output).toBe('')
  await using command = await begin({init, env, stderr: 'pipe', command: ['sh', '-c', 'sleep 0.2; exit 6']})
  expect(await command.ended).toBe(6)
  expect(command.output).toBe('')
})
