import {closeSync, openSync, readSync} from 'node:fs'
import type {Problem} from '../../definition/index.ts'
import type {HostPaths} from '../../host/index.ts'
import {type FleetOptions, loadFleet} from './load.ts'
import {InvalidFleet} from './problems.ts'

/** A fleet as `vps validate` sees it. */
export interface CheckedFleet {
  /** Undefined when the fleet has errors. */
  readonly name: string | undefined
  /** How many servers it describes; undefined when it has errors. */
  readonly servers: number | undefined
  readonly problems: readonly Problem[]
  /** By file, for `renderProblems`. */
  readonly texts: ReadonlyMap<string, string>
}

/**
 * Checks a fleet with all its servers.
 * @throws VpsError UNREADABLE_FLEET (exit 2), NO_SUCH_VARIABLE (exit 2)
 */
export async function checkFleet(
  context: {readonly paths: HostPaths},
  files: readonly string[],
  options: FleetOptions = {},
): Promise<CheckedFleet> {
  try {
    const {name, servers, problems, texts} = await loadFleet(context, files, options)
    return {name, servers: servers.length, problems, texts}
  } catch (error) {
    if (!(error instanceof InvalidFleet)) throw error
    return {name: undefined, servers: undefined, problems: error.problems, texts: error.texts}
  }
}

const START_BYTES = 64 * 1024

/** Whether a file is one of a fleet rather than a definition: it has a key at its top that only those have. False when it cannot be read. */
export function isFleetFile(file: string): boolean {
  try {
    const handle = openSync(file, 'r')
    try {
      const start = Buffer.alloc(START_BYTES)
      const length = readSync(handle, start, 0, START_BYTES, null)
      return /^\ufeff?(?:fleet|servers|include|vars)[ \t]*:/m.test(start.toString('utf8', 0, length))
    } finally {
      closeSync(handle)
    }
  } catch {
    return false // whoever reads it next says so
  }
}
