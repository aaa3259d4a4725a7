import {type ChildProcess, execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {Workshop} from '../helpers/bare-server.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {isAlive, until} from '../helpers/processes.ts'
import {probesMount, STATIC, startServers, stateNumber} from '../helpers/servers.ts'

/*
 * Two servers of one template and the host, seen from inside of one. Keys are opened (`allow: [keyctl]`), so that the
 * kernel's own border is what is tested; `shared` is on the host's network.
 */

let host: ScratchHost
let workshop: Workshop
/** Processes of this test on the host. */
let sentinel: ChildProcess

beforeAll(async () => {
  workshop = new Workshop()
  for (const probe of ['ipc-marks', 'reach', 'chroot-escape']) workshop.compile(probe, STATIC)
  sentinel = spawn('sleep', ['86401'], {stdio: 'ignore'})
  host = await scratchHost()
  const server = (seconds: number) => ({
    init: ['/bin/sleep', String(seconds)],
    mounts: [probesMount(workshop)],
    security: {allow: ['keyctl']},
  })
  await startServers(host, {
    one: server(86402),
    two: {...server(86403), hostname: 'second.example.net'},
    shared: {network: 'host', mounts: [probesMount(workshop)]},
  })
})
afterAll(async () => {
  sentinel.kill()
  await host[Symbol.asyncDispose]()
  workshop[Symbol.dispose]()
})

/** The host's number of the process that is `init`'s only child. */
function childOf(server: string): number {
  const init = stateNumber(host, server, 'init')
  return Number(readFileSync(`/proc/${init}/task/${init}/children`, 'utf8'))
}

describe.skipIf(requires('root').skip)('two servers of one template', () => {
  test('have ranges of ids of their own, away from those of the host', async () => {
    const ranges = await Promise.all(
      ['one', 'two', 'shared'].map(async server => {
        const maps = await host.inside(server, 'cat /proc/self/uid_map /proc/self/gid_map')
        const [uids, gids] = maps.split('\n').map(line => line.trim().split(/\s+/).map(Number))
        expect(uids).toEqual(gids)
        expect(uids?.[0]).toBe(0)
        expect(uids?.[2]).toBe(65_536)
        return uids?.[1] ?? 0
      }),
    )
    expect(new Set(ranges).size).toBe(3)
    for (const first of ranges) {
      expect(first % 65_536).toBe(0)
      expect(first).toBeGreaterThanOrEqual(1_879_048_192)
      expect(first + 65_535).toBeLessThan(0x7ffe0000)
    }
    const uid = execFileSync('stat', ['-c', '%u', `/proc/${childOf('two')}`], {encoding: 'utf8'})
    expect(Number(uid)).toBe(ranges[1])
  })

  test('have accounts of their own with the kernel: one does not use up what another needs', async () => {
    const account = workshop.compile('account', STATIC)
    for (const server of ['one', 'two']) {
      const user = `/proc/${stateNumber(host, server, 'init')}/ns/user`
      expect(Number((await execa(account, ['owner', user])).stdout)).toBe(
        stateNumber(host, server, 'id_base'),
      )
    }
    const most = Number(readFileSync('/proc/sys/fs/inotify/max_user_instances', 'utf8'))
    const hoarder = spawn(vpsProgram, ['exec', 'one', '--', '/probes/account', 'inotify'], {
      env: {...process.env, VPS_ROOT: host.root},
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const [count] = await once(hoarder.stdout, 'data')
    expect(Number(count)).toBe(most)
    expect(await host.inside('one', '/probes/account inotify </dev/null')).toBe('0')
    expect(await host.inside('two', '/probes/account inotify </dev/null')).toBe(String(most))
    hoarder.stdin.end()
    expect(await once(hoarder, 'exit')).toEqual([0, null])
  })

  test('have namespaces of their own, all of them', async () => {
    const kinds = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts']
    const list = `cd /proc/self/ns && readlink ${kinds.join(' ')}`
    const [one, two, shared] = await Promise.all(
      ['one', 'two', 'shared'].map(async server => (await host.inside(server, list)).split('\n')),
    )
    const own = kinds.map(kind => readlinkSync(`/proc/self/ns/${kind}`))
    kinds.forEach((kind, index) => {
      const seen = [one?.[index], two?.[index], own[index]]
      expect(new Set(seen).size, kind).toBe(3)
    })
    expect(shared?.[kinds.indexOf('net')]).toBe(own[kinds.indexOf('net')]) // network: host is what it says
  })

  test('see no processes but their own', async () => {
    const commands = `cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo; ls -d /proc/[0-9]* | wc -l`
    const seen = await host.inside('one', commands)
    expect(seen).toMatch(/sleep 86402/)
    expect(seen).not.toMatch(/sleep 8640[13]|vps-supervisor|node/)
    expect(Number(seen.split('\n').at(-1))).toBeLessThan(10)
  })

  test('have host names of their own, and setting one changes no other', async () => {
    const before = (await execa('hostname')).stdout
    expect(await host.inside('two', 'hostname; cat /etc/hostname')).toBe(
      'second.example.net\nsecond.example.net',
    )
    expect(await host.inside('one', 'hostname; hostname changed && hostname')).toBe('one\nchanged')
    expect(await host.inside('two', 'hostname')).toBe('second.example.net')
    expect((await execa('hostname')).stdout).toBe(before)
  })

  test('see no mounts of the host or of each other, and theirs are seen by nobody', async () => {
    const mountinfo = await host.inside(
      'one',
      'mount -t tmpfs mark /mnt && echo 1 >/mnt/mark && cat /proc/self/mountinfo',
    )
    expect(mountinfo).toMatch(/ \/mnt .*tmpfs mark/)
    expect(mountinfo).not.toContain(host.paths.var)
    expect(mountinfo).not.toContain(host.paths.run)
    const targets = mountinfo.split('\n').map(line => line.split(' ')[4] ?? '')
    for (const target of targets) expect(target).toMatch(/^\/($|usr$|dev|proc|sys|run|probes$|mnt$)/)
    expect(await host.inside('two', 'cat /proc/self/mountinfo; ls /mnt')).not.toMatch(/mark/)
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toMatch(/tmpfs mark/)
  })

  test('see no files of the host or of each other', async () => {
    writeFileSync(join(host.root, 'vps-mark-host'), 'host')
    await host.inside(
      'two',
      'echo two >/root/vps-mark-two; echo two >/tmp/vps-mark-two; echo two >/dev/shm/vps-mark-two',
    )
    const find = `find / \\( -path /proc -o -path /usr -o -path /sys \\) -prune -o -name 'vps-mark-*' -print 2>/dev/null | sort`
    expect(await host.inside('two', find)).toBe(
      '/dev/shm/vps-mark-two\n/root/vps-mark-two\n/tmp/vps-mark-two',
    )
    expect(await host.inside('one', `touch /vps-mark-one; ${find}`)).toBe('/vps-mark-one')
    expect(await host.inside('one', `ls -d ${host.root} ${process.cwd()} 2>/dev/null | wc -l`)).toBe('0')
    expect(existsSync('/vps-mark-one')).toBe(false)
    // Secrets of the host are not among the files of the template.
    expect(await host.inside('one', 'grep -c "^root:[*!]" /etc/shadow')).toBe('1')
  })

  test('are not left by chroot, which on the host is left', async () => {
    const jail = join(workshop.directory, 'jail')
    mkdirSync(jail)
    execFileSync('cp', [workshop.compile('chroot-escape'), jail])
    const path = host.root.slice(1)
    const control = await execa('chroot', [jail, '/chroot-escape', path])
    expect(control.stdout).toBe('out')
    expect(await host.inside('one', `/probes/chroot-escape ${path}`)).toBe('in')
    expect(await host.inside('one', '/probes/chroot-escape probes/reach')).toBe('out')
  })

  test('have System V and POSIX objects, abstract sockets and keys of their own', {
    timeout: 30_000,
  }, async () => {
    const kinds = ['shm', 'sem', 'msg', 'mqueue', 'posix-shm', 'abstract', 'key', 'key-by-number']
    const look = async (where: 'one' | 'two' | 'host', serial: string): Promise<string[]> => {
      const {stdout} =
        where === 'host'
          ? await execa(workshop.compile('ipc-marks'), ['look', serial])
          : {stdout: await host.must(['exec', where, '--', '/probes/ipc-marks', 'look', serial])}
      return stdout.split('\n').map(line => line.replace(/ no .*/, ' no'))
    }
    const all = (answer: string): string[] => kinds.map(kind => `${kind} ${answer}`)
    const two = await makeMarks([vpsProgram, 'exec', 'two', '--', '/probes/ipc-marks', 'make'])
    expect(await look('two', two.serial)).toEqual(all('yes')) // the control
    expect(await look('one', two.serial)).toEqual(all('no'))
    // The host's root reaches whatever it likes by its number; by name it finds nothing.
    expect((await look('host', two.serial)).slice(0, -1)).toEqual(all('no').slice(0, -1))
    await two.end()

    const ours = await makeMarks([workshop.compile('ipc-marks'), 'make'])
    expect(await look('host', ours.serial)).toEqual(all('yes'))
    expect(await look('one', ours.serial)).toEqual(all('no'))
    await ours.end()
  })

  async function makeMarks([program = '', ...argv]: string[]): Promise<{
    serial: string
    end(): Promise<void>
  }> {
    const child = spawn(program, argv, {
      env: {...process.env, VPS_ROOT: host.root},
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    const [line] = await Promise.race([once(child.stdout, 'data'), ended])
    return {
      serial: /^made (\d+)/.exec(String(line))?.[1] ?? '',
      async end() {
        child.stdin.end()
        expect(await ended).toEqual([0, null])
      },
    }
  }
})

/** CAP_SYS_RESOURCE, number 24. */
function hostMayRaiseLimits(): boolean {
  const effective = /^CapEff:\t(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return ((BigInt(`0x${effective}`) >> 24n) & 1n) === 1n
}

describe.skipIf(requires('root').skip)('root of one server', () => {
  const ways = ['signal', 'pidfd', 'trace', 'read', 'limits', 'session', 'root']

  test('gets at its own processes, and by no number at those of another server or the host', async () => {
    const own = await host.inside('one', 'sleep 30 & /probes/reach $! | sed "s/^[0-9]* //"; kill $!')
    expect(own.split('\n')).toEqual(ways.map(way => `${way} 0`)) // the control
    const strangers = [childOf('two'), stateNumber(host, 'two', 'supervisor'), sentinel.pid ?? 0, process.pid]
    const answers = (await host.inside('one', `/probes/reach ${strangers.join(' ')}`)).split('\n')
    expect(answers).toHaveLength(strangers.length * ways.length)
    expect(answers.filter(line => line.endsWith(' 0'))).toEqual([])
    // From the host the same numbers work, as far as its root has the capability.
    const control = await execa(workshop.compile('reach'), [String(childOf('two'))])
    const working = ways.map(way => `${way} ${way === 'limits' && !hostMayRaiseLimits() ? 1 : 0}`)
    expect(control.stdout.split('\n').map(line => line.split(' ').slice(1).join(' '))).toEqual(working)
  })

  test('finds nobody else under any number', async () => {
    const highest = Math.min(Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8')), 70_000)
    const script = `/probes/reach all ${highest} >/run/found; ls /proc | grep -x '[0-9]*'; echo; cut -d' ' -f1 /run/found | sort -u`
    const found = await host.inside('one', script)
    const [listed = '', reached = ''] = found.split('\n\n')
    expect(listed.split('\n')).toEqual(expect.arrayContaining(reached.split('\n').filter(Boolean)))
    expect(reached).not.toBe('') // its own sleep
  })

  test('kills all it can, and nobody else notices', async () => {
    const [one, two] = [childOf('one'), childOf('two')]
    expect(isAlive(one)).toBe(true)
    await host.vps(['exec', 'one', '--', 'sh', '-c', 'kill -9 -1; kill -9 1; true'])
    await until('it has killed its own', () => !isAlive(one)) // the control
    expect([two, stateNumber(host, 'two', 'supervisor'), sentinel.pid ?? 0].map(isAlive)).toEqual([
      true,
      true,
      true,
    ])
    const state = async (): Promise<unknown> =>
      (await host.json<{state: string}[]>(['list', 'one']))[0]?.state
    await until('its server has ended with them', async () => (await state()) === 'stopped')
    await host.must(['start', 'one', '--wait'])
  })

  test('takes no process of others into its cgroup, and sees no group above its own', async () => {
    const stranger = sentinel.pid ?? 0
    const script = `cd /sys/fs/cgroup && mkdir own && own=$(grep -lx sleep /proc/[0-9]*/comm | cut -d/ -f3)
      echo $own >own/cgroup.procs && wc -l <own/cgroup.procs; echo $own >cgroup.procs; rmdir own && mkdir own
      echo ${stranger} >own/cgroup.procs; echo ${stranger} >cgroup.procs; grep ^0 /proc/1/cgroup
      ls -d /sys/fs/cgroup/../cgroup.procs /sys/fs/cgroup/supervisor /sys/fs/cgroup/payload; rmdir own`
    const {stdout, stderr} = await host.vps(['exec', 'one', '--', 'bash', '-c', script])
    expect(String(stdout).split('\n')).toEqual(['1', '0::/'])
    expect(String(stderr).match(/No such process/g)).toHaveLength(2)
    expect(String(stderr).match(/No such file/g)).toHaveLength(3)
    expect(readFileSync(`/proc/${stranger}/cgroup`, 'utf8')).not.toContain(host.paths.cgroupName)
  })

  test('changes its own network, and on the network of the host nothing', async () => {
    expect(
      await host.inside('one', 'ip link set lo down && ip -o link show lo && ip link set lo up'),
    ).toMatch(/state DOWN/)
    const script =
      'ip link set lo down; ip link set lo mtu 1000; ip address add 10.9.9.9/32 dev lo; ip -o link show lo'
    const {stdout, stderr} = await host.vps(['exec', 'shared', '--', 'sh', '-c', script])
    expect(String(stderr).match(/Operation not permitted/g)).toHaveLength(3)
    expect(stdout).toMatch(/mtu 65536/)
  })
})
