import {existsSync} from 'node:fs'
import {readFile} from 'node:fs/promises'
import {editDefinition, parseDefinition} from '../definition/index.ts'
import {makeDirectory, renameDurable, serverPaths, writeDefinition} from '../host/index.ts'
import {happened} from './happened.ts'
import {recordHistory} from './history.ts'
import {renamingPath} from './journal.ts'
import {completeRename, undoRename} from './repair.ts'
import {readRun} from './run-state.ts'
import {wrongState} from './session.ts'
import type {Context} from './types.ts'

/** Gives the stopped server `from` the name `to`, under the locks of both. Its uuid, ids and files stay. */
export async function rename(context: Context, from: string, to: string): Promise<void> {
  const {paths} = context
  const [old, fresh] = [serverPaths(paths, from), serverPaths(paths, to)]
  if (existsSync(fresh.storage) || existsSync(fresh.definition))
    throw wrongState(`server ${to} exists already`)
  if (readRun(paths, from).kind === 'alive')
    throw wrongState(`server ${from} is running`, `stop it first: \`vps stop ${from}\``)
  const before = await readFile(old.definition, 'utf8')
  const text = renamedText(before, old.definition, to)
  const journal = renamingPath(paths, from, to)

  await using undo = new AsyncDisposableStack()
  if (existsSync(old.storage)) await renameDurable(old.storage, journal)
  else await makeDirectory(journal, 0o700)
  undo.defer(async () => await undoRename(context, from, journal))
  await writeDefinition(fresh.definition, text)
  undo.move() // the new definition is there: from here on there is only forward
  await completeRename(context, from, to, journal)
  recordHistory(context, to, {verb: 'rename', text, before})
  happened(context, 'renamed', from, {to})
}

function renamedText(text: string, file: string, to: string): string {
  const edited = editDefinition(text, [{path: 'name', value: to}]).text
  return parseDefinition(text, {file, name: to}).definition.name === to ? text : edited
}
