import {type HostPaths, serverPaths} from '../host/index.ts'
import {type MonthUse, monthName, readMonth, usageFiles} from '../resources/index.ts'
import {type Destroyed, destroyedServers} from './kept-months.ts'
import {resolveNames, type Selection, serverNames} from './list.ts'
import {readRecord} from './record.ts'
import {namesOf, narrows} from './select.ts'
import type {Context} from './types.ts'
import {saveAccounts} from './usage.ts'

/** Whose month it is. */
export interface MonthOf {
  readonly name: string
  /** Tells servers apart that had one name after another; stable over renames. */
  readonly uuid: string | null
  /** YYYY-MM in UTC */
  readonly month: string
  /** The server is gone; its months are kept. */
  readonly destroyed: boolean
}

/** What a server used in one month, for a bill. */
export interface ServerMonth extends MonthUse, MonthOf {}

/**
 * What servers used in `month` (`2026-11`, `now`, `last`), destroyed ones included; those that used nothing are left out. A
 * name means the server that has it and those that had it when they were destroyed.
 * @throws VpsError WRONG_USE for what is no month; NO_SUCH_SERVER for a name that nothing has or had
 */
export async function months(context: Context, month: string, selection: Selection): Promise<ServerMonth[]> {
  const found = await monthsOf(context, month, selection)
  return found.flatMap(({directory, ...row}) => {
    const use = readMonth(directory, row.month)
    return use === undefined ? [] : [{...row, ...use}]
  })
}

/** Those that `months` is about, with the directories of their months, sorted by name; the accounts of running ones are saved. */
export async function monthsOf(
  context: Context,
  month: string,
  selection: Selection,
): Promise<(MonthOf & {readonly directory: string})[]> {
  const {paths} = context
  const wanted = monthName(month)
  const gone = destroyedServers(paths)
  const {living, dead} = await chosen(paths, selection, gone)
  await saveAccounts(context, living)
  const rows = [
    ...living.map(name => ({
      name,
      uuid: readRecord(paths, name)?.uuid ?? null,
      directory: usageFiles(serverPaths(paths, name).storage).months,
      destroyed: false,
    })),
    ...dead.map(server => ({...server, destroyed: true})),
  ]
  return rows
    .map(({name, uuid, destroyed, directory}) => ({name, uuid, month: wanted, destroyed, directory}))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

async function chosen(
  paths: HostPaths,
  selection: Selection,
  gone: readonly Destroyed[],
): Promise<{living: string[]; dead: readonly Destroyed[]}> {
  const {names = [], all} = selection
  if (narrows(selection)) return {living: await resolveNames(paths, selection), dead: []} // nothing else is known of the dead
  const known = serverNames(paths)
  if (all) return {living: known, dead: gone}
  if (names.length === 0) return {living: await resolveNames(paths, selection), dead: []}
  const dead = gone.map(({name}) => name)
  const wanted = new Set(namesOf(names, [...known, ...dead]))
  return {
    living: known.filter(name => wanted.has(name)),
    dead: gone.filter(({name}) => wanted.has(name)),
  }
}
