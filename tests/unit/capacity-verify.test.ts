/* What an experiment's numbers mean, and that no limit of a definition is left out. */
import {describe, expect, test} from 'vitest'
import {parseDefinition} from '../../src/definition/index.ts'
import {isHeld, judge, unproven} from '../../src/server/verify/finding.ts'
import {withoutKeys, writtenLimits} from '../../src/server/verify/written-limits.ts'

const measurement = {key: 'resources.cpu.limit', unit: 'cpus', asked: 1.5, tolerance: 0.05} as const

describe('a measurement', () => {
  test.each([
    [1.5, 'held'],
    [1.57, 'held'],
    [1.43, 'held'],
    [1.6, 'broken'],
    [1.4, 'broken'],
    [0, 'broken'],
  ])('of %f for 1.5 within 5 %% is %s', (measured, state) => {
    expect(judge({...measurement, measured}).state).toBe(state)
  })

  test('that is short for another reason proves nothing; one that is over is broken all the same', () => {
    const short = 'the disk is slow'
    expect(judge({...measurement, measured: 1, short})).toMatchObject({state: 'unproven', note: short})
    expect(judge({...measurement, measured: 2, short}).state).toBe('broken')
  })

  test('tells how far it is off', () => {
    expect(judge({...measurement, measured: 1.2}).deviation).toBeCloseTo(-0.2)
    expect(judge({...measurement, asked: 0, measured: 0, tolerance: 0})).toMatchObject({
      state: 'held',
      deviation: 0,
    })
    expect(judge({...measurement, asked: 0, measured: 5, tolerance: 0}).state).toBe('broken')
  })

  test('decides, what could not be measured does not', () => {
    const held = judge({...measurement, measured: 1.5})
    const open = unproven('resources.io.weight', 'text', 100, 'no reason')
    expect(isHeld([held, open])).toBe(true)
    expect(isHeld([])).toBe(true)
    expect(isHeld([held, {...open, state: 'unenforced'}])).toBe(false)
    expect(isHeld([held, judge({...measurement, measured: 3})])).toBe(false)
  })
})

describe('the limits of a definition', () => {
  const {definition, problems} = parseDefinition(
    `name: web1
template: busybox
resources:
  cpu: {limit: 1.5, weight: idle}
  memory: {limit: 1GiB, swap: 0, oomGroup: true}
  pids: 500
  io:
    write: {bps: 50MiB}
    devices: [{device: /dev/sdb, read: {iops: 100}}]
  hugepages: {2MiB: 64MiB}
limits: {nofile: 1024:65536, core: unlimited}
`,
    {file: 'web1.yaml'},
  )

  test('are all found, what is not set is not', () => {
    expect(problems).toEqual([])
    expect(writtenLimits(definition).map(({key, value}) => `${key} = ${value}`)).toMatchInlineSnapshot(`
      [
        "resources.cpu.limit = 1.5",
        "resources.cpu.weight = idle",
        "resources.memory.limit = 1073741824",
        "resources.memory.swap = 0",
        "resources.memory.oomGroup = true",
        "resources.pids = 500",
        "resources.io.write.bps = 52428800",
        "resources.io.devices[0].read.iops = 100",
        "resources.hugepages.2MiB = 67108864",
        "limits.nofile = 1024:65536",
        "limits.core = infinity:infinity",
      ]
    `)
  })

  test('of a definition that has none are none', () => {
    expect(writtenLimits(parseDefinition('template: busybox', {file: 'web1.yaml'}).definition)).toEqual([])
  })

  test('can be taken out, and the definition stays as it is', () => {
    const gone = [
      ['resources', 'cpu', 'limit'],
      ['resources', 'memory', 'oomGroup'],
      ['resources', 'pids'],
      ['resources', 'io', 'devices', 0, 'device'],
      ['resources', 'rdma', 'mlx5_0'],
    ]
    const rest = withoutKeys(definition.resources, gone)
    expect(rest).toMatchObject({cpu: {limit: null, weight: 'idle'}, memory: {oomGroup: false}, pids: null})
    expect(definition.resources.cpu.limit).toBe(1.5)
  })
})
