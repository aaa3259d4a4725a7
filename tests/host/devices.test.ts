import {execFileSync} from 'node:child_process'
import {mkdirSync, statSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {deviceRules} from '../../src/security/index.ts'
import {HandMade, toStep, type Words} from '../helpers/hand-made.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {until} from '../helpers/processes.ts'
import {runState, stateNumber} from '../helpers/servers.ts'

/*
 * The program on a server's cgroup that guards devices. Everything else that keeps nodes away is taken off: a directory of the
 * host with nodes for everybody is mounted without nodev.
 */

let host: ScratchHost
let hand: HandMade
let nodes: string

/** Nodes that a server must not open; not every machine has a device behind each. */
const FORBIDDEN = {console: 'c 5 1', fuse: 'c 10 229', kmsg: 'c 1 11', loop: 'c 10 237', tun: 'c 10 200'}
const ALLOWED = {null: 'c 1 3', zero: 'c 1 5', full: 'c 1 7', random: 'c 1 8', urandom: 'c 1 9'}

const USUAL: Words = ['devices', ...deviceRules({capabilities: {add: [], drop: []}, allow: []})]

describe.skipIf(requires('root').skip)('devices', () => {
  beforeAll(async () => {
    host = await scratchHost()
    hand = await HandMade.begin(host)
    nodes = join(host.root, 'nodes')
    mkdirSync(nodes)
    for (const [name, words] of Object.entries({...FORBIDDEN, ...ALLOWED, ...disk()}))
      execFileSync('mknod', ['-m', '666', join(nodes, name), ...words.split(' ')])
    await hand.create('one', {restart: {policy: 'always'}})
  })
  afterAll(async () => {
    await host.vps(['stop', '--all'])
    await host[Symbol.asyncDispose]()
    hand[Symbol.dispose]()
  })

  /** The disk that the host's files are on. */
  function disk(): {disk?: string} {
    const {dev} = statSync(host.root)
    const major = (dev >> 8) & 0xfff
    return major === 0 ? {} : {disk: `b ${major} ${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`}
  }

  /** Starts the server with the directory of nodes. */
  async function start(...steps: Words[]) {
    const bind = toStep(['bind', nodes, '/nodes', 'nosuid'])
    const report = await hand.start('one', steps, all => {
      const at = all.findIndex(({op}) => op === 'mask')
      return [...all.slice(0, at), bind, ...all.slice(at)]
    })
    return report.fault
  }

  /** What opening each node says: empty, or the reason against it. */
  async function open(): Promise<Record<string, string>> {
    const script = `cd /nodes; for node in *; do
      echo "$node:$(dd if=$node of=/dev/null count=0 iflag=nonblock 2>&1 | sed -n 's/.*failed to open.*: //p')"; done`
    const lines = (await host.inside('one', script)).split('\n')
    return Object.fromEntries(lines.map(line => line.split(':') as [string, string]))
  }

  const stop = (): Promise<string> => host.must(['stop', 'one'])
  const refused = (names: readonly string[]): object =>
    Object.fromEntries(names.map(name => [name, 'Operation not permitted']))
  const opened = (names: readonly string[]): object => Object.fromEntries(names.map(name => [name, '']))

  test('that are not a server’s own can not be opened, which without the program they could', async () => {
    expect(await start()).toBeUndefined()
    const without = await open()
    expect(without).toMatchObject(opened(Object.keys(ALLOWED)))
    const possible = Object.keys({...FORBIDDEN, ...disk()}).filter(name => without[name] === '')
    expect(possible.length).toBeGreaterThan(0)
    await stop()

    expect(await start(USUAL)).toBeUndefined()
    const guarded = await open()
    expect(guarded).toMatchObject({...opened(Object.keys(ALLOWED)), ...refused(possible)})
    // Its own it opens: the pty that is its console, and new ones.
    const own = 'echo >/dev/null; : </dev/console; script -qec tty /dev/null </dev/null'
    expect(await host.inside('one', own)).toMatch(/^\/dev\/pts\/\d+/)

    // A restart from inside keeps the group, and the program on it.
    process.kill(stateNumber(host, 'one', 'init'), 'SIGKILL')
    await until('it has restarted', () => runState(host, 'one').get('restarts') === '1')
    await until('it runs', () => runState(host, 'one').get('state') === 'running')
    expect(await open()).toEqual(guarded)
    await stop()

    // One that a rule allows is open again, and no other: the test can tell.
    const [first = ''] = possible.filter(name => name !== 'disk')
    const [, major, minor] = FORBIDDEN[first as keyof typeof FORBIDDEN].split(' ')
    expect(await start([...USUAL, `c:${major}:${minor}`])).toBeUndefined()
    expect(await open()).toEqual({...guarded, [first]: ''})
    await stop()
  })

  test('no rule at all closes every device', async () => {
    expect(await start(['devices'])).toMatchObject({path: '/dev/console', errno: 1})
  })

  test('of any minor number are meant by a star', async () => {
    expect(await start(['devices', 'c:1:*', 'c:5:2', 'c:136:*'])).toBeUndefined()
    expect(await open()).toMatchObject(opened(Object.keys(ALLOWED)))
    await stop()
  })

  test.each([
    '',
    'c',
    'c:',
    'c:1',
    'c:1:',
    'c:*:1',
    'c:1:3x',
    'c:1:-3',
    'b:1:3',
    'c:4294967296:3',
    'c:1:3:5',
  ])('a rule like %j is a fault', async rule => {
    expect(await start(['devices', rule])).toMatchObject({
      op: 'devices',
      syscall: 'plan',
      path: rule,
      errno: 22,
    })
  })
})
