/*
 * The journal of an atomic apply: /var/lib/vps/fleets/NAME.json. It is written before the first server is touched and removed
 * once all is done or all is taken back, so whoever finds one knows that an apply was cut off, and how things were before it.
 */
import {readFileSync} from 'node:fs'
import {rm} from 'node:fs/promises'
import {join} from 'node:path'
import {errno, type HostPaths, makeDirectory, syncDirectory, writeFileAtomic} from '../host/index.ts'

/** A server as it was before the apply. */
export interface Before {
  readonly name: string
  /** It had been created. */
  readonly stored: boolean
  /** Its definition, null without one. References to secrets are references in it too. */
  readonly text: string | null
  readonly state: 'running' | 'stopped'
  /** Whose it was; null: nobody's. */
  readonly fleet: string | null
  /** It ran with keys that waited for a restart: taking back doesn't make that restart. */
  readonly waiting: boolean
}

export interface ApplyJournal {
  readonly version: 1
  readonly fleet: string
  /** ISO 8601 */
  readonly begun: string
  readonly phase: 'applying' | 'taking-back'
  readonly servers: readonly Before[]
}

/** The journal of an apply that was cut off; undefined without one, or with one that this version cannot read. */
export function readJournal(paths: HostPaths, fleet: string): ApplyJournal | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(fileOf(paths, fleet), 'utf8'))
    return isJournal(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError || ['ENOENT', 'EACCES'].includes(errno(error) ?? '')) return undefined
    throw error
  }
}

export async function writeJournal(paths: HostPaths, journal: ApplyJournal): Promise<void> {
  await makeDirectory(paths.fleets, 0o700)
  await writeFileAtomic(fileOf(paths, journal.fleet), `${JSON.stringify(journal)}\n`, {mode: 0o600})
}

export async function removeJournal(paths: HostPaths, fleet: string): Promise<void> {
  await rm(fileOf(paths, fleet), {force: true})
  await syncDirectory(paths.fleets)
}

/** A fleet's name is made of what a server's may be made of, so it is a file's name too. */
function fileOf(paths: HostPaths, fleet: string): string {
  return join(paths.fleets, `${fleet}.json`)
}

/** Our own file, which only root can write. */
function isJournal(value: unknown): value is ApplyJournal {
  if (typeof value !== 'object' || value === null) return false
  return 'version' in value && value.version === 1 && 'servers' in value && Array.isArray(value.servers)
}
