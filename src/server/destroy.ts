import {existsSync} from 'node:fs'
import {rm} from 'node:fs/promises'
import {renameDurable, serverPaths, syncDirectory} from '../host/index.ts'
import {cgroupPlace, removeParent} from '../resources/index.ts'
import {happened} from './happened.ts'
import {recordHistory} from './history.ts'
import {hookError} from './hooks.ts'
import {destroyingPath, listDirectory} from './journal.ts'
import {forgetCommon} from './network/common.ts'
import {fileKey, readRecord} from './record.ts'
import {completeDestroy} from './repair.ts'
import {readRun, readText} from './run-state.ts'
import {wrongState} from './session.ts'
import {stop} from './stop.ts'
import type {Context} from './types.ts'

/** Removes the server `name` and all that it has, under its lock. `force` stops it first. */
export async function destroy(context: Context, name: string, force: boolean): Promise<void> {
  const {paths} = context
  const {definition, storage} = serverPaths(paths, name)
  if (readRun(paths, name).kind === 'alive') {
    if (!force)
      throw wrongState(`server ${name} is running`, `stop it first: \`vps stop ${name}\``, 'or use `--force`')
    const {hookFailures} = await stop(context, name, {})
    for (const failed of hookFailures) context.notice(hookError(failed).message)
  }
  const key = fileKey(definition)
  const before = readText(definition)
  if (!existsSync(storage)) {
    await rm(definition, {force: true})
    await syncDirectory(paths.definitions)
    noteDestroyed(context, name, before)
    return
  }
  const uuid = readRecord(paths, name)?.uuid ?? 'unknown0'
  const journal = destroyingPath(paths, name, uuid, key)
  await renameDurable(storage, journal)
  await completeDestroy(context, name, journal, key)
  noteDestroyed(context, name, before)
  // After the last one nothing of vps is left in the host's network and in the cgroup tree. Whoever starts a server has it in this directory.
  if (listDirectory(paths.servers).length > 0) return
  await forgetCommon(context)
  const place = await cgroupPlace(paths).catch(() => undefined) // without cgroup2 there is nothing
  if (place !== undefined) await removeParent(place)
}

function noteDestroyed(context: Context, name: string, before: string | undefined): void {
  recordHistory(context, name, {verb: 'destroy', text: null, before})
  happened(context, 'destroyed', name)
}
