import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {findCgroup2, readMounts, serverPaths} from '../../src/host/index.ts'
import type {ServerDetails, ServerView} from '../../src/server/index.ts'
import {settledInconsistencies} from '../helpers/consistency.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {isAlive, listProcesses, until} from '../helpers/processes.ts'
import {createServers, runState, stateNumber, type Wanted} from '../helpers/servers.ts'

/** Often enough for a test: the time to become unhealthy is that of two checks. */
const QUICK = {interval: '200ms', timeout: '1s', retries: 2, grace: 0} as const

/** Only supervisors see these. */
const SEEN: ReadonlySet<string> = new Set([
  'ready',
  'healthy',
  'unhealthy',
  'stopped',
  'restarting',
  'gave-up',
  'limit',
])

interface Line {
  readonly time: string
  readonly type: string
  readonly server: string
  readonly detail: Readonly<Record<string, unknown>>
}

const cgroup2 = await findCgroup2(await readMounts())
/** A limit that can be hit here; the system call is that of x86-64. */
const hugepages = {
  skip: requires('root').skip || cgroup2?.controllers.includes('hugetlb') !== true || process.arch !== 'x64',
}

let host: ScratchHost

/** What supervisors have written of a server, oldest first. */
function events(server: string, type?: string): Line[] {
  const file = join(host.paths.events, 'log')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []
  return lines
    .map(line => JSON.parse(line) as Line)
    .filter(line => line.server === server && (type === undefined ? SEEN.has(line.type) : line.type === type))
}

const healthOf = (server: string): string | undefined => runState(host, server).get('health')
const reasonOf = (server: string): string | undefined => runState(host, server).get('health_reason')

async function starts(name: string, wanted: Wanted): Promise<void> {
  await createServers(host, {[name]: {network: 'none', ...wanted}})
  await host.must(['start', name])
}

/** Answers connections to port 8080 of a server with a text each, after which it hangs up or, without `ends`, does not. */
async function serve(name: string, answer: string, ends = true): Promise<void> {
  const program = `
    use IO::Socket::INET;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 8080, Listen => 9, ReuseAddr => 1) or die;
    while (my $peer = $listener->accept) {
      sysread $peer, my $request, 4096 if ${answer === '' ? 0 : 1};
      syswrite $peer, ${JSON.stringify(answer).replaceAll(/([@$])/g, '\\$1')};
      push @kept, $peer unless ${ends ? 1 : 0};
      close $peer if ${ends ? 1 : 0};
    }`
  await host.must([
    'exec',
    name,
    '--',
    'sh',
    '-c',
    'pkill -x perl; perl -e "$0" </dev/null >/dev/null 2>&1 &',
    program,
  ])
}

async function becomes(name: string, health: string, reason?: RegExp): Promise<void> {
  await until(`${name} is ${health}${reason === undefined ? '' : ` because ${reason.source}`}`, () => {
    return healthOf(name) === health && (reason === undefined || reason.test(reasonOf(name) ?? ''))
  })
}

describe('health', requires('root'), () => {
  beforeAll(async () => {
    host = await scratchHost()
  })

  afterAll(async () => {
    const servers = (await host.json<ServerView[]>(['list'])).map(({name}) => name)
    await host.must(['destroy', '--all', '--force', '--yes'])
    expect(await settledInconsistencies(host, servers)).toEqual([])
    await host[Symbol.asyncDispose]()
  })

  test('a command in the server says it: shown, told, waited for', async () => {
    await starts('cmd', {health: {...QUICK, exec: ['test', '-e', '/run/fine'], interval: '100ms'}})
    await becomes('cmd', 'unhealthy', /^exited 1$/)
    const [view] = await host.json<ServerView[]>(['list', 'cmd'])
    expect(view).toMatchObject({health: 'unhealthy', ready: true, restarts: 0})
    expect(await host.must(['list', 'cmd'])).toMatch(/HEALTH[\s\S]*unhealthy/)
    await host.inside('cmd', 'touch /run/fine')
    await becomes('cmd', 'healthy')
    expect(await host.json<ServerDetails>(['show', 'cmd'])).toMatchObject({
      healthReason: null,
      health: 'healthy',
    })
    expect(events('cmd').map(({type}) => type)).toEqual(['ready', 'unhealthy', 'healthy'])
    expect(events('cmd', 'unhealthy')[0]?.detail).toEqual({reason: 'exited 1', failures: 2})
    expect(events('cmd')[0]?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  })

  test('a command that hangs is killed with all it started, and leaves no group', async () => {
    await host.must([
      'set',
      'cmd',
      'health.exec=[sh, -c, "setsid sleep 4711 & sleep 4711"]',
      'health.timeout=300ms',
    ])
    await becomes('cmd', 'unhealthy', /^no answer within 300 ms$/)
    await host.must(['set', 'cmd', 'health.exec=[nonesuch]'])
    await becomes('cmd', 'unhealthy', /^the command can't be run: status 127$/)
    expect(listProcesses().filter(({command}) => command === 'sleep 4711')).toEqual([])
    await host.must(['set', 'cmd', 'health.exec=["true"]', 'health.interval=1m', 'health.timeout=5s'])
    await becomes('cmd', 'healthy')
    expect(
      readdirSync(join(host.cgroup('cmd'), 'payload')).filter(name => name.startsWith('vps-attach')),
    ).toEqual([])
    await host.must(['set', 'cmd', 'health-'])
    expect(healthOf('cmd')).toBeUndefined()
    await host.must(['stop', 'cmd'])
  })

  test('ports and pages are asked for inside the server; what answers there is not trusted', async () => {
    await starts('web', {health: {...QUICK, tcp: 8080, timeout: '400ms'}})
    await becomes('web', 'unhealthy', /^port 8080: Connection refused$/)
    await serve('web', '', false)
    await becomes('web', 'healthy')
    await host.must(['set', 'web', 'health.tcp-', 'health.http=http://localhost:8080/healthz?a=b'])
    await becomes('web', 'unhealthy', /^no answer within 400 ms$/)
    await serve('web', 'HTTP/1.1 204 Fine\r\n\r\n')
    await becomes('web', 'healthy')
    await serve('web', 'HTTP/1.0 500 Oh\r\n\r\n')
    await becomes('web', 'unhealthy', /^status 500$/)
    await serve('web', `HTTP/1.1 302 Elsewhere\r\nX: ${'x'.repeat(60_000)}`)
    await becomes('web', 'healthy')
    await serve('web', '"\\ \u001b[31m SSH-2.0-whatever, at length')
    await becomes('web', 'unhealthy', /^the answer is not HTTP$/)
    await serve('web', 'HTTP/1.1', false) // and not a byte more
    await becomes('web', 'unhealthy', /^no answer within 400 ms$/)
    await host.must(['stop', 'web'])
  })

  test('a paused server is not looked at; one that comes up is waited for', async () => {
    await createServers(host, {
      late: {
        network: 'none',
        init: ['sh', '-c', 'sleep 1; touch /run/up; exec sleep infinity'],
        health: {...QUICK, exec: ['test', '-e', '/run/up'], grace: '1m'},
      },
    })
    expect(await host.must(['start', 'late', '--wait'])).toContain('up and healthy')
    expect(events('late').map(({type}) => type)).toEqual(['ready', 'healthy'])
    await host.must([
      'set',
      'late',
      'health.exec=[sleep, 1m]',
      'health.timeout=100ms',
      'health.interval=100ms',
    ])
    await host.must(['pause', 'late'])
    const before = runState(host, 'late').get('health')
    await new Promise(resolve => setTimeout(resolve, 1000))
    expect(runState(host, 'late').get('health')).toBe(before)
    await host.must(['stop', 'late', '--kill'])
  })

  test('restart as its action: stopped and started again, as often as the policy has it', async () => {
    await starts('sick', {
      health: {...QUICK, exec: ['false'], action: 'restart'},
      restart: {max: 2, delay: '100ms'},
      hooks: {onFailure: ['/bin/sh', '-c', 'echo "$VPS_EVENT $VPS_REASON"']},
    })
    await until('it gives up', () => events('sick', 'gave-up').length > 0, 20_000)
    expect(runState(host, 'sick').get('restarts')).toBe('2')
    expect(runState(host, 'sick').get('state')).toBe('running')
    expect(events('sick', 'restarting').map(({detail}) => detail.delayMs)).toEqual([100, 200])
    expect(events('sick', 'gave-up')[0]?.detail).toEqual({exit: 'unhealthy', restarts: 2})
    await until('its hook has run', () => hooksLog('sick').includes('gave-up unhealthy'))
    expect(hooksLog('sick')).toContain('unhealthy exited 1\n')
    await host.must(['stop', 'sick'])
  })
})

const hooksLog = (name: string): string => {
  const file = join(serverPaths(host.paths, name).log, 'hooks.log')
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

describe('the restart policy', requires('root'), () => {
  const FAILS: Wanted = {network: 'none', init: ['sh', '-c', 'sleep 0.05; exit 3']}

  beforeAll(async () => {
    host = await scratchHost()
  })

  afterAll(async () => {
    await host[Symbol.asyncDispose]()
  })

  test('waits longer and longer, gives up, and says so', async () => {
    const facts = join(host.root, 'facts')
    await starts('looper', {
      ...FAILS,
      restart: {policy: 'on-failure', max: 3, delay: '100ms', maxDelay: '300ms'},
      hooks: {onFailure: ['/bin/sh', '-c', `(env; cat) >>${facts}.$VPS_EVENT; exit 4`], timeout: '5s'},
    })
    await until('it is given up', () => events('looper', 'gave-up').length > 0, 20_000)
    await until('its supervisor is gone', () => runState(host, 'looper').size === 0)
    expect(events('looper', 'restarting').map(({detail}) => detail)).toEqual([
      {exit: 'exited 3', delayMs: 100},
      {exit: 'exited 3', delayMs: 200},
      {exit: 'exited 3', delayMs: 300},
    ])
    expect(events('looper', 'stopped')).toHaveLength(4)
    expect(await host.json<ServerDetails>(['show', 'looper'])).toMatchObject({
      state: 'stopped',
      lastExit: 'exited 3',
      gaveUpAfter: 3,
    })
    expect(await host.must(['show', 'looper'])).toContain('given up after 3 restarts')
    await until('the hook has run', () => existsSync(`${facts}.gave-up`) && existsSync(`${facts}.failed`))
    await until('it has said all', () => readFileSync(`${facts}.gave-up`, 'utf8').endsWith('}\n'))
    const lines = readFileSync(`${facts}.gave-up`, 'utf8').trimEnd().split('\n')
    expect(lines).toEqual(
      expect.arrayContaining([
        'VPS_NAME=looper',
        'VPS_HOOK=onFailure',
        'VPS_EVENT=gave-up',
        'VPS_EXIT=exited 3',
        'VPS_RESTARTS=3',
        `VPS_ROOT=${host.root}`,
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ]),
    )
    expect(lines.filter(line => line.startsWith('NODE') || line.startsWith('HOME'))).toEqual([])
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
      hook: 'onFailure',
      event: 'gave-up',
      name: 'looper',
      exit: 'exited 3',
      restarts: 3,
      project: 'default',
      tags: [],
    })
    await until('it is told that the hook failed', () => events('looper', 'hook-failed').length > 0)
    expect(events('looper', 'hook-failed')[0]?.detail).toEqual({hook: 'onFailure', reason: 'exited 4'})
  })

  test('a stop wins while a restart is waited for', async () => {
    await starts('waits', {...FAILS, restart: {policy: 'always', delay: '1h', maxDelay: '1h'}})
    await until('it waits', () => runState(host, 'waits').get('state') === 'restarting')
    const supervisor = stateNumber(host, 'waits', 'supervisor')
    await host.must(['stop', 'waits'])
    expect((await host.json<ServerDetails>(['show', 'waits'])).state).toBe('stopped')
    expect(isAlive(supervisor)).toBe(false)
    expect(events('waits').map(({type}) => type)).toEqual(['ready', 'stopped', 'restarting'])
  })

  test('a hook runs one at a time, is killed when its time is over, and does not run for what the guest wishes', async () => {
    const running = join(host.root, 'running')
    const script = `mkdir ${running} || echo twice; sleep 60 & sleep 60`
    await starts('hooked', {
      init: 'persist',
      restart: {policy: 'always', delay: 0},
      hooks: {onFailure: ['/bin/sh', '-c', script], timeout: '500ms'},
    })
    await host.vps(['exec', 'hooked', '--', 'kill', '-INT', '1']) // reboot, as vps-init has it
    await until('it has rebooted', () => runState(host, 'hooked').get('restarts') === '1')
    expect(hooksLog('hooked')).toBe('')
    for (const count of ['2', '3']) {
      process.kill(stateNumber(host, 'hooked', 'init'), 'SIGKILL')
      await until('it is there again', () => runState(host, 'hooked').get('restarts') === count)
    }
    await until('both were killed', () => events('hooked', 'hook-failed').length === 2)
    expect(hooksLog('hooked')).toMatch(/failed \(signaled 9\)[\s\S]*killed: its time was over/)
    expect(listProcesses().filter(({command}) => command === 'sleep 60')).toEqual([])
    await host.must(['stop', 'hooked'])
    expect(events('hooked', 'hook-failed')).toHaveLength(2)
  })

  test('a server that ends again and again does not fill the log of events', async () => {
    await starts('storm', {init: ['true'], restart: {policy: 'always', max: 1000, delay: 0, maxDelay: 0}})
    await until('it has ended often', () => Number(runState(host, 'storm').get('restarts')) > 45, 40_000)
    await host.must(['stop', 'storm'])
    expect(events('storm').length).toBeLessThan(120)
  })

  test('a limit that was hit is told at once, and then less often', hugepages, async () => {
    await starts('limited', {init: 'persist', resources: {hugepages: {'2MiB': '2MiB'}}})
    writeFileSync(join(host.cgroup('limited'), 'payload', 'hugetlb.2MB.rsvd.max'), '0') // no page need be there to be refused
    const map = 'printf "%d", syscall(9, 0, 2 << 20, 3, 0x40022, -1, 0)'
    for (let attempt = 0; attempt < 3; attempt++)
      expect(await host.must(['exec', 'limited', '--', 'perl', '-e', map])).toBe('-1')
    await until('it is told', () => events('limited', 'limit').length > 0)
    const fact = {resource: 'hugetlb_2MB', kind: 'max', value: 2 * 1024 * 1024}
    expect(events('limited', 'limit').map(({detail}) => detail)).toEqual([{...fact, count: 1}])
    await host.must(['stop', 'limited'])
    expect(events('limited', 'limit')[1]?.detail).toEqual({...fact, count: 2})
  })

  test('a full log of events is put aside', async () => {
    writeFileSync(join(host.paths.events, 'log'), `${'x'.repeat(4 * 1024 * 1024)}\n`)
    await starts('brief', {init: ['true']})
    await until('it has ended', () => runState(host, 'brief').size === 0)
    expect(events('brief').map(({type}) => type)).toEqual(['ready', 'stopped'])
    expect(existsSync(join(host.paths.events, 'log.1'))).toBe(true)
  })
})
