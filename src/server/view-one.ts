import type {Loaded} from '../definition/index.ts'
import type {HostPaths} from '../host/index.ts'
import {listHeld} from '../network/index.ts'
import {glanceAtAll, NOT_RUNNING} from './glance.ts'
import {summariser} from './summarise.ts'
import type {ServerView} from './types.ts'
import {wholeView} from './whole-view.ts'

/**
 * The view of one server, however many there are.
 * @param known its definition as it stands
 */
export async function viewOne(paths: HostPaths, name: string, known?: Loaded): Promise<ServerView> {
  const summary = summariser(paths)(name, known)
  const held = listHeld(paths).get(name)
  const glance = glanceAtAll(paths, [name], true).get(name) ?? NOT_RUNNING
  return await wholeView(paths, name, {summary, glance, held})
}
