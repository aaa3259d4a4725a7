import {replaceDefinition} from './change.ts'
import {type HistoryPoint, historyEntry, textOf} from './history-view.ts'
import type {Context, SetReport} from './types.ts'

export interface RollbackReport extends SetReport {
  /** The entry of the history that it was brought back to. */
  readonly entry: number
  /** When that was written, ISO 8601. */
  readonly time: string
}

/**
 * Brings the definition of `name` back to an earlier one, under its lock, as `vps edit` would: what can be is in effect at once.
 * @throws VpsError NO_SUCH_ENTRY, INVALID_DEFINITION, CANNOT_CHANGE (exit 2)
 */
export async function rollback(context: Context, name: string, to: HistoryPoint): Promise<RollbackReport> {
  const entry = historyEntry(context.paths, name, to)
  const report = await replaceDefinition(context, name, textOf(entry, name), {
    verb: 'rollback',
    source: `entry ${entry.number}`,
  })
  return {...report, entry: entry.number, time: entry.time}
}
