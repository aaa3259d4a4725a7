import {existsSync} from 'node:fs'
import {serverPaths} from '../host/index.ts'
import {freezeCgroup} from '../resources/index.ts'
import {happened} from './happened.ts'
import {guestGroup, isPaused, type RunState, readRun} from './run-state.ts'
import {wrongState} from './session.ts'
import type {Context} from './types.ts'

/** `vps pause`, under the lock: no process of the server runs any more, all keep what they have. */
export async function pause(context: Context, name: string): Promise<void> {
  const state = runningState(context, name)
  if (isPaused(state))
    throw wrongState(`server ${name} is paused already`, `wake it with \`vps resume ${name}\``)
  await using undo = new AsyncDisposableStack()
  undo.defer(async () => await freezeCgroup(guestGroup(state), false))
  await freezeCgroup(guestGroup(state), true)
  undo.move()
  happened(context, 'paused', name)
}

/** `vps resume`, under the lock. */
export async function resume(context: Context, name: string): Promise<void> {
  const state = runningState(context, name)
  if (!isPaused(state)) throw wrongState(`server ${name} is not paused`)
  await freezeCgroup(guestGroup(state), false)
  happened(context, 'resumed', name)
}

/** @throws VpsError WRONG_STATE (exit 4) unless `name` runs */
export function runningState({paths}: Pick<Context, 'paths'>, name: string): RunState {
  const run = readRun(paths, name)
  if (run.kind === 'alive') return run.state
  const {storage} = serverPaths(paths, name)
  if (!existsSync(storage))
    throw wrongState(`server ${name} is not created yet`, `create it with \`vps create ${name}\``)
  const why = run.kind === 'dead' ? `: server ${name}'s supervisor has died, and the server with it` : ''
  throw wrongState(`server ${name} is not running${why}`, `start it with \`vps start ${name}\``)
}
