import {execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {serverPaths} from '../../src/host/index.ts'
import {Host} from '../../src/server/index.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {createServers} from '../helpers/servers.ts'

const KEY =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKo8bVwbLDK096hBEh72upohOgIlxidx1hjrTDBz1Pjz anna@example.net'
/** Of the password "secret-of-ben". */
const HASH = execFileSync('openssl', ['passwd', '-6', '-salt', 'abcdefgh', 'secret-of-ben']).toString().trim()

let host: ScratchHost
beforeAll(async () => {
  host = await scratchHost()
})
afterAll(async () => {
  await host[Symbol.asyncDispose]()
})

const upper = (name: string, path = ''): string => `${serverPaths(host.paths, name).upper}${path}`
const storage = (name: string): string => serverPaths(host.paths, name).storage

interface Created {
  readonly generated?: readonly {readonly user: string; readonly password: string}[]
}

async function createJson(name: string, wanted: object): Promise<Created> {
  const text = await host.must(['create', name, '--file', '-', '--json'], {
    stdin: 'pipe',
    input: JSON.stringify({name, template: 'host', init: 'persist', ...wanted}),
  })
  return JSON.parse(text) as Created
}

/** Whether a text is anywhere in what vps keeps, the root of servers apart. */
function isKept(text: string): boolean {
  const out = execFileSync('sh', [
    '-c',
    'grep -rlF --exclude-dir=layer -- "$1" "$2" || true',
    'sh',
    text,
    host.root,
  ])
  return out.toString() !== ''
}

describe.skipIf(requires('root').skip)('users and files', () => {
  const secret = 'pa55-of-the-database'

  test('are there before the first start, with the right owners and modes', async () => {
    const hashFile = join(host.root, 'ben.hash')
    const tokenFile = join(host.root, 'token')
    writeFileSync(hashFile, `${HASH}\n`, {mode: 0o600})
    writeFileSync(tokenFile, `${secret}\n`, {mode: 0o600})
    const {generated} = await createJson('web', {
      provision: {
        users: [
          {
            name: 'anna',
            sudo: 'nopasswd',
            sshKeys: [KEY],
            password: 'generate',
            groups: ['deploy'],
            uid: 2000,
          },
          {name: 'ben', sshKeys: [KEY], password: `\${file:${hashFile}}`, comment: 'Ben', shell: '/bin/sh'},
          {name: 'root', sshKeys: [KEY]},
        ],
        groups: ['ops'],
        files: [
          {
            path: '/etc/app/token',
            content: `password=\${file:${tokenFile}}\n`,
            mode: '0640',
            owner: 'anna',
            group: 'ops',
          },
          {path: '/etc/copied', source: hashFile, mode: '0400'},
        ],
        timezone: 'Europe/Berlin',
        locale: 'C.UTF-8',
      },
    })
    expect(generated?.map(({user}) => user)).toEqual(['anna'])
    const password = generated?.[0]?.password ?? ''
    rmSync(hashFile)
    rmSync(tokenFile)
    expect(isKept(password)).toBe(false)
    expect(isKept(secret)).toBe(false)
    expect(isKept(HASH)).toBe(false)

    await host.must(['start', 'web', '--wait'])
    const inside = (script: string): Promise<string> => host.inside('web', script)
    expect(await inside('id -un 2000; id -nG anna; id -nG ben; id -gn anna')).toBe(
      'anna\nanna sudo deploy\nben\nanna',
    )
    const modes =
      'stat -c "%n %a %U:%G" /home/anna /home/anna/.ssh /home/anna/.ssh/authorized_keys /root/.ssh/authorized_keys /etc/app /etc/app/token /etc/copied /etc/sudoers.d/90-vps-anna /etc/shadow /home/anna/.bashrc'
    expect(await inside(modes)).toBe(
      [
        '/home/anna 700 anna:anna',
        '/home/anna/.ssh 700 anna:anna',
        '/home/anna/.ssh/authorized_keys 600 anna:anna',
        '/root/.ssh/authorized_keys 600 root:root',
        '/etc/app 755 root:root',
        '/etc/app/token 640 anna:ops',
        '/etc/copied 400 root:root',
        '/etc/sudoers.d/90-vps-anna 440 root:root',
        '/etc/shadow 640 root:shadow',
        '/home/anna/.bashrc 644 anna:anna',
      ].join('\n'),
    )
    expect(await inside('su anna -c "whoami; cat ~/.ssh/authorized_keys; cat /etc/app/token"')).toBe(
      `anna\n${KEY}\npassword=${secret}`,
    )
    expect(await inside('readlink /etc/localtime; cat /etc/default/locale')).toBe(
      '/usr/share/zoneinfo/Europe/Berlin\nLANG=C.UTF-8',
    )
    // As ben, who has to give anna's password.
    const asBen = await host.vps(['exec', 'web', '--user', 'ben', '--', 'su', 'anna', '-c', 'id -un'], {
      stdin: 'pipe',
      input: `${password}\n`,
    })
    expect(asBen.stdout).toBe('anna')
    const back = await host.vps(['exec', 'web', '--user', 'anna', '--', 'su', 'ben', '-c', 'id -un'], {
      stdin: 'pipe',
      input: 'secret-of-ben\n',
    })
    expect(back.stdout).toBe('ben')
    await host.must(['stop', 'web'])
  })

  test('are made once: what the server changed since stays, what is added comes with the next start', async () => {
    const shadow = readFileSync(upper('web', '/etc/shadow'), 'utf8')
    writeFileSync(upper('web', '/etc/copied'), 'changed in the server')
    await host.must(['start', 'web', '--wait'])
    await host.must(['stop', 'web'])
    expect(readFileSync(upper('web', '/etc/shadow'), 'utf8')).toBe(shadow)
    expect(readFileSync(upper('web', '/etc/copied'), 'utf8')).toBe('changed in the server')
    await host.must(['set', 'web', 'provision.groups+=more', 'provision.users[0].groups+=more'])
    await host.must(['start', 'web', '--wait'])
    expect(await host.inside('web', 'id -nG anna')).toBe('anna sudo deploy more')
    await host.must(['stop', 'web'])
    expect(readFileSync(upper('web', '/etc/shadow'), 'utf8')).toBe(shadow)
    expect(readFileSync(upper('web', '/etc/passwd'), 'utf8').match(/^anna:/gm)).toHaveLength(1)
  })

  test('leave nothing mounted and nothing half made when they cannot be written', async () => {
    const mounts = readFileSync('/proc/self/mounts', 'utf8')
    const definition = {provision: {files: [{path: '/usr/local/x', content: 'x'}]}}
    const {exitCode, stderr} = await host.vps(['create', 'bad', '--file', '-'], {
      stdin: 'pipe',
      input: JSON.stringify({name: 'bad', template: 'host', ...definition}),
    })
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining("/usr of this server is the host's, read-only"),
    ])
    expect(existsSync(storage('bad'))).toBe(false)
    expect(readdirSync(host.paths.servers).filter(name => name.includes('bad'))).toEqual([])
    expect(readFileSync('/proc/self/mounts', 'utf8')).toBe(mounts)
  })
})

describe.skipIf(requires('root').skip)('a fleet', () => {
  test('has its passwords told by apply, once', async () => {
    const file = join(host.root, 'fleet.yaml')
    const base = {template: 'busybox', init: 'persist', network: 'none'}
    const users = [{name: 'anna', password: 'generate'}]
    writeFileSync(
      file,
      JSON.stringify({fleet: 'acme', servers: [{name: 'f-{1..2}', ...base, provision: {users}}]}),
    )
    const applied = await host.must(['apply', '-f', file, '--yes'])
    const told = [...applied.matchAll(/^(f-[12]): password of anna: (\S+)$/gm)]
    expect(told.map(([, name]) => name).sort()).toEqual(['f-1', 'f-2'])
    expect(isKept(told[0]?.[2] ?? '')).toBe(false)
    expect(await host.must(['apply', '-f', file, '--yes'])).not.toContain('password')
    await host.must(['destroy', 'f-1', 'f-2', '--force', '--yes'])
  })
})

describe.skipIf(requires('root').skip)('commands', () => {
  const log = (name: string): string => readFileSync(join(storage(name), 'log/provision.log'), 'utf8')
  const state = (name: string): unknown =>
    JSON.parse(readFileSync(join(storage(name), 'provision.json'), 'utf8'))

  test('run once the server is up, each once, and carry on after the one that failed', async () => {
    process.env.VPS_TEST_TOKEN = "it's a $(secret)"
    await createServers(host, {
      run: {
        provision: {
          run: [
            'echo one >> /root/done; cat',
            ['sh', '-c', 'echo "$0" >> /root/done', 'a b'],
            `printf %s "\${env:VPS_TEST_TOKEN}" > /root/token; echo "token: \${env:VPS_TEST_TOKEN}"; cat /proc/[0-9]*/cmdline > /root/processes`,
            'echo before; [ -e /root/go ] || { echo not yet >&2; exit 3; }; echo four >> /root/done',
            'echo five >> /root/done',
          ],
        },
      },
    })
    const failed = await host.vps(['start', 'run', '--wait'])
    expect(failed.exitCode).toBe(1)
    expect(String(failed.stderr)).toContain('server run is not set up: run 4, echo before; [ -e /root/go ]')
    expect(String(failed.stderr)).toMatch(/status 3\n {2}because it printed last:\n {4}before\n {4}not yet\n/)
    expect(await host.inside('run', 'cat /root/done')).toBe('one\na b')
    expect(await host.inside('run', 'cat /root/token')).toBe("it's a $(secret)")
    expect(await host.inside('run', 'grep -c secret /root/processes || true')).toBe('0')
    expect(log('run')).toContain('token: ***')
    expect(isKept("it's a $(secret)")).toBe(false)
    expect(statSync(join(storage('run'), 'log/provision.log')).mode & 0o777).toBe(0o600)

    await host.inside('run', 'touch /root/go')
    delete process.env.VPS_TEST_TOKEN // what is done needs it no more
    expect(await host.must(['provision', 'run'])).toBe('run: done: run 4, run 5')
    expect(await host.inside('run', 'cat /root/done')).toBe('one\na b\nfour\nfive')
    expect(await host.must(['provision', 'run'])).toBe('run: nothing to do')
    await host.must(['restart', 'run', '--wait'])
    expect(await host.inside('run', 'cat /root/done')).toBe('one\na b\nfour\nfive')
    const {stdout} = await host.vps(['events', '--json'])
    if (String(stdout).includes('"type"')) expect(String(stdout)).toContain('provisioned')
  })

  test('run in the background when nobody waits, and in one process for all servers', async () => {
    const slow = {provision: {run: ['sleep 0.5; echo $PPID > /root/done']}}
    await createServers(host, {bg1: slow, bg2: slow})
    await host.must(['start', 'bg1', 'bg2'])
    await expect
      .poll(() => [state('bg1'), state('bg2')], {timeout: 20_000})
      .toEqual([
        {version: 1, steps: {'run 1': expect.any(String)}, waiting: false},
        {version: 1, steps: {'run 1': expect.any(String)}, waiting: false},
      ])
    expect(await host.inside('bg1', 'cat /root/done')).not.toBe('')
    await host.must(['destroy', 'bg1', 'bg2', '--force', '--yes'])
  })

  test('of a killed vps are taken up where it was', async () => {
    await createServers(host, {
      killed: {
        provision: {
          run: [
            'echo one >> /root/done',
            'echo two >> /root/done; [ -e /root/go ] || sleep 3032',
            'echo three >> /root/done',
          ],
        },
      },
    })
    const start = spawn(vpsProgram, ['start', 'killed', '--wait'], {
      env: {...process.env, VPS_ROOT: host.root},
      stdio: 'ignore',
    })
    await expect
      .poll(
        () =>
          existsSync(upper('killed', '/root/done')) && readFileSync(upper('killed', '/root/done'), 'utf8'),
        {timeout: 20_000},
      )
      .toBe('one\ntwo\n')
    start.kill('SIGKILL')
    await once(start, 'exit')
    expect(state('killed')).toMatchObject({steps: {'run 1': expect.any(String)}, waiting: true})
    await host.inside('killed', 'touch /root/go')
    expect(await host.must(['provision', 'killed'])).toBe('killed: done: run 2, run 3')
    expect(await host.inside('killed', 'cat /root/done')).toBe('one\ntwo\ntwo\nthree')
  })

  test('and all the rest are done anew with --again, for which users and files want the server stopped', async () => {
    const {generated} = await createJson('again', {
      provision: {users: [{name: 'anna', password: 'generate'}], run: ['echo x >> /root/done']},
    })
    await host.must(['start', 'again', '--wait'])
    const refused = await host.vps(['provision', 'again', '--again'])
    expect([refused.exitCode, refused.stderr]).toEqual([
      4,
      expect.stringContaining('stop it first: `vps stop again`'),
    ])
    await host.must(['stop', 'again'])
    const [anew] = await host.json<{generated: {password: string}[]; waiting: string[]}[]>([
      'provision',
      'again',
      '--again',
    ])
    expect(anew?.waiting).toEqual(['run 1'])
    expect(anew?.generated[0]?.password).not.toBe(generated?.[0]?.password)
    await host.must(['start', 'again', '--wait'])
    expect(await host.inside('again', 'cat /root/done')).toBe('x\nx')
  })
})

describe.skipIf(requires('root').skip)('a hostile server', () => {
  const outside = (): string => join(host.root, 'outside')

  /** A stopped server whose root holds what its tenant planted, and the message of the start that meets it. */
  async function meet(name: string, plant: (root: string) => void, provision: object): Promise<string> {
    const api = await Host.open({root: host.root})
    const definition = {name, template: 'busybox', init: 'persist', network: 'none'}
    await api.create(name, {definitionText: JSON.stringify(definition)})
    plant(upper(name))
    await api.replaceDefinition(name, JSON.stringify({...definition, provision}))
    return await api.start(name).then(
      () => '',
      (error: unknown) => String(error),
    )
  }

  const eve = {users: [{name: 'eve', sshKeys: [KEY]}]}

  test('cannot lead a home out with a link, nor to a directory of root', async () => {
    mkdirSync(outside(), {recursive: true})
    const message = await meet(
      'h1',
      root => {
        mkdirSync(`${root}/home`, {recursive: true})
        symlinkSync(outside(), `${root}/home/eve`)
      },
      eve,
    )
    expect(message).toContain('/home/eve in the server is a link')
    expect(readdirSync(outside())).toEqual([])
  })

  test('cannot have root give him another directory by a link in his home', async () => {
    const message = await meet(
      'h2',
      root => {
        mkdirSync(`${root}/home/eve`, {recursive: true})
        mkdirSync(`${root}/etc`, {recursive: true})
        execFileSync('chown', ['1000:1000', `${root}/home/eve`])
        symlinkSync('/etc', `${root}/home/eve/.ssh`)
      },
      eve,
    )
    expect(message).toContain('/home/eve/.ssh in the server is a link')
    expect(statSync(upper('h2', '/etc')).uid).toBe(0)
  })

  test('cannot hang the host with a pipe for an account file', async () => {
    const message = await meet(
      'h3',
      root => {
        mkdirSync(`${root}/etc`, {recursive: true})
        execFileSync('mkfifo', [`${root}/etc/passwd`])
      },
      eve,
    )
    expect(message).toContain('/etc/passwd in the server is no regular file')
  })

  test('keeps what has a second name: his keys are not the shadow file', async () => {
    const message = await meet(
      'h4',
      root => {
        mkdirSync(`${root}/home/eve/.ssh`, {recursive: true})
        mkdirSync(`${root}/etc`, {recursive: true})
        writeFileSync(`${root}/etc/secret`, 'root only\n', {mode: 0o600})
        linkSync(`${root}/etc/secret`, `${root}/home/eve/.ssh/authorized_keys`)
        execFileSync('chown', ['1000:1000', `${root}/home/eve`, `${root}/home/eve/.ssh`])
      },
      eve,
    )
    expect(message).toBe('')
    expect(readFileSync(upper('h4', '/home/eve/.ssh/authorized_keys'), 'utf8')).toBe(`${KEY}\n`)
    expect([
      statSync(upper('h4', '/etc/secret')).uid,
      readFileSync(upper('h4', '/etc/secret'), 'utf8'),
    ]).toEqual([0, 'root only\n'])
  })

  test('with cloud-init has a seed that keeps it from undoing what was set up', async () => {
    const message = await meet(
      'cloud',
      root => {
        mkdirSync(`${root}/usr/bin`, {recursive: true})
        writeFileSync(`${root}/usr/bin/cloud-init`, '', {mode: 0o755})
      },
      eve,
    )
    expect(message).toBe('')
    const seed = (file: string): string =>
      readFileSync(upper('cloud', `/var/lib/cloud/seed/nocloud/${file}`), 'utf8')
    expect(JSON.parse(seed('meta-data'))).toEqual({
      'instance-id': JSON.parse(readFileSync(join(storage('cloud'), 'server.json'), 'utf8')).uuid,
    })
    expect(seed('user-data')).toMatch(/^#cloud-config\n\{"users":\[\]/)
    expect(readFileSync(upper('cloud', '/etc/cloud/cloud.cfg.d/99-vps.cfg'), 'utf8')).toContain('"disabled"')
  })

  test('has a file written in place of a link, a device or a pipe, and never through it', async () => {
    writeFileSync(join(outside(), 'target'), 'untouched')
    const message = await meet(
      'h5',
      root => {
        mkdirSync(`${root}/etc`, {recursive: true})
        symlinkSync(join(outside(), 'target'), `${root}/etc/one`)
        execFileSync('mkfifo', [`${root}/etc/two`])
        symlinkSync(`../../../../../..${outside()}`, `${root}/etc/three`)
        symlinkSync('/proc/self/root', `${root}/etc/four`)
      },
      {
        files: [
          {path: '/etc/one', content: '1'},
          {path: '/etc/two', content: '2'},
          {path: '/etc/three/target', content: '3'},
        ],
      },
    )
    expect(message).toBe('')
    expect(readFileSync(join(outside(), 'target'), 'utf8')).toBe('untouched')
    expect(readFileSync(upper('h5', '/etc/one'), 'utf8')).toBe('1')
    expect(lstatSync(upper('h5', '/etc/two')).isFile()).toBe(true)
    expect(readFileSync(upper('h5', join(outside(), 'target')), 'utf8')).toBe('3') // root's own link, inside
  })
})
