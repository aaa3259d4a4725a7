import {execFileSync} from 'node:child_process'
import {existsSync, readdirSync, readFileSync, readlinkSync} from 'node:fs'
import {constants} from 'node:os'
import {join} from 'node:path'
import {execa} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {CAPABILITIES} from '../../src/definition/capabilities.ts'
import {Workshop} from '../helpers/bare-server.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {onHost, probesMount, STATIC, startServers, stateNumber} from '../helpers/servers.ts'
import {Terminal} from '../helpers/terminal.ts'

/*
 * What confines a server by default, looked at from inside. `plain` has the defaults, `open` everything that `allow` can
 * open, `tuned` other capabilities; the host itself is the control that a probe works where nothing forbids it.
 */

const {EPERM, ENOSYS, EAFNOSUPPORT} = constants.errno

let host: ScratchHost
let workshop: Workshop

beforeAll(async () => {
  workshop = new Workshop()
  for (const probe of ['denied-calls', 'tiocsti', 'by-handle']) workshop.compile(probe, STATIC)
  execFileSync('mknod', [join(workshop.directory, 'null'), 'c', '1', '3'])
  host = await scratchHost()
  const mounts = [probesMount(workshop)]
  await startServers(host, {
    plain: {mounts},
    open: {
      mounts,
      security: {allow: ['nesting', 'fuse', 'tun', 'bpf', 'perf', 'userfaultfd', 'keyctl']},
    },
    tuned: {
      init: ['/bin/sleep', 'infinity'],
      security: {capabilities: {add: ['wake_alarm'], drop: ['net_raw', 'mknod']}},
    },
  })
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  workshop[Symbol.dispose]()
})

describe.skipIf(requires('root').skip)('capabilities', () => {
  const kept = [
    'audit_write',
    'chown',
    'dac_override',
    'dac_read_search',
    'fowner',
    'fsetid',
    'ipc_lock',
    'ipc_owner',
    'kill',
    'lease',
    'linux_immutable',
    'mknod',
    'net_admin',
    'net_bind_service',
    'net_broadcast',
    'net_raw',
    'setfcap',
    'setgid',
    'setpcap',
    'setuid',
    'sys_admin',
    'sys_boot',
    'sys_chroot',
    'sys_nice',
    'sys_ptrace',
    'sys_resource',
    'sys_tty_config',
  ]

  /** The sets of init and of a command, each as sorted names. */
  async function sets(server: string): Promise<Record<string, string[]>> {
    const text = await host.inside(server, 'for p in 1 self; do sed "s/^/$p /" /proc/$p/status; done')
    const all = [...text.matchAll(/^(1|self) (Cap\w+):\s+([0-9a-f]+)$/gm)]
    return Object.fromEntries(all.map(([, process, set, mask = '0']) => [`${process} ${set}`, names(mask)]))
  }

  function names(mask: string): string[] {
    return CAPABILITIES.filter((_, number) => (BigInt(`0x${mask}`) >> BigInt(number)) & 1n).toSorted()
  }

  test('the bounding set is what a system container needs', async () => {
    expect(await sets('plain')).toEqual({
      '1 CapInh': [],
      '1 CapPrm': kept,
      '1 CapEff': kept,
      '1 CapBnd': kept,
      '1 CapAmb': [],
      'self CapInh': [],
      'self CapPrm': kept,
      'self CapEff': kept,
      'self CapBnd': kept,
      'self CapAmb': [],
    })
  })

  test('add, drop and allow change it', async () => {
    const tuned = [...kept, 'wake_alarm'].filter(name => !['net_raw', 'mknod'].includes(name)).toSorted()
    const sets1 = await sets('tuned')
    expect([sets1['1 CapBnd'], sets1['self CapEff']]).toEqual([tuned, tuned])
    expect((await sets('open'))['self CapEff']).toEqual([...kept, 'bpf', 'perfmon'].toSorted())
  })
})

describe.skipIf(requires('root').skip)('system calls', () => {
  const notPermitted = `acct adjtimex clock_adjtime clock_settime delete_module finit_module init_module ioperm iopl
    kexec_file_load kexec_load lookup_dcookie migrate_pages move_pages open_by_handle_at quotactl quotactl_fd settimeofday
    swapoff swapon syslog`
  const notThere = `_sysctl create_module get_kernel_syms io_uring_enter io_uring_register io_uring_setup nfsservctl
    query_module sysfs uselib ustat`
  const gated = 'add_key bpf keyctl perf_event_open request_key userfaultfd'
  const on32 = {EPERM: 'clock_adjtime64 clock_settime64 stime', ENOSYS: 'vm86 vm86old'}

  type Refusals = Record<string, string>

  /** The numbers of a convention's calls, from the C library's headers. */
  function callNames(header: string): Map<string, string> {
    const macros = execFileSync('gcc', ['-dM', '-E', '-include', header, '-'], {input: ''}).toString()
    const all = [...macros.matchAll(/^#define __NR_(\w+) (\d+)$/gm)]
    return new Map(all.map(([, name = '', number = '']) => [number, name]))
  }

  const headers: Record<string, string> = {native: 'asm/unistd.h', i386: 'asm/unistd_32.h'}

  /** Call and error of every refused call of a convention; that of `plain` unless it says otherwise. */
  async function refusals(convention: string, where = 'plain'): Promise<Refusals> {
    const text =
      where === 'host'
        ? (await execa(workshop.compile('denied-calls'), [])).stdout
        : await host.must(['exec', where, '--', '/probes/denied-calls'])
    const names = callNames(headers[convention] ?? '')
    return Object.fromEntries(
      text
        .split('\n')
        .map(line => line.split(' '))
        .filter(words => words[0] === convention)
        .map(([, number = '', error]) => [names.get(number) ?? number, errorName(Number(error))]),
    )
  }

  function errorName(error: number): string {
    return Object.entries(constants.errno).find(([, number]) => number === error)?.[0] ?? String(error)
  }

  /** What is expected, of the calls that this machine has. */
  function expected(convention: string, lists: Readonly<Record<string, string>>): Refusals {
    const known = new Set(callNames(headers[convention] ?? '').values())
    return Object.fromEntries(
      Object.entries(lists).flatMap(([error, list]) =>
        list
          .split(/\s+/)
          .filter(name => known.has(name))
          .map(name => [name, error]),
      ),
    )
  }

  test('exactly those that no guest needs are refused', async () => {
    expect(await refusals('native')).toEqual(
      expected('native', {EPERM: notPermitted, ENOSYS: `${notThere} ${gated}`}),
    )
  })

  test('the control: the host refuses none', async () => {
    const {stdout} = await execa(workshop.compile('denied-calls'), [])
    expect(stdout).toBe('')
  })

  test('allow opens its own, and no others', async () => {
    expect(await refusals('native', 'open')).toEqual(
      expected('native', {EPERM: notPermitted, ENOSYS: notThere}),
    )
  })

  test.runIf(process.arch === 'x64')('the same for 32-bit programs, which keep their sockets', async () => {
    const refused = await refusals('i386')
    expect(refused).toEqual(
      expected('i386', {
        EPERM: `${notPermitted} ${on32.EPERM}`,
        ENOSYS: `${notThere} ${gated} ${on32.ENOSYS}`,
      }),
    )
    expect(Object.keys(refused)).toEqual(expect.arrayContaining(['clock_settime64', 'bpf']))
    expect(Object.keys(refused)).not.toContain('socketcall')
  })

  test.runIf(process.arch === 'x64')('there are none in the x32 convention', async () => {
    const lines = (await host.must(['exec', 'plain', '--', '/probes/denied-calls'])).split('\n')
    expect(lines.filter(line => line.startsWith('x32 ') && line.endsWith(` ${ENOSYS}`))).toHaveLength(512)
  })

  test('arguments are looked at as the kernel does, in their low 32 bits', async () => {
    const [ioctl, socket] = ['ioctl', 'socket'].map(
      name => [...callNames('asm/unistd.h')].find(([, known]) => known === name)?.[0] ?? '',
    )
    const cases: [call: string | undefined, first: number, second: number, error: number][] = [
      [ioctl, 0, 0x5412, EPERM], // TIOCSTI
      [ioctl, 0, 0x1_0000_5412, EPERM],
      [ioctl, 0, 0x541c, EPERM], // TIOCLINUX
      [ioctl, 0, 0x5401, 0], // TCGETS
      [socket, 38, 0, EAFNOSUPPORT], // AF_ALG
      [socket, 0x1_0000_0026, 0, EAFNOSUPPORT],
      [socket, 40, 0, EAFNOSUPPORT], // AF_VSOCK
      [socket, 2, 0, 0], // AF_INET
      [socket, 16, 0, 0], // AF_NETLINK
    ]
    const script = cases.map(
      words => `/probes/denied-calls ${words.slice(0, 3).join(' ')} || echo failed; echo`,
    )
    const answers = (await host.must(['exec', 'plain', '--', 'sh', '-c', script.join('\n')])).split(/\n{1,2}/)
    expect(answers.filter(Boolean)).toEqual(
      cases.filter(([, , , error]) => error).map(([call, , , error]) => `native ${call} ${error}`),
    )
  })

  test('a file is not opened by its handle, which on the host is possible', async () => {
    const control = await execa(workshop.compile('by-handle'), [
      workshop.directory,
      workshop.compile('tiocsti'),
    ])
    expect(control.stdout).toBe('open_by_handle_at 0')
    expect(await host.inside('open', '/probes/by-handle /probes /probes/tiocsti')).toBe(
      `open_by_handle_at ${EPERM}`,
    )
  })
})

describe.skipIf(requires('root').skip)('/proc and /sys', () => {
  const hidden = ['kallsyms', 'interrupts', 'keys', 'key-users', 'timer_list'].filter(name =>
    existsSync(`/proc/${name}`),
  )

  test('what tells of the host is empty', async () => {
    const files = hidden.map(name => `/proc/${name}`).join(' ')
    expect(await host.inside('plain', `cat ${files}`)).toBe('')
    const directories = [
      '/sys/firmware',
      '/sys/fs/pstore',
      '/sys/kernel/debug',
      '/sys/kernel/security',
    ].filter(existsSync)
    expect(await host.inside('plain', `find ${directories.join(' ')} -mindepth 1`)).toBe('')
    expect(await host.inside('open', 'head -n1 /proc/interrupts; grep -c . /proc/kallsyms')).toMatch(
      /CPU0[\s\S]*\n[1-9]/,
    )
  })

  test('no mask can be taken away, in no namespace of its own either', async () => {
    const masks = `awk '$5 ~ "^/(proc|sys)/" && $5 != "/sys/fs/cgroup" {print $5}' /proc/self/mountinfo`
    const tries = `${masks} | while read -r m; do umount "$m" || umount -l "$m"; mount -o remount,bind,rw "$m"
      mount --move "$m" /mnt; done 2>/dev/null; mount --bind /proc /mnt 2>/dev/null; mount --make-rprivate / 2>/dev/null`
    const report = `${masks} | sort >/run/after; cmp /run/before /run/after && wc -l </run/after; cat /proc/kallsyms | wc -c`
    for (const how of ['', 'unshare -m', 'unshare -Urm', 'unshare -Urmpf']) {
      const script = `${masks} | sort >/run/before; ${tries}; ${report}`
      const answer = await host.inside('plain', `${how} sh -c ${quote(script)}`)
      expect(answer, how).toMatch(/^[1-9]\d*\n0$/)
    }
    // The control: what is mounted inside can be taken away in the same ways.
    const own = `mount -t tmpfs own /mnt && mount -o remount,bind,ro /mnt && umount /mnt && echo done`
    expect(await host.inside('plain', own)).toBe('done')
  })

  test('what is write-protected stays so, and /usr too', async () => {
    const script = `for m in /sys /usr /proc/irq; do mount -o remount,bind,rw $m 2>/dev/null; mount -o remount,rw $m 2>/dev/null
      awk -v m=$m '$5 == m {split($6, option, ","); print m, option[1]}' /proc/self/mountinfo; done`
    expect(await host.inside('plain', script)).toBe('/sys ro\n/usr ro\n/proc/irq ro')
  })

  test('proc is mounted anew with allow: [nesting] only', async () => {
    const script = 'mount -t proc proc /mnt && umount /mnt && unshare -Urpf --mount-proc true && echo done'
    expect((await host.vps(['exec', 'plain', '--', 'sh', '-c', script])).exitCode).not.toBe(0)
    const nested = 'unshare -Urpf --mount-proc true && echo done'
    const refused = await host.vps(['exec', 'plain', '--', 'sh', '-c', nested])
    expect(refused.stderr).toMatch(/mount \/proc failed: Operation not permitted/)
    expect(await host.inside('open', script)).toBe('done')
  })

  test('the settings of the host can be read, those of the server written', async () => {
    const script = `echo 7 >/proc/sys/kernel/shmmni && cat /proc/sys/kernel/shmmni
      for s in kernel/core_pattern kernel/panic vm/overcommit_memory fs/file-max; do
      cat /proc/sys/$s >/dev/null || echo unreadable $s; echo 1 2>/dev/null >/proc/sys/$s && echo wrote $s; done; true`
    expect(await host.inside('plain', `(${script}) 2>/dev/null`)).toBe('7')
  })

  test('the clock, the host name and the swap of the host stay', async () => {
    const before = (await execa('hostname')).stdout
    const script = `date -s '2001-01-01' >/dev/null 2>&1 && echo date set; hostname changed && hostname
      dd if=/dev/zero of=/swap bs=1M count=1 2>/dev/null; mkswap /swap >/dev/null 2>&1; swapon /swap 2>/dev/null && echo swapped
      dmesg >/dev/null 2>&1 && echo read the kernel log; true`
    expect(await host.inside('plain', script)).toBe('changed')
    expect((await execa('hostname')).stdout).toBe(before)
  })
})

describe.skipIf(requires('root').skip)('/dev', () => {
  test('holds exactly what a server needs', async () => {
    const script =
      'cd /dev && stat -c "%n %F %t:%T %a %U:%G" $(ls -A) | sort; readlink fd stdin stdout stderr ptmx'
    expect((await host.inside('plain', script)).split('\n')).toEqual([
      'console character special file 88:0 620 root:tty',
      'fd symbolic link 0:0 777 root:root',
      'full character special file 1:7 666 root:root',
      'mqueue directory 0:0 1777 root:root',
      'null character special file 1:3 666 root:root',
      'ptmx symbolic link 0:0 777 root:root',
      'pts directory 0:0 755 root:root',
      'random character special file 1:8 666 root:root',
      'shm directory 0:0 1777 root:root',
      'stderr symbolic link 0:0 777 root:root',
      'stdin symbolic link 0:0 777 root:root',
      'stdout symbolic link 0:0 777 root:root',
      'tty character special file 5:0 666 root:root',
      'urandom character special file 1:9 666 root:root',
      'zero character special file 1:5 666 root:root',
      '/proc/self/fd',
      '/proc/self/fd/0',
      '/proc/self/fd/1',
      '/proc/self/fd/2',
      'pts/ptmx',
    ])
    const use = `echo x >/dev/null && head -c3 /dev/zero | od -An -tx1 && head -c9 /dev/urandom | wc -c && head -c9 /dev/random |
      wc -c && { echo x >/dev/full || echo full; } 2>/dev/null`
    expect((await host.inside('plain', use)).split('\n')).toEqual([' 00 00 00'.trim(), '9', '9', 'full'])
  })

  test('allow adds its devices', async () => {
    expect(await host.inside('open', 'cd /dev && stat -c "%n %t:%T" fuse net/tun')).toBe(
      'fuse a:e5\nnet/tun a:c8',
    )
    if (!existsSync('/dev/net/tun')) return
    const tap = 'ip tuntap add dev t0 mode tap && ip -o link show t0 | wc -l'
    expect(await host.inside('open', tap)).toBe('1')
  })

  test('no device can be made, and none from outside opens', async () => {
    const script = `mknod /tmp/c c 1 3; mknod /tmp/b b 254 0; mknod /dev/c c 1 3; mknod /dev/shm/c c 1 3; mknod /tmp/fifo p && echo fifo
      ls /tmp /dev/c 2>/dev/null; stat -c %F /probes/null; echo x >/probes/null && echo written`
    const answer = await host.vps(['exec', 'plain', '--', 'sh', '-c', script])
    expect(answer.stdout).toBe('fifo\n/tmp:\nfifo\ncharacter special file')
    expect(String(answer.stderr).match(/Operation not permitted/g)).toHaveLength(4)
    await execa('sh', ['-c', 'echo x >"$0"', join(workshop.directory, 'null')]) // the control: on the host it opens
  })
})

describe.skipIf(requires('root').skip)('nothing of the shell that started it is inherited', () => {
  // What an awkward admin's shell can have. `exec 9<` a secret, `trap ''` ignores, `--block-signal` blocks.
  const awkward = `umask 077; ulimit -S -n 64; ulimit -S -c 1000; ulimit -S -s 4096; ulimit -S -f 2000
    echo 500 >/proc/self/oom_score_adj; exec 9</etc/shadow; export FOO=secret LD_X=1; cd /var/tmp
    trap '' HUP INT QUIT USR1 USR2 PIPE TERM CHLD TSTP; renice -n 7 $BASHPID >/dev/null; ionice -c3 -p $BASHPID
    chrt -b -p 0 $BASHPID; taskset -p 1 $BASHPID >/dev/null`
  const prefix = 'setarch -R -L env --block-signal=USR2'

  interface Circumstances {
    readonly umask: string
    readonly ignored: string
    readonly blocked: string
    readonly limits: Record<string, string>
    readonly oom: string
    readonly personality: string
    readonly directory: string
    readonly scheduling: string
    readonly processors: string
    readonly descriptors: string[]
    readonly environment: string[]
  }

  function circumstances(pid: number): Circumstances {
    const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, 'utf8')
    const status = read('status')
    const field = (name: string): string => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)?.[1] ?? ''
    const stat = read('stat')
      .replace(/^.*\) /, '')
      .split(' ')
    return {
      umask: field('Umask'),
      ignored: field('SigIgn'),
      blocked: field('SigBlk'),
      limits: Object.fromEntries(
        [...read('limits').matchAll(/^(Max .+?)\s{2,}(\S+)/gm)].map(([, name, soft]) => [name, soft ?? '']),
      ),
      oom: read('oom_score_adj').trim(),
      personality: read('personality').trim(),
      directory: readlinkSync(`/proc/${pid}/cwd`),
      scheduling: `nice ${stat[16]} policy ${stat[38]} ${execFileSync('ionice', ['-p', String(pid)])}`.trim(),
      processors: field('Cpus_allowed_list'),
      descriptors: readdirSync(`/proc/${pid}/fd`).map(fd => `${fd} ${readlinkSync(`/proc/${pid}/fd/${fd}`)}`),
      environment: read('environ').split('\0').filter(Boolean).toSorted(),
    }
  }

  const none = '0000000000000000'
  const processors = /^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync('/proc/1/status', 'utf8'))?.[1] ?? ''
  const clean = {
    umask: '0022',
    ignored: none,
    blocked: none,
    oom: '0',
    personality: '00000000',
    scheduling: 'nice 0 policy 0 none: prio 0',
    processors,
  }
  const limits = {
    'Max cpu time': 'unlimited',
    'Max file size': 'unlimited',
    'Max data size': 'unlimited',
    'Max stack size': '8388608',
    'Max core file size': '0',
    'Max resident set': 'unlimited',
    'Max open files': '1024',
    'Max locked memory': '8388608',
    'Max address space': 'unlimited',
    'Max file locks': 'unlimited',
    'Max pending signals': '65536',
    'Max msgqueue size': '819200',
    'Max nice priority': '0',
    'Max realtime priority': '0',
    'Max realtime timeout': 'unlimited',
  }

  test('by init, its children and the supervisor', async () => {
    await host.must(['stop', 'tuned', '--timeout', '1s'])
    const control = await onHost(
      host,
      `${awkward}; ${prefix} sh -c 'umask; nice; echo $FOO; cat /proc/self/oom_score_adj'`,
    )
    expect(control.stdout).toBe('0077\n7\nsecret\n500')
    const started = await onHost(host, `${awkward}; exec ${prefix} ${vpsProgram} start tuned`)
    expect(started.exitCode, String(started.stderr)).toBe(0)

    const init = stateNumber(host, 'tuned', 'init')
    const child = Number(readFileSync(`/proc/${init}/task/${init}/children`, 'utf8'))
    const console = ['0 /dev/console', '1 /dev/console', '2 /dev/console']
    const given = [
      expect.stringMatching(/^PATH=/),
      'TERM=linux',
      'container=vps',
      expect.stringMatching(/^container_uuid=/),
    ]
    const common = {...clean, limits: expect.objectContaining(limits), directory: '/'}
    expect(circumstances(child)).toEqual({...common, descriptors: console, environment: given})
    // vps-init reads its signals through a descriptor of its own, see native/init.
    expect(circumstances(init)).toEqual({
      ...common,
      blocked: expect.anything(),
      descriptors: [...console, '3 anon_inode:[signalfd]'],
      environment: ['NOTIFY_SOCKET=/run/host/notify', ...given],
    })

    const supervisor = circumstances(stateNumber(host, 'tuned', 'supervisor'))
    expect(supervisor).toMatchObject({...clean, umask: '0077', blocked: expect.anything(), directory: '/'})
    expect(supervisor.environment).toEqual([expect.stringMatching(/^PATH=/)])
    expect(supervisor.descriptors.join('\n')).not.toMatch(/shadow/)
    expect(supervisor.limits).toMatchObject({'Max file size': 'unlimited', 'Max core file size': '0'})
    expect(Number(supervisor.limits['Max open files'])).toBeGreaterThan(1000)
  })

  test('by a command of exec', async () => {
    const script = `umask; cat /proc/self/oom_score_adj /proc/self/personality; nice; ionice; ulimit -n; ulimit -c; ulimit -f; ulimit -s
      grep -E 'SigIgn|SigBlk' /proc/self/status | cut -f2; ls /proc/self/fd | wc -l; pwd; env | cut -d= -f1 | sort | tr '\\n' ' '`
    const {stdout} = await onHost(
      host,
      `${awkward}; exec ${prefix} ${vpsProgram} exec plain -- sh -c ${quote(script)}`,
    )
    expect(
      String(stdout)
        .split('\n')
        .map(line => line.trim()),
    ).toEqual([
      '0022',
      '0',
      '00000000',
      '0',
      'none: prio 0',
      '1024',
      '0',
      'unlimited',
      '8192',
      none, // blocked
      none, // ignored
      '4', // three streams and the one that ls reads the directory by
      '/root',
      'HOME LOGNAME PATH PWD SHELL USER',
    ])
  })

  test('the session keyring is one of its own', async () => {
    const serials = (text: unknown): string[] =>
      String(text).match(/^[0-9a-f]{8}(?=.*keyring\s+_ses)/gm) ?? []
    const inside = serials(await host.inside('open', 'cat /proc/keys')) // init's and the command's
    const outside = await onHost(host, 'cat /proc/keys')
    expect(inside.length).toBeGreaterThan(0)
    expect(inside.filter(serial => serials(outside.stdout).includes(serial))).toEqual([])
  })
})

describe.skipIf(requires('root').skip)("the host's terminal", () => {
  test('is not reachable: without -t there are pipes, with -t there is one of the server', async () => {
    const look =
      'tty; readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2; (: </dev/tty) 2>&1 | grep -o "No such.*"; echo end'
    for (const flags of [[], ['-t']]) {
      const argv = [vpsProgram, 'exec', 'plain', ...flags, '--', 'sh', '-c', look]
      await using terminal = new Terminal(workshop, argv, {env: {VPS_ROOT: host.root}})
      await terminal.ended
      const lines = terminal.screen.trim().split('\r\n')
      if (flags.length === 0)
        expect(lines).toEqual([
          'not a tty',
          expect.stringMatching(/^pipe:/),
          expect.stringMatching(/^pipe:/),
          expect.stringMatching(/^pipe:/),
          'No such device or address',
          'end',
        ])
      else expect(lines).toEqual(['/dev/pts/1', '/dev/pts/1', '/dev/pts/1', '/dev/pts/1', 'end'])
    }
    // pts/0 is the console: the devpts is the server's own, whatever numbers the host has given out.
    expect(await host.inside('plain', 'ls /dev/pts')).toBe('0\nptmx')
  })

  test('nothing is typed into it (TIOCSTI), which on the host is possible', async () => {
    await using control = new Terminal(workshop, [workshop.compile('tiocsti')])
    await control.sees(/TIOCSTI 0/)
    const argv = [vpsProgram, 'exec', 'plain', '-t', '--', '/probes/tiocsti']
    await using terminal = new Terminal(workshop, argv, {env: {VPS_ROOT: host.root}})
    await terminal.sees(new RegExp(`TIOCSTI ${EPERM}\r`))
  })
})

function quote(script: string): string {
  return `'${script.replaceAll("'", `'\\''`)}'`
}
