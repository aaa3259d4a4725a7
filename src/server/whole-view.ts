import type {HostPaths} from '../host/index.ts'
import type {Held} from '../network/index.ts'
import {readRecentPressure} from '../resources/index.ts'
import {linkViews} from './network/view.ts'
import {guestGroup, type Run, readRun} from './run-state.ts'
import type {Summary} from './summaries.ts'
import {isRunLocked} from './supervisors.ts'
import type {ServerView} from './types.ts'
import {readUnenforced} from './unenforced.ts'
import {viewServer} from './view.ts'

/** What is known of a server. */
export interface Known {
  readonly summary: Summary
  readonly run: Run
  readonly held: readonly Held[] | undefined
}

/** A server as lists show it. @param pressure reads three more files of one that runs */
export async function wholeView(
  paths: HostPaths,
  name: string,
  {summary, run, held}: Known,
  pressure: boolean,
): Promise<ServerView> {
  const view = {...viewServer(name, summary, run), links: linkViews(paths, name, summary, held)}
  if (view.state === 'crashed') return await settledView(paths, name, summary, view)
  if (run.kind !== 'alive') return view
  return {
    ...view,
    unenforced: readUnenforced(paths, name).map(({key}) => key),
    pressure: pressure ? readRecentPressure(guestGroup(run.state)) : null,
  }
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
  const view = viewServer(name, summary, readRun(paths, name))
  return view.state === 'crashed' ? {...view, state: 'stopping'} : view
}
