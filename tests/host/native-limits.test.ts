import {execFileSync} from 'node:child_process'
import {existsSync, readdirSync, readFileSync, statSync} from 'node:fs'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {serverPaths} from '../../src/host/index.ts'
import type {LaunchStep} from '../../src/launch/index.ts'
import {Workshop} from '../helpers/bare-server.ts'
import {HandMade, insertBefore, type Words} from '../helpers/hand-made.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {until} from '../helpers/processes.ts'
import {probesMount, runState, STATIC, stateNumber} from '../helpers/servers.ts'

/*
 * The steps that set limits, by plans made by hand: each is there and read back, or the start fails, says which, and leaves
 * nothing. Files of the cgroup core stand for all others, so that no controller is needed.
 */

let host: ScratchHost
let hand: HandMade
let workshop: Workshop
/** tests/helpers/attributes.c */
let attributes: string

const write = (group: string, file: string, value: string, expected = value): Words => [
  'cgroup-write',
  group,
  file,
  value,
  expected,
]

const read = (path: string): string => readFileSync(path, 'utf8').trim()

describe.skipIf(requires('root').skip)('limits as steps of a plan', () => {
  beforeAll(async () => {
    host = await scratchHost()
    hand = await HandMade.begin(host)
    workshop = new Workshop()
    attributes = workshop.compile('attributes', STATIC)
    await hand.create('one', {restart: {policy: 'always'}, mounts: [probesMount(workshop)]})
  })
  afterAll(async () => {
    await host.vps(['stop', '--all'])
    await host[Symbol.asyncDispose]()
    hand[Symbol.dispose]()
    workshop[Symbol.dispose]()
  })

  /** What a start says that must fail, after a look that it left nothing. */
  async function fault(add: readonly Words[], change?: (steps: readonly LaunchStep[]) => LaunchStep[]) {
    const report = await hand.start('one', add, change)
    expect(report.started).toBeUndefined()
    expect(existsSync(hand.cgroup('one'))).toBe(false)
    expect(existsSync(serverPaths(host.paths, 'one').run)).toBe(false)
    const {op, syscall, errno, path} = report.fault ?? expect.fail('no fault')
    return {op, syscall, errno, path}
  }

  /** Starts it, looks inside, and stops it. */
  async function inside(
    script: string,
    add: readonly Words[],
    change?: (steps: readonly LaunchStep[]) => LaunchStep[],
  ): Promise<string> {
    const report = await hand.start('one', add, change)
    expect(report.fault).toBeUndefined()
    try {
      return await host.inside('one', script)
    } finally {
      await host.must(['stop', 'one'])
    }
  }

  describe('cgroup-write', () => {
    test('writes files of the server and of its payload, and the time it takes is told', async () => {
      const report = await hand.start('one', [
        ['controllers', '', ''],
        write('payload', 'cgroup.max.depth', '64'),
        write('server', 'cgroup.max.descendants', '20000'),
        write('payload', 'cgroup.freeze', '0', ''),
      ])
      expect(report.fault).toBeUndefined()
      expect(report.phases.map(({name}) => name).slice(0, 3)).toEqual(['cgroup', 'limits', 'namespaces'])
      expect(read(hand.payload('one', 'cgroup.max.depth'))).toBe('64')
      expect(read(`${hand.cgroup('one')}/cgroup.max.descendants`)).toBe('20000')
      await host.must(['stop', 'one'])
      expect(existsSync(hand.cgroup('one'))).toBe(false)
    })

    test('finds the line that is meant among many', async () => {
      const stat = read(`${hand.parent}/cgroup.stat`).split('\n').length
      expect(stat).toBeGreaterThan(1)
      const answer = await fault([write('payload', 'cgroup.pressure', '1', 'some 1')])
      expect(answer).toMatchObject({syscall: 'read back', path: 'cgroup.pressure: asked some 1, is 1'})
    })

    test('says what was asked and what the kernel made of it', async () => {
      expect(await fault([write('payload', 'cgroup.max.depth', '0x10')])).toEqual({
        op: 'cgroup-write',
        syscall: 'read back',
        errno: 34,
        path: 'cgroup.max.depth: asked 0x10, is 16',
      })
    })

    test.each<[string, Words, object]>([
      ['a value', write('payload', 'cgroup.max.depth', 'many'), {syscall: 'write', errno: 22}],
      ['a file that is not there', write('payload', 'nonesuch.max', '1'), {syscall: 'write', errno: 2}],
      ['a file elsewhere', write('payload', '../cgroup.freeze', '0'), {syscall: 'plan', errno: 22}],
      ['a directory', write('server', '..', '0'), {syscall: 'plan', errno: 22}],
      ['no file', write('server', '', '0'), {syscall: 'plan', errno: 22}],
      ['another group', write('supervisor', 'cgroup.freeze', '0'), {syscall: 'plan', errno: 22}],
    ])('refuses %s', async (_, step, answer) => {
      expect(await fault([step])).toMatchObject({op: 'cgroup-write', ...answer})
    })
  })

  describe('controllers', () => {
    test('that are required are a fault by name, those that are wanted are not', async () => {
      const all = (await hand.controllers()).join(',')
      expect(await fault([['controllers', `nonesuch${all && ','}${all}`, '']])).toEqual({
        op: 'controllers',
        syscall: 'write',
        errno: 22,
        path: 'cgroup.subtree_control: asked +nonesuch',
      })
      const report = await hand.start('one', [['controllers', '', `${all}${all && ','}nonesuch`]])
      expect(report.fault).toBeUndefined()
      expect(await hand.controllers(hand.payload('one'))).toEqual(await hand.controllers())
      await host.must(['stop', 'one'])
    })
  })

  describe('rlimit', () => {
    const limit = (...args: string[]) => {
      return (steps: readonly LaunchStep[]) => insertBefore(steps, 'oom-score-adjust', [['rlimit', ...args]])
    }

    test('sets what was asked for, in attached commands too', async () => {
      const script = 'ulimit -Sn; ulimit -Hn; sed -n "s/^Max open files *//p" /proc/1/limits'
      const seen = await inside(script, [], limit('nofile', '300', '400', 'asked'))
      expect(seen.split(/\s+/).slice(0, 4)).toEqual(['300', '400', '300', '400'])
    })

    test('says why when the kernel refuses', async () => {
      const most = read('/proc/sys/fs/nr_open')
      expect(await fault([], limit('nofile', '1024', String(Number(most) + 1), 'asked'))).toEqual({
        op: 'rlimit',
        syscall: 'setrlimit',
        errno: 1,
        path: `nofile: asked ${Number(most) + 1}, fs.nr_open of this host is ${most}`,
      })
      expect(await fault([], limit('nofile', '20', '10', 'asked'))).toMatchObject({errno: 22})
      expect(await fault([], limit('nonesuch', '20', '20', 'asked'))).toMatchObject({errno: 22})
    })

    test('as a default is as much as the host can give', async () => {
      const most = read('/proc/sys/fs/nr_open')
      const seen = await inside('ulimit -Hn', [], limit('nofile', '1024', 'infinity', 'default'))
      expect(Number(seen)).toBeLessThanOrEqual(Number(most))
    })
  })

  describe('sysctl', () => {
    const guest = (...settings: [string, string][]) => {
      const words = settings.map(([name, value]): Words => ['sysctl', name, value])
      return (steps: readonly LaunchStep[]) => insertBefore(steps, 'root', words)
    }
    const ipc = (...settings: [string, string][]) => {
      const words = settings.map(([name, value]): Words => ['ipc-sysctl', name, value])
      return (steps: readonly LaunchStep[]) => insertBefore(steps, 'hostname', words)
    }
    const files = [
      'net/ipv4/ip_forward',
      'net/ipv4/tcp_fin_timeout',
      'net/ipv4/ip_local_port_range',
      'kernel/msgmax',
      'kernel/sem',
      'fs/mqueue/msg_max',
    ].map(name => `/proc/sys/${name}`)

    test("sets those of the server's own namespaces, and the host keeps its own", async () => {
      const hosts = files.map(file => read(file))
      const seen = await inside(`cat ${files.join(' ')}`, [], steps =>
        ipc(
          ['kernel.msgmax', '4321'],
          ['kernel.sem', '250 32000 32 99'],
          ['fs.mqueue.msg_max', '17'],
        )(
          guest(
            ['net.ipv4.ip_forward', '1'],
            ['net/ipv4/tcp_fin_timeout', '33'],
            ['net.ipv4.ip_local_port_range', '20000  30000'],
          )(steps),
        ),
      )
      const values = seen.split('\n').map(line => line.replaceAll('\t', ' '))
      expect(values).toEqual(['1', '33', '20000 30000', '4321', '250 32000 32 99', '17'])
      expect(files.map(file => read(file))).toEqual(hosts)
    })

    test.each(['kernel.panic', 'vm.swappiness', 'kernel.core_pattern', 'fs.file-max', 'kernel.threads-max'])(
      'leaves to the kernel to refuse the global %s',
      async name => {
        const file = `/proc/sys/${name.replaceAll('.', '/')}`
        const was = read(file)
        expect(await fault([], guest([name, was]))).toMatchObject({op: 'sysctl', syscall: 'open', errno: 13})
        expect(await fault([], ipc([name, was]))).toMatchObject({
          op: 'ipc-sysctl',
          syscall: 'plan',
          errno: 1,
        })
        expect(read(file)).toBe(was)
      },
    )

    test('stays in /proc/sys, whatever the name', async () => {
      for (const name of ['../self/comm', '/proc/self/comm', 'net/../../self/comm'])
        expect(await fault([], guest([name, 'x']))).toMatchObject({op: 'sysctl', syscall: 'open'})
    })

    test('says what the kernel says to a bad value', async () => {
      expect(await fault([], guest(['net.ipv4.tcp_fin_timeout', 'many']))).toEqual({
        op: 'sysctl',
        syscall: 'write',
        errno: 22,
        path: 'net.ipv4.tcp_fin_timeout: asked many',
      })
    })
  })

  describe('a restart by policy', () => {
    /** All that a server's root can do to the directory it was given. */
    const HOSTILE = `
      cd /sys/fs/cgroup
      mkdir leaf && for pid in $(cat cgroup.procs); do echo $pid >leaf/cgroup.procs; done
      for name in $(cat cgroup.controllers); do echo +$name >cgroup.subtree_control; done
      deep=.hidden; for i in $(seq 50); do deep=$deep/d; done; mkdir -p $deep 'two words' vps-attach-1-00000000
      mkdir -p ice; sleep 86403 & echo $! >ice/cgroup.procs; echo 1 >ice/cgroup.freeze
      mkdir threads threads/more; echo threaded >threads/cgroup.type; chmod 000 threads/more
      chmod 7000 .; chown 1000:1000 . cgroup.procs; chmod 000 cgroup.threads cgroup.subtree_control
      /probes/attributes set . user.oomd_omit; /probes/attributes set cgroup.procs user.mark
    `

    test('gives a payload as at the start, with the limits it had', async () => {
      const all = (await hand.controllers()).join(',')
      const report = await hand.start('one', [
        ['controllers', '', all],
        write('payload', 'cgroup.max.depth', '64'),
        write('payload', 'cgroup.max.descendants', '10000'),
      ])
      expect(report.fault).toBeUndefined()
      const payload = hand.payload('one')
      const base = stateNumber(host, 'one', 'id_base')
      const before = {inode: statSync(payload).ino, files: ownership(payload)}
      expect(before.files.every(([, uid, gid]) => uid === base && gid === base)).toBe(true)
      await host.vps(['exec', 'one', '--', 'sh', '-c', HOSTILE])
      expect(readdirSync(payload)).toContain('.hidden')
      expect(read(`${payload}/cgroup.type`)).toBe(all === '' ? 'domain threaded' : 'domain')
      expect(read(`${payload}/cgroup.subtree_control`).split(' ').sort().join(',')).toBe(
        all.split(',').sort().join(','),
      )
      const [directory, procs, threads] = ownership(payload)
      expect(directory).toEqual([0o47000, base + 1000, base + 1000, 'user.oomd_omit\n'])
      expect(procs).toEqual([0o100644, base + 1000, base + 1000, 'user.mark\n'])
      expect(threads?.[0]).toBe(0o100000)

      process.kill(stateNumber(host, 'one', 'init'), 'SIGKILL') // asking takes longer: what is frozen does not hear
      await until('it has restarted', () => runState(host, 'one').get('restarts') === '1')
      await until('it runs', () => runState(host, 'one').get('state') === 'running')
      expect({inode: statSync(payload).ino, files: ownership(payload)}).toEqual(before)
      expect(directories(payload)).toEqual([])
      expect(read(`${payload}/cgroup.type`)).toBe('domain')
      expect(read(`${payload}/cgroup.subtree_control`)).toBe('')
      expect(read(`${payload}/cgroup.max.depth`)).toBe('64')
      expect(
        await host.inside('one', 'echo in; mkdir /sys/fs/cgroup/again && rmdir /sys/fs/cgroup/again'),
      ).toBe('in')
      await host.must(['stop', 'one'])
    })

    test('after a death while paused does not leave the next init frozen', async () => {
      expect((await hand.start('one', [])).fault).toBeUndefined()
      await host.must(['pause', 'one'])
      process.kill(stateNumber(host, 'one', 'init'), 'SIGKILL')
      await until('it runs again', () => runState(host, 'one').get('restarts') === '1')
      await until('it runs', () => runState(host, 'one').get('state') === 'running')
      expect(await host.inside('one', 'echo in')).toBe('in')
      await host.must(['stop', 'one'])
    })
  })
})

/** Mode, owner, group and attributes of what is delegated. */
function ownership(payload: string): [mode: number, uid: number, gid: number, attributes: string][] {
  return ['', 'cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control'].map(file => {
    const path = `${payload}/${file}`
    const {mode, uid, gid} = statSync(path)
    return [mode, uid, gid, execFileSync(attributes, ['list', path], {encoding: 'utf8'})]
  })
}

function directories(parent: string): string[] {
  return readdirSync(parent, {withFileTypes: true})
    .filter(entry => entry.isDirectory())
    .map(entry => entry.name)
}
