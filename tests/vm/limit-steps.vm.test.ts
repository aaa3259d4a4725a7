import {readFileSync} from 'node:fs'
import process from 'node:process'
import {afterAll, afterEach, beforeAll, expect, test} from 'vitest'
import {HandMade, insertBefore, type Words} from '../helpers/hand-made.ts'
import {type ScratchHost, scratchHost} from '../helpers/host.ts'
import {until} from '../helpers/processes.ts'
import {runState, stateNumber} from '../helpers/servers.ts'
import './guest-shell.ts'

/*
 * The steps that set limits, where there are controllers and where the kernel is Debian's: tests/host/native-limits.test.ts
 * has all that needs neither.
 */

let host: ScratchHost
let hand: HandMade

const write = (group: string, file: string, value: string): Words => [
  'cgroup-write',
  group,
  file,
  value,
  value,
]
const read = (path: string): string => readFileSync(path, 'utf8').trim()

beforeAll(async () => {
  host = await scratchHost()
  hand = await HandMade.begin(host)
  await hand.create('one', {restart: {policy: 'always'}})
})
afterEach(async () => {
  await host.vps(['stop', '--all', '--kill'])
})
afterAll(async () => {
  await host.vps(['stop', '--all'])
  await host[Symbol.asyncDispose]()
  hand[Symbol.dispose]()
})

/** Ends init, which the policy starts again. */
async function restartFromInside(): Promise<void> {
  process.kill(stateNumber(host, 'one', 'init'), 'SIGKILL')
  await until('it has restarted', () => runState(host, 'one').get('restarts') === '1', 60_000)
  await until('it runs', () => runState(host, 'one').get('state') === 'running', 60_000)
}

test('limits are in force before the first process, and hold over a restart', async () => {
  const report = await hand.start('one', [
    ['controllers', 'cpu,memory,pids', (await hand.controllers()).join(',')],
    write('payload', 'memory.max', '268435456'),
    write('payload', 'memory.oom.group', '1'),
    write('payload', 'pids.max', '60'),
    write('payload', 'cpu.max', '50000 100000'),
    write('server', 'cpu.weight', '250'),
  ])
  expect(report.fault).toBeUndefined()
  const payload = hand.payload('one')
  const limits = (): string[] =>
    ['memory.max', 'memory.oom.group', 'pids.max', 'cpu.max'].map(file => read(`${payload}/${file}`))
  const asked = ['268435456', '1', '60', '50000 100000']
  expect(limits()).toEqual(asked)
  expect(read(`${hand.cgroup('one')}/cpu.weight`)).toBe('250')
  expect(read(`${hand.cgroup('one')}/supervisor/memory.max`)).toBe('max')

  await host.vps(['exec', 'one', '--', 'sh', '-c', 'for i in $(seq 100); do sleep 5 & done; wait'])
  const refusals = read(`${payload}/pids.events`)
  expect(refusals).not.toBe('max 0')
  const used = read(`${payload}/cpu.stat`).match(/^usage_usec (\d+)/)?.[1]

  await restartFromInside()
  expect(limits()).toEqual(asked)
  expect(read(`${payload}/pids.events`)).toBe(refusals)
  expect(Number(read(`${payload}/cpu.stat`).match(/^usage_usec (\d+)/)?.[1])).toBeGreaterThan(Number(used))
  expect(await host.inside('one', 'echo in')).toBe('in')
  await host.must(['stop', 'one'])
})

test('what the kernel rounds is a fault that says so, as is a controller that is not there', async () => {
  const rounded = await hand.start('one', [
    ['controllers', 'memory', ''],
    write('payload', 'memory.max', '268435457'),
  ])
  expect(rounded.fault).toMatchObject({
    syscall: 'read back',
    path: 'memory.max: asked 268435457, is 268435456',
  })
  const missing = await hand.start('one', [['controllers', 'memory,nonesuch', 'pids']])
  expect(missing.fault).toMatchObject({op: 'controllers', path: 'cgroup.subtree_control: asked +nonesuch'})
})

test("kernel parameters of the server's namespaces, on a kernel whose ipc namespaces are the host root's", async () => {
  const files = ['kernel/msgmax', 'fs/mqueue/msg_max', 'net/ipv4/tcp_fin_timeout'].map(
    name => `/proc/sys/${name}`,
  )
  const hosts = files.map(file => read(file))
  const report = await hand.start('one', [], steps =>
    insertBefore(
      insertBefore(steps, 'hostname', [
        ['ipc-sysctl', 'kernel.msgmax', '4321'],
        ['ipc-sysctl', 'fs.mqueue.msg_max', '17'],
      ]),
      'root',
      [['sysctl', 'net.ipv4.tcp_fin_timeout', '33']],
    ),
  )
  expect(report.fault).toBeUndefined()
  expect(await host.inside('one', `cat ${files.join(' ')}`)).toBe('4321\n17\n33')
  expect(files.map(file => read(file))).toEqual(hosts)
  await host.must(['stop', 'one'])
  const global = await hand.start('one', [], steps =>
    insertBefore(steps, 'root', [['sysctl', 'kernel.panic', read('/proc/sys/kernel/panic')]]),
  )
  expect(global.fault).toMatchObject({op: 'sysctl', errno: 13})
})
