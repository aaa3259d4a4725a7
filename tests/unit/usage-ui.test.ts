import {describe, expect, test} from 'vitest'
import type {ResourceUse} from '../../src/resources/index.ts'
import type {ServerUsage} from '../../src/server/index.ts'
import {
  beancounterTable,
  bound,
  monthTable,
  type Paint,
  percent,
  plain,
  refusalTable,
  usagePage,
} from '../../src/ui/index.ts'
import {clipped} from '../../src/ui/screen.ts'

const none: ResourceUse = {
  unit: 'count',
  held: null,
  maxheld: null,
  guarantee: null,
  high: null,
  limit: null,
  failcnt: null,
  exact: true,
}
const stall = {avg10: 1.5, avg60: 0.25, avg300: 0, totalUsec: 1}
const web1: ServerUsage = {
  name: 'web1',
  state: 'running',
  since: '2026-11-03T10:00:00.000Z',
  saved: '2026-11-03T10:05:00.000Z',
  resources: {
    cpu: {...none, unit: 'microseconds', held: 725_000_000, guarantee: 2, limit: 1.5, failcnt: 12},
    cpuThrottled: {...none, unit: 'microseconds', held: 3_500_000},
    memory: {
      ...none,
      unit: 'bytes',
      held: 200 * 2 ** 20,
      maxheld: 2 ** 29,
      guarantee: 2 ** 28,
      high: 'max',
      limit: 2 ** 30,
      failcnt: 0,
    },
    swap: none,
    pids: {...none, held: 12, maxheld: 55, limit: 500, failcnt: 7, exact: false},
    ioWriteBytes: {...none, unit: 'bytes', held: 4096, limit: 50 * 2 ** 20},
    hugepages2MiB: {...none, unit: 'bytes', held: 0, limit: 'max', failcnt: 0},
    oomKills: {...none, failcnt: 2},
  },
  pressure: {cpu: {some: stall, full: null}, memory: null, io: {some: stall, full: stall}},
  counts: {},
}

describe('usage', () => {
  test('as a table for people', () => {
    expect(usagePage([web1], plain)).toBe(
      `
web1  running  counted since 2026-11-03T10:00:00.000Z
RESOURCE          HELD  MAXHELD  GUARANTEE  HIGH     LIMIT  FAILCNT
cpu             12m 5s        -     2 CPUs     -  1.5 CPUs       12
cpu throttled       3s        -          -     -         -        -
memory          200MiB   512MiB     256MiB   max      1GiB        0
pids                12      ~55          -     -       500        7
io written        4KiB        -          -     -   50MiB/s        -
hugepages 2MiB      0B        -          -     -       max        0
oom kills            -        -          -     -         -        2
PRESSURE  SOME 10S  SOME 60S  FULL 10S  FULL 60S
cpu           1.5%      0.3%         -         -
io            1.5%      0.3%      1.5%      0.3%`.trim(),
    )
  })

  test('refusals are in red, none are not', () => {
    const red: Paint = (style, text) => (style === 'bad' ? `<${text}>` : text)
    const page = usagePage([web1], red)
    for (const count of ['<12>', '<7>', '<2>']) expect(page).toContain(count)
    expect(page).not.toContain('<0>')
  })

  test('of a server that never ran is one line', () => {
    const page = usagePage(
      [{...web1, since: null, state: 'stopped', resources: {memory: none}, pressure: null}],
      plain,
    )
    expect(page).toBe('web1  stopped  nothing counted yet')
  })

  test('raw: a line for each resource, all columns filled, numbers exact', () => {
    const [heading, ...lines] = beancounterTable([web1], plain).split('\n')
    expect(heading?.split(/\s+/)).toEqual([
      'NAME',
      'RESOURCE',
      'HELD',
      'MAXHELD',
      'GUARANTEE',
      'HIGH',
      'LIMIT',
      'FAILCNT',
    ])
    const memory = lines.find(line => line.includes(' memory '))
    expect(memory?.split(/\s+/)).toEqual([
      'web1',
      'memory',
      '209715200',
      '536870912',
      '268435456',
      'max',
      '1073741824',
      '0',
    ])
    for (const line of lines) expect(line.split(/\s+/)).toHaveLength(8)
  })
})

test('refusals: sizes are sizes, times are times, counts are counts, and a name can move no cursor', () => {
  const text = refusalTable(
    [
      {
        name: 'web1',
        time: 'T1',
        resource: 'memory',
        kind: 'oom_kill',
        count: 1,
        held: 2 ** 30,
        limit: 2 ** 30,
        pid: 7,
        command: 'a\u001b[2J',
      },
      {
        name: 'web1',
        time: 'T2',
        resource: 'pids',
        kind: 'max',
        count: 40,
        held: 50,
        limit: 50,
        pid: null,
        command: null,
      },
      {
        name: 'web1',
        time: 'T3',
        resource: 'cpu',
        kind: 'throttled',
        count: 12,
        held: 3_500_000,
        limit: 1_500_000,
        pid: null,
        command: null,
      },
    ],
    plain,
  )
  expect(text.split('\n').map(line => line.split(/\s{2,}/).map(cell => cell.trim()))).toEqual([
    ['TIME', 'NAME', 'RESOURCE', 'KIND', 'COUNT', 'HELD', 'LIMIT', 'PID', 'COMMAND'],
    ['T1', 'web1', 'memory', 'oom_kill', '1', '1GiB', '1GiB', '7', 'a?[2J'],
    ['T2', 'web1', 'pids', 'max', '40', '50', '50', '-', '-'],
    ['T3', 'web1', 'cpu', 'throttled', '12', '3s', '1.5 CPUs', '-', '-'],
  ])
})

test('months', () => {
  const text = monthTable(
    [
      {
        name: 'web1',
        uuid: 'u-1',
        month: '2026-11',
        destroyed: true,
        runningSeconds: 90_000,
        cpuSeconds: 3661,
        memoryByteHours: 24 * 2 ** 30,
        ioReadBytes: 1024,
        ioWriteBytes: 0,
      },
    ],
    plain,
  )
  expect(text.split('\n')[1]?.split(/\s{2,}/)).toEqual([
    'web1',
    '2026-11',
    '1d 1h',
    '1h 1m',
    '24.00GiB·h',
    '1KiB',
    '0B',
    'u-1',
    'destroyed',
  ])
})

test('what has no end and what is not known', () => {
  expect([bound('max'), bound(null), bound(undefined), bound(0), percent(null), percent(12.345)]).toEqual([
    'max',
    '-',
    '-',
    '0',
    '-',
    '12.3%',
  ])
})

test('a page is cut to the window, its colours are not', () => {
  expect(clipped('abcdef', 6)).toBe('abcdef')
  expect(clipped('abcdef', 4)).toBe('abcd')
  expect(clipped('\u001b[1mabc\u001b[22mdef', 4)).toBe('\u001b[1mabc\u001b[22md')
  expect(clipped('\u001b[1mabcdef\u001b[22m', 2)).toBe('\u001b[1mab\u001b[22m')
})
