import {rm} from 'node:fs/promises'
import {setTimeout as sleep} from 'node:timers/promises'
import {removeTree, serverPaths, writeFileAtomic} from '../host/index.ts'
import {releaseNames} from '../network/index.ts'
import {cgroupPlace, leaveScope, removeCgroup, serverScope} from '../resources/index.ts'
import {repairCare} from './care.ts'
import {happened} from './happened.ts'
import {repairLive} from './live.ts'
import {repairNetwork} from './network/change.ts'
import {undoNetwork} from './network/undo.ts'
import {readRecord} from './record.ts'
import {type Run, readRun} from './run-state.ts'
import {othersDependOn, settleOthers} from './sharing.ts'
import {isSupervised} from './supervisors.ts'
import type {Context} from './types.ts'

/** How long a supervisor may take to write its state, or to clean up. */
const PATIENCE_MS = 5_000

/** Under the lock: cleans up after a supervisor that died, and says so. Returns what is true then: alive or none. */
export async function cleanRun(context: Context, name: string): Promise<Run & {kind: 'alive' | 'none'}> {
  const run = await settledRun(context, name)
  if (run.kind === 'alive') await repairNetwork(context, name, run.state)
  if (run.kind === 'alive') {
    await repairLive(context, name, run.state)
    await repairCare(context, name)
  } else if (run.kind === 'none') await releaseNames(context.paths, name) // a supervisor that ends by itself knows nothing of names
  if (run.kind === 'alive' || run.kind === 'none') return run
  await removeRun(context, name)
  if (run.kind === 'dead') {
    await noteLoss(context, name)
    context.notice(`server ${name}'s supervisor had died; cleaned up`)
  } else {
    context.notice(`a start of server ${name} had been cut off; cleaned up`)
  }
  return {kind: 'none'}
}

/**
 * What is true once no supervisor is about to change it: one whose starter was killed gets the time to tell, one that has
 * ended the time to clean up. (No command is at work: we hold the lock.)
 */
async function settledRun({paths}: Context, name: string): Promise<Run> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const first = readRun(paths, name)
    if (first.kind === 'alive' || first.kind === 'none') return first
    const busy = await isSupervised(paths, name)
    const run = readRun(paths, name) // anew: what was at work may just have finished
    if (!busy || performance.now() > deadline) return run
    await sleep(3)
  }
}

/**
 * Kills what is left of a server that is not to run, removes its network, its cgroup and its run directory, and gives others back what it had.
 * @param locked the caller holds `lockSharing`
 */
export async function removeRun({paths, notice}: Context, name: string, locked = false): Promise<void> {
  const settle = await othersDependOn(paths, name)
  const place = await cgroupPlace(paths)
  const directory = place.directory(name)
  await removeCgroup(directory, {keepTop: place.systemd})
  await undoNetwork(paths, name, notice)
  await releaseNames(paths, name)
  if (place.systemd) await leaveScope(serverScope(paths, name), name, directory)
  await removeTree(serverPaths(paths, name).run)
  if (settle) await settleOthers(paths, locked)
}

/** `vps show` shall tell that the server did not stop but was lost. Not worth failing for on a full disk. */
export async function noteLoss(context: Context, name: string): Promise<void> {
  const {paths} = context
  const {exit} = serverPaths(paths, name)
  if (readRecord(paths, name) === undefined) return
  const text = `lost ${Math.floor(Date.now() / 1000)}\n`
  await writeFileAtomic(exit, text, {mode: 0o600, sync: false}).catch(() => rm(exit, {force: true}))
  happened(context, 'stopped', name, {exit: 'lost'})
}
