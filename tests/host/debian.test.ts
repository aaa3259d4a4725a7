import {execFileSync} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {serverPaths} from '../../src/host/index.ts'
import {Workshop} from '../helpers/bare-server.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {createServers, stateNumber} from '../helpers/servers.ts'
import {Terminal} from '../helpers/terminal.ts'

/* A Debian with systemd, as its admin sees it. */

let host: ScratchHost
let workshop: Workshop

beforeAll(async () => {
  workshop = new Workshop()
  host = await scratchHost()
  if (requires('root', 'debian-image').skip) return
  await createServers(host, {deb: {template: 'debian', init: 'auto'}})
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  workshop[Symbol.dispose]()
})

/** Paths of the server's own layer with owner and group as they are on disk. */
function onDisk(): {uid: number; gid: number; path: string}[] {
  const {upper} = serverPaths(host.paths, 'deb')
  const text = execFileSync('find', [upper, '-printf', '%U %G %P\\n'], {encoding: 'utf8', maxBuffer: 1 << 26})
  return text
    .trim()
    .split('\n')
    .map(line => {
      const [uid, gid, path = ''] = line.split(' ')
      return {uid: Number(uid), gid: Number(gid), path}
    })
}

describe.skipIf(requires('root', 'debian-image').skip)('a Debian', () => {
  test('is up when start --wait returns: running, no unit failed, no job queued', async () => {
    const [report] = await host.json<{ready: boolean; phases: {name: string; microseconds: number}[]}[]>([
      'start',
      'deb',
      '--wait',
    ])
    expect(report?.ready).toBe(true)
    expect(await host.inside('deb', 'systemctl is-system-running')).toBe('running')
    expect(
      await host.inside('deb', 'systemctl --failed --no-legend --plain; systemctl list-jobs --no-legend'),
    ).toBe('')
    expect(
      await host.inside('deb', 'systemctl is-active multi-user.target systemd-journald dbus systemd-logind'),
    ).toBe('active\nactive\nactive\nactive')
    const milliseconds = (report?.phases ?? []).reduce((sum, phase) => sum + phase.microseconds, 0) / 1000
    console.log(`Debian is up after ${milliseconds.toFixed(0)} ms`)
  })

  test('knows where it is', async () => {
    const answers = await host.inside(
      'deb',
      'systemd-detect-virt --container; hostname; cat /run/host/container-manager; cat /etc/machine-id; cat /proc/1/comm',
    )
    const uuid = JSON.parse(await host.must(['show', 'deb', '--json'])).uuid as string
    expect(answers.split('\n')).toEqual([
      expect.stringMatching(/^(vps|container-other)$/),
      'deb',
      'vps',
      uuid.replaceAll('-', ''),
      'systemd',
    ])
  })

  test('enter gives a login shell on a terminal that works', async () => {
    await using terminal = new Terminal(workshop, [vpsProgram, 'enter', 'deb'], {env: {VPS_ROOT: host.root}})
    await terminal.sees(/root@deb:~# /)
    terminal.type(
      'tty; stty size; shopt login_shell; echo $TERM; id -un; cat /proc/$$/loginuid >/dev/null; pwd\r',
    )
    await terminal.sees(/\/dev\/pts\/\d+\r\n24 80\r\nlogin_shell\s+on\r\nxterm\r\nroot\r\n\/root\r\n/)
    terminal.type('less /etc/debian_version\r')
    await terminal.sees(/12\.\d+/)
    terminal.type('q')
    await terminal.sees(/root@deb:~# /)
    terminal.type('echo typed | tee /dev/tty >/dev/null; exit 6\r')
    await terminal.sees(/\rtyped\r\n/)
    expect(await terminal.ended).toBe(6)
    expect(terminal.note).toBe('modes same\n')
  })

  test('dpkg, apt, adduser and passwd work', async () => {
    expect(Number(await host.inside('deb', 'dpkg -l | grep -c ^ii'))).toBeGreaterThan(100)
    const apt = await host.vps(['exec', 'deb', '--', 'apt-get', 'check', '-q'])
    expect([apt.exitCode, apt.stderr]).toEqual([0, ''])
    expect(await host.inside('deb', 'dpkg --audit; dpkg --verify login passwd adduser')).toBe('')
    const add =
      'adduser --quiet --disabled-password --gecos "" ann && echo ann:secret | chpasswd && id ann && passwd -S ann'
    expect(await host.inside('deb', add)).toMatch(
      /^uid=1000\(ann\) gid=1000\(ann\) groups=1000\(ann\),100\(users\)\nann P /,
    )
    expect(await host.inside('deb', 'apt-mark hold nano && dpkg --get-selections nano')).toMatch(/hold$/)
  })

  test('becomes another user at once, with a session of logind', async () => {
    const begun = performance.now()
    const answer = await host.inside(
      'deb',
      `su - ann -c 'id -un; pwd; echo $XDG_RUNTIME_DIR; loginctl --no-legend | wc -l'`,
    )
    expect(answer).toBe('ann\n/home/ann\n/run/user/1000\n1')
    expect(performance.now() - begun).toBeLessThan(10_000) // pam_systemd gives up after two minutes
    expect(
      await host.must([
        'exec',
        'deb',
        '--user',
        'ann',
        '--',
        'sh',
        '-c',
        'id -un; pwd; touch ~/mine; echo $HOME',
      ]),
    ).toBe('ann\n/home/ann\n/home/ann')
  })

  test('runs services, timers and scopes of its own', async () => {
    const script = `systemd-run --quiet --unit=mine --property=DynamicUser=yes --property=PrivateTmp=yes --property=ProtectSystem=strict \\
        --property=StateDirectory=mine sh -c 'id -un >/var/lib/mine/who; sleep 60'
      for i in $(seq 50); do [ -s /var/lib/private/mine/who ] && break; sleep 0.05; done
      cat /var/lib/private/mine/who; systemctl is-active mine; systemctl stop mine; systemctl is-active mine
      systemd-run --quiet --scope --unit=scoped true && echo scope
      systemd-run --quiet --wait --pipe --property=PrivateUsers=yes --property=PrivateDevices=yes echo piped
      journalctl --quiet -u mine -o cat | grep -c "Started\\|Stopped"; rm -r /var/lib/private/mine /var/lib/mine`
    expect((await host.vps(['exec', 'deb', '--', 'sh', '-c', script])).stdout).toBe(
      'mine\nactive\ninactive\nscope\npiped\n2',
    )
  })

  test('ownership inside is right', async () => {
    const find =
      'find / \\( -path /proc -o -path /sys \\) -prune -o \\( -nouser -o -nogroup -o -user nobody -o -group nogroup \\) -print'
    expect(await host.inside('deb', find)).toBe('')
    // The control: what belongs to nobody is found.
    expect(
      await host.inside('deb', `touch /root/stray && chown 4242 /root/stray && ${find}; rm /root/stray`),
    ).toBe('/root/stray')
    expect(
      await host.inside(
        'deb',
        'stat -c "%U:%G %a" /etc/shadow /tmp /home/ann /usr/bin/passwd /var/mail; stat -c %U:%G /dev/pts/0',
      ),
    ).toBe('root:shadow 640\nroot:root 1777\nann:ann 700\nroot:root 4755\nroot:mail 2775\nroot:tty')
  })

  test('on disk the ids are 0 to 65535', async () => {
    await host.inside('deb', 'touch /root/highest && chown 65535:65535 /root/highest')
    const entries = onDisk()
    expect(entries.length).toBeGreaterThan(20)
    expect(entries.filter(({uid, gid}) => uid > 65_535 || gid > 65_535)).toEqual([])
    expect(entries).toContainEqual({uid: 1000, gid: 1000, path: 'home/ann/mine'})
    expect(entries).toContainEqual({uid: 65_535, gid: 65_535, path: 'root/highest'})
    // The running processes are shifted: the files are not theirs because of what is on disk, but of the mount.
    const uid = /^Uid:\s+(\d+)/m.exec(
      readFileSync(`/proc/${stateNumber(host, 'deb', 'init')}/status`, 'utf8'),
    )?.[1]
    expect(Number(uid)).toBe(stateNumber(host, 'deb', 'id_base'))
    const image = execFileSync(
      'sh',
      [
        '-c',
        'find "$1"/debian-*/rootfs -printf "%U\\n%G\\n" | sort -nu | tail -n1',
        'sh',
        join(host.paths.images, ''),
      ],
      {encoding: 'utf8'},
    )
    expect(Number(image)).toBeLessThanOrEqual(65_535)
  })

  test('set-user-ID programs and file capabilities work, for users of the server', async () => {
    const su = `su -s /bin/sh -c 'ping -c1 -W1 127.0.0.1 >/dev/null && echo pinged; cat /etc/shadow 2>/dev/null | wc -l' ann`
    expect(await host.inside('deb', su)).toBe('pinged\n0')
    const capable = `cp /bin/sleep /root/capable && setcap cap_net_raw+ep /root/capable && getcap /root/capable`
    const has = await host.vps(['exec', 'deb', '--', 'sh', '-c', 'command -v setcap'])
    if (has.exitCode === 0) expect(await host.inside('deb', capable)).toMatch(/cap_net_raw=ep/)
  })

  test('keeps its changes over a restart, and stops within a second or two', async () => {
    await host.inside('deb', 'systemctl is-enabled systemd-networkd || true; echo kept >/root/kept')
    const [stopped] = await host.json<{exit: string; tookMs: number; killed: boolean}[]>(['stop', 'deb'])
    expect(stopped).toMatchObject({exit: 'poweroff', killed: false})
    expect(stopped?.tookMs).toBeLessThan(10_000)
    await host.must(['start', 'deb', '--wait'])
    expect(await host.inside('deb', 'cat /root/kept; id -u ann; systemctl is-system-running')).toBe(
      'kept\n1000\nrunning',
    )
    const log = await host.must(['logs', 'deb', '-n', '400'])
    expect(log).toMatch(/Reached target.*multi-user/)
    expect(log).not.toMatch(/FAILED|Failed to/)
  })
})
