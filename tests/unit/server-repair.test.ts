import {existsSync} from 'node:fs'
import {mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {
  DEFAULT_CONFIG,
  type HostPaths,
  hostPaths,
  listIdSlots,
  serverPaths,
  slotOwner,
  takeIdSlot,
} from '../../src/host/index.ts'
import {
  creatingPath,
  destroyingPath,
  journalsOf,
  readJournals,
  renamingPath,
} from '../../src/server/journal.ts'
import {findLeftovers} from '../../src/server/leftovers.ts'
import {fileKey, newRecord, readRecord, writeRecord} from '../../src/server/record.ts'
import {ensureSlot, repairServer} from '../../src/server/repair.ts'
import type {Context} from '../../src/server/types.ts'
import {makeStorage} from '../../src/storage/index.ts'

/* Each test makes the directories that a crash at one point leaves, and repairs. No root is needed. */

let root: string
let paths: HostPaths
let context: Context
let said: string[]

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vps-unit-'))
  paths = hostPaths(root)
  said = []
  context = {paths, config: DEFAULT_CONFIG, progress: () => {}, notice: line => said.push(line)}
  for (const directory of [paths.definitions, paths.servers, paths.ids, paths.runServers])
    await mkdir(directory, {recursive: true})
})
afterEach(async () => await rm(root, {recursive: true, force: true}))

async function define(name: string, text = `name: ${name}\ntemplate: host\n`): Promise<string> {
  const {definition} = serverPaths(paths, name)
  await writeFile(definition, text)
  return definition
}

/** Storage with all that belongs in it, at `storage`, and its id slot. */
async function store(name: string, storage: string): Promise<number> {
  await makeStorage(storage)
  await writeFile(join(storage, 'layer', 'upper', 'data'), 'precious')
  const slot = await takeIdSlot(paths, DEFAULT_CONFIG, name)
  await writeRecord(storage, newRecord(slot, 'host-0123456789ab'))
  return slot
}

async function nothingLeft(): Promise<void> {
  expect(await readdir(paths.servers)).toEqual([])
  expect(await readdir(paths.definitions)).toEqual([])
  expect(await listIdSlots(paths)).toEqual([])
}

describe('an interrupted create', () => {
  test('with nothing but its journal is undone', async () => {
    await mkdir(creatingPath(paths, 'web1'))
    await repairServer(context, 'web1')
    await nothingLeft()
    expect(said).toEqual(['undid the interrupted creation of server web1'])
  })

  test('with an id range and no record is undone, and the range is free again', async () => {
    await makeStorage(creatingPath(paths, 'web1'))
    await takeIdSlot(paths, DEFAULT_CONFIG, 'web1')
    await repairServer(context, 'web1')
    await nothingLeft()
  })

  test('with a record and no definition is undone', async () => {
    await store('web1', creatingPath(paths, 'web1'))
    await repairServer(context, 'web1')
    await nothingLeft()
  })

  test('with a definition that was there before and no record is undone; the definition stays', async () => {
    await define('web1')
    await makeStorage(creatingPath(paths, 'web1'))
    await repairServer(context, 'web1')
    expect(await readdir(paths.servers)).toEqual([])
    expect(await readdir(paths.definitions)).toEqual(['web1.yaml'])
  })

  test('with half a record is undone', async () => {
    await define('web1')
    await makeStorage(creatingPath(paths, 'web1'))
    await writeFile(join(creatingPath(paths, 'web1'), 'server.json'), '{"version": 1, "uu')
    await repairServer(context, 'web1')
    expect(await readdir(paths.servers)).toEqual([])
  })

  test('with record and definition is finished', async () => {
    const slot = await store('web1', creatingPath(paths, 'web1'))
    await define('web1')
    await repairServer(context, 'web1')
    expect(await readdir(paths.servers)).toEqual(['web1'])
    expect(readRecord(paths, 'web1')?.slot).toBe(slot)
    expect(slotOwner(paths, slot)).toBe('web1')
    expect(said).toEqual(['finished the interrupted creation of server web1'])
  })

  test('a temporary file of its definition is removed, that of another server is not', async () => {
    await writeFile(join(paths.definitions, '.web1.yaml.01234567.tmp'), '')
    await writeFile(join(paths.definitions, '.web10.yaml.01234567.tmp'), '')
    await repairServer(context, 'web1')
    expect(await readdir(paths.definitions)).toEqual(['.web10.yaml.01234567.tmp'])
  })
})

describe('an interrupted destroy', () => {
  async function interrupted(key?: string): Promise<number> {
    const definition = await define('web1')
    const slot = await store('web1', serverPaths(paths, 'web1').storage)
    const journal = destroyingPath(paths, 'web1', '01234567-89ab', key ?? fileKey(definition))
    await rename(serverPaths(paths, 'web1').storage, journal)
    return slot
  }

  test('right after its journal is finished, definition and id range included', async () => {
    await interrupted()
    await repairServer(context, 'web1')
    await nothingLeft()
    expect(said).toEqual(['finished the interrupted removal of server web1'])
  })

  test('in the middle of removing files is finished', async () => {
    await interrupted()
    await rm(serverPaths(paths, 'web1').definition)
    const [journal] = readJournals(paths)
    await rm(join(journal?.path ?? '', 'server.json'))
    await repairServer(context, 'web1')
    await nothingLeft()
  })

  test('with only the id range left gives that back', async () => {
    await takeIdSlot(paths, DEFAULT_CONFIG, 'web1')
    expect(await findLeftovers(paths)).toContainEqual({name: 'web1', what: 'id range 0 of no server'})
    await repairServer(context, 'web1')
    await nothingLeft()
  })

  test('keeps a definition that the admin wrote since', async () => {
    await interrupted('1-1')
    await repairServer(context, 'web1')
    expect(await readdir(paths.definitions)).toEqual(['web1.yaml'])
    expect(await readdir(paths.servers)).toEqual([])
    expect(await listIdSlots(paths)).toEqual([])
  })

  test('removes a tree deeper than the longest path', async () => {
    await interrupted()
    const [journal] = readJournals(paths)
    const upper = join(journal?.path ?? '', 'layer', 'upper')
    for (let depth = 0; depth < 40; depth++) {
      await mkdir(join(upper, 'next'))
      if (depth > 0) await rename(join(upper, 'deep'), join(upper, 'next', 'd'.repeat(200)))
      await rename(join(upper, 'next'), join(upper, 'deep'))
    }
    await repairServer(context, 'web1')
    await nothingLeft()
  })
})

describe('an interrupted rename', () => {
  async function interrupted(): Promise<number> {
    await define('old')
    return await store('old', renamingPath(paths, 'old', 'new'))
  }

  test('before the new definition goes back', async () => {
    const slot = await interrupted()
    await repairServer(context, 'new')
    expect(await readdir(paths.servers)).toEqual(['old'])
    expect(await readdir(paths.definitions)).toEqual(['old.yaml'])
    expect(slotOwner(paths, slot)).toBe('old')
    expect(await readFile(join(serverPaths(paths, 'old').upper, 'data'), 'utf8')).toBe('precious')
  })

  test('after the new definition is finished', async () => {
    const slot = await interrupted()
    await define('new')
    await repairServer(context, 'old')
    expect(await readdir(paths.servers)).toEqual(['new'])
    expect(await readdir(paths.definitions)).toEqual(['new.yaml'])
    expect(slotOwner(paths, slot)).toBe('new')
    expect(await readFile(join(serverPaths(paths, 'new').upper, 'data'), 'utf8')).toBe('precious')
  })

  test('after the id range has changed its owner is finished', async () => {
    await define('new')
    const slot = await store('new', renamingPath(paths, 'old', 'new'))
    await repairServer(context, 'old')
    expect(await readdir(paths.servers)).toEqual(['new'])
    expect(slotOwner(paths, slot)).toBe('new')
  })

  test('of a server without storage goes back or forward, too', async () => {
    await define('old')
    await mkdir(renamingPath(paths, 'old', 'new'))
    await repairServer(context, 'old')
    expect(await readdir(paths.definitions)).toEqual(['old.yaml'])
    await mkdir(renamingPath(paths, 'old', 'new'))
    await define('new')
    await repairServer(context, 'old')
    expect(await readdir(paths.definitions)).toEqual(['new.yaml'])
    expect(await readdir(paths.servers)).toEqual([])
  })

  test('is found by either name, and by no other', async () => {
    await interrupted()
    expect(journalsOf(paths, 'old')).toHaveLength(1)
    expect(journalsOf(paths, 'new')).toHaveLength(1)
    expect(journalsOf(paths, 'ol')).toHaveLength(0)
  })
})

test('a server whose id range was given away in a power cut gets another', async () => {
  const {storage} = serverPaths(paths, 'web1')
  const slot = await store('web1', storage)
  await rm(join(paths.ids, String(slot)))
  await takeIdSlot(paths, DEFAULT_CONFIG, 'thief')
  const record = readRecord(paths, 'web1')
  if (record === undefined) throw new Error('no record')
  const repaired = await ensureSlot(context, 'web1', storage, record)
  expect(repaired.slot).not.toBe(slot)
  expect(slotOwner(paths, repaired.slot)).toBe('web1')
  expect(readRecord(paths, 'web1')).toEqual(repaired)
})

test('a server that is whole is left as it is', async () => {
  await define('web1')
  await store('web1', serverPaths(paths, 'web1').storage)
  await repairServer(context, 'web1')
  expect(await readdir(paths.servers)).toEqual(['web1'])
  expect(said).toEqual([])
  expect(await findLeftovers(paths)).toEqual([])
  expect(existsSync(join(serverPaths(paths, 'web1').upper, 'data'))).toBe(true)
})
