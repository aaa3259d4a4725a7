import {describe, expect, test} from 'vitest'
import {parseDefinition} from '../../src/definition/index.ts'
import {addressesWanted, type CountedServer} from '../../src/fleet/fit/demand.ts'
import {KERNEL_NEEDS, kernelRows} from '../../src/fleet/fit/kernel.ts'
import {type FitRow, row} from '../../src/fleet/fit/row.ts'
import {sysctlText} from '../../src/fleet/fit/sysctl-file.ts'

function server(name: string, yaml: string, state: Partial<CountedServer> = {}): CountedServer {
  const {definition, problems} = parseDefinition(`name: ${name}\ntemplate: debian\n${yaml}`, {
    file: 'x',
    name,
  })
  expect(problems).toEqual([])
  return {name, definition, created: false, running: false, ...state}
}

function servers(count: number, yaml = ''): CountedServer[] {
  const one = server('s', yaml)
  return Array.from({length: count}, (_, index) => ({...one, name: `s${index}`}))
}

function rowOf(rows: readonly FitRow[], what: string): FitRow {
  const found = rows.find(one => one.what === what)
  if (found === undefined) throw new Error(`no row ${what}`)
  return found
}

const INSTANCES = 'fs.inotify.max_user_instances'

describe('what the kernel allows', () => {
  test('an init of its own counts for more than a program or two', () => {
    const name = 'fs.file-max'
    const facts = new Map([[name, 2048 * 12]])
    expect(rowOf(kernelRows(servers(12), facts), name)).toMatchObject({
      needed: 24_576,
      ok: true,
      sysctl: null,
    })
    expect(rowOf(kernelRows(servers(13), facts), name)).toMatchObject({
      needed: 26_624,
      there: 24_576,
      ok: false,
    })
    for (const init of ['persist', '[sleep, inf]'])
      expect(rowOf(kernelRows(servers(192, `init: ${init}\n`), facts), name)).toMatchObject({
        needed: 24_576,
        ok: true,
      })
  })

  test('what is charged to each server by itself is no matter of how many there are; each project has a name server', () => {
    const facts = new Map([[INSTANCES, 128]])
    expect(rowOf(kernelRows(servers(500), facts), INSTANCES)).toMatchObject({needed: 33, ok: true})
    const projects = Array.from({length: 100}, (_, index) => server(`s${index}`, `project: p${index}\n`))
    expect(rowOf(kernelRows(projects, facts), INSTANCES)).toMatchObject({needed: 132, ok: false})
    const without = projects.map(({name}) => server(name, `project: ${name}\nnetwork: none\n`))
    expect(rowOf(kernelRows(without, facts), INSTANCES)).toMatchObject({needed: 32, ok: true})
  })

  test('the remedy is a sysctl with room to spare', () => {
    const name = 'kernel.pid_max'
    const found = rowOf(kernelRows(servers(500), new Map([[name, 32_768]])), name)
    expect(found.sysctl).toEqual({name, value: 65_536})
    expect(found.remedy).toBe(`sysctl -w ${name}=65536`)
  })

  test('what runs is in the count of what is in use, not counted twice', () => {
    const facts = new Map([
      ['kernel.pid_max', 1000],
      ['tasks', 500],
    ])
    const five = servers(5)
    expect(rowOf(kernelRows(five, facts), 'kernel.pid_max')).toMatchObject({needed: 1000, ok: true})
    const running = five.map(one => ({...one, running: true}))
    expect(rowOf(kernelRows(running, facts), 'kernel.pid_max')).toMatchObject({needed: 500, ok: true})
    const bounded = servers(5, 'resources: {pids: 300}\n')
    expect(rowOf(kernelRows(bounded, facts), 'kernel.pid_max')).toMatchObject({needed: 2000, ok: false})
  })

  test('the thresholds of the table of neighbours grow together; a server without links needs none', () => {
    const name = 'net.ipv4.neigh.default.gc_thresh3'
    const facts = new Map([
      [name, 1024],
      ['neighbours4', 10],
    ])
    expect(rowOf(kernelRows(servers(300), facts), name).remedy).toBe(
      `sysctl -w ${name}=2048 net.ipv4.neigh.default.gc_thresh2=1024 net.ipv4.neigh.default.gc_thresh1=512`,
    )
    expect(rowOf(kernelRows(servers(300, 'network: none\n'), facts), name)).toMatchObject({
      needed: 10,
      ok: true,
    })
  })

  test('connections are those a server may have, if these are few', () => {
    const name = 'net.netfilter.nf_conntrack_max'
    const facts = new Map([[name, 4096]])
    expect(rowOf(kernelRows(servers(5), facts), name)).toMatchObject({needed: 5120, ok: false})
    expect(rowOf(kernelRows(servers(5, 'network: {connections: 512}\n'), facts), name).needed).toBe(2560)
  })

  test('what this kernel does not have is no row; more servers need no more keys of each user', () => {
    expect(kernelRows(servers(5), new Map())).toEqual([])
    const all = new Map(KERNEL_NEEDS.map(name => [name, 200]))
    expect(kernelRows(servers(5), all)).toHaveLength(KERNEL_NEEDS.length)
    expect(rowOf(kernelRows(servers(5000), all), 'kernel.keys.maxkeys')).toMatchObject({
      needed: 200,
      ok: true,
    })
  })
})

describe('addresses', () => {
  const defaults = {4: ['private'], 6: ['private6']} as const

  test('`auto` is one of each family, a pool is asked for by name, and a fixed address of none', () => {
    const wanted = addressesWanted(
      [
        server('a', ''),
        server('b', 'network: {links: [{addresses: [auto4]}]}\n'),
        server('c', 'network: {links: [{addresses: ["pool:public", auto6, 203.0.113.7]}]}\n'),
        server('d', 'network: none\n'),
        server('e', '', {created: true}),
      ],
      defaults,
    )
    expect(Object.fromEntries(wanted)).toEqual({private: 2, private6: 2, public: 1})
  })
})

describe('rows and files', () => {
  test('a row that fits has no remedy', () => {
    const words = {reason: 'why', remedy: 'how'}
    expect(row('disk', 'bytes', [5, 5], words)).toMatchObject({ok: true, remedy: null})
    expect(row('disk', 'bytes', [6, 5], words)).toMatchObject({ok: false, remedy: 'how', sysctl: null})
  })

  test('the file for sysctl.d says why, and nothing when nothing is to be set', () => {
    const rows = kernelRows(
      servers(500),
      new Map([
        ['kernel.pid_max', 32_768],
        ['fs.file-max', 9e9],
      ]),
    )
    expect(
      sysctlText(rows, '500 servers'),
    ).toBe(`# What this host's kernel is to allow for 500 servers, by \`vps doctor --sysctl\`; see sysctl.d(5).

# 50000 are needed, 32768 were allowed: ${rowOf(rows, 'kernel.pid_max').reason}.
kernel.pid_max = 65536
`)
    expect(sysctlText([], '1 servers')).toContain('It allows all of it already')
    const neighbours = kernelRows(servers(300), new Map([['net.ipv6.neigh.default.gc_thresh3', 128]]))
    expect(sysctlText(neighbours, 'x').split('\n').slice(-4)).toEqual([
      'net.ipv6.neigh.default.gc_thresh3 = 2048',
      'net.ipv6.neigh.default.gc_thresh2 = 1024',
      'net.ipv6.neigh.default.gc_thresh1 = 512',
      '',
    ])
  })
})
