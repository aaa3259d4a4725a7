import {existsSync, readFileSync} from 'node:fs'
import {writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {lockServer, serverPaths} from '../../src/host/index.ts'
import {Host} from '../../src/index.ts'
import {repository, requires, type ScratchHost, scratchHost} from '../helpers/host.ts'

/** 200 are set up in the same way; a test of every day has less time. */
const TENANTS = Number(process.env.VPS_TEST_TENANTS ?? 4)

let host: ScratchHost

const example = async (name: string, ...args: readonly string[]) =>
  await execa(process.execPath, [join(repository, 'examples', name), ...args], {
    env: {VPS_ROOT: host.root},
    reject: false,
  })

describe('the library', requires('root'), () => {
  beforeAll(async () => {
    host = await scratchHost()
  })
  afterAll(async () => await host[Symbol.asyncDispose]())

  test('a CSV of tenants in less than 30 lines', {timeout: 600_000}, async () => {
    const lines = readFileSync(join(repository, 'examples/tenants-from-csv.ts'), 'utf8').trim().split('\n')
    expect(lines.length).toBeLessThan(30)
    const names = Array.from({length: TENANTS}, (_, index) => `tenant-${String(index).padStart(3, '0')}`)
    const csv = join(host.root, 'tenants.csv')
    const rows = names.map((name, index) => `${name},${22_000 + index},ssh-ed25519 ${KEY} ${name}`)
    await writeFile(csv, `name,port,key\n${rows.join('\n')}\n`)
    const {stdout, stderr, exitCode} = await example('tenants-from-csv.ts', csv)
    expect(stdout.split('\n')).toEqual(names.map(name => `${name} is ready`))
    expect({stderr, exitCode}).toEqual({stderr: '', exitCode: 0})
    expect(await host.json(['list', '--tag', 'tenant', '--state', 'running'])).toHaveLength(TENANTS)
    const [first = ''] = names
    expect(await host.inside(first, 'cat ~admin/.ssh/authorized_keys')).toContain(`${KEY} ${first}`)
    expect((await example('tenants-from-csv.ts', csv)).stdout).toBe('') // nothing is missing
  })

  test('a command in all of them', async () => {
    const {stdout, exitCode} = await example('in-all.ts', 'tenant', '--', 'true')
    expect({stdout, exitCode}).toEqual({stdout: `${TENANTS} of ${TENANTS} servers done`, exitCode: 0})
    const failed = await example('in-all.ts', 'tenant', '--', 'sh', '-c', 'echo no >&2; exit 3')
    expect(failed.exitCode).toBe(1)
    expect(failed.stderr).toContain('tenant-000: no')
  })

  test('a verb that waits for a lock can be called off, and has done nothing', async () => {
    const api = await Host.open({root: host.root})
    const said: string[] = []
    const stop = new AbortController()
    await using _lock = await lockServer(api.paths, 'tenant-000', 'look')
    const waiting = api.stop('tenant-000', {
      signal: stop.signal,
      progress: line => {
        said.push(line)
        stop.abort(new Error('enough'))
      },
    })
    await expect(waiting).rejects.toMatchObject({code: 'ABORTED', cause: {message: 'enough'}})
    expect(said[0]).toContain('waiting for server tenant-000')
    expect(await api.list({names: ['tenant-000']})).toMatchObject([{state: 'running'}])
  })

  test('a create that is called off between its steps leaves nothing', async () => {
    const api = await Host.open({root: host.root})
    const before = await host.json(['network', 'addresses'])
    for (const looks of [1, 2, 3, 4, 5]) {
      const error = await api
        .create('half', {template: 'busybox', start: true, signal: abortedAt(looks)})
        .then(
          () => undefined,
          (reason: unknown) => reason,
        )
      expect(error).toMatchObject({code: 'ABORTED'})
      if ((await api.list()).some(({name}) => name === 'half')) {
        expect(await api.list({names: ['half']})).toMatchObject([{state: 'stopped'}]) // created, and its start called off
        await api.destroy('half')
      }
      expect(existsSync(serverPaths(api.paths, 'half').definition)).toBe(false)
      expect(await host.json(['network', 'addresses'])).toEqual(before)
    }
  })
})

/** A public key in the form of RFC 8709, of nobody. */
const KEY = Buffer.concat([
  Buffer.from('\0\0\0\u000bssh-ed25519\0\0\0 ', 'latin1'),
  Buffer.alloc(32, 7),
]).toString('base64')

/** A signal that is aborted from the `looks`-th time on that somebody looks. */
function abortedAt(looks: number): AbortSignal {
  const {signal} = new AbortController()
  let left = looks
  Object.defineProperty(signal, 'aborted', {get: () => --left <= 0})
  return signal
}
