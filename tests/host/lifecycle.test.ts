import {chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, statSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {execa} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {serverPaths} from '../../src/host/index.ts'
import {Host, type ServerView} from '../../src/server/index.ts'
import {Workshop} from '../helpers/bare-server.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {isAlive, until} from '../helpers/processes.ts'
import {
  createServers,
  onHost,
  probesMount,
  runState,
  STATIC,
  startServers,
  stateNumber,
  type Wanted,
} from '../helpers/servers.ts'
import {Terminal} from '../helpers/terminal.ts'

let host: ScratchHost
let api: Host
let workshop: Workshop

beforeAll(async () => {
  workshop = new Workshop()
  chmodSync(workshop.directory, 0o755) // users of servers run its programs
  // A path that ends in /systemd is an init that says READY by itself.
  copyFileSync(workshop.compile('slow-init', STATIC), join(workshop.directory, 'systemd'))
  host = await scratchHost()
  api = await Host.open({root: host.root})
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  workshop[Symbol.dispose]()
})

async function view(name: string): Promise<ServerView> {
  const [found] = await api.list({names: [name]})
  if (!found) throw new Error(`no server ${name}`)
  return found
}

async function inState(name: string, state: ServerView['state'], timeoutMs?: number): Promise<ServerView> {
  await until(`${name} is ${state}`, async () => (await view(name)).state === state, timeoutMs)
  return await view(name)
}

/** The lines of the console log, without carriage returns. */
async function log(name: string): Promise<string[]> {
  return (await host.must(['logs', name])).split(/\r?\n/).filter(Boolean)
}

const hostSystemd = existsSync('/usr/lib/systemd/systemd') || existsSync('/lib/systemd/systemd')

/** Each kind of init, and how it ends when it is asked to stop. */
const KINDS: Record<string, {definition: Wanted; comm: RegExp; exit: RegExp}> = {
  ...(hostSystemd ? {systemd: {definition: {init: 'auto'}, comm: /^systemd$/, exit: /^poweroff$/}} : {}),
  busybox: {definition: {template: 'busybox', init: 'auto'}, comm: /^(init|busybox)$/, exit: /^poweroff$/},
  persist: {definition: {init: 'persist'}, comm: /^vps-init$/, exit: /^exited 0$/},
  command: {definition: {init: ['/bin/sleep', 'infinity']}, comm: /^vps-init$/, exit: /^exited 143$/},
  path: {definition: {init: '/probes/slow-init'}, comm: /^slow-init$/, exit: /^exited 0$/},
}

describe.skipIf(requires('root').skip)('an init', () => {
  describe.each(Object.keys(KINDS))('%s', kind => {
    const {definition = {}, comm = /^$/, exit = /^$/} = KINDS[kind] ?? {}
    const name = `kind-${kind}`

    test('starts, is process 1, and stops when asked', async () => {
      await createServers(host, {[name]: {mounts: [probesMount(workshop)], ...definition}})
      await host.must(['start', name, '--wait'])
      const running = await view(name)
      expect(running).toMatchObject({state: 'running', ready: true, restarts: 0, lastExit: null})
      expect(readFileSync(`/proc/${running.pid}/comm`, 'utf8').trim()).toMatch(comm)
      expect(/^NSpid:.*\s1$/m.test(readFileSync(`/proc/${running.pid}/status`, 'utf8'))).toBe(true)
      const stopped = await host.must(['stop', name])
      expect(stopped).toMatch(new RegExp(`^${name}: stopped after .* \\(${exit.source.slice(1, -1)}\\)$`))
      expect(await view(name)).toMatchObject({
        state: 'stopped',
        pid: null,
        lastExit: expect.stringMatching(exit),
      })
      expect(existsSync(serverPaths(host.paths, name).run)).toBe(false)
      expect(existsSync(host.cgroup(name))).toBe(false)
      expect(readFileSync(serverPaths(host.paths, name).exit, 'utf8')).toMatch(
        new RegExp(`${exit.source.slice(1, -1)} 1[0-9]{9}\n$`),
      )
    })

    test('stops right after its start, twenty times, never near the timeout', {timeout: 60_000}, async () => {
      // Five servers at once, four times each: busybox takes two seconds for its shutdown.
      const lanes = Array.from({length: 5}, (_, lane) => `${name}-${lane}`)
      await createServers(
        host,
        Object.fromEntries(lanes.map(lane => [lane, {mounts: [probesMount(workshop)], ...definition}])),
      )
      const took: number[] = []
      await Promise.all(
        lanes.map(async (server, lane) => {
          for (let round = 0; round < 4; round++) {
            await api.start(server)
            await sleep(round * 5 + lane * 2) // at once, and in the middle of what it does first
            const report = await api.stop(server)
            expect(report, `${server}, round ${round}`).toMatchObject({
              killed: false,
              exit: expect.stringMatching(exit),
            })
            took.push(report.tookMs)
          }
        }),
      )
      expect(took).toHaveLength(20)
      expect(Math.max(...took)).toBeLessThan(10_000) // of the 30 s that it has
      console.log(`${kind}: stop right after start took at most ${Math.max(...took)} ms`)
      await host.must(['destroy', ...lanes, '--yes'])
    })
  })

  test('that does not listen is killed after the timeout, and it is said', async () => {
    const deaf = 'trap "" TERM; echo deaf; while :; do sleep 1; done'
    await startServers(host, {deaf: {init: ['/bin/sh', '-c', deaf], stop: {timeout: '400ms'}}})
    await until('it is deaf', async () => (await log('deaf')).includes('deaf'))
    const [report] = await host.json<{tookMs: number; exit: string; killed: boolean}[]>(['stop', 'deaf'])
    expect(report).toMatchObject({exit: 'signaled 9', killed: true})
    expect(report?.tookMs).toBeGreaterThanOrEqual(400)
    expect(report?.tookMs).toBeLessThan(5_000)
    await host.must(['start', 'deaf'])
    expect(await host.must(['stop', 'deaf', '--kill'])).toMatch(/stopped after/)
    await host.must(['start', 'deaf'])
    const begun = performance.now()
    await host.must(['destroy', 'deaf', '--force', '--yes'])
    expect(performance.now() - begun).toBeLessThan(5_000)
    expect((await host.vps(['show', 'deaf'])).exitCode).toBe(3)
  })
})

/** The time that a supervisor on a busy machine may need to be scheduled. */
const AT_ONCE_MS = 500

describe.skipIf(requires('root').skip)('from inside', () => {
  test.each(['busybox', 'persist', ...(hostSystemd ? ['systemd'] : [])])(
    'reboot and poweroff of %s are seen in list at once',
    async kind => {
      const name = `kind-${kind}`
      // An init with an init's tools is asked; where there is none, the system call itself.
      const verb = kind === 'systemd' ? 'systemctl $1' : kind === 'busybox' ? '$1' : '/probes/reboot-call $1'
      if (kind === 'persist') workshop.compile('reboot-call', STATIC)
      const call = async (word: string): Promise<void> => {
        await host.vps(['exec', name, '--', 'sh', '-c', verb, 'sh', word])
      }
      await host.must(['start', name, '--wait'])
      const before = await view(name)
      const ended = until('its first init has ended', () => !isAlive(before.pid ?? 0), 10_000)
      await call('reboot')
      await ended
      // At once: it is being started again, or is up already.
      await until('list says so', async () => (await view(name)).lastExit === 'rebooted', AT_ONCE_MS)
      expect(['starting', 'running']).toContain((await view(name)).state)
      const after = await inState(name, 'running', 10_000)
      expect(after.restarts).toBe(1)
      expect(after.pid).not.toBe(before.pid)
      await until('it is up again', async () => (await view(name)).ready)
      expect(await host.inside(name, 'hostname')).toBe(name)

      const gone = until('its second init has ended', () => !isAlive(after.pid ?? 0), 10_000)
      await call('poweroff')
      await gone
      await until(
        'list says so',
        async () => ['stopping', 'stopped'].includes((await view(name)).state),
        AT_ONCE_MS,
      )
      expect(await inState(name, 'stopped', 2_000)).toMatchObject({lastExit: 'poweroff', pid: null})
    },
  )
})

describe.skipIf(requires('root').skip)('the restart policy', () => {
  const policy = (script: string, restart: Wanted): Wanted => ({
    init: ['/bin/sh', '-c', `echo run; ${script}`],
    restart,
  })

  test('starts a failed server again, at most so often, each time after a longer while', async () => {
    await createServers(host, {failing: policy('exit 3', {policy: 'on-failure', max: 3, window: '1m'})})
    const begun = performance.now()
    await host.must(['start', 'failing'])
    await inState('failing', 'stopped')
    expect(performance.now() - begun).toBeGreaterThan(650) // 100, 200, 400 ms
    expect(await log('failing')).toEqual(['run', 'run', 'run', 'run'])
    expect(await view('failing')).toMatchObject({lastExit: 'exited 3'})
  })

  test('leaves alone what ended well, was not to be restarted, or was switched off', async () => {
    await createServers(host, {
      well: policy('exit 0', {policy: 'on-failure'}),
      never: policy('exit 1', {policy: 'no'}),
      off: {
        ...policy('sleep 0.3; /probes/reboot-call poweroff', {policy: 'always'}),
        mounts: [probesMount(workshop)],
      },
    })
    workshop.compile('reboot-call', STATIC)
    await host.must(['start', 'well', 'never', 'off'])
    for (const [name, exit] of [
      ['well', 'exited 0'],
      ['never', 'exited 1'],
      ['off', 'poweroff'],
    ] as const) {
      expect(await inState(name, 'stopped')).toMatchObject({lastExit: exit})
      expect(await log(name)).toEqual(['run'])
    }
  })

  test('always: whatever the status, and a killed init too', async () => {
    await startServers(host, {
      always: policy('sleep 0.2; exit 0', {policy: 'always', max: 2}),
      killed: policy('exec sleep infinity', {policy: 'on-failure'}),
    })
    const first = (await view('killed')).pid ?? 0
    process.kill(first, 'SIGKILL')
    await until('it is started again', async () => {
      const {pid, state} = await view('killed')
      return state === 'running' && pid !== first && pid !== null
    })
    expect(await view('killed')).toMatchObject({restarts: 1, lastExit: 'signaled 9'})
    await host.must(['stop', 'killed'])
    expect((await view('killed')).state).toBe('stopped') // a stop is not a failure
    await inState('always', 'stopped')
    expect(await log('always')).toEqual(['run', 'run', 'run'])
  })

  test('counts within the window only', async () => {
    await startServers(host, {
      slow: policy('sleep 1.1; exit 1', {policy: 'on-failure', max: 1, window: '1s'}),
    })
    await until(
      'it was restarted more often than max',
      async () => (await view('slow')).restarts >= 2,
      10_000,
    )
    await host.must(['stop', 'slow'])
  })

  test('a stop between two attempts ends them', async () => {
    await startServers(host, {looping: policy('exit 1', {policy: 'on-failure', max: 100})})
    await until(
      'it waits',
      async () => (await view('looping')).state === 'starting' && (await log('looping')).length >= 3,
    )
    const begun = performance.now()
    await host.must(['stop', 'looping'])
    expect(performance.now() - begun).toBeLessThan(3_000)
    const runs = await log('looping')
    await sleep(1_000)
    expect(await log('looping')).toEqual(runs)
    expect((await view('looping')).state).toBe('stopped')
  })
})

describe.skipIf(requires('root').skip)('verbs', () => {
  test('pause stops everything, resume goes on, and a paused server can be stopped', async () => {
    const count = 'i=0; while :; do i=$((i+1)); echo $i >/count; sleep 0.02; done'
    await startServers(host, {counter: {init: ['/bin/sh', '-c', count]}})
    const counted = (): number =>
      Number(readFileSync(join(serverPaths(host.paths, 'counter').upper, 'count'), 'utf8') || -1)
    await until(
      'it counts',
      () => existsSync(join(serverPaths(host.paths, 'counter').upper, 'count')) && counted() > 2,
    )
    await host.must(['pause', 'counter'])
    expect((await view('counter')).state).toBe('paused')
    const [held] = [counted()]
    await sleep(200)
    expect(counted()).toBe(held)
    await host.must(['resume', 'counter'])
    await until('it counts again', () => counted() > held)
    expect((await view('counter')).state).toBe('running')
    await host.must(['pause', 'counter'])
    const [report] = await host.json<{tookMs: number; killed: boolean}[]>(['stop', 'counter'])
    expect(report).toMatchObject({killed: false})
    expect(report?.tookMs).toBeLessThan(5_000)
    expect((await host.vps(['pause', 'counter'])).exitCode).toBe(4)
  })

  test('set keeps comments, says what is live and what waits; restart brings it in', async () => {
    const text = `# The shop of Miller Ltd
name: shop
template: host   # no download
init: persist
tags: [web]      # for vps stop --tag
env: {GREETING: hello}
stop: {timeout: 20s}
`
    await host.must(['create', 'shop', '--file', '-', '--start'], {stdin: 'pipe', input: text})
    const inside = (): Promise<string> =>
      host.inside('shop', `tr '\\0' '\\n' </proc/1/environ | grep GREETING; hostname`)
    expect(await inside()).toBe('GREETING=hello\nshop')
    const report = await host.json([
      'set',
      'shop',
      'tags=[web, miller]',
      'env.GREETING=good evening',
      'hostname=shop.example.net',
    ])
    expect(report).toEqual({name: 'shop', live: ['tags'], afterRestart: ['hostname', 'env']})
    const {definition} = serverPaths(host.paths, 'shop')
    const changed = readFileSync(definition, 'utf8')
    for (const comment of ['# The shop of Miller Ltd', '# no download', '# for vps stop --tag'])
      expect(changed).toContain(comment)
    expect(await inside()).toBe('GREETING=hello\nshop')
    expect((await host.json<ServerView[]>(['list', '--tag', 'miller'])).map(({name}) => name)).toEqual([
      'shop',
    ])

    const before = await view('shop')
    await host.must(['restart', 'shop'])
    expect(await inside()).toBe('GREETING=good evening\nshop.example.net')
    expect((await view('shop')).pid).not.toBe(before.pid)

    const refused = await host.vps(['set', 'shop', 'stop.timeout=soon'])
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringMatching(/stop\.timeout/)])
    expect(readFileSync(definition, 'utf8')).toBe(changed)

    const editor = `sed -i 's/good evening/good night/'`
    await host.must(['edit', 'shop'], {env: {VPS_ROOT: host.root, NO_COLOR: '1', EDITOR: editor}})
    await host.must(['restart', 'shop'])
    expect(await inside()).toBe('GREETING=good night\nshop.example.net')
    await host.must(['stop', 'shop'])
    await host.must(['restart', 'shop']) // one that does not run is started
    expect((await view('shop')).state).toBe('running')
  })

  test('rename takes files, log and definition along', async () => {
    expect((await host.vps(['rename', 'shop', 'store'])).exitCode).toBe(4)
    await host.inside('shop', 'echo kept >/root/kept')
    await host.must(['stop', 'shop'])
    await host.must(['rename', 'shop', 'store'])
    expect(readFileSync(serverPaths(host.paths, 'store').definition, 'utf8')).toMatch(
      /# The shop of Miller Ltd\nname: store\n/,
    )
    await host.must(['start', 'store'])
    expect(await host.inside('store', 'cat /root/kept')).toBe('kept')
    expect((await host.vps(['show', 'shop'])).exitCode).toBe(3)
    expect((await host.vps(['rename', 'store', 'kind-persist'])).exitCode).not.toBe(0)
    await host.must(['destroy', 'store', '--force', '--yes'])
  })

  test('ps shows each process with its number on the host and inside', async () => {
    await startServers(host, {busy: {init: ['/bin/sh', '-c', 'sleep 4001 & exec sleep 4002']}})
    const rows = await host.json<
      {pid: number; guestPid: number; server: string; user: string; command: string}[]
    >(['ps', 'busy'])
    expect(rows.map(({server, user, command}) => `${server} ${user} ${command}`).toSorted()).toEqual([
      expect.stringMatching(/^busy root sleep 4001$/),
      expect.stringMatching(/^busy root sleep 4002$/),
      expect.stringMatching(/^busy root vps-init .*sleep 4002$/),
    ])
    for (const {pid, guestPid} of rows)
      expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(new RegExp(`^NSpid:.*\\s${guestPid}$`, 'm'))
    expect(rows.find(({guestPid}) => guestPid === 1)?.pid).toBe(stateNumber(host, 'busy', 'init'))
    expect(await host.must(['ps', 'busy'])).toMatch(/PID +GUEST-PID +SERVER/)
  })

  test('destroy asks, refuses what runs, and with --force leaves nothing', async () => {
    const {storage, definition, run} = serverPaths(host.paths, 'busy')
    const unasked = await host.vps(['destroy', 'busy'])
    expect([unasked.exitCode, unasked.stderr]).toEqual([2, expect.stringMatching(/--yes/)])
    const running = await host.vps(['destroy', 'busy', '--yes'])
    expect([running.exitCode, running.stderr]).toEqual([4, expect.stringMatching(/--force/)])
    const [init, supervisor] = ['init', 'supervisor'].map(key => stateNumber(host, 'busy', key))
    await host.must(['destroy', 'busy', '--yes', '--force'])
    for (const path of [storage, definition, run, host.cgroup('busy')]) expect(existsSync(path)).toBe(false)
    expect([init, supervisor].map(pid => isAlive(pid ?? 0))).toEqual([false, false])
    expect((await host.vps(['stop', 'busy'])).exitCode).toBe(3)
  })

  test('several servers at once, by name, tag and all; one that fails does not stop the others', async () => {
    await createServers(host, {
      't-one': {tags: ['team']},
      't-two': {tags: ['team']},
      't-three': {tags: ['team'], mounts: [{source: '/no/such/place', target: '/srv/x'}]},
    })
    const started = await host.vps(['start', '--tag', 'team'])
    expect(started.exitCode).toBe(1)
    expect(started.stderr).toMatch(/no\/such\/place: No such file or directory/)
    expect(started.stdout).toMatch(/^t-(one|two): started in .*\nt-(one|two): started in .*$/)
    const states = async (): Promise<string[]> =>
      (await api.list({tag: 'team'})).map(({name, state}) => `${name} ${state}`)
    expect(await states()).toEqual(['t-one running', 't-three stopped', 't-two running'])
    expect((await host.vps(['start', 't-one'])).exitCode).toBe(4)
    expect((await host.vps(['stop', '--tag', 'team'])).exitCode).toBe(0)
    expect(await states()).toEqual(['t-one stopped', 't-three stopped', 't-two stopped'])
    await host.must(['destroy', '--tag', 'team', '--yes'])
    expect(await states()).toEqual([])
  })
})

describe.skipIf(requires('root').skip)('the console', () => {
  const talk =
    'stty -echo; echo ready; while read -r line; do echo "heard $line"; [ "$line" = size ] && stty size; done'

  test('is attached, typed at by two at once, and left by Ctrl-]', async () => {
    await startServers(host, {talker: {init: ['/bin/sh', '-c', talk]}})
    const open = () => new Terminal(workshop, [vpsProgram, 'console', 'talker'], {env: {VPS_ROOT: host.root}})
    await using first = open()
    await first.sees(/ready/) // what was said before
    first.type('hello\r')
    await first.sees(/heard hello\r\n/)
    await using second = open()
    await second.sees(/heard hello/)
    second.type('from second\r')
    await Promise.all([first.sees(/heard from second/), second.sees(/heard from second/)])
    first.resize()
    await sleep(200)
    first.type('size\r')
    await first.sees(/heard size\r\n50 132\r\n/)
    for (const terminal of [first, second]) {
      terminal.type('\u001d')
      expect(await terminal.ended).toBe(0)
      expect(terminal.note).toBe('modes same\n')
    }
    expect((await view('talker')).state).toBe('running')
    expect(await log('talker')).toEqual(['ready', 'heard hello', 'heard from second', 'heard size', '50 132'])
  })

  test('ends for who is attached when the server does', async () => {
    await using terminal = new Terminal(workshop, [vpsProgram, 'console', 'talker'], {
      env: {VPS_ROOT: host.root},
    })
    await terminal.sees(/heard size/)
    await host.must(['destroy', 'talker', '--force', '--yes'])
    await terminal.ended
    expect(terminal.note).toBe('modes same\n')
  })

  test('its log is rotated, and read across the files', {timeout: 30_000}, async () => {
    const lines = 1500
    const script = `i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo "line $i of the log"; done; echo end; exec sleep infinity`
    await startServers(host, {
      wordy: {init: ['/bin/sh', '-c', script], console: {size: '8KiB', files: 3}},
    })
    const {log: directory} = serverPaths(host.paths, 'wordy')
    await until('all is written', async () => (await log('wordy')).at(-1) === 'end')
    const files = readdirSync(directory).toSorted()
    expect(files).toEqual(['console.log', 'console.log.1', 'console.log.2'])
    for (const file of files) expect(statSync(join(directory, file)).size).toBeLessThanOrEqual(8192)
    const read = await log('wordy')
    const numbers = read.slice(1, -1).map(line => Number(/^line (\d+) of the log$/.exec(line)?.[1]))
    expect(numbers.length).toBeGreaterThan(600) // two full files at least
    expect(numbers).toEqual(Array.from(numbers, (_, index) => (numbers[0] ?? 0) + index)) // none is missing
    expect(numbers.at(-1)).toBe(lines)
    expect((await host.must(['logs', 'wordy', '-n', '2'])).split(/\r?\n/)).toEqual([
      `line ${lines} of the log`,
      'end',
    ])
    const json = (await host.must(['logs', 'wordy', '-n', '1', '--json'])).trim()
    expect(JSON.parse(json)).toEqual({server: 'wordy', line: 'end'})
    await host.must(['destroy', 'wordy', '--force', '--yes'])
  })

  test('logs -f goes on as it comes, over a rotation', {timeout: 30_000}, async () => {
    const script =
      'while read -r n; do i=0; while [ $i -lt $n ]; do i=$((i+1)); echo "said $i of $n"; done; done'
    await startServers(host, {chatty: {init: ['/bin/sh', '-c', script], console: {size: '4KiB', files: 4}}})
    const follower = execa(vpsProgram, ['logs', 'chatty', '-f'], {
      env: {VPS_ROOT: host.root},
      reject: false,
      buffer: false,
    })
    let seen = ''
    follower.stdout.on('data', data => {
      seen += data
    })
    await using typing = new Terminal(workshop, [vpsProgram, 'console', 'chatty'], {
      env: {VPS_ROOT: host.root},
    })
    await sleep(300)
    typing.type('5\r')
    await until('the first lines', () => seen.includes('said 5 of 5'))
    typing.type('300\r') // more than one file
    await until('the last line', () => seen.includes('said 300 of 300'))
    for (let number = 1; number <= 300; number++) expect(seen).toContain(`said ${number} of 300\r\n`)
    follower.kill('SIGINT')
    await follower
    await host.must(['destroy', 'chatty', '--force', '--yes'])
  })
})

describe.skipIf(requires('root').skip)('READY', () => {
  test('is for init to say, and for nobody else', async () => {
    await createServers(host, {
      notifier: {init: '/probes/systemd', mounts: [probesMount(workshop)], stop: {signal: 'SIGTERM'}},
    })
    await host.must(['start', 'notifier'])
    await until('init listens', async () => (await log('notifier')).includes('listening'))
    expect((await view('notifier')).ready).toBe(false)
    expect(await host.must(['exec', 'notifier', '--', '/probes/systemd'])).toBe('sent') // forged by root
    expect(await host.must(['exec', 'notifier', '--user', '1000', '--', '/probes/systemd'])).toBe('refused')
    await sleep(200)
    expect((await view('notifier')).ready).toBe(false)
    await host.inside('notifier', 'kill -USR1 1')
    await until('init has said it', async () => (await view('notifier')).ready)
    expect(await host.must(['stop', 'notifier'])).toMatch(/exited 0/)
  })

  test('start --wait waits for it, and says when the server ends before', async () => {
    const waiting = host.vps(['start', 'notifier', '--wait', '--json'])
    await until(
      'init listens',
      async () => (await log('notifier')).filter(line => line === 'listening').length === 2,
    )
    await sleep(100)
    await host.inside('notifier', 'kill -USR1 1')
    const [report] = JSON.parse(String((await waiting).stdout))
    expect(report.ready).toBe(true)
    const phases: string[] = report.phases.map(({name}: {name: string}) => name)
    expect(phases).toEqual(['cgroup', 'limits', 'namespaces', 'network', 'spawn', 'rootfs', 'init', 'ready'])
    await host.must(['stop', 'notifier'])

    const hopeless = host.vps(['start', 'notifier', '--wait'])
    await until('it runs', async () => (await view('notifier')).state === 'running')
    await host.must(['stop', 'notifier'])
    const {exitCode, stderr} = await hopeless
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(/notifier ended before it was up: exited 0/),
    ])
  })
})

describe.skipIf(requires('root').skip)('a supervisor that is killed', () => {
  test('takes its server along; list says crashed, and the next start cleans up and says so', async () => {
    await startServers(host, {
      victim: {init: ['/bin/sh', '-c', 'sleep 4003 & exec sleep 4004']},
      bystander: {},
    })
    await host.inside('victim', 'echo kept >/root/kept')
    const supervisor = stateNumber(host, 'victim', 'supervisor')
    const init = stateNumber(host, 'victim', 'init')
    const child = Number(readFileSync(`/proc/${init}/task/${init}/children`, 'utf8'))
    const bystander = stateNumber(host, 'bystander', 'init')
    process.kill(supervisor, 'SIGKILL')
    await until('everything of the server is dead', () => ![init, child].some(isAlive), 2_000)
    expect(await view('victim')).toMatchObject({state: 'crashed', pid: null})
    expect(await host.must(['list'])).toMatch(/victim +crashed/)
    expect((await host.vps(['exec', 'victim', '--', 'true'])).exitCode).toBe(125)

    const started = await host.vps(['start', 'victim'])
    expect(started.exitCode).toBe(0)
    expect(started.stderr).toMatch(/victim.*supervisor/)
    expect(await host.inside('victim', 'cat /root/kept')).toBe('kept')
    expect(await view('victim')).toMatchObject({state: 'running', lastExit: 'lost'})
    expect(isAlive(bystander)).toBe(true)

    process.kill(stateNumber(host, 'victim', 'supervisor'), 'SIGKILL')
    await until('it is seen', async () => (await view('victim')).state === 'crashed')
    await host.must(['destroy', 'victim', '--yes'])
    expect(existsSync(host.cgroup('victim'))).toBe(false)
  })

  test('asked to end by SIGTERM, it stops its server properly', async () => {
    const supervisor = stateNumber(host, 'bystander', 'supervisor')
    process.kill(supervisor, 'SIGTERM')
    expect(await inState('bystander', 'stopped')).toMatchObject({lastExit: 'exited 0'})
    expect(runState(host, 'bystander').size).toBe(0)
  })
})

test.skipIf(requires('root').skip)('a server started through a pipe keeps nobody waiting', async () => {
  // The pipes of the caller must not be held by the supervisor: `$(vps start …)` would hang.
  await createServers(host, {piped: {}})
  const begun = performance.now()
  const {stdout, exitCode} = await onHost(host, 'out=$("$vps" start piped 2>&1 | cat); echo "<$out>"')
  expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^<piped: started in .*>$/)])
  expect(performance.now() - begun).toBeLessThan(10_000)
})
