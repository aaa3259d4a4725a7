import {type ChildProcess, spawn} from 'node:child_process'
import {createHash, randomFillSync} from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import {createServer, type Socket} from 'node:net'
import {constants, tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {nativeFile} from '../../src/native/index.ts'
import {
  attachGroups,
  BareServer,
  collect,
  encodeWords,
  type Result,
  spawnWithWords,
  Workshop,
} from '../helpers/bare-server.ts'
import {quietly} from '../helpers/processes.ts'

const attach = nativeFile('vps-attach')
const setup = `
  mount -t tmpfs none /tmp
  mount -t tmpfs none /root
  mkdir -p /tmp/etc /tmp/home
  printf '%s\\n' 'root:x:0:0:root:/root:/bin/sh' 'ann:x:1000:1000:Ann:/tmp/home:/bin/sh' 'far:x:2000:2000::/nowhere:' >/tmp/etc/passwd
  printf '%s\\n' 'root:x:0:' 'ann:x:1000:' 'web:x:33:ann,bob' 'adm:x:4:ann' >/tmp/etc/group
  mount --bind /tmp/etc/passwd /etc/passwd
  mount --bind /tmp/etc/group /etc/group
  chown 1000:1000 /tmp/home
  chmod 1777 /tmp`

let workshop: Workshop
let server: BareServer
beforeAll(async () => {
  workshop = new Workshop()
  workshop.compile('on-terminal')
  server = await BareServer.begin(workshop, {setup})
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  workshop[Symbol.dispose]()
})

interface Options {
  readonly input?: string | Buffer
  readonly env?: readonly string[]
  readonly program?: readonly [string, ...string[]]
}

function start(
  argv: readonly string[],
  keys: Record<string, string> = {},
  options: Options = {},
): ChildProcess {
  return spawnWithWords(options.program ?? [attach], server.words(argv, keys, options.env), [
    'pipe',
    'pipe',
    'pipe',
  ])
}

function run(
  argv: readonly string[],
  keys: Record<string, string> = {},
  options: Options = {},
): Promise<Result> {
  return collect(start(argv, keys, options), options.input)
}

async function output(
  script: string,
  keys: Record<string, string> = {},
  options: Options = {},
): Promise<string> {
  const {stdout} = await run(['sh', '-c', script], keys, options)
  return stdout
}

/** Host pids of processes in the server whose command line has this text, zombies not counted. */
async function processes(text: string): Promise<number[]> {
  const {stdout} = await collect(spawn('ps', ['-eo', 'pid=,pidns=,stat=,args=']))
  const namespace = /\d+/.exec(readlinkSync(`/proc/${server.pid}/ns/pid`))?.[0]
  return stdout
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(
      ([, pidns, state = 'Z', ...args]) =>
        pidns === namespace && !state.startsWith('Z') && args.join(' ').includes(text),
    )
    .map(([pid]) => Number(pid))
}

/** The child of a process, by its name. */
function childOf(pid: number | undefined, name: string): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  const nameOf = (child: string): string =>
    quietly(() => readFileSync(`/proc/${child}/comm`, 'utf8').trimEnd()) ?? '' // one may just have ended
  return children.filter(child => nameOf(child) === name).map(Number)[0]
}

function isGone(pid: number | undefined): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return true
  }
}

/** Waits, at most two seconds, for something to become true. */
async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 2000; Date.now() < end; await sleep(10)) if (await condition()) return
  throw new Error(`not within two seconds: ${what}`)
}

function firstOutput(child: ChildProcess): Promise<string> {
  return new Promise(resolve => child.stdout?.once('data', data => resolve(String(data))))
}

describe('exit status', () => {
  test.each([0, 1, 2, 77, 125, 126, 127, 128, 255])('%i', async code => {
    expect(await run(['sh', '-c', `exit ${code}`])).toMatchObject({code, stdout: '', stderr: ''})
  })

  test.each(['HUP', 'INT', 'SEGV', 'TERM', 'KILL'] as const)('SIG%s', async name => {
    expect((await run(['sh', '-c', `kill -${name} $$`])).code).toBe(128 + constants.signals[`SIG${name}`])
  })

  test('of what cannot be executed', async () => {
    expect(await run(['nonesuch'])).toMatchObject({
      code: 127,
      stderr: 'vps: nonesuch: command not found in server bare\n',
    })
    expect(await run(['/no/such'])).toMatchObject({
      code: 127,
      stderr: 'vps: /no/such in server bare: No such file or directory\n',
    })
    expect(await run(['/etc/passwd'])).toMatchObject({
      code: 126,
      stderr: 'vps: /etc/passwd in server bare: Permission denied\n',
    })
  })

  test.each([
    ['a user that is not there', {user: 'zoe'}, 'server bare has no user zoe'],
    ['a group that is not there', {user: 'ann:zoo'}, 'server bare has no group zoo'],
    [
      'a directory that is not there',
      {cwd: '/zip'},
      'cannot enter directory /zip of server bare: No such file or directory',
    ],
    [
      'an id outside of the server',
      {user: '70000'},
      'cannot become user 70000 of server bare: Invalid argument',
    ],
    [
      'a broken capability list',
      {caps: '1,x'},
      'cannot drop the capabilities server bare has not: Bad message',
    ],
    ['a broken filter', {seccomp: 'abc'}, 'cannot load the system call filter of server bare: Bad message'],
  ])('125 for %s', async (_, keys, message) => {
    expect(await run(['true'], keys)).toEqual({
      code: 125,
      signal: null,
      stdout: '',
      stderr: `vps: ${message}\n`,
    })
  })

  test('125 for a server that is not running: the pid is another process by now', async () => {
    expect(await run(['true'], {'init-start': '12345'})).toMatchObject({
      code: 125,
      stderr: 'vps: server bare is not running\n',
    })
    expect(await run(['true'], {'init-pid': '4194303'})).toMatchObject({
      code: 125,
      stderr: 'vps: server bare is not running\n',
    })
  })

  test.each([
    ['nothing', []],
    ['an unknown key', ['set', 'colour', 'red']],
    ['an unknown verb', ['do', 'x']],
    ['a missing value', ['set', 'name']],
    ['a number that is none', ['set', 'init-pid', '12x']],
  ])('125 for words that make no sense: %s', async (_, words) => {
    const result = await collect(spawnWithWords([attach], encodeWords(words), ['pipe', 'pipe', 'pipe']))
    expect(result).toMatchObject({
      code: 125,
      stderr: 'vps: vps-attach is started by vps, not by hand: Bad message\n',
    })
  })
})

describe('inside', () => {
  test('all namespaces are those of the server', async () => {
    const names = ['user', 'mnt', 'pid', 'net', 'uts', 'ipc', 'cgroup']
    const inside = await output(
      'readlink /proc/self/ns/user /proc/self/ns/mnt /proc/self/ns/pid /proc/self/ns/net /proc/self/ns/uts /proc/self/ns/ipc /proc/self/ns/cgroup',
    )
    const {stdout} = await collect(
      spawn(
        'readlink',
        names.map(name => `/proc/${server.pid}/ns/${name}`),
      ),
    )
    expect(inside).toBe(stdout)
  })

  test('a command is born in a cgroup of its own, which is gone afterwards', async () => {
    expect(await output('cat /proc/self/cgroup')).toMatch(/^0::\/vps-attach-\d+-[0-9a-f]{8}$/m)
    expect(attachGroups(server.cgroup)).toEqual([])
  })

  test('nothing is inherited: descriptors, environment, session, signals, umask, limits, directory', async () => {
    const program = [
      'sh',
      '-c',
      'ulimit -S -n 99; umask 077; trap "" USR1 PIPE; cd /tmp; exec 9</etc/passwd; exec "$0"',
      attach,
    ] as const
    const report = await output(
      'ls -l /proc/self/fd; env; ps -o sid= -p $$; echo self $$; grep -E "^(Sig|Cap)" /proc/self/status; umask; ulimit -S -n; pwd',
      {},
      {program: [...program]},
    )
    expect(
      [...report.matchAll(/ (\d+) -> (.*)/g)].map(([, fd, to]) => [fd, to?.replace(/\d+/, 'N')]),
    ).toEqual([
      ['0', 'pipe:[N]'],
      ['1', 'pipe:[N]'],
      ['2', 'pipe:[N]'],
      ['3', '/proc/N/fd'],
    ])
    const variables = [...report.matchAll(/^([A-Z_a-z]+)=(.*)$/gm)].map(([, name]) => name).toSorted()
    expect(variables.filter(name => !['_', 'PWD', 'OLDPWD', 'SHLVL'].includes(name ?? ''))).toEqual([
      'HOME',
      'LOGNAME',
      'PATH',
      'SHELL',
      'USER',
    ])
    const [, session, self] = /^ *(\d+)\nself (\d+)$/m.exec(report) ?? []
    expect(session).toBe(self)
    expect(report).toMatch(/^SigBlk:\s0+$/m)
    expect(report).toMatch(/^SigIgn:\s0+$/m)
    expect(report).toMatch(/^CapInh:\s0+$/m)
    expect(report).toMatch(/^CapAmb:\s0+$/m)
    expect(report).toMatch(/^CapBnd:\s00000000002405ff$/m)
    expect(report).toMatch(/^CapEff:\s00000000002405ff$/m)
    const limits = readFileSync(`/proc/${server.pid}/limits`, 'utf8')
    const files = /^Max open files +(\d+)/m.exec(limits)?.[1]
    expect(report.trim().split('\n').slice(-3)).toEqual(['0022', files, '/root'])
  })

  test('users come from the server', async () => {
    expect(await output('id; pwd; echo $HOME $USER $SHELL', {user: 'ann'})).toBe(
      'uid=1000(ann) gid=1000(ann) groups=1000(ann),4(adm),33(web)\n/tmp/home\n/tmp/home ann /bin/sh\n',
    )
    expect(await output('id; pwd; grep CapEff /proc/self/status', {user: '1000'})).toMatch(
      /^uid=1000\(ann\).*\n\/tmp\/home\nCapEff:\s0+\n$/,
    )
    expect(await output('id', {user: 'ann:web'})).toBe('uid=1000(ann) gid=33(web) groups=33(web)\n')
    expect(await output('id', {user: '1234'})).toBe('uid=1234 gid=1234 groups=1234\n')
    expect(await output('id', {user: '1234:55'})).toBe('uid=1234 gid=55 groups=55\n')
    expect(await output('pwd; echo $SHELL', {user: 'far'})).toBe('/\n/bin/sh\n')
  })

  test('env and cwd are as asked for', async () => {
    const env = ['GREETING=hello world', 'PATH=/usr/bin:/bin', 'GREETING=good day']
    expect(await output('echo "$GREETING"; echo $PATH; pwd', {cwd: '/usr'}, {env})).toBe(
      'good day\n/usr/bin:/bin\n/usr\n',
    )
  })

  test('streams can be opened by name, by every user', async () => {
    const script = 'echo out >/proc/self/fd/1; echo err >/proc/self/fd/2; cat /proc/self/fd/0'
    for (const user of ['root', 'ann'])
      expect(await run(['sh', '-c', script], {user}, {input: 'in\n'})).toMatchObject({
        code: 0,
        stdout: 'out\nin\n',
        stderr: 'err\n',
      })
  })

  test('a login shell, with and without a command', async () => {
    expect((await run([], {login: '1', user: 'ann'}, {input: 'echo $0; pwd; exit 4'})).stdout).toBe(
      '-sh\n/tmp/home\n',
    )
    expect((await run(['sh', '-c', 'echo $1 $2', 'x', 'a b', 'c'], {login: '1'})).stdout).toBe('a b c\n')
    expect(await run([], {user: 'ann'}, {input: 'echo $0; exit 4'})).toMatchObject({code: 4, stdout: 'sh\n'})
  })

  test.runIf(process.arch === 'x64')('the filter applies, without no_new_privs', async () => {
    const step = (code: number, yes: number, no: number, value: number) => {
      const bytes = Buffer.alloc(8)
      bytes.writeUInt16LE(code, 0)
      bytes.writeUInt8(yes, 2)
      bytes.writeUInt8(no, 3)
      bytes.writeUInt32LE(value, 4)
      return bytes.toString('hex')
    }
    // mkdir and mkdirat fail with EPERM
    const seccomp = [
      step(0x20, 0, 0, 0),
      step(0x15, 1, 0, 83),
      step(0x15, 0, 1, 258),
      step(6, 0, 0, 0x00050001),
      step(6, 0, 0, 0x7fff0000),
    ].join('')
    for (const user of ['root', 'ann']) {
      const {stdout, stderr} = await run(
        ['sh', '-c', 'mkdir /tmp/made; grep -E "^(Seccomp|NoNewPrivs):" /proc/self/status'],
        {user, seccomp},
      )
      expect(stderr).toContain('Operation not permitted')
      expect(stdout).toMatch(/NoNewPrivs:\s0\nSeccomp:\s2\n/)
    }
  })

  test('the session keyring is not that of the caller', async () => {
    if (!existsSync('/proc/keys')) return
    const keys = await output('cat /proc/keys')
    expect(keys).not.toMatch(/_ses: 1\d+$/m)
  })
})

describe('streams', () => {
  test('300 MB of random bytes come back identical', {timeout: 60_000}, async () => {
    const block = randomFillSync(Buffer.alloc(10_000_000))
    const [sent, received] = [createHash('sha256'), createHash('sha256')]
    const child = start(['cat'])
    child.stdout?.on('data', data => received.update(data))
    const closed = new Promise(resolve => child.once('close', resolve))
    for (let part = 0; part < 30; part++) {
      block.writeUInt32LE(part)
      sent.update(block)
      const copy = Buffer.from(block)
      if (child.stdin?.write(copy) === false)
        await new Promise(resolve => child.stdin?.once('drain', resolve))
    }
    child.stdin?.end()
    expect(await closed).toBe(0)
    expect(received.digest('hex')).toBe(sent.digest('hex'))
  })

  test.each([
    ['a pipe and a pipe', 'cat "$1" | "$0" | cat'],
    ['a file and a file', '"$0" <"$1" >"$2"; cat "$2"'],
    ['a file and a file to append to', '"$0" <"$1" >>"$2"; cat "$2"'],
    ['a pipe and a slow reader', 'cat "$1" | "$0" | (sleep 0.2; cat)'],
  ])('from and to %s', async (_, script) => {
    const directory = mkdtempSync(join(tmpdir(), 'vps-streams-'))
    try {
      const bytes = randomFillSync(Buffer.alloc(5_000_000))
      writeFileSync(join(directory, 'in'), bytes)
      const hashed = `{ ${script.replaceAll('"$0"', '"$0" 3<&3')}; } | sha256sum`
      const argv = [
        'bash',
        '--norc',
        '-c',
        hashed,
        attach,
        join(directory, 'in'),
        join(directory, 'out'),
      ] as const
      const {stdout, stderr} = await run(['cat'], {}, {program: [...argv]})
      expect(stderr).toBe('')
      expect(stdout.split(' ')[0]).toBe(createHash('sha256').update(bytes).digest('hex'))
    } finally {
      rmSync(directory, {recursive: true})
    }
  })

  test('stdout and stderr that are one keep their order', async () => {
    const script = 'for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done'
    const {stdout} = await run(['sh', '-c', script], {}, {program: ['sh', '-c', 'exec "$0" 2>&1', attach]})
    expect(stdout).toBe([1, 2, 3, 4, 5].map(i => `out ${i}\nerr ${i}\n`).join(''))
  })

  test('end of input is passed on, end of interest too', async () => {
    expect((await run(['sh', '-c', 'cat; echo done'], {}, {input: 'x'})).stdout).toBe('xdone\n')
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
    const script = '"$0" | head -n 1; echo ${PIPESTATUS[0]}'
    const {stdout} = await run(['yes'], {}, {program: ['bash', '--norc', '-c', script, attach]})
    expect(stdout).toBe('y\n141\n')
  })

  test('a command that has ended is not waited for any longer', async () => {
    const begin = Date.now()
    expect(await run(['sh', '-c', 'sleep 30 & echo started'])).toMatchObject({code: 0, stdout: 'started\n'})
    const noisy = await run(['sh', '-c', 'yes & sleep 0.05; exit 3'])
    expect(noisy.code).toBe(3)
    expect(noisy.stdout.slice(0, 4)).toBe('y\ny\n')
    expect(Date.now() - begin).toBeLessThan(5000)
    expect(await output('echo $(pkill -x sleep; pkill -x yes)')).toBe('\n') // they live on, as daemons must
  })

  test('everything that was written before the end arrives', async () => {
    const {stdout} = await run(['sh', '-c', 'head -c 60000 /dev/zero; kill -9 $$'])
    expect(stdout.length).toBe(60000)
  })

  test('closed streams do no harm', async () => {
    const {stdout} = await run(
      ['sh', '-c', 'cat; echo fine; echo lost >&2'],
      {},
      {program: ['sh', '-c', 'exec "$0" <&- 2>&-', attach]},
    )
    expect(stdout).toBe('fine\n')
  })
})

describe('signals', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)(
    '%s reaches the command and its group',
    async name => {
      const child = start([
        'sh',
        '-c',
        `trap 'echo got; exit 9' ${name.slice(3)}; echo ready; while :; do sleep 0.05; done`,
      ])
      await firstOutput(child)
      const answer = firstOutput(child)
      child.kill(name)
      expect(await answer).toBe('got\n')
      expect((await collect(child)).code).toBe(9)
    },
  )

  test('one that comes at any moment of the start is not lost', async () => {
    for (let delay = 0; delay < 10; delay++) {
      const child = start(['sleep', '30'])
      await until(
        'vps-attach is running',
        () => readFileSync(`/proc/${child.pid}/comm`, 'utf8') === 'vps-attach\n',
      )
      await until('it takes signals', () =>
        /^SigBlk:\s0*[1-9a-f]/m.test(readFileSync(`/proc/${child.pid}/status`, 'utf8')),
      )
      await sleep(delay / 2)
      child.kill('SIGTERM')
      expect((await collect(child)).code).toBe(143)
    }
  })

  test('a stopped one stops the command', async () => {
    const child = start(['sh', '-c', 'echo $$; exec sleep 31'])
    await firstOutput(child)
    const [sleeper] = await processes('sleep 31')
    const state = (pid: number | undefined) =>
      /^State:\s(.)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    child.kill('SIGTSTP')
    await until('both are stopped', () => state(child.pid) === 'T' && state(sleeper) === 'T')
    child.kill('SIGCONT')
    await until('both go on', () => state(child.pid) === 'S' && state(sleeper) === 'S')
    child.kill('SIGTERM')
    expect((await collect(child)).code).toBe(143)
  })

  test('what the caller ignores stays ignored', async () => {
    const child = start(
      ['sh', '-c', 'echo ready; sleep 0.3; echo survived'],
      {},
      {program: ['sh', '-c', 'trap "" HUP; exec "$0"', attach]},
    )
    await firstOutput(child)
    child.kill('SIGHUP')
    expect(await collect(child)).toMatchObject({code: 0, stdout: 'survived\n'})
  })
})

describe('nothing is left behind', () => {
  const brood = [
    'sh',
    '-c',
    'sleep 3333 & setsid sleep 3333 & trap "" TERM HUP INT; echo ready; sleep 3333; sleep 3333',
  ]

  test('by a vps-attach killed with SIGKILL', async () => {
    const child = start(brood)
    await firstOutput(child)
    await until('it has a watcher', () => childOf(child.pid, 'vps-watch') !== undefined)
    const watcher = childOf(child.pid, 'vps-watch')
    child.kill('SIGKILL')
    await until('no process of the command', async () => (await processes('sleep 3333')).length === 0)
    await until('no cgroup', () => attachGroups(server.cgroup).length === 0)
    await until('no watcher', () => isGone(watcher))
  })

  test('when the caller dies', async () => {
    const child = start(brood, {}, {program: ['sh', '-c', '"$0"; true', attach]})
    await firstOutput(child)
    child.kill('SIGKILL')
    await until('no process of the command', async () => (await processes('sleep 3333')).length === 0)
    await until('no cgroup', () => attachGroups(server.cgroup).length === 0)
  })

  test('without a cgroup either, but for what has left the command', async () => {
    const child = start(['sh', '-c', 'echo ready; exec sleep 3333'], {cgroup: ''})
    await firstOutput(child)
    child.kill('SIGKILL')
    await until('no process of the command', async () => (await processes('sleep 3333')).length === 0)
  })

  test('killed at twenty moments of its start', async () => {
    for (let delay = 0; delay < 20; delay++) {
      const child = start(['sleep', '3333'])
      const ended = collect(child)
      await sleep(delay / 4)
      child.kill('SIGKILL')
      await ended
    }
    await until('no process of the commands', async () => (await processes('sleep 3333')).length === 0)
    await run(['true']) // sweeps what a group's maker could not
    await until('no cgroup', async () => {
      await run(['true'])
      return attachGroups(server.cgroup).length === 0
    })
  })

  test('a daemon that the command left stays, and so does its group, until it ends', async () => {
    await run(['sh', '-c', 'setsid sleep 0.5 >/dev/null 2>&1 </dev/null &'])
    expect(attachGroups(server.cgroup)).toHaveLength(1)
    await sleep(700)
    await run(['true'])
    expect(attachGroups(server.cgroup)).toEqual([])
  })
})

describe('on a terminal', () => {
  /** Types each text when the one before has been answered by what is expected. */
  async function terminal(
    argv: readonly string[],
    dialogue: readonly (readonly [expected: RegExp, answer: string | NodeJS.Signals])[],
    keys: Record<string, string> = {},
    begun: (child: ChildProcess) => void = () => {},
  ): Promise<Result & {screen: string}> {
    const program = [workshop.compile('on-terminal'), '24', '80', attach] as const
    const child = start(argv, {tty: '1', ...keys}, {program: [...program]})
    begun(child)
    let screen = ''
    let seen = 0
    child.stdout?.on('data', data => {
      screen += data
    })
    const result = new Promise<Result>(resolve => {
      let stderr = ''
      child.stderr?.on('data', data => {
        stderr += data
      })
      child.once('close', (code, signal) => resolve({code, signal, stdout: screen, stderr}))
    })
    for (const [expected, answer] of dialogue) {
      await until(`the screen shows ${expected}: ${JSON.stringify(screen)}`, () =>
        expected.test(screen.slice(seen)),
      )
      seen = screen.length
      if (answer.startsWith('SIG')) child.kill(answer as NodeJS.Signals)
      else child.stdin?.write(answer)
    }
    const ended = await result
    child.stdin?.destroy()
    return {...ended, screen}
  }

  test('it is one of the server, of the same size, the controlling one', async () => {
    const {code, screen, stderr} = await terminal(
      ['sh', '-c', 'tty; stty size; ps -o tty= -p $$; echo $TERM; exit 5'],
      [],
    )
    expect(screen).toBe('/dev/pts/0\r\n24 80\r\npts/0\r\nxterm\r\n')
    expect(code).toBe(5)
    expect(stderr).toBe('modes same\n')
  })

  test('it belongs to the user', async () => {
    expect(
      (await terminal(['sh', '-c', 'stat -c %U:%a $(tty); : >/dev/tty'], [], {user: 'ann'})).screen,
    ).toBe('ann:620\r\n')
  })

  test('Ctrl-C and Ctrl-D are its own', async () => {
    expect(await terminal(['sh', '-c', 'echo go; exec sleep 30'], [[/go/, '\x03']])).toMatchObject({
      code: 130,
      stderr: 'modes same\n',
    })
    expect(
      (
        await terminal(
          ['sh', '-c', 'echo go; cat; echo end'],
          [
            [/go/, 'abc\n'],
            [/abc\r\nabc/, '\x04'],
          ],
        )
      ).screen,
    ).toBe('go\r\nabc\r\nabc\r\nend\r\n')
  })

  test('Ctrl-Z is for the shell inside', async () => {
    const {code, screen} = await terminal(
      ['bash', '--norc', '--noprofile', '-i'],
      [
        [/# $/, 'echo on; sleep 30\n'],
        [/on\r\n/, '\x1a'],
        [/Stopped[\s\S]*# $/, 'kill -9 %1\nexit 3\nexit 3\n'],
      ],
      {},
    )
    expect(screen).toContain('Stopped')
    expect(code).toBe(3)
  })

  test('a resize reaches the command', async () => {
    const script = 'trap "stty size; exit 6" WINCH; echo go; while :; do sleep 0.05; done'
    expect(await terminal(['sh', '-c', script], [[/go/, 'SIGUSR1']])).toMatchObject({
      code: 6,
      screen: 'go\r\n50 132\r\n',
    })
  })

  test('a hang-up ends the command, but for what has left its terminal', async () => {
    const script = 'setsid sleep 3334 & trap "" HUP; echo go; exec sleep 3333'
    const {code} = await terminal(['sh', '-c', script], [[/go/, 'SIGUSR2']])
    expect(code).toBe(129) // after the grace
    expect(await processes('sleep 3333')).toEqual([])
  })

  test('the terminal is put back after SIGKILL', async () => {
    let terminalEmulator: ChildProcess | undefined
    const running = terminal(['sh', '-c', 'echo go; exec sleep 3333'], [], {}, child => {
      terminalEmulator = child
    })
    await until('the command runs', async () => (await processes('sleep 3333')).length > 0)
    await sleep(50)
    const pid = childOf(terminalEmulator?.pid, 'vps-attach') ?? Number.NaN
    expect(pid).toBeGreaterThan(1)
    process.kill(pid, 'SIGKILL')
    const {code, stderr} = await running
    expect(code).toBe(137)
    expect(stderr).toBe('modes same\n') // the watcher has done it
    await until('nothing is left', async () => (await processes('sleep 3333')).length === 0)
  })

  test('all output arrives, though the command ends at once', async () => {
    const {screen} = await terminal(['sh', '-c', 'seq 20000'], [])
    expect(screen.split('\r\n').length).toBe(20001)
  })

  test('asked for without having one: bytes are relayed, the end of input is typed', async () => {
    expect(await run(['sh', '-c', 'cat; tty'], {tty: '1'}, {input: 'abc'})).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^abcabc\/dev\/pts\/\d\r\n$/),
    })
  })
})

describe('the console', () => {
  /** Speaks the supervisor's side of `vps1 console`. */
  function supervisor(answer: (socket: Socket, request: string) => void): {
    path: string
    frames: Buffer[]
    close: () => void
  } {
    const directory = mkdtempSync(join(tmpdir(), `vps-console-${'long-'.repeat(25)}`)) // longer than a socket address
    const path = join(directory, 'control.sock')
    const fd = openSync(directory, 'r')
    const frames: Buffer[] = []
    const peer = createServer(socket => {
      socket.once('data', data => {
        answer(socket, String(data))
        socket.on('data', more => frames.push(more))
      })
      socket.on('error', () => {})
    })
    peer.listen(`/proc/${process.pid}/fd/${fd}/control.sock`)
    return {
      path,
      frames,
      close: () => {
        peer.close()
        closeSync(fd)
        rmSync(directory, {recursive: true, force: true})
      },
    }
  }
  const words = (socket: string, more: readonly string[] = []) =>
    encodeWords(['set', 'mode', 'console', 'set', 'name', 'bare', 'set', 'socket', socket, ...more])

  test('shows output, sends frames, detaches at the escape byte', async () => {
    let asked = ''
    const peer = supervisor((socket, request) => {
      asked = request
      socket.write('ok\nlogin: ')
    })
    const program = [workshop.compile('on-terminal'), '24', '80', attach] as const
    const child = spawnWithWords([...program], words(peer.path), ['pipe', 'pipe', 'pipe'])
    let screen = ''
    child.stdout?.on('data', data => {
      screen += data
    })
    const closed = new Promise(resolve => child.once('close', resolve))
    await until('the screen shows the prompt', () => screen.includes('login: '))
    child.stdin?.write('root\r')
    child.kill('SIGUSR1')
    const expected = Buffer.concat([
      Buffer.from([0x77, 0, 24, 0, 80]),
      Buffer.from('d\0\x05root\r'),
      Buffer.from([0x77, 0, 50, 0, 132]),
    ])
    await until('the frames came', () => Buffer.concat(peer.frames).length >= expected.length)
    const sizes = Buffer.concat(peer.frames)
    expect(sizes.subarray(0, 5)).toEqual(expected.subarray(0, 5))
    expect(sizes.includes(expected.subarray(5, 13))).toBe(true)
    expect(sizes.includes(expected.subarray(13))).toBe(true)
    child.stdin?.write('\x1d')
    expect(await closed).toBe(0)
    expect(asked).toBe('vps1\tconsole\n')
    expect(screen).toContain('vps: console of bare, detach with Ctrl-]')
    expect(screen).toContain('vps: detached from bare')
    child.stdin?.destroy()
    peer.close()
  })

  test('ends when the server does, says so, and passes refusals on', async () => {
    const peer = supervisor(socket => socket.end('ok\nbye\n'))
    const child = spawnWithWords([attach], words(peer.path), ['pipe', 'pipe', 'pipe'])
    const closing = new Promise<Result>(resolve => {
      let stdout = ''
      let stderr = ''
      child.stdout?.on('data', data => {
        stdout += data
      })
      child.stderr?.on('data', data => {
        stderr += data
      })
      child.once('close', (code, signal) => resolve({code, signal, stdout, stderr}))
    })
    expect(await closing).toMatchObject({
      code: 0,
      stdout: 'bye\n',
      stderr: 'vps: the console of bare has closed\n',
    })
    peer.close()
    const refusing = supervisor(socket => socket.end(`error\t1\tnot for you\n`))
    const refused = await collect(spawnWithWords([attach], words(refusing.path), ['pipe', 'pipe', 'pipe']))
    expect(refused).toMatchObject({
      code: 125,
      stderr: 'vps: cannot open the console of bare: Operation not permitted\n',
    })
    refusing.close()
    const nobody = await collect(
      spawnWithWords([attach], words('/nowhere/control.sock'), ['pipe', 'pipe', 'pipe']),
    )
    expect(nobody).toMatchObject({code: 125, stderr: 'vps: server bare is not running\n'})
  })
})

test('built with sanitizers it does the same, and they find nothing', {timeout: 120_000}, async () => {
  const checked = compileChecked()
  const once = async (argv: readonly string[], keys: Record<string, string> = {}, input?: string) =>
    await run(argv, keys, {program: [checked], ...(input === undefined ? {} : {input})})
  expect(await once(['cat'], {}, 'through')).toMatchObject({code: 0, stdout: 'through', stderr: ''})
  expect(await once(['sh', '-c', 'id -u; exit 7'], {user: 'ann'})).toMatchObject({
    code: 7,
    stdout: '1000\n',
    stderr: '',
  })
  expect(await once(['sh', '-c', 'cat; tty'], {tty: '1'}, 'abc\n')).toMatchObject({code: 0, stderr: ''})
  expect(await once(['nonesuch'])).toMatchObject({
    code: 127,
    stderr: 'vps: nonesuch: command not found in server bare\n',
  })
  expect(await once(['true'], {user: 'zoe'})).toMatchObject({
    code: 125,
    stderr: 'vps: server bare has no user zoe\n',
  })
  const words = server.words(['true'], {'init-start': '1'})
  for (let cut = 0; cut < words.length; cut += 9) {
    const broken = Buffer.concat([
      words.subarray(0, cut),
      Buffer.from([cut & 1 ? 0 : 0x78]),
      words.subarray(cut + 1, cut * 3),
    ])
    const result = await collect(spawnWithWords([checked], broken, ['pipe', 'pipe', 'pipe']))
    expect(result.code).toBe(125)
    expect(result.stderr).toMatch(/^vps: /)
  }
})

function compileChecked(): string {
  return workshop.compileNative('vps-attach', ['attach/*.c', 'common/*.c'])
}

test('a server that stops takes its commands along, and it is said', async () => {
  await using other = await BareServer.begin(workshop)
  const child = spawnWithWords([attach], other.words(['sh', '-c', 'echo go; exec sleep 30']), [
    'pipe',
    'pipe',
    'pipe',
  ])
  const result = collect(child)
  await firstOutput(child)
  process.kill(other.pid, 'SIGKILL')
  expect(await result).toMatchObject({code: 137, stderr: 'vps: server bare has stopped\n'})
})
