import {mkdir, writeFile} from 'node:fs/promises'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {parseDefinition} from '../../src/definition/index.ts'
import {checkFit} from '../../src/fleet/fit/index.ts'
import {type FitRow, FleetHost} from '../../src/fleet/index.ts'
import {readHostConfig} from '../../src/host/index.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'

const POOLS = {
  network: {
    pools: {
      private: {range: '10.77.0.0/29', default: true, masquerade: true}, // room for five
      private6: {range: 'fd77:7073:7673::/64', default: true, masquerade: true},
    },
  },
  ids: {first: 1_879_048_192, count: 10 * 65_536},
}

let host: ScratchHost

beforeAll(async () => {
  host = await scratchHost()
  await mkdir(host.paths.etc, {recursive: true})
  await writeFile(host.paths.hostConfig, JSON.stringify(POOLS))
  await host.must(['create', 'one', '--template', 'busybox', '--set', 'init=persist', '--start'])
})
afterAll(async () => await host[Symbol.asyncDispose]())

function rowOf(rows: readonly FitRow[], what: string): FitRow {
  const found = rows.find(row => row.what === what)
  if (found === undefined) throw new Error(`no row ${what}`)
  return found
}

describe('whether servers fit', requires('root'), () => {
  test('those that are there are counted once, and what is short comes first', async () => {
    const five = await (await FleetHost.open({root: host.root})).fit(5)
    expect(rowOf(five, 'addresses of pool private')).toMatchObject({needed: 5, there: 5, ok: true})
    expect(rowOf(five, 'id ranges')).toMatchObject({needed: 5, there: 10, ok: true})
    const {exitCode, stdout} = await host.vps(['doctor', '--servers', '12', '--json'])
    expect(exitCode).toBe(5)
    const twelve = JSON.parse(String(stdout)) as FitRow[]
    expect(rowOf(twelve, 'addresses of pool private')).toMatchObject({needed: 12, ok: false})
    expect(rowOf(twelve, 'addresses of pool private6')).toMatchObject({needed: 12, ok: true})
    expect(rowOf(twelve, 'id ranges')).toMatchObject({needed: 12, there: 10, ok: false})
    expect(twelve[0]?.ok).toBe(false)
    expect(rowOf(twelve, 'kernel.pid_max').needed).toBeGreaterThan(11 * 100)
    expect((await host.must(['doctor', '--servers', '12', '--sysctl'])).split('\n')[0]).toMatch(
      /for 12 servers/,
    )
  })

  test('a plan: changed ones by what they shall be, removed ones not at all', async () => {
    const context = {paths: host.paths, config: await readHostConfig(host.paths)}
    const planned = (name: string, limit: string) => {
      const text = `name: ${name}\ntemplate: busybox\nresources: {memory: {limit: ${limit}}}\n`
      return {name, definition: parseDefinition(text, {file: name, name}).definition}
    }
    const memory = async (
      ...options: Parameters<typeof checkFit> extends [unknown, ...infer Rest] ? Rest : never
    ) => rowOf(await checkFit(context, ...options), 'memory')
    const GIB = 1024 ** 3
    expect(await memory([planned('one', '1GiB'), planned('two', '2GiB')])).toMatchObject({needed: 3 * GIB})
    expect(await memory([planned('two', '2GiB')], {removed: ['one']})).toMatchObject({
      needed: 2 * GIB,
      ok: true,
    })
    const most = await memory([planned('two', '64TiB')])
    expect(most.ok).toBe(false)
    expect(most.remedy).toContain('overcommit.memory')
    const ranges = rowOf(await checkFit(context, [], {removed: ['one']}), 'id ranges')
    expect(ranges.needed).toBe(1) // it is given back only when it is gone
  })
})
