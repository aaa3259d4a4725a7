import {readFileSync} from 'node:fs'
import process from 'node:process'
import {parseDefinition} from '../definition/index.ts'
import {type HostPaths, serverPaths} from '../host/index.ts'
import {destroy} from './destroy.ts'
import {listDirectory} from './journal.ts'
import {requireServer} from './known.ts'
import {isProcess, readText} from './run-state.ts'
import {openSession} from './session.ts'
import type {Context} from './types.ts'

/*
 * Servers that a verb makes for itself and removes again. Their definition says so, and who made them, from the very moment
 * that they exist; so whoever finds one whose maker is gone may remove it.
 */

const TAG = 'vps-throwaway'
const OWNER = /^owner-(\d+)-(\d+)$/

/** The tags of a server that this process makes for itself. */
export function throwawayTags(): string[] {
  return [TAG, `owner-${process.pid}-${startOf(process.pid)}`]
}

/** The throw-away servers whose maker is gone. */
export function strayThrowaways(paths: HostPaths): string[] {
  return listDirectory(paths.definitions)
    .filter(entry => entry.endsWith('.yaml') && !entry.startsWith('.'))
    .map(entry => entry.slice(0, -'.yaml'.length))
    .filter(name => isStray(paths, name))
}

/** Removes it if it still is one, under its lock. */
export async function removeThrowaway(context: Context, name: string): Promise<void> {
  await using _session = await openSession(context, 'repair', name)
  if (!isStray(context.paths, name)) return
  requireServer(context, name)
  await destroy({...context, unrecorded: true}, name, true)
  context.notice(`removed the throw-away server ${name} of an interrupted command`)
}

/** A look at the text spares parsing the definitions of all other servers. */
function isStray(paths: HostPaths, name: string): boolean {
  const {definition: file} = serverPaths(paths, name)
  const text = readText(file)
  if (text === undefined || !text.includes(TAG)) return false
  const {tags} = parseDefinition(text, {file, name}).definition
  const [, pid = '', start = ''] = tags.map(tag => OWNER.exec(tag)).find(found => found !== null) ?? []
  return tags.includes(TAG) && pid !== '' && !isProcess(Number(pid), start)
}

/** Field 22 of proc_pid_stat(5). */
export function startOf(pid: number): string {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}
