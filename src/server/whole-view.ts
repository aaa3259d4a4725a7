import type {HostPaths} from '../host/index.ts'
import type {Held} from '../network/index.ts'
import {type Glance, glanceAtAll, NOT_RUNNING} from './glance.ts'
import {linkViews} from './network/view.ts'
import type {Summary} from './summaries.ts'
import {isRunLocked} from './supervisors.ts'
import type {ServerView} from './types.ts'
import {viewServer} from './view.ts'

/** What is known of a server. */
export interface Known {
  readonly summary: Summary
  readonly glance: Glance
  readonly held: readonly Held[] | undefined
}

/** A server as lists show it. */
export async function wholeView(
  paths: HostPaths,
  name: string,
  {summary, glance, held}: Known,
): Promise<ServerView> {
  const view = {...viewServer(name, summary, glance), links: linkViews(paths, name, summary, held)}
  if (view.state === 'crashed') return await settledView(paths, name, summary, view)
  if (glance.run.kind !== 'alive') return view
  return {...view, unenforced: glance.unenforced, pressure: glance.pressure}
}

/**
 * A supervisor that is gone was lost, and has left its lock file behind, unless its last child is just cleaning up: that
 * one holds the lock, has removed it, or is done by now.
 */
async function settledView(
  paths: HostPaths,
  name: string,
  summary: Summary,
  lost: ServerView,
): Promise<ServerView> {
  if ((await isRunLocked(paths, name)) === false) return lost
  const view = viewServer(name, summary, glanceAtAll(paths, [name], false).get(name) ?? NOT_RUNNING)
  return view.state === 'crashed' ? {...view, state: 'stopping'} : view
}
