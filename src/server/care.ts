/*
 * How a running server is looked after (restart policy, health, its time to stop) follows its definition: the plan gets the
 * new settings, and the supervisor is told. Nothing of the server itself is touched.
 */
import {existsSync} from 'node:fs'
import {rm} from 'node:fs/promises'
import {isDeepStrictEqual} from 'node:util'
import type {Definition, Loaded} from '../definition/index.ts'
import {type HostPaths, serverPaths, writeFileAtomic} from '../host/index.ts'
import {encode, type LaunchPlan, withCare} from '../launch/index.ts'
import {request} from './control.ts'
import {foldDefinition} from './folding.ts'
import {startedDefinition} from './neighbours.ts'
import {storedPlan} from './network/stored-plans.ts'
import {loadValid} from './plan.ts'
import type {Context} from './types.ts'

/** @param commit makes the change of all else, the definition included */
export async function changeCare(
  context: Context,
  name: string,
  {definition}: Loaded,
  commit: () => Promise<void>,
): Promise<void> {
  const {paths} = context
  if (changedPlan(paths, name, definition) === undefined) return await commit()
  const {careUndo} = serverPaths(paths, name)
  await writeFileAtomic(careUndo, '', {mode: 0o600, sync: false})
  try {
    await commit()
    await adopt(paths, name, definition)
  } finally {
    await rm(careUndo, {force: true})
  }
}

/** Makes an interrupted change whole: the supervisor goes by what the definition says now. Under the server's lock. */
export async function repairCare(context: Context, name: string): Promise<void> {
  const {careUndo} = serverPaths(context.paths, name)
  if (!existsSync(careUndo)) return
  const {definition} = await loadValid(context, name)
  await adopt(context.paths, name, definition)
  await rm(careUndo, {force: true})
}

/** The commit may have made a new plan of its own: it is read again. */
async function adopt(paths: HostPaths, name: string, definition: Definition): Promise<void> {
  const plan = changedPlan(paths, name, definition)
  if (plan === undefined) return
  const files = serverPaths(paths, name)
  const write = async (file: string, data: string | Buffer): Promise<void> =>
    await writeFileAtomic(file, data, {mode: 0o600, sync: false})
  await write(files.planJson, `${JSON.stringify(plan, null, 1)}\n`)
  await write(files.plan, encode(plan))
  await request(files.socket, ['reload'])
}

/** The plan as it shall be; `undefined` when it is so already, or an older vps started the server and kept none. */
function changedPlan(paths: HostPaths, name: string, after: Definition): LaunchPlan | undefined {
  const plan = storedPlan(paths, name)
  const started = startedDefinition(paths, name)
  if (plan === undefined || started === undefined) return undefined
  const {root} = paths
  const {storage} = serverPaths(paths, name)
  const settings = withCare(plan.settings, foldDefinition(started, after), {root, storageDir: storage})
  return isDeepStrictEqual(settings, plan.settings) ? undefined : {...plan, settings}
}
