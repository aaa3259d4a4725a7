import {parseDefinition, requireValid} from '../definition/index.ts'
import {VpsError} from '../errors.ts'
import {serverPaths} from '../host/index.ts'
import {type DefinitionChange, definitionIn, differences} from './difference.ts'
import {type HistoryPoint, historyEntry, textOf} from './history-view.ts'
import {startedDefinition} from './neighbours.ts'
import {parseOptions} from './parse-options.ts'
import {pendingChanges} from './pending.ts'
import {loadValid} from './plan.ts'
import {readRun, readText} from './run-state.ts'
import type {Context, Pending} from './types.ts'

export interface DiffOptions {
  /** An entry of the history; default: the definition as it is. Only with `to`. */
  readonly from?: HistoryPoint | undefined
  /** An entry of the history; default: the definition as it is, against what the server runs with. */
  readonly to?: HistoryPoint | undefined
}

/** In what two definitions of a server differ. */
export interface ServerDiff {
  readonly name: string
  /** `running`, `definition`, or the number of an entry of its history */
  readonly from: 'running' | 'definition' | number
  readonly to: 'definition' | number
  /** Whether the server runs. */
  readonly running: boolean
  readonly changes: readonly DefinitionChange[]
  /** Limits that the kernel has otherwise though the definition is what it was started with. */
  readonly limits: Pending['live']
}

/**
 * What a running server differs in from its definition; with `to`, what an earlier definition differs in from the present one.
 * A server that does not run differs in nothing.
 * @throws VpsError INVALID_DEFINITION (exit 2), NO_SUCH_ENTRY (exit 2)
 */
export async function diff(context: Context, name: string, {from, to}: DiffOptions): Promise<ServerDiff> {
  const run = readRun(context.paths, name)
  const running = run.kind === 'alive'
  if (from !== undefined || to !== undefined)
    return {name, running, ...betweenEntries(context, name, from, to), limits: []}
  const nothing: ServerDiff = {name, running, from: 'running', to: 'definition', changes: [], limits: []}
  if (run.kind !== 'alive') return nothing
  const loaded = await loadValid(context, name)
  const started = startedDefinition(context.paths, name)
  if (started === undefined) return nothing
  const changes = differences(started, loaded.definition)
  const known = new Set(changes.map(({key}) => key))
  const {live} = await pendingChanges(context, name, run.state, loaded)
  return {...nothing, changes, limits: live.filter(({key}) => !known.has(key))}
}

function betweenEntries(
  context: Context,
  name: string,
  from: HistoryPoint | undefined,
  to: HistoryPoint | undefined,
): Pick<ServerDiff, 'from' | 'to' | 'changes'> {
  const [old, now] = [from, to].map(point => sideOf(context, name, point))
  if (old === undefined || now === undefined) throw new TypeError('two sides have two definitions')
  return {from: old.label, to: now.label, changes: differences(old.definition, now.definition)}
}

function sideOf({paths}: Context, name: string, point: HistoryPoint | undefined) {
  if (point !== undefined) {
    const entry = historyEntry(paths, name, point)
    const definition = definitionIn(paths, textOf(entry, name))
    if (definition !== undefined) return {label: entry.number, definition}
    throw new VpsError('INVALID_DEFINITION', `entry ${entry.number} of the history of ${name} has errors`, {
      suggestions: [`see it with \`vps history ${name} --show ${entry.number}\``],
    })
  }
  const {definition: file} = serverPaths(paths, name)
  const text = readText(file)
  if (text === undefined)
    throw new VpsError('NO_DEFINITION', `server ${name} has no definition: ${file} is missing`, {
      suggestions: [`see its earlier ones with \`vps history ${name}\``],
    })
  return {
    label: 'definition' as const,
    definition: requireValid(parseDefinition(text, {file, name, ...parseOptions(paths)})),
  }
}
