import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync} from 'node:fs'
import {mkdir, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, expect, test} from 'vitest'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'

interface Check {
  readonly id: string
  readonly state: string
  readonly found: string
}

let host: ScratchHost

beforeAll(async () => {
  host = await scratchHost()
})

afterAll(async () => {
  await host[Symbol.asyncDispose]()
})

async function leftovers(...flags: string[]): Promise<Check | undefined> {
  const {stdout} = await host.vps(['doctor', '--json', ...flags])
  return (JSON.parse(String(stdout)) as Check[]).find(({id}) => id === 'leftovers')
}

test.skipIf(requires('root').skip)(
  'doctor lists what was left, and --repair finishes or removes it',
  async () => {
    await host.must(['create', 'web', '--template', 'busybox', '--set', 'init=persist', '--start'])
    const [{supervisor} = {supervisor: 0}] = [await host.json<{supervisor: number}>(['show', 'web'])]
    process.kill(supervisor, 'SIGKILL')
    const journal = join(host.paths.servers, '.creating-half')
    await mkdir(journal)

    const before = await leftovers()
    expect(before?.state).toBe('warning')
    expect(before?.found).toMatch(/half: .*web: /)

    expect(await leftovers('--repair')).toMatchObject({state: 'ok', found: 'none'})
    expect(existsSync(journal)).toBe(false)
    expect(existsSync(host.cgroup('web'))).toBe(false)
    await host.must(['start', 'web'])
  },
)

test.skipIf(requires('root').skip)(
  'doctor finds cgroups that others made in our tree, and --repair removes them with what is in them',
  async () => {
    const strays = [
      join(host.cgroups, 'Not_ours'),
      join(host.cgroups, 'Not_ours/below'),
      host.cgroup('nobody'),
      join(host.cgroup('web'), 'beside'),
    ]
    for (const stray of strays) await mkdir(stray)
    const sleeper = spawn('sleep', ['600'])
    await writeFile(join(strays[1] ?? '', 'cgroup.procs'), String(sleeper.pid))
    const ended = once(sleeper, 'exit')

    const before = await leftovers()
    expect(before?.found).toContain(`${strays[0]}: a cgroup of no running server`)
    expect(before?.found).toContain('nobody: a cgroup of no running server')
    expect(before?.found).toContain(`${strays[3]}: a cgroup of no running server`)

    const {stderr} = await host.vps(['doctor', '--repair'])
    expect(stderr).toContain(
      `removed ${strays[0]}, a cgroup of no running server, and killed what was in it: ${sleeper.pid}`,
    )
    expect(await ended).toEqual([null, 'SIGKILL'])
    for (const stray of strays) expect(existsSync(stray)).toBe(false)
    expect(await host.inside('web', 'echo alive')).toBe('alive')
    expect(await leftovers()).toMatchObject({state: 'ok', found: 'none'})
  },
)
