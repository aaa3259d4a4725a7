import {type ChildProcess, spawn} from 'node:child_process'
import {createHash, randomFillSync} from 'node:crypto'
import {once} from 'node:events'
import {constants} from 'node:os'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {nativeFile} from '../../src/native/index.ts'
import {Host} from '../../src/server/index.ts'
import {attachGroups, collect, spawnWithWords, Workshop} from '../helpers/bare-server.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {listProcesses, until} from '../helpers/processes.ts'
import {createServers, startServers} from '../helpers/servers.ts'
import {Terminal} from '../helpers/terminal.ts'

let host: ScratchHost
let workshop: Workshop

beforeAll(async () => {
  workshop = new Workshop()
  host = await scratchHost()
  await startServers(host, {web: {}, small: {template: 'busybox'}})
  await createServers(host, {stopped: {}})
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  workshop[Symbol.dispose]()
})

/** `vps exec web` as a child; its pid is that of vps-attach as soon as it runs. */
function begin(argv: readonly string[], stdio: 'pipe' | 'ignore' = 'pipe'): ChildProcess {
  return spawn(vpsProgram, ['exec', 'web', ...argv], {
    env: {...process.env, VPS_ROOT: host.root},
    stdio: [stdio, 'pipe', 'pipe'],
  })
}

async function status(argv: readonly string[]): Promise<number | undefined> {
  return (await host.vps(['exec', ...argv])).exitCode
}

/** Pids of the processes with this text in their command line, which is nobody's but theirs. */
function running(text: string): number[] {
  return listProcesses()
    .filter(({zombie, command}) => !zombie && command.includes(text) && !command.includes('vps'))
    .map(({pid}) => pid)
}

describe.skipIf(requires('root').skip)('streams', () => {
  test('300 MB of random bytes come back identical', {timeout: 60_000}, async () => {
    const [megabyte, size] = [1_000_000, 300]
    const [sent, received] = [createHash('sha256'), createHash('sha256')]
    const begun = performance.now()
    const child = begin(['--', 'cat'])
    let length = 0
    child.stdout?.on('data', (data: Buffer) => {
      length += data.length
      received.update(data)
    })
    const closed = once(child, 'close')
    for (let block = 0; block < size; block++) {
      const data = randomFillSync(Buffer.allocUnsafe(megabyte))
      sent.update(data)
      if (!child.stdin?.write(data)) await once(child.stdin ?? child, 'drain')
    }
    child.stdin?.end()
    expect(await closed).toEqual([0, null])
    expect(length).toBe(size * megabyte)
    expect(received.digest('hex')).toBe(sent.digest('hex'))
    const seconds = (performance.now() - begun) / 1000
    console.log(
      `300 MB through vps exec in ${seconds.toFixed(2)} s, ${(size / seconds).toFixed(0)} MB/s there and back`,
    )
  })

  test('the end of input is passed on, and output goes on after it', async () => {
    const script = 'wc -c; echo after; echo error >&2'
    const given = await host.vps(['exec', 'web', '--', 'sh', '-c', script], {stdin: 'pipe', input: 'a\0b\n'})
    expect([given.stdout, given.stderr, given.exitCode]).toEqual(['4\nafter', 'error', 0])
    const none = await host.vps(['exec', 'web', '--', 'sh', '-c', script]) // from /dev/null
    expect(none.stdout).toBe('0\nafter')
  })

  test('an end of interest in the output ends the command', async () => {
    const child = begin(['--', 'yes'], 'ignore')
    await once(child.stdout ?? child, 'data')
    child.stdout?.destroy()
    expect(await once(child, 'exit')).toEqual([128 + constants.signals.SIGPIPE, null])
  })

  test('it returns when the command has ended, though a background child holds the output', async () => {
    const begun = performance.now()
    const {stdout, exitCode} = await host.vps([
      'exec',
      'web',
      '--',
      'sh',
      '-c',
      'sleep 3031 & echo done; exit 7',
    ])
    expect([stdout, exitCode]).toEqual(['done', 7])
    expect(performance.now() - begun).toBeLessThan(5_000)
    expect(running('sleep 3031')).toHaveLength(1) // it is a daemon of the server now
    await host.inside('web', 'kill $(grep -lx sleep /proc/[0-9]*/comm | cut -d/ -f3)')
  })
})

describe.skipIf(requires('root').skip)('the exit status', () => {
  test('is each of 0 to 255', {timeout: 60_000}, async () => {
    // What the command becomes, without Node's start each time.
    const api = await Host.open({root: host.root})
    for (let code = 0; code < 256; code++) {
      const words = await api.attachWords('web', {argv: ['sh', '-c', `exit ${code}`]})
      const {code: seen} = await collect(
        spawnWithWords([nativeFile('vps-attach')], words, ['ignore', 'pipe', 'pipe']),
      )
      expect(seen).toBe(code)
    }
    for (const code of [0, 1, 2, 124, 200, 255])
      expect(await status(['web', '--', 'sh', '-c', `exit ${code}`])).toBe(code)
  })

  test('is 128 and the number of the signal that ended the command', async () => {
    for (const name of ['HUP', 'INT', 'KILL', 'SEGV', 'TERM'] as const)
      expect(await status(['web', '--', 'sh', '-c', `ulimit -c 0; kill -${name} $$`]), name).toBe(
        128 + constants.signals[`SIG${name}`],
      )
  })

  test('is 127 and 126 for what can not be executed', async () => {
    const missing = await host.vps(['exec', 'web', '--', 'no-such-program'])
    expect([missing.exitCode, missing.stderr]).toEqual([
      127,
      expect.stringMatching(/no-such-program: command not found/),
    ])
    expect(await status(['web', '--', '/no/such/program'])).toBe(127)
    await host.inside(
      'web',
      'echo text >/root/text; echo "#!/no/interpreter" >/root/script; chmod +x /root/script',
    )
    expect(await status(['web', '--', '/root/text'])).toBe(126)
    expect(await status(['web', '--', '/root'])).toBe(126)
    expect(await status(['web', '--', '/root/script'])).toBe(127)
  })

  test('is 125 when vps itself fails, and the reason is said', async () => {
    const failures: [argv: string[], reason: RegExp][] = [
      [['nobody', '--', 'true'], /there is no server nobody/],
      [['stopped', '--', 'true'], /server stopped is not running/],
      [['web'], /no command/],
      [['web', '--user', 'ghost', '--', 'true'], /no user ghost/],
      [['web', '--cwd', '/nowhere', '--', 'true'], /\/nowhere/],
      [['../web', '--', 'true'], /"\.\.\/web" is no name for a server/],
      [['web', '--nonsense', '--', 'true'], /nonsense/],
    ]
    for (const [argv, reason] of failures) {
      const {exitCode, stderr, stdout} = await host.vps(['exec', ...argv])
      expect([exitCode, stdout], argv.join(' ')).toEqual([125, ''])
      expect(stderr).toMatch(reason)
    }
  })

  test('signals are passed on to the command', async () => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGUSR1'] as const) {
      const child = begin([
        '--',
        'sh',
        '-c',
        `trap 'echo got; exit 9' ${name.slice(3)}; echo ready; while :; do sleep 0.05; done`,
      ])
      let seen = ''
      child.stdout?.on('data', data => {
        seen += data
      })
      await until('the command is ready', () => seen.includes('ready'))
      child.kill(name)
      expect(await once(child, 'exit'), name).toEqual([9, null])
      expect(seen).toBe('ready\ngot\n')
    }
  })
})

describe.skipIf(requires('root').skip)('the command', () => {
  test('has the user, environment and directory that were asked for', async () => {
    const flags = ['--user', 'nobody', '--env', 'A=1 2', '--env', 'B=x\ny=ü', '--cwd', '/var/tmp']
    const script = 'id -un; id -u; pwd; printf "%s|" "$A" "$B"; echo; echo "$HOME"; touch /root/x 2>&1'
    expect(await host.must(['exec', 'web', ...flags, '--', 'sh', '-c', `${script}; true`])).toMatch(
      /^nobody\n65534\n\/var\/tmp\n1 2\|x\ny=ü\|\n.*\n.*Permission denied/,
    )
    expect(await host.must(['exec', 'web', '--user', '1234:5678', '--', 'sh', '-c', 'id -u; id -g'])).toBe(
      '1234\n5678',
    )
  })

  test('gets every word as it is', async () => {
    const words = ['', ' ', '--user', '-t', '$HOME', "'", '"', '\\', 'a\nb', '*', 'ü']
    const {stdout} = await host.vps(['exec', 'web', '--', 'printf', '<%s>', ...words])
    expect(stdout).toBe(words.map(word => `<${word}>`).join(''))
  })

  test('of a login: enter reads from a pipe', async () => {
    const input = 'shopt -q login_shell && echo login; id -un; pwd; exit 3\n'
    const {stdout, exitCode} = await host.vps(['enter', 'web'], {stdin: 'pipe', input})
    expect([stdout, exitCode]).toEqual(['login\nroot\n/root', 3])
  })

  test('of run has a server for itself, which is gone afterwards', async () => {
    const input = 'one\ntwo\n'
    const ran = await host.vps(
      ['run', '--template', 'busybox', '--', 'sh', '-c', 'wc -l; hostname; exit 5'],
      {
        stdin: 'pipe',
        input,
      },
    )
    expect(ran.stdout).toMatch(/^2\nrun-[0-9a-f]{8}$/)
    expect(ran.exitCode).toBe(5)
    expect((await host.json<{name: string}[]>(['list'])).map(({name}) => name)).toEqual([
      'small',
      'stopped',
      'web',
    ])
  })
})

describe.skipIf(requires('root').skip)('nothing stays behind', () => {
  const script = '(sleep 3041 & exec setsid sleep 3042) & echo ready; sleep 3043'

  async function ready(child: ChildProcess): Promise<void> {
    await once(child.stdout ?? child, 'data')
    await until('all three run', () => running('sleep 304').length === 3)
  }

  test('when the command line is killed with SIGKILL', async () => {
    const child = begin(['--', 'bash', '-c', script])
    await ready(child)
    child.kill('SIGKILL')
    await until('all are gone', () => running('sleep 304').length === 0)
    expect(await host.inside('web', 'echo well')).toBe('well')
  })

  test('when the shell that called it dies', async () => {
    const shell = spawn('bash', ['-c', `"$0" exec web -- bash -c '${script}'; true`, vpsProgram], {
      env: {...process.env, VPS_ROOT: host.root},
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    await ready(shell)
    shell.kill('SIGKILL')
    await until('all are gone', () => running('sleep 304').length === 0)
  })

  test('in the cgroups of the server either', async () => {
    await host.inside('web', 'true')
    const group = host.cgroup('web')
    await until('the groups of ended commands are gone', () => attachGroups(group).length === 0)
  })
})

describe.skipIf(requires('root').skip)('on a terminal', () => {
  const open = (argv: readonly string[]): Terminal =>
    new Terminal(workshop, [vpsProgram, ...argv], {env: {VPS_ROOT: host.root}})

  test('a full-screen program works, in a window that is resized', async () => {
    await using terminal = open(['exec', 'small', '-t', '--', 'vi', '/root/note'])
    await terminal.sees(/\/root\/note.*1\/1|\/root\/note.*No such|\/root\/note/)
    terminal.type('ihello from a terminal\u001b')
    await terminal.sees(/hello from a terminal/)
    const before = terminal.screen.length
    terminal.resize() // vi draws all anew, now with the status line in row 50
    await until('vi draws for 50 rows', () => terminal.screen.slice(before).includes('\u001b[50;'))
    terminal.type(':wq\r')
    expect(await terminal.ended).toBe(0)
    expect(terminal.note).toBe('modes same\n')
    expect(await host.inside('small', 'cat /root/note')).toBe('hello from a terminal')
  })

  test('its size is that of the window, before and after a change', async () => {
    const script = 'trap "stty size; exit" WINCH; stty size; while :; do sleep 0.05; done'
    await using terminal = open(['exec', 'web', '-t', '--', 'bash', '-c', script])
    await terminal.sees(/24 80\r/)
    terminal.resize()
    await terminal.sees(/50 132\r/)
    expect(await terminal.ended).toBe(0)
  })

  test('Ctrl-C, Ctrl-Z, Ctrl-\\ and Ctrl-D go to what runs inside', async () => {
    await using terminal = open(['exec', 'web', '-t', '--env', 'PS1=ready> ', '--', 'bash', '--norc', '-i'])
    await terminal.sees(/ready> /)
    terminal.type('sleep 3051\r')
    await until('sleep runs', () => running('sleep 3051').length === 1)
    terminal.type('\u001a') // Ctrl-Z
    await terminal.sees(/Stopped\s+sleep 3051[\s\S]*ready> /)
    terminal.type('fg\r')
    await terminal.sees(/sleep 3051\r\n/)
    terminal.type('\u0003') // Ctrl-C
    await terminal.sees(/\^C[\s\S]*ready> /)
    terminal.type('echo status $?; ulimit -c 0; sleep 3052\r')
    await terminal.sees(/status 130\r/)
    await until('sleep runs', () => running('sleep 3052').length === 1)
    terminal.type('\u001c') // Ctrl-\
    await terminal.sees(/Quit[\s\S]*ready> /)
    terminal.type('stty -a | grep -o "speed\\|isig"; tty\r')
    await terminal.sees(/isig\r\n\/dev\/pts\/\d+\r\n[\s\S]*ready> /)
    terminal.type('\u0004') // Ctrl-D
    expect(await terminal.ended).toBe(0)
    expect(terminal.note).toBe('modes same\n')
  })

  test('enter is a login shell with job control', async () => {
    await using terminal = open(['enter', 'web'])
    await terminal.sees(/root@web:~[#$] /)
    terminal.type('tty; echo $-; shopt login_shell\r')
    await terminal.sees(/\/dev\/pts\/\d+\r\n\w*im\w*\r\n[^\n]*login_shell\s+on/)
    terminal.type('exit 4\r')
    expect(await terminal.ended).toBe(4)
  })

  test('a hang-up ends the shell, and nothing is left', async () => {
    await using terminal = open(['exec', 'web', '-t', '--', 'bash', '-c', 'echo ready; sleep 3061; true'])
    await terminal.sees(/ready/)
    terminal.hangUp()
    await until('all are gone', () => running('sleep 3061').length === 0)
  })
})

test.skipIf(requires('root').skip)('many at once do not mix', async () => {
  const words = Array.from({length: 12}, (_, index) => `word-${index}`)
  const answers = await Promise.all(
    words.map(word => host.must(['exec', 'web', '--', 'sh', '-c', `sleep 0.1; echo ${word}`])),
  )
  expect(answers).toEqual(words)
})

test.skipIf(requires('root').skip)('a paused server says so instead of hanging', async () => {
  await host.must(['pause', 'small'])
  const {exitCode, stderr} = await host.vps(['exec', 'small', '--', 'true'])
  expect([exitCode, stderr]).toEqual([125, expect.stringMatching(/server small is paused/)])
  await host.must(['resume', 'small'])
  expect(await status(['small', '--', 'true'])).toBe(0)
})
