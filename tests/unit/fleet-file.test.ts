/*
 * Fleet files: what comes of good ones, and exactly what is said about bad ones.
 */
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import process from 'node:process'
import {isDeepStrictEqual} from 'node:util'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {parseDefinition} from '../../src/definition/index.ts'
import {type Fleet, loadFleet} from '../../src/fleet/file/index.ts'
import {hostPaths} from '../../src/host/index.ts'

const scratch = mkdtempSync(join(tmpdir(), 'vps-fleet-'))
const paths = hostPaths(join(scratch, 'root'))
const home = process.cwd()

beforeAll(() => {
  mkdirSync(paths.profiles, {recursive: true})
  writeFileSync(join(paths.profiles, 'tiny.yaml'), 'template: busybox\nresources: {memory: {limit: 64MiB}}\n')
})

afterAll(() => {
  process.chdir(home)
  rmSync(scratch, {recursive: true, force: true})
})

let number = 0

/** Loads files that are written for it, by their relative names; `-f` the first. */
async function load(
  files: Readonly<Record<string, string>>,
  variables: Record<string, string> = {},
): Promise<Fleet> {
  const directory = join(scratch, `${number++}`)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), {recursive: true})
    writeFileSync(join(directory, name), text)
  }
  process.chdir(directory)
  return await loadFleet({paths}, [Object.keys(files)[0] ?? ''], {variables})
}

/** The text of each server reads back as the same definition. */
function expectTrue({servers}: Fleet): void {
  for (const {name, text, definition} of servers) {
    const loaded = parseDefinition(text, {
      file: `${name}.yaml`,
      profiles: profile =>
        profile === 'tiny'
          ? {file: 'tiny.yaml', text: 'template: busybox\nresources: {memory: {limit: 64MiB}}\n'}
          : undefined,
    })
    expect(loaded.problems.filter(({grade}) => grade === 'error')).toEqual([])
    expect(isDeepStrictEqual(loaded.definition, definition), text).toBe(true)
  }
}

describe('a fleet', () => {
  test('has profiles, a range and a table', async () => {
    const fleet = await load({
      'fleet.yaml': `fleet: acme
vars: {domain: example.net}
profiles:
  base:  {template: debian, autostart: true, hostname: "\${name}.\${domain}"}
  small: {extends: base, resources: {cpu: {cores: 1, limit: 0.5}, memory: {limit: 512MiB, swap: 0}, pids: 300}}
servers:
  - {name: "lab-{001..020}", profiles: [small], state: stopped}
  - from: tenants.csv
    name: "\${name}"
    profiles: ["\${size}"]
    network: {publish: ["\${port}:22/tcp"]}
`,
      'tenants.csv': 'name,size,port\r\nmiller,small,2201\r\n',
    })
    expectTrue(fleet)
    expect(fleet.name).toBe('acme')
    expect(fleet.files).toEqual(['fleet.yaml', 'tenants.csv'])
    expect(fleet.servers.map(({name}) => name)).toEqual([
      ...Array.from({length: 20}, (_, index) => `lab-${`${index + 1}`.padStart(3, '0')}`),
      'miller',
    ])
    expect(fleet.servers.map(({state}) => state)).toEqual([...Array(20).fill('stopped'), 'running'])
    expect(
      fleet.servers.at(-1)?.text,
    ).toBe(`# From the fleet acme: change it there, the next \`vps apply\` writes this file anew.
name: miller
template: debian
hostname: miller.example.net
resources: {cpu: {cores: 1, limit: 0.5}, memory: {limit: 512MiB, swap: 0}, pids: 300}
autostart: true
network: {publish: ["2201:22/tcp"]}
`)
    expect(fleet.servers.at(-1)?.place).toBe('fleet.yaml:8:5 (tenants.csv:2)')
    expect(fleet.servers.at(-1)?.originOf(['network', 'publish', 0])).toMatchObject({
      file: 'tenants.csv',
      line: 2,
      column: 14,
    })
    expect(fleet.servers.at(-1)?.originOf(['resources', 'memory', 'limit'])).toMatchObject({
      file: 'fleet.yaml',
      line: 5,
    })
  })
})
