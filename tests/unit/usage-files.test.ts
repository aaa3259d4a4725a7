/* The files that kernels and supervisors write, as text: what is read out of them. */
import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {
  emptiedLedger,
  hugepageSizes,
  kernelPeaks,
  monthName,
  parseLedger,
  type ResourceUse,
  ratesBetween,
  readGroup,
  readMonth,
  readPressures,
  readRecentPressure,
  readRefusals,
  resourceUses,
  type Sample,
  takeSample,
  usageFiles,
} from '../../src/resources/index.ts'
import {parseQuota} from '../../src/resources/usage/cgroup-text.ts'
import {parsePressure} from '../../src/resources/usage/pressure.ts'

let scratch: string

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'vps-usage-'))
})
afterEach(async () => await rm(scratch, {recursive: true, force: true}))

async function files(entries: Readonly<Record<string, string>>): Promise<string> {
  for (const [name, text] of Object.entries(entries)) {
    await mkdir(join(scratch, name, '..'), {recursive: true})
    await writeFile(join(scratch, name), text)
  }
  return scratch
}

const LEDGER = `vps-usage 1
since 1790000000
saved 1790000300
cpu_usec 1000000 500000
cpu_periods 10 2
cpu_throttled 7 1
cpu_throttled_usec 900 100
memory_max 3 -1
memory_high 0 0
memory_oom 1 1
memory_oom_kill 1 2
swap_max 2 0
swap_fail 3 1
pids_max -4 10
io_rbytes 4096 4096
io_wbytes 0 8192
io_rios 1 1
io_wios 0 2
hugetlb_2MB_max 5 0
memory_peak 300 200
swap_peak 1 4
pids_peak 12 12
`

describe('the ledger', () => {
  test('counts add up, also after a reset within a run; peaks keep the larger', () => {
    const {since, saved, totals} = parseLedger(LEDGER, 'usage')
    expect({since, saved}).toEqual({since: 1_790_000_000, saved: 1_790_000_300})
    expect(Object.fromEntries(totals)).toMatchObject({
      cpu_usec: 1_500_000,
      memory_max: 2,
      pids_max: 6,
      memory_peak: 300,
      swap_peak: 4,
      pids_peak: 12,
    })
  })

  test('lines of a newer vps are passed over', () => {
    const {totals} = parseLedger(`${LEDGER}future_thing 1 2 3\nnew_count 1 1\n\n`, 'usage')
    expect(totals.has('future_thing')).toBe(false)
    expect(totals.get('new_count')).toBe(2)
  })

  test.each(['', 'vps-usage 2\n', 'something else\n'])('%j is none', text => {
    expect(() => parseLedger(text, '/var/x/usage')).toThrow('/var/x/usage is no ledger')
  })

  test('emptied it has the same names, all at 0', () => {
    const empty = parseLedger(emptiedLedger(LEDGER, 'usage', 1_800_000_000), 'usage')
    expect(empty.since).toBe(1_800_000_000)
    expect([...empty.totals.keys()]).toEqual([...parseLedger(LEDGER, 'usage').totals.keys()])
    expect(new Set(empty.totals.values())).toEqual(new Set([0]))
  })
})

const GROUP = {
  'cpu.max': '150000 100000\n',
  'memory.current': '250\n',
  'memory.peak': '300\n',
  'memory.min': '100\n',
  'memory.high': 'max\n',
  'memory.max': '1000\n',
  'memory.swap.current': '0\n',
  'memory.swap.high': 'max\n',
  'memory.swap.max': '0\n',
  'pids.current': '20\n',
  'pids.max': 'max\n',
  'io.stat':
    '8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:16\n252:0 rbytes=5 wbytes=0 rios=1 wios=0\n',
  'io.max': '8:0 rbps=max wbps=1048576 riops=max wiops=100\n252:0 rbps=max wbps=524288 riops=max wiops=max\n',
  'hugetlb.2MB.current': '2097152\n',
  'hugetlb.2MB.max': '4194304\n',
  'cpu.pressure':
    'some avg10=1.50 avg60=0.30 avg300=0.01 total=12345\nfull avg10=0.25 avg60=0.00 avg300=0.00 total=99\n',
  'memory.pressure': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
  'cpu.stat': 'usage_usec 5000000\nuser_usec 4000000\nsystem_usec 1000000\n',
}

const NO_PEAKS = {memory: false, swap: false, pids: false}

function uses(values: Partial<Parameters<typeof resourceUses>[0]>): Record<string, ResourceUse> {
  return resourceUses({
    ledger: undefined,
    reading: undefined,
    dedicatedCpus: null,
    peaks: {memory: true, swap: true, pids: true},
    ...values,
  })
}

describe('the resources of a server', () => {
  test('that runs: the ledger and its cgroup together', async () => {
    const reading = readGroup(await files(GROUP), ['2MB', '1GB'])
    const peaks = kernelPeaks([6, 1], reading)
    expect(peaks).toEqual({memory: true, swap: false, pids: false}) // as the files say, not the version
    const found = uses({reading, peaks, ledger: parseLedger(LEDGER, 'usage'), dedicatedCpus: 2})
    expect(found).toMatchObject({
      cpu: {held: 1_500_000, limit: 1.5, guarantee: 2, failcnt: 8},
      cpuThrottled: {held: 1000, unit: 'microseconds'},
      memory: {held: 250, maxheld: 300, guarantee: 100, high: 'max', limit: 1000, failcnt: 2, exact: true},
      swap: {held: 0, maxheld: 4, limit: 0, failcnt: 4, exact: false},
      pids: {held: 20, maxheld: 20, limit: 'max', failcnt: 6, exact: false},
      ioReadBytes: {held: 8192, limit: 'max'},
      ioWriteBytes: {held: 8192, limit: 524_288},
      ioReads: {held: 2, limit: 'max'},
      ioWrites: {held: 2, limit: 100},
      hugepages2MiB: {held: 2_097_152, limit: 4_194_304, failcnt: 5},
      oom: {failcnt: 2},
      oomKills: {failcnt: 3},
    })
    expect(found).not.toHaveProperty('hugepages1GiB')
  })

  test('that is stopped: counts and peaks of the ledger, nothing held, no limits', () => {
    expect(uses({ledger: parseLedger(LEDGER, 'usage')})).toMatchObject({
      cpu: {held: 1_500_000, limit: null},
      memory: {held: 0, maxheld: 300, guarantee: null, limit: null, failcnt: 2},
      pids: {held: 0, maxheld: 12},
      hugepages2MiB: {held: 0, failcnt: 5},
    })
  })

  test('on a host without controllers: nothing is made up', async () => {
    const {'cpu.pressure': cpu, 'cpu.stat': stat} = GROUP
    const reading = readGroup(await files({'cpu.pressure': cpu, 'cpu.stat': stat}), [])
    const found = uses({reading, ledger: parseLedger('vps-usage 1\ncpu_usec 1 1\n', 'usage')})
    expect(found.cpu).toMatchObject({held: 2, limit: null, failcnt: null})
    for (const name of ['memory', 'swap', 'pids', 'ioReadBytes', 'oom'])
      expect(found[name]).toMatchObject({held: null, maxheld: null, limit: null, failcnt: null})
  })

  test('a peak smaller than the kernel knows was reset within the run: what is shown are samples', async () => {
    const reading = readGroup(await files({...GROUP, 'memory.peak': '900\n'}), [])
    expect(uses({reading, ledger: parseLedger(LEDGER, 'usage')}).memory).toMatchObject({
      maxheld: 300,
      exact: false,
    })
  })

  test('without files, the kernel that keeps a peak is known by its version', () => {
    expect(kernelPeaks([5, 10], undefined)).toEqual(NO_PEAKS)
    expect(kernelPeaks([6, 1], undefined)).toEqual({...NO_PEAKS, memory: true})
    expect(kernelPeaks([6, 5], undefined)).toEqual({memory: true, swap: true, pids: false})
    expect(kernelPeaks([6, 11], undefined)).toEqual({memory: true, swap: true, pids: true})
  })
})

test.each([
  ['max 100000', 'max'],
  ['150000 100000', 1.5],
  ['5000 50000', 0.1],
  ['', null],
  [undefined, null],
])('cpu.max %j is %j CPUs', (text, cpus) => {
  expect(parseQuota(text)).toBe(cpus)
})

test('huge pages are called as cgroup files call them', async () => {
  const directory = await files({
    'hugepages-1048576kB/x': '',
    'hugepages-2048kB/x': '',
    'hugepages-64kB/x': '',
  })
  expect(await hugepageSizes(directory)).toEqual(['64KB', '2MB', '1GB'])
  expect(await hugepageSizes(join(directory, 'none'))).toEqual([])
})

describe('pressure', () => {
  test('of each resource, as far as the kernel tells', async () => {
    const group = await files(GROUP)
    const pressures = readPressures(group)
    expect(pressures).toEqual({
      cpu: {
        some: {avg10: 1.5, avg60: 0.3, avg300: 0.01, totalUsec: 12_345},
        full: {avg10: 0.25, avg60: 0, avg300: 0, totalUsec: 99},
      },
      memory: {some: {avg10: 0, avg60: 0, avg300: 0, totalUsec: 0}, full: null},
      io: null,
    })
    expect(readRecentPressure(group)).toEqual({cpu: 1.5, memory: 0, io: null})
  })

  test('of none, where the kernel has no PSI', () => {
    expect(readPressures(scratch)).toBeNull()
    expect(readRecentPressure(scratch)).toBeNull()
    expect(parsePressure('')).toBeNull()
  })
})

describe('refusals', () => {
  test('both files, oldest first; a torn line is passed over', async () => {
    const storage = await files({
      'log/refusals.1': '1790000000123\tpids\tmax\t3\t50\t50\t\n',
      'log/refusals':
        '1790000001000\tmemory\toom_kill\t1\t1048576\t1048576\t4711 stress ng\n1790000002000\tcpu\tthrottled\t12\t\tmax\t\n179000',
    })
    expect(readRefusals(usageFiles(storage))).toEqual([
      {
        time: '2026-09-21T14:13:20.123Z',
        resource: 'pids',
        kind: 'max',
        count: 3,
        held: 50,
        limit: 50,
        pid: null,
        command: null,
      },
      expect.objectContaining({resource: 'memory', kind: 'oom_kill', pid: 4711, command: 'stress ng'}),
      expect.objectContaining({resource: 'cpu', count: 12, held: null, limit: 'max'}),
    ])
    expect(readRefusals(usageFiles(storage), 1_790_000_001_500)).toHaveLength(1)
  })

  test('none yet', () => {
    expect(readRefusals(usageFiles(scratch))).toEqual([])
  })
})

describe('months', () => {
  test('are read, with byte seconds beyond what a double holds', async () => {
    await files({
      '2026-11':
        'seconds 2592000\ncpu_usec 1500000\nmemory_byte_seconds 178120883699712000\nio_rbytes 4096\nio_wbytes 1\n',
    })
    expect(readMonth(scratch, '2026-11')).toEqual({
      runningSeconds: 2_592_000,
      cpuSeconds: 1.5,
      memoryByteHours: 178_120_883_699_712_000 / 3600, // 64 GiB for 30 days
      ioReadBytes: 4096,
      ioWriteBytes: 1,
    })
    expect(64 * 2 ** 30 * 720).toBe(readMonth(scratch, '2026-11')?.memoryByteHours)
    expect(readMonth(scratch, '2026-10')).toBeUndefined()
  })

  test.each([
    ['2026-11', '2026-11'],
    ['now', '2026-01'],
    ['last', '2025-12'],
  ])('%s', (text, month) => {
    expect(monthName(text, new Date('2026-01-31T23:59:59Z'))).toBe(month)
  })

  test.each(['2026-13', '2026-1', '11/2026', '', '../../x'])('%j is none', text => {
    expect(() => monthName(text)).toThrow('is no month')
  })
})

describe('rates', () => {
  test('are per second between two looks', async () => {
    const directory = await files(GROUP)
    const earlier = takeSample(directory, 1000)
    expect(earlier).toMatchObject({
      cpuUsec: 5_000_000,
      cpuLimit: 1.5,
      memory: 250,
      memoryLimit: 1000,
      pids: 20,
      pidsLimit: 'max',
      ioReadBytes: 15,
      ioWriteBytes: 20,
      pressure: {cpu: 1.5, memory: 0, io: null},
    })
    await files({
      'cpu.stat': 'usage_usec 8000000\n',
      'io.stat': '8:0 rbytes=1010 wbytes=20 rios=9 wios=2\n252:0 rbytes=5 wbytes=0 rios=1 wios=0\n',
    })
    expect(ratesBetween(earlier, takeSample(directory, 3000))).toEqual({
      cpuPercent: 150,
      ioReadBytesPerSecond: 500,
      ioWriteBytesPerSecond: 0,
    })
  })

  test('are not known at first, nor when counters began anew, nor without a controller', async () => {
    const directory = await files({'cpu.stat': 'usage_usec 100\n'})
    const sample: Sample = takeSample(directory, 2000)
    expect(ratesBetween(undefined, sample).cpuPercent).toBeNull()
    expect(ratesBetween({...sample, at: 1000, cpuUsec: 200}, sample).cpuPercent).toBeNull()
    expect(ratesBetween({...sample, at: 1000}, sample)).toEqual({
      cpuPercent: 0,
      ioReadBytesPerSecond: null,
      ioWriteBytesPerSecond: null,
    })
  })
})
