import {readFileSync} from 'node:fs'
import {errno} from '../../host/index.ts'

/** The files in which a supervisor keeps its server's accounts, see docs/accounting.md. */
export interface UsageFiles {
  /** What was used and refused since the last reset: text, replaced as a whole. */
  readonly ledger: string
  /** A file for each month, YYYY-MM in UTC. */
  readonly months: string
  /** One line for each refusal, oldest first. */
  readonly refusals: string
  /** The refusals before those. */
  readonly olderRefusals: string
}

/** @param storage the server's storage directory, or a journal that it became */
export function usageFiles(storage: string): UsageFiles {
  return {
    ledger: `${storage}/usage`,
    months: `${storage}/months`,
    refusals: `${storage}/log/refusals`,
    olderRefusals: `${storage}/log/refusals.1`,
  }
}

/** Missing, gone with its cgroup (ENODEV), or there and turned off in this kernel (EOPNOTSUPP: PSI). */
const ABSENT = ['ENOENT', 'ENOTDIR', 'ENODEV', 'EOPNOTSUPP', 'ENOTSUP']

/** The text of a file that may be missing, go at any time, or be one that this kernel only seems to have. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8') // synchronous: a trip through the thread pool costs more than the file
  } catch (error) {
    if (ABSENT.includes(errno(error) ?? '')) return undefined
    throw error
  }
}
