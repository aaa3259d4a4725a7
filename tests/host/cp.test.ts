/* Files between the host and servers; the server's end may be a tenant's who lies. */
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {execa} from 'execa'
import {Header, type HeaderData, Pax} from 'tar'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {serverPaths} from '../../src/host/index.ts'
import {Host} from '../../src/index.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {createServers, startServers} from '../helpers/servers.ts'

let host: ScratchHost
let api: Host
/** On the host: what tests copy, and where to. */
let here: string
/** What is mounted where servers run. */
let before: string[]

function hostMounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
}

const BUSYBOX = {template: 'busybox', init: 'persist', network: 'none'}

describe('copying', requires('root'), () => {
  beforeAll(async () => {
    host = await scratchHost()
    await startServers(host, {
      web1: {...BUSYBOX, tags: ['web']},
      web2: {...BUSYBOX, tags: ['web']},
      deb: {network: 'none'},
    })
    await createServers(host, {off: {...BUSYBOX, tags: ['web']}, off2: {...BUSYBOX, tags: ['other']}})
    api = await Host.open({root: host.root})
    here = mkdtempSync(join(tmpdir(), 'vps-test-cp-'))
    before = hostMounts()
  })
  afterAll(async () => {
    rmSync(here, {recursive: true, force: true})
    await host[Symbol.asyncDispose]()
  })

  const sh = async (server: string, script: string): Promise<string> => {
    const {stdout, stderr, exitCode} = await api.exec(server, {argv: ['sh', '-c', script]})
    if (exitCode !== 0) throw new Error(`${script}: ${stderr}`)
    return stdout.toString()
  }
  const fresh = (): string => mkdtempSync(join(here, 'd-'))
  const withStarted = async <Value>(server: string, work: () => Promise<Value>): Promise<Value> => {
    await api.start(server, {wait: true})
    try {
      return await work()
    } finally {
      await api.stop(server)
    }
  }
  const outText = async (server: string, path: string): Promise<string> => {
    const target = join(fresh(), 'text')
    await api.copyOut(server, {sources: [path], target})
    return readFileSync(target, 'utf8')
  }
  const lockText = (server: string): string => {
    const {lock} = serverPaths(api.paths, server)
    return existsSync(lock) ? readFileSync(lock, 'utf8') : ''
  }
  const refused = (code: string, message = /./) => ({code, message: expect.stringMatching(message)})

  /** Names that programs stumble over. */
  const NAMES = [
    '-f',
    'with space',
    'new\nline',
    'back\\tslash',
    'ümlaut',
    `long-${'x'.repeat(180)}`,
    "quo'te,&",
  ]

  const makeTree = (): string => {
    const tree = join(fresh(), '-tree,[&')
    mkdirSync(join(tree, 'sub', 'empty'), {recursive: true})
    for (const name of NAMES) writeFileSync(join(tree, 'sub', name), `I am ${name}`)
    writeFileSync(join(tree, 'program'), '#!/bin/sh\n')
    chmodSync(join(tree, 'program'), 0o4751)
    linkSync(join(tree, 'program'), join(tree, 'sub', 'same'))
    symlinkSync('/etc/passwd', join(tree, 'absolute'))
    symlinkSync('program', join(tree, 'relative'))
    symlinkSync('nowhere', join(tree, 'dangling'))
    chmodSync(join(tree, 'sub'), 0o711)
    utimesSync(join(tree, 'sub'), 1_000_000_000, 1_000_000_000)
    utimesSync(join(tree, 'sub', '-f'), 1_100_000_000, 1_100_000_000)
    return tree
  }

  test.each(['web1', 'deb'])('a tree goes into %s and comes back', async server => {
    const tree = makeTree()
    await sh(server, 'mkdir -p /root/in/-d')
    await api.copyIn(server, {sources: [tree], target: 'in/-d'})
    await api.copyIn(server, {sources: [tree], target: 'in/re,na&m\\ed'})
    expect(
      await sh(
        server,
        "cd 'in/re,na&m\\ed' && stat -c '%a %u:%g' program sub && readlink absolute && readlink dangling",
      ),
    ).toBe('4751 0:0\n711 0:0\n/etc/passwd\nnowhere\n')
    const target = fresh()
    const {targets} = await api.copyOut(server, {
      sources: ['in/re,na&m\\ed', '/root/in/-d/-tree,[&/'],
      target,
    })
    expect(targets).toEqual([join(target, 're,na&m\\ed'), join(target, '-tree,[&')])
    for (const copy of targets) {
      expect(readdirSync(join(copy, 'sub')).sort()).toEqual([...NAMES, 'empty', 'same'].sort())
      for (const name of NAMES) expect(readFileSync(join(copy, 'sub', name), 'utf8')).toBe(`I am ${name}`)
      expect(['absolute', 'relative', 'dangling'].map(name => readlinkSync(join(copy, name)))).toEqual([
        '/etc/passwd',
        'program',
        'nowhere',
      ])
      expect(statSync(join(copy, 'program'))).toMatchObject({mode: 0o100751, nlink: 2, uid: 0, gid: 0})
      expect(statSync(join(copy, 'sub'))).toMatchObject({
        mode: 0o40711,
        ...(server === 'deb' && {mtimeMs: 1_000_000_000_000}), // busybox does not set those of directories
      })
      expect(statSync(join(copy, 'sub', '-f')).mtimeMs).toBe(1_100_000_000_000)
    }
    expect(readdirSync(target)).toHaveLength(2)
  })

  test('from the command line, to many, with an owner', async () => {
    const file = join(fresh(), 'motd')
    writeFileSync(file, 'hello\n')
    await sh('web1', 'echo "joe:x:1500:1600::/:/bin/sh" >>/etc/passwd; echo "adm:x:77:" >>/etc/group')
    const outcomes = JSON.parse(await host.must(['cp', file, ':/etc/motd', '--tag', 'web', '--json']))
    expect(outcomes).toEqual([
      {name: 'web1', ok: true, target: '/etc/motd', bytes: expect.any(Number)},
      {name: 'web2', ok: true, target: '/etc/motd', bytes: expect.any(Number)},
    ])
    expect(await sh('web2', "cat /etc/motd; stat -c '%a %u:%g' /etc/motd")).toBe('hello\n644 0:0\n')
    const {stderr, exitCode} = await host.vps(['cp', file, 'web*:/etc', '--owner', 'joe'])
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^vps: cannot copy to web2:\/etc: id: .*joe/)
    expect(await sh('web1', "stat -c '%u:%g' /etc/motd")).toBe('1500:1600\n')
    await api.copyIn('web1', {sources: [file], target: '/etc/', owner: '5:adm'})
    expect(await sh('web1', "stat -c '%u:%g' /etc/motd")).toBe('5:77\n')
    const back = join(fresh(), 'new')
    expect(await host.must(['cp', 'web1:/etc/motd', back])).toBe(`web1: copied to ${back} (6B)`)
    expect(readFileSync(back, 'utf8')).toBe('hello\n')
    const wrong = async (...words: string[]) => String((await host.vps(['cp', ...words])).stderr)
    expect(await wrong(file)).toContain('name what to copy, and where to')
    expect(await wrong(file, file)).toContain('things come from one server')
    expect(await wrong('web1:/etc/motd', file, 'web2:/etc')).toContain('things come from one server')
    expect(await wrong('web1:/etc/motd', 'web1:/tmp')).toContain('both ends are web1')
  })

  test('what is not there, or is in the way', async () => {
    const directory = fresh()
    const file = join(directory, 'file')
    writeFileSync(file, 'x')
    const into = (source: string | string[], target: string, server = 'web1') =>
      api.copyIn(server, {sources: [source].flat(), target})
    const from = (source: string | string[], target: string, server = 'web1') =>
      api.copyOut(server, {sources: [source].flat(), target})
    await expect(into(join(directory, 'none'), '/')).rejects.toMatchObject(refused('NO_SUCH_FILE', /none/))
    await expect(into(file, '/no/where')).rejects.toMatchObject(
      refused('BAD_PLACE', /no directory \/no in web1/),
    )
    await expect(into(directory, '/etc/passwd')).rejects.toMatchObject(
      refused('BAD_PLACE', /not a directory/),
    )
    await expect(into([file, directory], '/etc/new')).rejects.toMatchObject(
      refused('BAD_PLACE', /not a directory/),
    )
    await expect(into(`${directory}/.`, '/etc')).rejects.toMatchObject(refused('BAD_PLACE', /no name/))
    await expect(from('/none', directory)).rejects.toMatchObject(refused('COPY_FAILED', /none/))
    await expect(from('/', directory)).rejects.toMatchObject(refused('BAD_PLACE', /no name/))
    await expect(from('/etc/passwd', join(directory, 'a', 'b'))).rejects.toMatchObject(refused('BAD_PLACE'))
    await expect(from(['/etc/passwd', '/etc/group'], join(directory, 'a'))).rejects.toMatchObject(
      refused('BAD_PLACE'),
    )
    await from('/etc/passwd', file) // a file makes room
    expect(readFileSync(file, 'utf8')).toContain('root')
    await expect(from('/etc', file)).rejects.toMatchObject(refused('BAD_PLACE', /there already/))
    symlinkSync(file, join(directory, 'link'))
    await expect(from('/etc/group', join(directory, 'link'))).rejects.toMatchObject(refused('BAD_PLACE'))
    await expect(from('/etc/group', '/dev/null')).rejects.toMatchObject(refused('BAD_PLACE', /there already/))
    mkdirSync(join(directory, 'etc'))
    await expect(from('/etc', directory)).rejects.toMatchObject(refused('BAD_PLACE', /there already/))
    expect(readdirSync(directory).sort()).toEqual(['etc', 'file', 'link'])
  })

  test('more than may be, called off, too slow; what was killed is cleared away', async () => {
    const target = fresh()
    const stray = join(target, '.vps-cp-4194304-1-abcdef')
    mkdirSync(stray, {mode: 0o700})
    writeFileSync(join(stray, 'half'), '')
    const foreign = join(target, '.vps-cp-4194304-1-aaaaaa')
    mkdirSync(foreign, {mode: 0o755})
    const astray = join(target, '.vps-cp-4194304-1-bbbbbb')
    symlinkSync(foreign, astray)
    await sh('web1', 'head -c 300000 /dev/zero >/tmp/big; mkfifo /tmp/pipe')
    const sources = ['/tmp/big']
    await expect(api.copyOut('web1', {sources, target, maxBytes: 299_999})).rejects.toMatchObject(
      refused('TOO_LARGE', /299999 bytes.*big/),
    )
    await expect(api.copyOut('web1', {sources: ['/tmp/pipe'], target})).rejects.toMatchObject(
      refused('BAD_ARCHIVE', /neither file.*pipe/),
    )
    await sh(
      'web2',
      'mv /bin/tar /bin/tar.true; printf "#!/bin/sh\\nexec sleep 60\\n" >/bin/tar; chmod 755 /bin/tar',
    )
    await expect(api.copyOut('web2', {sources, target, timeoutMs: 300})).rejects.toMatchObject(
      refused('TIMED_OUT'),
    )
    const signal = AbortSignal.timeout(300)
    await expect(api.copyOut('web2', {sources, target, signal})).rejects.toMatchObject(refused('ABORTED'))
    const off = {signal: AbortSignal.timeout(300)}
    await expect(
      api.copyIn('web2', {sources: [process.execPath], target: '/tmp', ...off}),
    ).rejects.toMatchObject(refused('ABORTED'))
    const begin = async () => {
      const child = execa(vpsProgram, ['cp', 'web2:/etc', target], {
        env: {VPS_ROOT: host.root},
        reject: false,
      })
      await expect.poll(() => readdirSync(target).length, {timeout: 15_000, interval: 20}).toBe(3)
      return {kill: child.kill.bind(child), ended: child}
    }
    const interrupted = await begin()
    interrupted.kill('SIGTERM')
    expect(await interrupted.ended).toMatchObject({exitCode: 130})
    expect(readdirSync(target)).toHaveLength(2)
    const killed = await begin()
    killed.kill('SIGKILL')
    await killed.ended
    expect(readdirSync(target)).toHaveLength(3)
    await sh('web2', 'mv /bin/tar.true /bin/tar')
    await api.copyOut('web2', {sources: ['/etc/passwd'], target})
    rmSync(join(target, 'passwd'))
    expect(readdirSync(target)).toEqual(['.vps-cp-4194304-1-aaaaaa', '.vps-cp-4194304-1-bbbbbb'])
  })

  describe('a server that does not run', () => {
    test('a tree goes in, comes back, and is there after a start', async () => {
      const tree = makeTree()
      await api.copyIn('off', {sources: [tree], target: 'tree', owner: '1000:100'})
      const target = fresh()
      await api.copyOut('off', {sources: ['tree'], target})
      const copy = join(target, 'tree')
      expect(readdirSync(join(copy, 'sub')).sort()).toEqual([...NAMES, 'empty', 'same'].sort())
      for (const name of NAMES) expect(readFileSync(join(copy, 'sub', name), 'utf8')).toBe(`I am ${name}`)
      expect(readlinkSync(join(copy, 'dangling'))).toBe('nowhere')
      expect(statSync(join(copy, 'program'))).toMatchObject({mode: 0o100751, nlink: 2, uid: 0, gid: 0})
      expect(statSync(join(copy, 'sub'))).toMatchObject({mode: 0o40711, mtimeMs: 1_000_000_000_000})
      expect(statSync(join(copy, 'sub', '-f')).mtimeMs).toBe(1_100_000_000_000)
      writeFileSync(join(tree, 'sub', '-f'), 'again')
      await api.copyIn('off', {sources: [tree], target: 'tree', owner: '1000:100'})
      await withStarted('off', async () => {
        expect(
          await sh(
            'off',
            "cd tree/*tree* && stat -c '%a %u:%g' program sub . && readlink absolute && cat ./sub/-f",
          ),
        ).toBe('4751 1000:100\n711 1000:100\n755 1000:100\n/etc/passwd\nagain')
      })
      expect(hostMounts()).toEqual(before)
    })

    test('what a tenant planted leads nowhere', async () => {
      const outside = join(fresh(), 'outside')
      mkdirSync(outside)
      const file = join(fresh(), 'file')
      writeFileSync(file, 'mine')
      await withStarted('off', async () => {
        await sh(
          'off',
          `mkdir -p /srv/d /srv/tree && ln -s ${outside} /srv/out && ln -s ../../../../../../${outside} /srv/up &&
           ln -s /etc/passwd /srv/d/file && ln -s ${outside} /srv/tree/sub && ln -s /proc/self/root${outside} /srv/magic &&
           mkfifo /srv/pipe && ln -s /srv/d /srv/inside && cp /bin/busybox /srv/suid && chmod 6755 /srv/suid`,
        )
      })
      const passwd = async () => await outText('off', '/etc/passwd')
      const was = await passwd()
      for (const place of ['/srv/out/', '/srv/up/', '/srv/magic/', '/srv/out/x'])
        await expect(api.copyIn('off', {sources: [file], target: place})).rejects.toMatchObject(
          refused('BAD_PLACE'),
        )
      await api.copyIn('off', {sources: [file], target: '/srv/d'}) // the link itself is replaced
      expect(await outText('off', '/srv/inside/file')).toBe('mine')
      expect(await passwd()).toBe(was)
      const tree = join(fresh(), 'tree')
      mkdirSync(join(tree, 'sub'), {recursive: true})
      writeFileSync(join(tree, 'sub', 'evil'), 'x')
      await api.copyIn('off', {sources: [tree], target: '/srv'})
      expect(await outText('off', '/srv/tree/sub/evil')).toBe('x')
      expect(readdirSync(outside)).toEqual([])
      const target = fresh()
      const from = (path: string) => api.copyOut('off', {sources: [path], target})
      await expect(from('/srv/pipe')).rejects.toMatchObject(
        refused('BAD_ARCHIVE', /neither file.*pipe.*FIFO/),
      )
      await expect(from('/srv/out/x')).rejects.toMatchObject(refused('COPY_FAILED', /no such file/))
      await execa('mknod', [join(serverPaths(api.paths, 'off').upper, 'srv', 'null'), 'c', '1', '3'])
      await expect(from('/srv/null')).rejects.toMatchObject(
        refused('BAD_ARCHIVE', /neither file.*null.*CharacterDevice/),
      )
      await from('/srv/suid')
      expect(lstatSync(join(target, 'suid'))).toMatchObject({mode: 0o100755, uid: 0, gid: 0})
      await from('/srv/up')
      expect(readlinkSync(join(target, 'up'))).toContain(outside)
      expect(hostMounts()).toEqual(before)
    })

    test('where nothing of it would be seen, and what is not there', async () => {
      const file = join(fresh(), 'file')
      writeFileSync(file, 'x')
      const into = (target: string, owner?: string) => api.copyIn('off', {sources: [file], target, owner})
      await expect(into('/run')).rejects.toMatchObject(refused('BAD_PLACE', /made anew at each start/))
      await expect(into('/dev/null')).rejects.toMatchObject(refused('BAD_PLACE', /made anew/))
      await expect(into('/no/where')).rejects.toMatchObject(refused('BAD_PLACE', /no directory \/no in off/))
      await expect(into('/etc/new/')).rejects.toMatchObject(refused('BAD_PLACE', /not a directory/))
      await expect(into('/etc', 'joe')).rejects.toMatchObject(refused('COPY_FAILED', /no user joe/))
      await expect(into('/etc', '0:nobodies')).rejects.toMatchObject(refused('COPY_FAILED', /no group/))
      await expect(api.copyOut('off', {sources: ['/none'], target: fresh()})).rejects.toMatchObject(
        refused('COPY_FAILED', /none.*no such file/),
      )
      await expect(api.copyOut('off', {sources: ['/proc/1'], target: fresh()})).rejects.toMatchObject(
        refused('BAD_PLACE'),
      )
    })

    test('is kept from a start and a destroy until it is over', async () => {
      await createServers(host, {short: BUSYBOX})
      const big = join(fresh(), 'big')
      writeFileSync(big, Buffer.alloc(64 * 1024 * 1024, 1))
      const ended: string[] = []
      const copying = api.copyIn('short', {sources: [big], target: '/srv'}).then(
        () => ended.push('cp'),
        () => ended.push('cp failed'),
      )
      await expect.poll(() => lockText('short'), {timeout: 10_000, interval: 1}).toContain('cp')
      const starting = api.start('short').then(() => ended.push('start'))
      await Promise.all([copying, starting])
      expect(ended).toEqual(['cp', 'start'])
      expect(await sh('short', 'wc -c </srv/big')).toBe(`${64 * 1024 * 1024}\n`)
      await api.stop('short')
      const again = api
        .copyOut('short', {sources: ['/srv/big'], target: fresh()})
        .then(() => ended.push('cp'))
      await expect.poll(() => lockText('short'), {timeout: 10_000, interval: 1}).toContain('cp')
      await Promise.all([again, api.destroy('short').then(() => ended.push('destroy'))])
      expect(ended.slice(2)).toEqual(['cp', 'destroy'])
      await expect(api.copyOut('short', {sources: ['/srv'], target: fresh()})).rejects.toMatchObject(
        refused('NO_SUCH_SERVER'),
      )
    })

    test('a kill -9 in the middle leaves no mount and no lock', async () => {
      const big = join(fresh(), 'big')
      writeFileSync(big, Buffer.alloc(128 * 1024 * 1024, 1))
      const child = execa(vpsProgram, ['cp', big, 'off:/srv/'], {env: {VPS_ROOT: host.root}, reject: false})
      const half = join(serverPaths(api.paths, 'off').upper, 'srv', 'big')
      await expect.poll(() => existsSync(half), {timeout: 15_000, interval: 2}).toBe(true)
      child.kill('SIGKILL')
      await child
      expect(statSync(half).size).toBeLessThan(128 * 1024 * 1024)
      expect(hostMounts()).toEqual(before)
      await withStarted('off', async () => {
        expect(await sh('off', 'ls -A /srv/big')).toBe('/srv/big\n')
      })
      await api.copyIn('off', {sources: [big], target: '/srv/'})
      expect((await api.copyOut('off', {sources: ['/srv/big'], target: fresh()})).bytes).toBe(
        128 * 1024 * 1024,
      )
    })
  })

  describe('from server to server', () => {
    test.each([
      ['web1', 'deb'],
      ['deb', 'web1'],
      ['off', 'web1'],
      ['web1', 'off'],
      ['off', 'off2'],
    ])('%s to %s', async (from, to) => {
      const tree = makeTree()
      await api.copyIn(from, {sources: [tree], target: `/srv/to-${to}`})
      const sum = await api.copyBetween(from, to, {
        sources: [`/srv/to-${to}`],
        target: `/srv/from-${from}`,
        owner: '7:8',
      })
      expect(sum).toMatchObject({name: to, from, target: `/srv/from-${from}`, entries: NAMES.length + 8})
      const target = fresh()
      await api.copyOut(to, {sources: [`/srv/from-${from}`], target})
      const copy = join(target, `from-${from}`)
      expect(readdirSync(join(copy, 'sub')).sort()).toEqual([...NAMES, 'empty', 'same'].sort())
      for (const name of NAMES) expect(readFileSync(join(copy, 'sub', name), 'utf8')).toBe(`I am ${name}`)
      expect(statSync(join(copy, 'program'))).toMatchObject({mode: 0o100751, nlink: 2})
      expect(readlinkSync(join(copy, 'absolute'))).toBe('/etc/passwd')
      const owners = async () => await sh(to, `stat -c '%a %u:%g' /srv/from-${from}/program`)
      const isRunning = to !== 'off' && to !== 'off2'
      const text = isRunning ? await owners() : await withStarted(to, owners)
      expect(text).toBe('751 7:8\n') // who was root there is not to make others root here
      expect(hostMounts()).toEqual(before)
    })

    test('a hostile one reaches nothing else in the other', async () => {
      await createServers(host, {liar: BUSYBOX})
      await withStarted('liar', async () => {
        await sh('liar', 'rm /bin/tar')
        await api.exec('liar', {
          argv: ['sh', '-c', 'cat >/bin/tar; chmod 755 /bin/tar'],
          input:
            '#!/bin/sh\nmkdir -p /tmp/a/x /tmp/b/x/l; ln -s /etc /tmp/a/x/l; echo evil >/tmp/b/x/l/motd\n' +
            'busybox tar -c -C /tmp/a ./x | head -c 1024; busybox tar -c -C /tmp/b ./x/l/motd\n',
        })
        const motd = await sh('web1', 'cat /etc/motd 2>/dev/null || :')
        for (const to of ['web1', 'off'])
          await expect(
            api.copyBetween('liar', to, {sources: ['/srv/x'], target: '/srv'}),
          ).rejects.toMatchObject(refused('BAD_ARCHIVE', /behind a symbolic link/))
        expect(await sh('web1', 'cat /etc/motd 2>/dev/null || :')).toBe(motd)
      })
    })

    test('more than may be, and a target that fails', async () => {
      await sh('web1', 'head -c 3000000 /dev/zero >/srv/big')
      const copy = (options: Partial<Parameters<Host['copyBetween']>[2]> = {}, to = 'web2') =>
        api.copyBetween('web1', to, {sources: ['/srv/big'], target: '/srv', ...options})
      await expect(copy({maxBytes: 2_999_999})).rejects.toMatchObject(refused('TOO_LARGE'))
      await expect(copy({maxBytes: 2_999_999}, 'off')).rejects.toMatchObject(refused('TOO_LARGE'))
      await expect(copy({target: '/no/where'})).rejects.toMatchObject(refused('BAD_PLACE', /in web2/))
      await sh(
        'web2',
        'mv /bin/tar /bin/tar.true; printf "#!/bin/sh\\necho gotcha >&2; exit 3" >/bin/tar; chmod 755 /bin/tar',
      )
      await expect(copy()).rejects.toMatchObject(refused('COPY_FAILED', /copy to web2:\/srv: gotcha/))
      await sh('web2', 'mv /bin/tar.true /bin/tar')
      expect(
        await host.must([
          'cp',
          'web1:/srv/big',
          'web1:/etc/passwd',
          ':/srv',
          '--tag',
          'other',
          '--state',
          'stopped',
        ]),
      ).toContain('off2: copied to /srv (')
    })
  })

  describe('from a tenant who lies', () => {
    const BLOCK = 512
    const entry = (data: HeaderData, contents = ''): Buffer => {
      const header = new Header({
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: new Date(0),
        size: contents.length,
        ...data,
      })
      header.encode()
      const padded = Math.ceil(contents.length / BLOCK) * BLOCK
      return Buffer.concat([
        header.block ?? Buffer.alloc(0),
        Buffer.alloc(padded, contents).fill(0, contents.length),
      ])
    }
    const raw = (path: string, size: Buffer): Buffer => {
      const block = entry({path, type: 'File'})
      size.copy(block, 124)
      block.fill(' ', 148, 156)
      const sum = block.reduce((total, byte) => total + byte, 0)
      block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
      return block
    }
    const END = Buffer.alloc(2 * BLOCK)
    const directory = (path: string) => entry({path, type: 'Directory', mode: 0o755})
    const file = (path: string) => entry({path, type: 'File'}, 'evil')
    const link = (path: string, linkpath: string) => entry({path, linkpath, type: 'SymbolicLink'})
    const outside = () => join(here, 'outside')

    const ATTACKS: Record<string, {archive: () => Buffer[]; message: RegExp; after?: string}> = {
      'a name above': {archive: () => [directory('x'), file('x/../../../evil')], message: /leads out/},
      'only a name above': {archive: () => [file('../../evil')], message: /leads out/},
      'an absolute name': {archive: () => [file(`${outside()}/evil`)], message: /absolute path/},
      'an absolute name in a long header': {
        archive: () => [new Pax({path: `${outside()}/evil`}).encode(), file('x')],
        message: /absolute path/,
      },
      'an empty name of its own': {archive: () => [directory('.'), file('x')], message: /not asked for/},
      'another name': {archive: () => [file('y')], message: /not asked for: y/},
      'a file through a link': {
        archive: () => [directory('x'), link('x/l', outside()), file('x/l/evil')],
        message: /behind a symbolic link/,
      },
      'a file through a link that it is itself': {
        archive: () => [link('x', outside()), file('x/evil')],
        message: /behind a symbolic link/,
      },
      'a file where a link is': {
        archive: () => [directory('x'), link('x/l', `${outside()}/evil`), file('x/l')],
        message: /name twice/,
      },
      'a directory where a link is': {
        archive: () => [directory('x'), link('x/l', outside()), directory('x/l'), file('x/l/evil')],
        message: /name twice/,
      },
      'a hard link to the host': {
        archive: () => [directory('x'), entry({path: 'x/h', linkpath: '/etc/passwd', type: 'Link'})],
        message: /absolute path/,
      },
      'a hard link to a link': {
        archive: () => [
          directory('x'),
          link('x/l', '/etc/passwd'),
          entry({path: 'x/h', linkpath: 'x/l', type: 'Link'}),
        ],
        message: /hard link to what is no file/,
      },
      'a device': {
        archive: () => [entry({path: 'x', type: 'BlockDevice', devmaj: 8, devmin: 0})],
        message: /neither file/,
      },
      'a size beyond all': {
        archive: () => [raw('x', Buffer.from([0x80, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0]))],
        message: /more than the \d+ bytes/,
      },
      'a file that breaks off': {
        archive: () => [raw('x', Buffer.from('00000010000\0'))],
        message: /damaged|middle/,
      },
      nothing: {archive: () => [END], message: /damaged/},
      'no archive': {archive: () => [Buffer.alloc(4096, 'lies')], message: /damaged/},
      'zeros without end': {archive: () => [END], after: 'exec cat /dev/zero', message: /does not end/},
      'files without end': {
        archive: () => [directory('x')],
        after: `while cat /tmp/more; do :; done`,
        message: /name twice/,
      },
      'headers without end': {
        archive: () => [],
        after: `while cat /tmp/pax /tmp/pax /tmp/pax /tmp/pax; do :; done`,
        message: /does not end/,
      },
      'one file without end': {
        archive: () => [raw('x', Buffer.from('77777777777\0'))],
        after: 'exec cat /dev/zero',
        message: /more than the \d+ bytes/,
      },
      'an error after all': {
        archive: () => [file('x'), END],
        after: String.raw`printf '\033[2Jgotcha\n' >&2; exit 3`,
        message: /\?\[2Jgotcha/,
      },
    }

    beforeAll(async () => {
      mkdirSync(outside())
      const made = fresh()
      writeFileSync(join(made, 'more'), file('x/f'))
      writeFileSync(join(made, 'pax'), new Pax({comment: 'c'.repeat(100_000)}).encode())
      await api.copyIn('web1', {sources: ['more', 'pax'].map(name => join(made, name)), target: '/tmp'})
      await sh('web1', 'mv /bin/tar /bin/tar.true')
    })
    afterAll(async () => {
      await sh('web1', 'rm -f /bin/tar; mv /bin/tar.true /bin/tar')
    })

    test.each(Object.entries(ATTACKS))('%s', async (_, {archive, message, after = ''}) => {
      const target = fresh()
      await api.exec('web1', {argv: ['sh', '-c', 'cat >/tmp/archive'], input: Buffer.concat(archive())})
      await api.exec('web1', {
        argv: ['sh', '-c', 'rm -f /bin/tar; cat >/bin/tar; chmod 755 /bin/tar'],
        input: `#!/bin/sh\ncat /tmp/archive\n${after}\n`,
      })
      const copying = api.copyOut('web1', {sources: ['/tmp/x'], target, maxBytes: 4 * 1024 * 1024})
      await expect(copying).rejects.toMatchObject({message: expect.stringMatching(message)})
      expect(readdirSync(target)).toEqual([])
      expect(readdirSync(outside())).toEqual([])
      expect(existsSync(join(here, 'evil'))).toBe(false)
    })

    test('the bits that make others root are left out', async () => {
      const target = fresh()
      const archive = [entry({path: 'x', type: 'File', mode: 0o6777, uid: 1234, gid: 1234}, 'evil'), END]
      await api.exec('web1', {argv: ['sh', '-c', 'cat >/tmp/archive'], input: Buffer.concat(archive)})
      await api.exec('web1', {
        argv: ['sh', '-c', 'rm -f /bin/tar; cat >/bin/tar; chmod 755 /bin/tar'],
        input: '#!/bin/sh\ncat /tmp/archive\n',
      })
      await api.copyOut('web1', {sources: ['/tmp/x'], target})
      expect(lstatSync(join(target, 'x'))).toMatchObject({mode: 0o100777, uid: 0, gid: 0, size: 4})
    })
  })
})
