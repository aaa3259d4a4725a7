import {mkdtemp, readlink, rm, symlink} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {
  conflicts,
  DEFAULT_CONFIG,
  foreignIdRanges,
  type HostPaths,
  hostPaths,
  IDS_PER_SERVER,
  listIdSlots,
  makeDirectory,
  parseAccounts,
  parseHostConfig,
  parseSubordinate,
  readHostConfig,
  releaseIdSlot,
  renameIdSlot,
  slotCount,
  slotRange,
  takeIdSlot,
  writeFileAtomic,
} from '../../src/host/index.ts'

let root: string
let paths: HostPaths
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vps-unit-'))
  paths = hostPaths(root)
})
afterEach(async () => await rm(root, {recursive: true, force: true}))

const three = {ids: {first: 0x7000_0000, count: 3 * IDS_PER_SERVER}}

describe('id ranges', () => {
  test('the lowest free slot is taken, and given back it is free again', async () => {
    expect(await takeIdSlot(paths, three, 'a')).toBe(0)
    expect(await takeIdSlot(paths, three, 'b')).toBe(1)
    await releaseIdSlot(paths, 0, 'a')
    expect(await takeIdSlot(paths, three, 'c')).toBe(0)
    expect(await listIdSlots(paths)).toEqual([
      {slot: 0, owner: 'c'},
      {slot: 1, owner: 'b'},
    ])
  })

  test('when all are taken, it says so', async () => {
    for (const name of ['a', 'b', 'c']) await takeIdSlot(paths, three, name)
    await expect(takeIdSlot(paths, three, 'd')).rejects.toMatchObject({code: 'NO_IDS', exitCode: 1})
  })

  test('a hundred takers at once get a hundred slots', async () => {
    const config = {ids: {first: 0x7000_0000, count: 100 * IDS_PER_SERVER}}
    const names = Array.from({length: 100}, (_, index) => `s${index}`)
    const slots = await Promise.all(names.map(name => takeIdSlot(paths, config, name)))
    expect(new Set(slots).size).toBe(100)
    for (const [index, slot] of slots.entries())
      expect(await readlink(join(paths.ids, String(slot)))).toBe(names[index])
  })

  test('a slot is released and renamed by its owner only', async () => {
    await takeIdSlot(paths, three, 'a')
    await releaseIdSlot(paths, 0, 'b')
    await renameIdSlot(paths, 0, 'b', 'x')
    expect(await listIdSlots(paths)).toEqual([{slot: 0, owner: 'a'}])
    await renameIdSlot(paths, 0, 'a', 'x')
    expect(await listIdSlots(paths)).toEqual([{slot: 0, owner: 'x'}])
  })

  test('other files in the directory are no slots', async () => {
    await makeDirectory(paths.ids)
    await symlink('1879048192', join(paths.ids, 'first'))
    expect(await listIdSlots(paths)).toEqual([])
    expect(await takeIdSlot(paths, three, 'a')).toBe(0)
  })

  test('ranges are 65,536 ids that follow each other, never the host root', () => {
    expect(slotRange(DEFAULT_CONFIG, 0)).toEqual({first: 1_879_048_192, count: 65_536})
    expect(slotRange(DEFAULT_CONFIG, 1).first).toBe(1_879_048_192 + 65_536)
    const last = slotRange(DEFAULT_CONFIG, slotCount(DEFAULT_CONFIG) - 1)
    expect(last.first + last.count).toBe(0x7ffe_0000)
  })
})

describe('ids of others', () => {
  test('subordinate ranges and accounts are read, comments and rubbish are not', () => {
    expect(parseSubordinate('# x\nann:100000:65536\nbad:line\n\nbob:1:0\n', '/etc/subuid')).toEqual([
      {where: '/etc/subuid:2', owner: 'ann', first: 100_000, count: 65_536},
    ])
    const passwd = 'root:x:0:0::/:/bin/sh\nwide:x:1879048200:1::/:/bin/sh\n'
    expect(parseAccounts(passwd, '/etc/passwd')).toEqual([
      {where: '/etc/passwd:2', owner: 'wide', first: 1_879_048_200, count: 1},
    ])
  })

  test('a range of ours that shares ids with them is found, with the line', async () => {
    await makeDirectory(join(root, 'etc'))
    await writeFileAtomic(join(root, 'etc', 'subgid'), 'ann:1879048000:192\n')
    const foreign = await foreignIdRanges(root)
    expect(conflicts(slotRange(DEFAULT_CONFIG, 0), foreign)).toEqual([])
    expect(conflicts(slotRange(DEFAULT_CONFIG, 1), foreign)).toEqual([])
    await writeFileAtomic(join(root, 'etc', 'subgid'), 'ann:1879113720:100\n')
    const found = await foreignIdRanges(root)
    expect(conflicts(slotRange(DEFAULT_CONFIG, 0), found).map(({where}) => where)).toEqual(['/etc/subgid:1'])
    expect(conflicts(slotRange(DEFAULT_CONFIG, 1), found)).toHaveLength(1)
    expect(conflicts(slotRange(DEFAULT_CONFIG, 2), found)).toHaveLength(0)
  })
})

describe('host.yaml', () => {
  test('a missing or empty file means the defaults', async () => {
    expect(await readHostConfig(paths)).toEqual(DEFAULT_CONFIG)
    expect(await parseHostConfig('# nothing\n', 'host.yaml')).toEqual(DEFAULT_CONFIG)
  })

  test('one key may be given alone', async () => {
    expect(await parseHostConfig('ids: {first: 2000000}\n', 'host.yaml')).toEqual({
      ...DEFAULT_CONFIG,
      ids: {first: 2_000_000, count: DEFAULT_CONFIG.ids.count},
    })
    const limits = await parseHostConfig(
      'overcommit: {memory: 1.5}\naccounting: {interval: 0}\n',
      'host.yaml',
    )
    expect(limits).toEqual({
      ids: DEFAULT_CONFIG.ids,
      overcommit: {cpu: 4, memory: 1.5, guarantee: 1, pids: 1},
      accounting: {interval: 0},
      network: DEFAULT_CONFIG.network,
    })
    expect((await parseHostConfig('accounting: {interval: 90s}', 'h')).accounting.interval).toBe(90_000)
  })

  test.each([
    ['ids: {frist: 1}', 'unknown key ids.frist (did you mean first?)'],
    ['servers: []', 'unknown key servers (known: ids, overcommit, accounting, network)'],
    ['ids: {first: 1000}', "ids.first must be at least 65536: lower ids are the host's own"],
    ['ids: {count: 10}', 'ids.count must be at least 65536: one server needs that many'],
    ['ids: {first: 4294901760, count: 65536}', 'ids.first + ids.count must stay below 4294967295'],
    ['ids: {first: yes}', 'ids.first must be a whole number'],
    ['overcommit: {cpus: 4}', 'unknown key overcommit.cpus (did you mean cpu?)'],
    ['overcommit: {disk: 4}', 'unknown key overcommit.disk (known: cpu, memory, guarantee, pids)'],
    ['overcommit: 2', 'overcommit must be a map such as {cpu: 4, memory: 1.5}'],
    [
      'overcommit: {memory: 150%}',
      'overcommit.memory must be a factor from 0.1 to 1000, where 1 is all that the host has, not "150%"',
    ],
    [
      'overcommit: {pids: 0}',
      'overcommit.pids must be a factor from 0.1 to 1000, where 1 is all that the host has, not 0',
    ],
    [
      'accounting: {interval: 300}',
      'accounting.interval must be a span of time from 1m to 1d such as 5m, or 0 for none, not 300',
    ],
    [
      'accounting: {interval: 5s}',
      'accounting.interval must be a span of time from 1m to 1d such as 5m, or 0 for none, not 5s',
    ],
    ['accounting: {intervall: 5m}', 'unknown key accounting.intervall (did you mean interval?)'],
    ['ids: 7', 'ids must be a map such as {first: 1879048192, count: 268304384}'],
    ['[1]', 'host.yaml must be a map of keys'],
  ])('%s is refused', async (text, problem) => {
    await expect(parseHostConfig(text, 'host.yaml')).rejects.toMatchObject({
      code: 'BAD_HOST_CONFIG',
      exitCode: 2,
      message: `the host configuration host.yaml is invalid: ${problem}`,
    })
  })

  test('all problems are named at once; bad YAML is one', async () => {
    await expect(parseHostConfig('a: 1\nids: {b: 2}', 'h')).rejects.toThrow(
      /unknown key a .*; unknown key ids\.b .*/,
    )
    await expect(parseHostConfig('ids: {first', 'h')).rejects.toMatchObject({code: 'BAD_HOST_CONFIG'})
  })
})
