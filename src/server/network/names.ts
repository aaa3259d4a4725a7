import type {Definition} from '../../definition/index.ts'
import {type HostPaths, serverPaths} from '../../host/index.ts'
import {checkNames, type Named, type NamesProblem, namedServer, registerNames} from '../../network/index.ts'
import {listDirectory} from '../journal.ts'
import {readRun, readText} from '../run-state.ts'
import type {Context} from '../types.ts'
import {storedPlan} from './stored-plans.ts'

/** Compares the names that are answered with the servers that run, for `vps network check`. */
export async function checkServerNames(context: Context, repair: boolean): Promise<NamesProblem[]> {
  const {paths} = context
  const running = listDirectory(paths.runServers).flatMap(name => {
    const named = readRun(paths, name).kind === 'alive' ? storedNames(paths, name) : undefined
    return named ?? []
  })
  return await checkNames(context, running, repair)
}

/** After a live change of a running server's addresses: what is known of it is what its plan says now. */
export async function renewNames(context: Context, name: string): Promise<void> {
  const named = storedNames(context.paths, name)
  if (named !== undefined) await registerNames(context, named)
}

/** What a server that runs is to be known by. */
function storedNames(paths: HostPaths, name: string): Named | undefined {
  const definition = readText(serverPaths(paths, name).startedDefinition)
  const plan = storedPlan(paths, name)
  if (definition === undefined || plan === undefined) return undefined
  return namedServer(name, JSON.parse(definition) as Definition, plan.steps) // our own file, written by rename
}
