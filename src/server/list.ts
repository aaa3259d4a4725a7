import {serverName} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {type HostPaths, hostPaths, readHostConfig} from '../host/index.ts'
import {listHeld} from '../network/index.ts'
import {glanceAtAll, NOT_RUNNING} from './glance.ts'
import {listDirectory, readJournals} from './journal.ts'
import {fits, namesOf, narrows, type ServerFilter} from './select.ts'
import {readSummaries} from './summaries.ts'
import type {ServerView} from './types.ts'
import {wholeView} from './whole-view.ts'

export interface ListFilter extends ServerFilter {
  /** Also reads how long the servers' processes were held up: three more files for each that runs. */
  readonly pressure?: boolean | undefined
}

/** Which servers a command is about. */
export interface Selection extends ListFilter {
  readonly all?: boolean | undefined
}

/** `Host.list` by itself: `vps list` is to answer before all that a `Host` can do would be loaded. @throws VpsError BAD_HOST_CONFIG (exit 2) */
export async function listServers(filter: ListFilter = {}): Promise<ServerView[]> {
  const paths = hostPaths()
  await readHostConfig(paths)
  return await list(paths, filter)
}

/** Views of the servers, sorted by name: a few small files each, milliseconds for a thousand. */
export async function list(paths: HostPaths, filter: ListFilter = {}): Promise<ServerView[]> {
  const {names, pressure = false} = filter
  const known = serverNames(paths)
  const wanted = names === undefined ? known : namesOf(names, known)
  const summaries = await readSummaries(paths, wanted)
  const running = new Set(listDirectory(paths.runServers)) // asked once: a thousand missing files are dear
  const glances = glanceAtAll(
    paths,
    [...summaries.keys()].filter(name => running.has(name)),
    pressure,
  )
  const held = listHeld(paths)
  const views: ServerView[] = []
  for (const [name, summary] of summaries) {
    const glance = glances.get(name) ?? NOT_RUNNING
    views.push(await wholeView(paths, name, {summary, glance, held: held.get(name)}))
  }
  return narrows(filter) ? views.filter(view => fits(filter, view)) : views
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
