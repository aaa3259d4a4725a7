import {execFileSync} from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {createServers, startServers} from '../helpers/servers.ts'

let host: ScratchHost
/** Directories of the host that servers are shown. */
let data: string

beforeAll(async () => {
  host = await scratchHost()
  data = mkdtempSync(join(tmpdir(), 'vps-mounts-'))
  chmodSync(data, 0o755)
  for (const directory of ['shared', 'shared/below', 'readonly', 'strict', 'plain', 'raw'])
    mkdirSync(join(data, directory))
  // On the host: a file of root, of the user 1000, of the last id that a server has, and of one that it has not.
  for (const id of [0, 1000, 65_535, 100_000]) {
    writeFileSync(join(data, `shared/of-${id}`), `${id}\n`)
    chownSync(join(data, `shared/of-${id}`), id, id)
  }
  for (const directory of ['strict', 'plain']) {
    copyFileSync('/usr/bin/id', join(data, directory, 'id'))
    chmodSync(join(data, directory, 'id'), 0o4755)
  }
  writeFileSync(join(data, 'raw/file'), '')
  writeFileSync(join(data, 'file.conf'), 'one file\n')
  symlinkSync('file.conf', join(data, 'link.conf'))
  execFileSync('mount', ['-t', 'tmpfs', 'below', join(data, 'shared/below')])
  writeFileSync(join(data, 'shared/below/there'), '')
  const mount = (source: string, target: string, more = {}) => ({source: join(data, source), target, ...more})
  await startServers(host, {
    web: {
      mounts: [
        mount('shared', '/srv/shared'),
        mount('shared', '/srv/all', {options: ['recursive']}),
        mount('readonly', '/srv/a/b/readonly', {readonly: true}),
        mount('strict', '/srv/strict', {options: ['nosuid', 'nodev', 'noatime']}),
        mount('plain', '/srv/plain'),
        mount('plain', '/srv/noexec', {options: ['noexec']}),
        mount('raw', '/srv/raw', {options: ['noidmap']}),
        mount('file.conf', '/etc/file.conf'),
        mount('link.conf', '/etc/new/link.conf', {readonly: true}),
        mount('not-there', '/srv/optional', {optional: true}),
      ],
    },
  })
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
  execFileSync('umount', [join(data, 'shared/below')])
  rmSync(data, {recursive: true})
})

describe.skipIf(requires('root').skip)('a shared directory', () => {
  test('shows the owners that it has on the host', async () => {
    const owners = await host.inside('web', 'cd /srv/shared && stat -c "%n %u:%g" of-*')
    expect(owners.split('\n')).toEqual([
      'of-0 0:0',
      'of-1000 1000:1000',
      'of-100000 65534:65534',
      'of-65535 65535:65535',
    ])
    expect(await host.inside('web', 'cat /srv/shared/of-1000; stat -c %u:%g /srv/shared')).toBe('1000\n0:0')
  })

  test('takes files from inside under the ids that they have inside', async () => {
    await host.inside(
      'web',
      `cd /srv/shared && chmod 777 . && echo root >from-root && echo x >given && chown 1234:5678 given && mkdir dir && chmod 2750 dir
       chown 1000 of-65535`,
    )
    await host.must([
      'exec',
      'web',
      '--user',
      '1000:1000',
      '--',
      'sh',
      '-c',
      'echo user >/srv/shared/from-1000',
    ])
    const owners = ['from-root', 'given', 'dir', 'from-1000', 'of-65535'].map(name => {
      const {uid, gid, mode} = statSync(join(data, 'shared', name))
      return `${name} ${uid}:${gid} ${(mode & 0o7777).toString(8)}`
    })
    expect(owners).toEqual([
      'from-root 0:0 644',
      'given 1234:5678 644',
      'dir 0:0 2750',
      'from-1000 1000:1000 644',
      'of-65535 1000:65535 644',
    ])
    expect(await host.inside('web', 'find /srv/shared -uid 65534 -o -gid 65534')).toBe(
      '/srv/shared/of-100000',
    )
  })

  test('keeps permissions: what another user owns is closed to a user', async () => {
    await host.inside('web', 'umask 077; echo secret >/srv/shared/secret')
    const {exitCode, stderr} = await host.vps([
      'exec',
      'web',
      '--user',
      '1000',
      '--',
      'cat',
      '/srv/shared/secret',
    ])
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(/Permission denied/)])
  })

  test('changes are seen on both sides at once', async () => {
    writeFileSync(join(data, 'shared/now'), 'from the host')
    expect(await host.inside('web', 'cat /srv/shared/now; echo from inside >/srv/shared/now')).toBe(
      'from the host',
    )
    expect(readFileSync(join(data, 'shared/now'), 'utf8')).toBe('from inside\n')
  })

  test('shows the mounts below it with recursive only', async () => {
    expect(await host.inside('web', 'ls /srv/shared/below; echo; ls /srv/all/below')).toBe('there')
  })

  test('can be a file, also behind a link, and is made where its target is missing', async () => {
    expect(await host.inside('web', 'cat /etc/file.conf /etc/new/link.conf; stat -c %F /etc/file.conf')).toBe(
      'one file\none file\nregular file',
    )
    await host.inside('web', 'echo more >>/etc/file.conf')
    expect(readFileSync(join(data, 'file.conf'), 'utf8')).toBe('one file\nmore\n')
    expect(await host.inside('web', 'cd /srv && stat -c "%n %u %a" a a/b a/b/readonly')).toBe(
      'a 0 755\na/b 0 755\na/b/readonly 0 755',
    )
  })
})

describe.skipIf(requires('root').skip)('options', () => {
  test('readonly: nothing is written, and it can not be remounted', async () => {
    const script = `echo x >/srv/a/b/readonly/x; echo x >/etc/new/link.conf; mount -o remount,bind,rw /srv/a/b/readonly
      umount /srv/a/b/readonly; echo x >/srv/a/b/readonly/x; true`
    const {stderr} = await host.vps(['exec', 'web', '--', 'sh', '-c', script])
    expect(String(stderr).match(/Read-only file system/g)).toHaveLength(3)
    expect(readdirSync(join(data, 'readonly'))).toEqual([])
    expect(existsSync(join(data, 'readonly'))).toBe(true)
  })

  test('nosuid: a set-user-ID program is one like any other', async () => {
    const ids = (directory: string): Promise<string> =>
      host.must(['exec', 'web', '--user', '1000', '--', `/srv/${directory}/id`, '-u'])
    expect(await ids('plain')).toBe('0') // root of the server, the control
    expect(await ids('strict')).toBe('1000')
  })

  test('noexec, nodev and noatime are in force', async () => {
    const {exitCode} = await host.vps(['exec', 'web', '--', '/srv/noexec/id'])
    expect(exitCode).toBe(126)
    const list = `awk '$5 ~ "^/srv" {print $5, $6}' /proc/self/mountinfo`
    const options = new Map(
      (await host.inside('web', list)).split('\n').map(line => line.split(' ') as [string, string]),
    )
    expect(options.get('/srv/strict')).toMatch(/^rw,nosuid,nodev,noatime,idmapped$/)
    expect(options.get('/srv/noexec')).toMatch(/noexec/)
    expect([...options.values()].every(value => value.includes('nodev'))).toBe(true)
    // None of them can be taken back from inside.
    const undo =
      'mount -o remount,bind,suid,dev,exec /srv/noexec; mount -o remount,bind,suid /srv/strict; true'
    expect((await host.vps(['exec', 'web', '--', 'sh', '-c', undo])).stderr).toMatch(
      /permission denied[\s\S]*permission denied/,
    )
  })

  test('noidmap: everything is of nobody', async () => {
    expect(await host.inside('web', 'stat -c %u:%g /srv/raw /srv/raw/file')).toBe('65534:65534\n65534:65534')
  })

  test('optional: a source that is missing is left out', async () => {
    expect(await host.inside('web', 'ls -d /srv/optional 2>&1; true')).toMatch(/No such file/)
  })
})

describe.skipIf(requires('root').skip)('a mount that can not be made', () => {
  const definition = (mounts: string): string => `# what is wrong below?
name: bad
template: host
init: persist
mounts:
${mounts}`

  async function startError(
    mounts: string,
  ): Promise<{message: string; causes: string[]; suggestions: string[]}> {
    const file = join(host.paths.definitions, 'bad.yaml')
    if (existsSync(file)) writeFileSync(file, definition(mounts))
    else
      await host.must(['create', 'bad', '--file', '-'], {
        stdin: 'pipe',
        input: definition(mounts),
      })
    const {stdout, exitCode} = await host.vps(['start', 'bad', '--json'])
    expect(exitCode).toBe(1)
    const [{error}] = JSON.parse(String(stdout))
    return error
  }

  /** As it was before: nothing runs, nothing is mounted, no group. */
  async function expectNothingLeft(): Promise<void> {
    const [view] = await host.json<{state: string}[]>(['list', 'bad'])
    expect(view?.state).toBe('stopped')
    expect(existsSync(join(host.paths.runServers, 'bad'))).toBe(false)
    expect(existsSync(host.cgroup('bad'))).toBe(false)
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(host.root)
  }

  test('is reported with line, column and key of the definition', async () => {
    const missing = join(data, 'missing')
    const flow = await startError(
      `  - {source: ${data}/shared, target: /srv/fine}\n  - {source: ${missing}, target: /srv/www}\n`,
    )
    expect(flow).toMatchObject({
      message: 'cannot start server bad',
      causes: [
        expect.stringContaining(`bad.yaml:7:6 mounts[1].source: ${missing}: No such file or directory`),
      ],
      suggestions: [expect.stringMatching(/optional: true/)],
    })
    await expectNothingLeft()
    const block = await startError(`  - target: /srv/www\n    readonly: true\n    source: ${missing}\n`)
    expect(block.causes[0]).toContain(`bad.yaml:8:5 mounts[0].source: ${missing}: No such file or directory`)
    await expectNothingLeft()
    const text = await host.vps(['start', 'bad'])
    expect(text.stderr).toMatch(/cannot start server bad\n {2}because bad\.yaml:8:5 mounts\[0\]\.source: /)
  })

  test('nor is an optional one passed over for another reason', async () => {
    const error = await startError(`  - {source: ${data}/file.conf/x, target: /srv/www, optional: true}\n`)
    expect(error.causes[0]).toMatch(/bad\.yaml:6:6 mounts\[0\]\.source: .*file\.conf\/x: Not a directory/)
    await expectNothingLeft()
  })

  test('for a file system that knows no shifted owners, the way out is told', async () => {
    execFileSync('mount', ['-t', 'ramfs', 'plain', join(data, 'raw')])
    try {
      const error = await startError(`  - {source: ${data}/raw, target: /srv/www}\n`)
      expect(error.causes[0]).toContain(`bad.yaml:6:6 mounts[0].source: ${data}/raw: Invalid argument`)
      expect(error.suggestions.join()).toMatch(/noidmap/)
      await expectNothingLeft()
    } finally {
      execFileSync('umount', [join(data, 'raw')])
    }
  })

  test('and the next start is a clean one', async () => {
    writeFileSync(
      join(host.paths.definitions, 'bad.yaml'),
      definition(`  - {source: ${data}/shared, target: /srv/www}\n`),
    )
    await host.must(['start', 'bad'])
    expect(await host.inside('bad', 'cat /srv/www/of-0')).toBe('0')
    await host.must(['destroy', 'bad', '--force', '--yes'])
  })
})

describe.skipIf(requires('root').skip)("links in a server's root at a target", () => {
  test('never lead out to the host', {timeout: 30_000}, async () => {
    const outside = join(data, 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'victim'), 'untouched')
    await createServers(host, {sly: {}})
    await host.must(['start', 'sly'])
    // Links to places of the host, absolute and by way of `..`, at the target itself and at one of its parents.
    await host.inside(
      'sly',
      `mkdir /inside; ln -s ${outside} /at; ln -s ${outside} /parent; ln -s /../../../..${outside}/victim /file; ln -s /inside /home/here
       ln -s ../../../../../../../..${outside} /dots; ln -s /proc/1/root${outside} /magic`,
    )
    await host.must(['stop', 'sly'])
    const targets = ['/at', '/parent/deeper', '/dots', '/file', '/magic']
    for (const target of targets) {
      const source = target === '/file' ? join(data, 'file.conf') : join(data, 'readonly')
      const mounts = JSON.stringify([{source, target}])
      writeFileSync(
        join(host.paths.definitions, 'sly.yaml'),
        `name: sly\ntemplate: host\ninit: persist\nmounts: ${mounts}\n`,
      )
      const {exitCode, stderr} = await host.vps(['start', 'sly'])
      if (exitCode === 0) await host.must(['stop', 'sly'])
      else expect(stderr, target).toMatch(/sly\.yaml:4:\d+ mounts\[0\]/)
      expect(readdirSync(outside), target).toEqual(['victim'])
      expect(readFileSync(join(outside, 'victim'), 'utf8')).toBe('untouched')
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(`${outside} `)
    }
    // A link within the root is followed within the root.
    const mounts = JSON.stringify([{source: join(data, 'shared'), target: '/home/here'}])
    writeFileSync(
      join(host.paths.definitions, 'sly.yaml'),
      `name: sly\ntemplate: host\ninit: persist\nmounts: ${mounts}\n`,
    )
    await host.must(['start', 'sly'])
    expect(await host.inside('sly', 'cat /inside/of-0')).toBe('0')
    await host.must(['destroy', 'sly', '--force', '--yes'])
  })
})

describe.skipIf(requires('root').skip)('start --explain', () => {
  test('says the plan in words, each with its place in the definition, and starts nothing', async () => {
    await host.must(['create', 'plan', '--file', '-'], {
      stdin: 'pipe',
      input: `name: plan
template: host
hostname: plan.example.net
mounts:
  - {source: /srv/not-there, target: /srv/www, readonly: true}
security: {capabilities: {drop: [net_raw]}}
env: {LANG: C.UTF-8}
init: [/bin/sleep, infinity]
`,
    })
    const text = await host.must(['start', 'plan', '--explain'])
    const lines = text.trim().split('\n')
    expect(lines.every((line, index) => new RegExp(`^ *${index + 1}\\. [a-z]`).test(line))).toBe(true)
    for (const line of [
      /make a user namespace: ids 0 to 65535 are \d+ and up on the host$/,
      /make a network namespace$/,
      /mount the root: the layers below, .*\/servers\/plan\/layer on top, owner ids shifted$/,
      /make the device \/dev\/null \(1:3, mode 666\)$/,
      /mount \/srv\/not-there at \/srv\/www, nodev, readonly {2}\[plan\.yaml:5:6 mounts\[0\]\.source\]$/,
      /hide \/proc\/kallsyms$/,
      /set the hostname plan\.example\.net {2}\[plan\.yaml:3:1 hostname\]$/,
      /keep 26 capabilities in the bounding set \(.*\) {2}\[plan\.yaml:6:\d+ security\.capabilities/,
      /load the seccomp filter \(\d+ instructions\)$/,
      /set LANG=C\.UTF-8 in the environment {2}\[plan\.yaml:7:\d+ env\.LANG\]$/,
      /execute vps-init \/bin\/sleep infinity \(brought by vps\) {2}\[plan\.yaml:8:1 init\]$/,
    ])
      expect(text).toMatch(new RegExp(line.source, 'm'))
    expect((await host.json<{state: string}[]>(['list', 'plan']))[0]?.state).toBe('stopped')
    const plans = await host.json<{steps?: unknown[]}[]>(['start', 'plan', '--explain'])
    expect(JSON.stringify(plans)).toContain('"op":"user-namespace"')
  })
})
