import {type Definition, editDefinition, parseDefinition, serverName} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {type HostPaths, serverPaths} from '../host/index.ts'
import {type DefinitionChange, definitionIn, differences} from './difference.ts'
import {type HistoryEntry, type HistoryVerb, readHistory} from './history.ts'
import {listDirectory} from './journal.ts'
import {isServer, noSuchServer} from './known.ts'
import {readText} from './run-state.ts'

/** One change of a server's definition, for people and programs. */
export interface HistoryItem {
  readonly server: string
  /** Counts from 1, and stays when older entries are dropped. */
  readonly number: number
  /** ISO 8601; of `by-hand`: when it was noticed */
  readonly time: string
  /** Who: whom sudo made root, else the login. */
  readonly user: string
  readonly verb: HistoryVerb
  /** The file that it came from, as far as there is one. */
  readonly source: string | null
  /** In which keys it differs from the one before; null when one of the two has errors. */
  readonly changes: readonly DefinitionChange[] | null
}

export interface HistoryOptions {
  /** Only of this server; it may be destroyed. Default: of all. */
  readonly name?: string | undefined
  /** The last so many. */
  readonly last?: number | undefined
}

/** An entry of the history: its number, the last one before a time, or the one before the present definition. */
export type HistoryPoint = number | Date | 'previous'

/** Changes of definitions, oldest first. @throws VpsError NO_SUCH_SERVER (exit 3) for a name without server and history */
export function history(paths: HostPaths, {name, last}: HistoryOptions): HistoryItem[] {
  const names = name === undefined ? recordedNames(paths) : [serverName(name)]
  const found = names.flatMap(server => {
    const entries = readHistory(paths, server)
    return entries.map((entry, index) => ({server, entry, before: entries[index - 1]}))
  })
  if (name !== undefined && found.length === 0 && !isServer(paths, name)) throw noSuchServer(name)
  if (name === undefined) found.sort((a, b) => (a.entry.time < b.entry.time ? -1 : 1))
  const shown = last === undefined ? found : found.slice(Math.max(0, found.length - last))
  return shown.map(({server, entry: {text, ...entry}, before}) => ({
    server,
    ...entry,
    changes: changesBetween(paths, before?.text ?? null, text),
  }))
}

/** The keys in which two texts of a definition differ; against null: what it sets; null when one has errors. */
function changesBetween(
  paths: HostPaths,
  before: string | null,
  after: string | null,
): DefinitionChange[] | null {
  if (after === null) return []
  const now = definitionIn(paths, after)
  const old = before === null ? blank(now?.name) : definitionIn(paths, before)
  return now === undefined || old === undefined ? null : differences(old, now)
}

/** What a definition is compared with that had none before it. */
function blank(name = 'new'): Definition {
  return parseDefinition(`name: ${name}\n`, {file: 'history'}).definition
}

/** The text of an entry. @throws VpsError NO_SUCH_SERVER (exit 3), NO_SUCH_ENTRY (exit 2) */
export function historyEntry(paths: HostPaths, name: string, point: HistoryPoint): HistoryEntry {
  const entries = readHistory(paths, serverName(name))
  if (entries.length === 0 && !isServer(paths, name)) throw noSuchServer(name)
  const found = entryAt(paths, name, entries, point)
  if (found !== undefined) return found
  const what =
    typeof point === 'number' ? `entry ${point}` : point === 'previous' ? 'other definition' : 'entry so old'
  throw noSuchEntry(`the history of ${name} has no ${what}`, name)
}

function entryAt(
  paths: HostPaths,
  name: string,
  entries: readonly HistoryEntry[],
  point: HistoryPoint,
): HistoryEntry | undefined {
  if (typeof point === 'number') return entries.find(({number}) => number === point)
  if (point instanceof Date) return entries.findLast(({time}) => Date.parse(time) <= point.getTime())
  const present = readText(serverPaths(paths, name).definition)
  // What is there now is no later life of what was destroyed.
  const begin = present === undefined ? 0 : entries.findLastIndex(({text}) => text === null) + 1
  return entries
    .slice(begin)
    .findLast(
      ({text}) =>
        text !== null &&
        (present === undefined || named(text, name) !== present) &&
        definitionIn(paths, text) !== undefined,
    )
}

/** The definition of an entry, for the server as it is called now. @throws VpsError NO_SUCH_ENTRY (exit 2) */
export function textOf({number, text}: HistoryEntry, name: string): string {
  if (text !== null) return named(text, name)
  throw noSuchEntry(`entry ${number} of the history of ${name} is its removal: there is no definition`, name)
}

function named(text: string, name: string): string {
  const {definition, problems} = parseDefinition(text, {file: 'history'})
  const isBroken = problems.some(({grade}) => grade === 'error') // by hand; it is shown as it was
  return isBroken || definition.name === name
    ? text
    : editDefinition(text, [{path: 'name', value: name}]).text
}

function recordedNames(paths: HostPaths): string[] {
  return listDirectory(paths.history)
    .filter(entry => entry.endsWith('.jsonl'))
    .map(entry => entry.slice(0, -'.jsonl'.length))
}

function noSuchEntry(message: string, name: string): VpsError {
  return new VpsError('NO_SUCH_ENTRY', message, {
    suggestions: [`see which there are with \`vps history ${name}\``],
    exitCode: ExitCode.wrongUse,
  })
}
