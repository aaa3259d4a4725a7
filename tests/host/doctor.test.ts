import {existsSync} from 'node:fs'
import {mkdir} from 'node:fs/promises'
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
