import {type Loaded, profilesIn, serverName} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import type {HostPaths} from '../host/index.ts'
import {listHoldings} from '../network/index.ts'
import {type RecentPressure, readPressures, recentPressure} from '../resources/index.ts'
import {listDirectory, readJournals} from './journal.ts'
import {readUnenforced} from './limits.ts'
import {holdingsByServer, linkViews} from './network/view.ts'
import {type Run, type RunState, readRun} from './run-state.ts'
import {fits, namesOf, narrows, type ServerFilter} from './select.ts'
import {guestGroup} from './stop.ts'
import {readSummaries, type Summary, summarise} from './summaries.ts'
import {isRunLocked} from './supervisors.ts'
import type {ServerView} from './types.ts'
import {viewServer} from './view.ts'

export interface ListFilter extends ServerFilter {
  /** Also reads how long the servers' processes were held up: three more files for each that runs. */
  readonly pressure?: boolean | undefined
}

/** Which servers a command is about. */
export interface Selection extends ListFilter {
  readonly all?: boolean | undefined
}

/** Views of the servers, sorted by name: a few small files each, milliseconds for a thousand. */
export async function list(paths: HostPaths, filter: ListFilter = {}): Promise<ServerView[]> {
  const {names, pressure} = filter
  const known = serverNames(paths)
  const wanted = names === undefined ? known : namesOf(names, known)
  const summaries = await readSummaries(paths, wanted)
  const running = new Set(listDirectory(paths.runServers)) // asked once: a thousand missing files are dear
  const holdings = holdingsByServer(paths)
  const views: ServerView[] = []
  for (const [name, summary] of summaries) {
    const run: Run = running.has(name) ? readRun(paths, name) : {kind: 'none'}
    const view = {
      ...viewServer(name, summary, run),
      links: linkViews(paths, name, summary, holdings.get(name)),
      unenforced: unenforcedKeys(paths, name, run),
    }
    if (view.state === 'crashed') views.push(await settledView(paths, name, summary, view))
    else if (pressure && run.kind === 'alive') views.push({...view, pressure: pressureOf(run.state)})
    else views.push(view)
  }
  return narrows(filter) ? views.filter(view => fits(filter, view)) : views
}

/**
 * The view of one server, however many there are.
 * @param known its definition as it stands
 */
export async function viewOne(paths: HostPaths, name: string, known?: Loaded): Promise<ServerView> {
  const summary = summarise(paths, name, profilesIn(paths.profiles), known)
  const run = readRun(paths, name)
  const own = listHoldings(paths).filter(({server}) => server === name)
  const view = {
    ...viewServer(name, summary, run),
    links: linkViews(paths, name, summary, own),
    unenforced: unenforcedKeys(paths, name, run),
  }
  if (view.state === 'crashed') return await settledView(paths, name, summary, view)
  return run.kind === 'alive' ? {...view, pressure: pressureOf(run.state)} : view
}

function unenforcedKeys(paths: HostPaths, name: string, run: Run): string[] {
  return run.kind === 'alive' ? readUnenforced(paths, name).map(({key}) => key) : []
}

function pressureOf(state: RunState): RecentPressure | null {
  return recentPressure(readPressures(guestGroup(state)))
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

/**
 * The names that a selection means, sorted and each once: those named, or all, and of them those that fit the rest.
 * @throws VpsError NO_SUCH_SERVER (exit 3) for an unknown name, NOTHING_SELECTED (exit 2) for an empty selection
 */
export async function resolveNames(paths: HostPaths, selection: Selection): Promise<string[]> {
  const {names = [], all} = selection
  const narrowed = narrows(selection)
  if (!all && names.length === 0 && !narrowed)
    throw new VpsError('NOTHING_SELECTED', 'no server is named', {
      suggestions: ['name servers, or use `--tag TAG`, `--project P`, `--state S` or `--all`'],
      exitCode: ExitCode.wrongUse,
    })
  const named = names.length > 0 ? names : undefined
  if (narrowed)
    return (await list(paths, {...selection, names: named, pressure: false})).map(({name}) => name)
  const known = serverNames(paths)
  return named === undefined ? known : namesOf(named, known)
}

/** Every server that has a definition, storage, or a journal of an interrupted verb; sorted. */
export function serverNames(paths: HostPaths): string[] {
  const defined = listDirectory(paths.definitions)
    .filter(entry => entry.endsWith('.yaml') && !entry.startsWith('.'))
    .map(entry => entry.slice(0, -'.yaml'.length))
  const stored = listDirectory(paths.servers).filter(entry => !entry.startsWith('.'))
  const moving = readJournals(paths)
    .filter(journal => journal.kind === 'renaming')
    .map(journal => journal.name)
  return [...new Set([...defined, ...stored, ...moving])].filter(isName).sort()
}

/** An admin's stray file (`notes old.yaml`) is no server. */
function isName(name: string): boolean {
  try {
    return serverName(name) === name
  } catch {
    return false
  }
}
