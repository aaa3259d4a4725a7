import {existsSync} from 'node:fs'
import {rm} from 'node:fs/promises'
import {dirname} from 'node:path'
import {
  claimIdSlot,
  idSlotsOf,
  releaseIdSlot,
  removeTemporaries,
  removeTemporariesOf,
  removeTree,
  renameDurable,
  renameIdSlot,
  serverPaths,
  storagePaths,
  syncDirectory,
  takeIdSlot,
} from '../host/index.ts'
import {releaseAddresses, renameHoldings} from '../network/index.ts'
import {removeStorage} from '../storage/index.ts'
import {renameHistory} from './history.ts'
import {type Journal, journalsOf} from './journal.ts'
import {keepMonths} from './kept-months.ts'
import {fileKey, readRecordAt, type ServerRecord, writeRecord} from './record.ts'
import {cleanRun} from './remains.ts'
import type {Context} from './types.ts'

/**
 * Finishes or undoes what a crash left of `name`, as `journals` speak of it. The caller holds the locks of `name` and of every server that the
 * journals tie to it. Idempotent: a crash in here is repaired by the next call. Returns the journals that there were.
 */
export async function repairServer(
  context: Context,
  name: string,
  journals: readonly Journal[] = journalsOf(context.paths, name),
): Promise<readonly Journal[]> {
  for (const journal of journals) {
    if (journal.kind === 'creating') await repairCreate(context, journal)
    if (journal.kind === 'destroying') await finishDestroy(context, journal)
    if (journal.kind === 'renaming') await repairRename(context, journal)
  }
  const files = serverPaths(context.paths, name)
  removeTemporariesOf(context.paths.definitions, `${name}.yaml`)
  if (existsSync(files.storage)) removeTemporaries(files.storage)
  else await releaseClaims(context, name)
  await cleanRun(context, name)
  return journals
}

type Of<Kind extends Journal['kind']> = Extract<Journal, {kind: Kind}>

/** Done when the definition is there and the record is whole; until then it is as if it had never begun. */
async function repairCreate(context: Context, {name, path}: Of<'creating'>): Promise<void> {
  const files = serverPaths(context.paths, name)
  const record = readRecordAt(path)
  if (record !== undefined && existsSync(files.definition) && !existsSync(files.storage)) {
    await ensureSlot(context, name, path, record)
    await renameDurable(path, files.storage)
    context.notice(`finished the interrupted creation of server ${name}`)
    return
  }
  await removeStorage(path)
  context.notice(`undid the interrupted creation of server ${name}`)
}

/** Once begun it is finished: the server stopped existing with the first rename. */
async function finishDestroy(context: Context, {name, path, definition}: Of<'destroying'>): Promise<void> {
  await completeDestroy(context, name, path, definition)
  context.notice(`finished the interrupted removal of server ${name}`)
}

/**
 * The steps of a destroy after its journal stands. A definition that is not the one the admin destroyed stays. The id
 * range is given back last, so that nobody else gets it while its files could still be in use.
 */
export async function completeDestroy(
  context: Context,
  name: string,
  path: string,
  key: string,
): Promise<void> {
  const {definition, run} = serverPaths(context.paths, name)
  if (key !== 'none' && fileKey(definition) === key) {
    await rm(definition, {force: true})
    await syncDirectory(context.paths.definitions)
  }
  const record = readRecordAt(path)
  await removeTree(run)
  await removeStorage(dirname(storagePaths(path).upper)) // first what takes space, for the disk may be full
  await keepMonths(context.paths, name, path)
  await removeStorage(path)
  if (!existsSync(serverPaths(context.paths, name).storage)) await releaseClaims(context, name)
  else if (record !== undefined) await releaseIdSlot(context.paths, record.slot, name)
}

/** Done when the new definition is there; until then the storage goes back to its old name. */
async function repairRename(context: Context, {name, to, path}: Of<'renaming'>): Promise<void> {
  if (existsSync(serverPaths(context.paths, to).definition)) {
    await completeRename(context, name, to, path)
    context.notice(`finished the interrupted renaming of server ${name} to ${to}`)
    return
  }
  await undoRename(context, name, path)
  context.notice(`undid the interrupted renaming of server ${name} to ${to}`)
}

/** The steps of a rename after the new definition is written. */
export async function completeRename(
  context: Context,
  from: string,
  to: string,
  path: string,
): Promise<void> {
  const record = readRecordAt(path)
  if (record !== undefined) await renameIdSlot(context.paths, record.slot, from, to)
  await renameHoldings(context.paths, from, to)
  renameHistory(context, from, to)
  await rm(serverPaths(context.paths, from).definition, {force: true})
  await syncDirectory(context.paths.definitions)
  if (record === undefined) await removeStorage(path)
  else await renameDurable(path, serverPaths(context.paths, to).storage)
}

export async function undoRename(context: Context, from: string, path: string): Promise<void> {
  if (readRecordAt(path) === undefined) await removeStorage(path)
  else await renameDurable(path, serverPaths(context.paths, from).storage)
}

/**
 * Makes sure that the slot of a record is the server's. After a power cut it may have been given away; as ids on disk are
 * canonical, any other slot will do.
 */
export async function ensureSlot(
  {paths, config}: Context,
  name: string,
  storage: string,
  record: ServerRecord,
): Promise<ServerRecord> {
  if (await claimIdSlot(paths, record.slot, name)) return record
  const repaired = {...record, slot: await takeIdSlot(paths, config, name)}
  await writeRecord(storage, repaired)
  return repaired
}

/** For a server without storage: no slot and no address can be its. */
async function releaseClaims({paths}: Context, name: string): Promise<void> {
  await releaseAddresses(paths, name)
  for (const slot of idSlotsOf(paths, name)) await releaseIdSlot(paths, slot, name)
}
