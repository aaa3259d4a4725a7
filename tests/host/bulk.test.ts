import {once} from 'node:events'
import {existsSync} from 'node:fs'
import {writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {execa} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {Host} from '../../src/index.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {createServers, startServers} from '../helpers/servers.ts'

let host: ScratchHost

interface Ran {
  readonly name: string
  readonly ok: boolean
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stdout: string | {base64: string}
  readonly stderr: string
  readonly timedOut: boolean
  readonly truncated: boolean
  readonly error?: {code: string}
}

describe('in many servers', requires('root'), () => {
  beforeAll(async () => {
    host = await scratchHost()
    await startServers(host, {
      web1: {tags: ['web']},
      web2: {tags: ['web', 'big'], project: 'shop'},
      db1: {project: 'shop'},
    })
    await createServers(host, {web3: {tags: ['web']}})
  })
  afterAll(async () => await host[Symbol.asyncDispose]())

  const ran = async (args: readonly string[]): Promise<Ran[]> => {
    const {stdout} = await host.vps(['exec', ...args.slice(0, 1), '--json', ...args.slice(1)])
    return JSON.parse(String(stdout)) as Ran[]
  }

  test('output is grouped, those that do not run are left out, errors carry names', async () => {
    const {stdout, stderr, exitCode} = await host.vps(
      ['exec', '--tag', 'web', '--', 'sh', '-c', 'hostname; echo oh >&2; cat'],
      {stdin: 'pipe', input: 'nobody reads this'},
    )
    expect(exitCode).toBe(0)
    const groups = String(stdout).split(/^(?===> )/m)
    expect(groups.map(group => group.trim()).sort()).toEqual(['==> web1\nweb1', '==> web2\nweb2'])
    expect(String(stderr).split('\n').sort()).toEqual(['web1: oh', 'web2: oh'])
  })

  test('lines come as they are said with --prefix', async () => {
    const {stdout, exitCode} = await host.vps([
      'exec',
      '*1',
      '--prefix',
      '--',
      'sh',
      '-c',
      'echo a; printf b',
    ])
    expect(exitCode).toBe(0)
    expect(String(stdout).split('\n').sort()).toEqual(['db1: a', 'db1: b', 'web1: a', 'web1: b'])
  })

  test('the exit code is the highest', async () => {
    const code = async (...words: string[]) => (await host.vps(['exec', ...words])).exitCode
    expect(
      await code('--all', '--', 'sh', '-c', 'case $(hostname) in web1) exit 3;; db1) exit 7;; esac'),
    ).toBe(7)
    expect(await code('web*', '--state', 'running', '--', 'true')).toBe(0)
    expect(await code('web1', '--timeout', '20s', '--', 'sh', '-c', 'exit 9')).toBe(9)
    expect(await code('web3', '--timeout', '20s', '--', 'true')).toBe(125)
    expect(await code('mail*', '--', 'true')).toBe(125)
  })

  test('--json tells statuses from signals and text from bytes', async () => {
    const [web1] = await ran(['web[1]', '--', 'sh', '-c', 'echo é; exit 137'])
    expect(web1).toMatchObject({ok: false, exitCode: 137, signal: null, stdout: 'é\n', stderr: ''})
    const [killed] = await ran(['web[1]', '--', 'sh', '-c', String.raw`printf "\377\001"; kill -9 $$`])
    expect(killed).toMatchObject({exitCode: null, signal: 'SIGKILL', stdout: {base64: '/wE='}})
    const [none] = await ran(['web[1]', '--', '/no/such'])
    expect(none).toMatchObject({ok: false, exitCode: 127})
  })

  test('what takes too long is ended, though it will not hear of it', async () => {
    const begin = performance.now()
    const results = await ran([
      'web*',
      '--timeout',
      '300ms',
      '--',
      'sh',
      '-c',
      'trap "" TERM; echo on; sleep 60 & wait; sleep 60',
    ])
    expect(performance.now() - begin).toBeLessThan(20_000)
    expect(results.map(({name, timedOut, stdout}) => ({name, timedOut, stdout}))).toEqual([
      {name: 'web1', timedOut: true, stdout: 'on\n'},
      {name: 'web2', timedOut: true, stdout: 'on\n'},
    ])
    await expect.poll(async () => await host.must(['ps']), {timeout: 15_000}).not.toContain('sleep 60')
  })

  test('an interruption ends what was begun', async () => {
    const child = execa(vpsProgram, ['exec', 'web*', '--prefix', '--', 'sh', '-c', 'echo on; sleep 77'], {
      env: {VPS_ROOT: host.root},
      reject: false,
    })
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    expect(await child).toMatchObject({exitCode: 143})
    await expect.poll(async () => await host.must(['ps']), {timeout: 15_000}).not.toContain('sleep 77')
  })

  test('a flood is read to its end and cut off', async () => {
    const api = await Host.open({root: host.root})
    const result = await api.exec('web1', {
      argv: ['sh', '-c', 'head -c 3000000 /dev/zero; echo end >&2'],
      maxOutputBytes: 1000,
    })
    expect(result).toMatchObject({exitCode: 0, truncated: true})
    expect(result.stdout).toHaveLength(1000)
    expect(String(result.stderr)).toBe('end\n')
  })

  test('the API gives input, and calls a command off', async () => {
    const api = await Host.open({root: host.root})
    const {stdout} = await api.exec('web1', {argv: ['sort'], input: 'b\na\n'})
    expect(String(stdout)).toBe('a\nb\n')
    const unread = await api.exec('web1', {argv: ['true'], input: Buffer.alloc(1_000_000)})
    expect(unread.exitCode).toBe(0)
    const stop = new AbortController()
    const asleep = api.exec('web1', {
      argv: ['sh', '-c', 'echo on; sleep 78'],
      signal: stop.signal,
      onOutput: () => stop.abort(new Error('enough')),
    })
    await expect(asleep).rejects.toMatchObject({code: 'ABORTED', cause: {message: 'enough'}})
    await expect.poll(async () => await host.must(['ps']), {timeout: 15_000}).not.toContain('sleep 78')
  })

  test('a script runs by its own interpreter and leaves nothing', async () => {
    const script = join(host.root, 'setup.sh')
    await writeFile(
      script,
      `#!/bin/bash -e
cat
echo "$1|$2|$SITE|$BASHPID" | cut -d'|' -f1-3
[[ $0 == /proc/self/fd/* ]]
if echo x >> "$0"; then echo 'can be written'; fi
`,
    )
    const {stdout, exitCode} = await host.vps([
      'runscript',
      script,
      'web1',
      '--env',
      'SITE=acme',
      '--',
      'a b',
      '--c',
    ])
    expect({stdout, exitCode}).toEqual({stdout: '==> web1\na b|--c|acme', exitCode: 0})
    expect(
      await host.inside('web1', 'find / -xdev -newer /proc/1 -name "*setup.sh*" 2>/dev/null; true'),
    ).toBe('')
  })

  test('a script without a first line is for sh, one from a pipe may be binary, a user may run it', async () => {
    const results = await host.vps(['runscript', '-', 'web*', '--user', 'nobody', '--json'], {
      stdin: 'pipe',
      input: 'id -un; exit 4\n\0\n',
    })
    expect(results.exitCode).toBe(4)
    expect(JSON.parse(String(results.stdout))).toMatchObject([
      {name: 'web1', stdout: 'nobody\n', exitCode: 4},
      {name: 'web2', stdout: 'nobody\n', exitCode: 4},
    ])
  })

  test('what is no script is refused', async () => {
    const empty = await host.vps(['runscript', '/dev/null', 'web1'])
    expect(empty).toMatchObject({exitCode: 125, stderr: 'vps: web1: null is empty'})
    const program = await host.vps(['runscript', '/bin/true', 'web1'])
    expect(String(program.stderr)).toContain('is a program, not a script')
    expect((await host.vps(['runscript', '/no/such', 'web1'])).exitCode).toBe(125)
  })

  test('verbs for several take selections', async () => {
    await host.must(['set', 'web*', 'hostname=changed', 'tags+=seen'])
    expect((await host.json<{name: string}[]>(['list', '--tag', 'seen'])).map(({name}) => name)).toEqual([
      'web1',
      'web2',
      'web3',
    ])
    await host.must(['stop', '--project', 'shop', '--kill'])
    expect((await host.json<{name: string}[]>(['list', '--state', 'running'])).map(({name}) => name)).toEqual(
      ['web1'],
    )
    const destroyed = await host.vps(['destroy', 'web*', '--tag', 'big', '--yes'])
    expect(destroyed.stdout).toBe('web2: destroyed')
    expect((await host.vps(['stop', 'nobody*'])).exitCode).toBe(3)
    expect(existsSync(join(host.paths.definitions, 'web1.yaml'))).toBe(true)
  })
})
