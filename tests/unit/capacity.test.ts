import {describe, expect, test} from 'vitest'
import type {Overcommit} from '../../src/host/index.ts'
import {
  type CapacityRow,
  compareCapacity,
  type HostCapacity,
  hostCapacity,
  meminfoBytes,
  type Promising,
  shareProfile,
  splitHost,
} from '../../src/resources/capacity/index.ts'

const MIB = 1024 ** 2
const GIB = 1024 ** 3
const host: HostCapacity = {cpus: 8, memory: 32 * GIB, swap: 4 * GIB, pids: 32_768}
const once: Overcommit = {cpu: 4, memory: 1, guarantee: 1, pids: 1}

function wants(
  cpu: Partial<Promising['cpu']>,
  memory: Partial<Promising['memory']> = {},
  pids?: number,
): Promising {
  return {
    cpu: {cores: null, cpus: null, dedicated: null, limit: null, ...cpu},
    memory: {limit: null, guarantee: null, swap: null, ...memory},
    pids: pids ?? null,
  }
}

function rowsOf(servers: readonly Promising[], factors = once, size = host): Record<string, CapacityRow> {
  const tenants = servers.map((resources, index) => ({name: `web${index}`, running: index === 0, resources}))
  return Object.fromEntries(compareCapacity(tenants, size, factors).map(row => [row.resource, row]))
}

describe('what servers were promised', () => {
  test('is the sum of their limits, and of those that run', () => {
    const one = wants({limit: 1.1}, {limit: GIB, guarantee: 256 * MIB, swap: 0}, 500)
    expect(rowsOf([one, one, one])).toMatchObject({
      cpus: {host: 8, promised: 3.3, running: 1.1, guaranteed: 0, ratio: 3.3 / 8, allowed: 4, state: 'ok'},
      memory: {promised: 3 * GIB, running: GIB, guaranteed: 768 * MIB, ratio: 3 / 32, state: 'ok'},
      swap: {promised: 0, unbounded: [], state: 'ok'},
      pids: {promised: 1500, running: 500, state: 'ok'},
    })
  })

  test.each([
    ['a ceiling', {limit: 1.5}, 1.5],
    ['the processors it sees', {cores: 2}, 2],
    ['those it is pinned to', {cpus: '0-1,4'}, 3],
    ['those it has for itself', {dedicated: 2}, 2],
    ['the least of them', {limit: 1.5, cores: 4, cpus: '0-3'}, 1.5],
    ['a ceiling above the processors', {limit: 3, cores: 2}, 2],
  ])('of CPUs: %s', (_, cpu, promised) => {
    expect(rowsOf([wants(cpu)]).cpus).toMatchObject({promised, unbounded: []})
  })

  test('counts and names who has no limit, in no sum', () => {
    const rows = rowsOf([wants({}), wants({limit: 1}, {limit: GIB, swap: 'max'})])
    expect(rows.cpus).toMatchObject({promised: 1, unbounded: ['web0']})
    expect(rows.memory).toMatchObject({promised: GIB, unbounded: ['web0']})
    expect(rows.swap).toMatchObject({promised: 0, unbounded: ['web0', 'web1']})
    expect(rows.pids).toMatchObject({promised: 0, unbounded: ['web0', 'web1']})
  })

  test('leaves swap out of it where the host has none', () => {
    const row = rowsOf([wants({})], once, {...host, swap: 0}).swap
    expect(row).toMatchObject({host: 0, ratio: null, unbounded: [], state: 'ok'})
  })

  test('is too much when swap was promised that is not there', () => {
    expect(rowsOf([wants({}, {swap: GIB})], once, {...host, swap: 0}).swap).toMatchObject({
      ratio: null,
      state: 'over',
    })
  })
})

describe('overcommit', () => {
  const quarter = wants({}, {limit: 8 * GIB})

  test('is over with the first byte beyond the factor, not before', () => {
    expect(rowsOf([quarter, quarter, quarter, quarter]).memory).toMatchObject({ratio: 1, state: 'ok'})
    expect(rowsOf([quarter, quarter, quarter, quarter, wants({}, {limit: 1})]).memory?.state).toBe('over')
  })

  test('follows host.yaml', () => {
    const five = Array.from({length: 5}, () => quarter)
    expect(rowsOf(five, {...once, memory: 1.25}).memory).toMatchObject({
      allowed: 1.25,
      ratio: 1.25,
      state: 'ok',
    })
    expect(rowsOf([wants({}, {swap: 5 * GIB})], {...once, memory: 1.25}).swap?.state).toBe('ok')
  })

  test('of guarantees is counted apart from that of limits', () => {
    const held = wants({}, {limit: 20 * GIB, guarantee: 20 * GIB})
    const row = rowsOf([held, held], {...once, memory: 2}).memory
    expect(row).toMatchObject({ratio: 1.25, guaranteedRatio: 1.25, guaranteedAllowed: 1, state: 'over'})
  })

  test('of dedicated CPUs is never allowed', () => {
    const rows = rowsOf([wants({dedicated: 5}), wants({dedicated: 4})], {...once, cpu: 10, guarantee: 10})
    expect(rows.cpus).toMatchObject({guaranteed: 9, guaranteedAllowed: 1, state: 'over'})
  })

  test('with no server at all', () => {
    expect(Object.values(rowsOf([])).map(({state, promised}) => [state, promised])).toEqual(
      Array.from({length: 4}, () => ['ok', 0]),
    )
  })
})

describe('a split', () => {
  test('gives equal parts of what is left after the reserve, rounded down', () => {
    expect(splitHost(host, 10, 0.1)).toEqual({
      servers: 10,
      reserve: 0.1,
      cpus: 0.72,
      memory: Math.floor((32 * 1024 * 0.9) / 10) * MIB,
      guarantee: 1474 * MIB,
      swap: 368 * MIB,
      pids: 2949,
    })
  })

  test.each([1, 3, 7, 50, 800])('into %i promises nothing twice', servers => {
    const share = splitHost(host, servers, 0)
    const resources = wants(
      {limit: share.cpus},
      {limit: share.memory, guarantee: share.guarantee, swap: share.swap},
      share.pids,
    )
    const rows = rowsOf(
      Array.from({length: servers}, () => resources),
      {cpu: 1, memory: 1, guarantee: 1, pids: 1},
    )
    for (const row of Object.values(rows)) {
      expect(row).toMatchObject({state: 'ok', unbounded: []})
      expect(row.ratio).toBeGreaterThan(0.9)
    }
  })

  test('into more than there can be says how many there can', () => {
    expect(() => splitHost(host, 801, 0)).toThrow(
      'too small for 801 servers: it has no cpus for more than 800',
    )
    expect(() => splitHost({...host, memory: GIB}, 65, 0)).toThrow('no memory for more than 64')
  })

  test('is a profile that says what was kept', () => {
    expect(shareProfile({...host, swap: 0}, splitHost({...host, swap: 0}, 10, 0.1))).toMatchInlineSnapshot(`
      "# One of 10 equal servers of this host, made by \`vps capacity split\`. Nothing is promised twice.
      # 10 % were kept for the host itself before dividing:
      #   CPUs    8, of which 0.8 stay with the host
      #   memory  32768MiB, of which 3278MiB stay with the host
      #   swap    none
      #   tasks   32768, of which 3278 stay with the host
      resources:
        cpu:
          limit: 0.72
          weight: 100
        memory:
          limit: 2949MiB
          # Half of it is the server's own also when the host is short; the rest is, as long as nobody else needs it.
          guarantee: 1474MiB
          swap: none
        pids: 2949
      "
    `)
  })
})

describe('this host', () => {
  test('has processors, memory and tasks', async () => {
    const found = await hostCapacity()
    expect(found.cpus).toBeGreaterThanOrEqual(1)
    expect(found.memory).toBeGreaterThan(64 * MIB)
    expect(found.pids).toBeGreaterThan(300)
  })

  test('a line of meminfo that is missing is said', () => {
    expect(meminfoBytes('MemTotal:     2048 kB\n', 'MemTotal')).toBe(2 * MIB)
    expect(() => meminfoBytes('', 'SwapTotal')).toThrow('SwapTotal')
  })
})
