import {randomUUID} from 'node:crypto'
import {readFileSync, statSync} from 'node:fs'
import {
  errno,
  type HostPaths,
  isMissing,
  serverPaths,
  storagePaths,
  writeFileAtomic,
  writeNewFile,
} from '../host/index.ts'

/** server.json: what vps chose for a server, kept apart from what the admin said in the definition. */
export interface ServerRecord {
  readonly version: 1
  /** Stable for the server's life, over renames too. */
  readonly uuid: string
  /** Its id range, see `slotRange`. */
  readonly slot: number
  /** The id of its image. */
  readonly image: string
  /** ISO 8601 */
  readonly created: string
  /** The fleet that made it or took it over; a hand-made server has none. */
  readonly fleet?: string
}

export function newRecord(slot: number, image: string, fleet?: string): ServerRecord {
  const created = new Date().toISOString()
  return {version: 1, uuid: randomUUID(), slot, image, created, ...(fleet !== undefined && {fleet})}
}

export async function writeRecord(storage: string, record: ServerRecord): Promise<void> {
  await writeFileAtomic(storagePaths(storage).record, recordText(record), {mode: 0o600})
}

/** The first one of a server, in its journal, where half a record is none; see `writeNewFile`. */
export async function writeNewRecord(journal: string, record: ServerRecord): Promise<void> {
  await writeNewFile(storagePaths(journal).record, recordText(record), 0o600)
}

function recordText(record: ServerRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`
}

/** The record in a storage directory or journal; `undefined` when it is missing or not whole. */
export function readRecordAt(storage: string): ServerRecord | undefined {
  const file = storagePaths(storage).record
  try {
    if (isMissing(file)) return undefined
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return isRecord(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError || errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR')
      return undefined
    throw error
  }
}

export function readRecord(paths: HostPaths, name: string): ServerRecord | undefined {
  return readRecordAt(serverPaths(paths, name).storage)
}

/** Tells one version of a file from another: `INODE-MTIME`; `none` without a file. */
export function fileKey(path: string): string {
  const found = statSync(path, {throwIfNoEntry: false, bigint: true})
  return found === undefined ? 'none' : `${found.ino}-${found.mtimeNs}`
}

function isRecord(value: unknown): value is ServerRecord {
  if (typeof value !== 'object' || value === null) return false
  const {version, uuid, slot, image, created, fleet} = value as Partial<Record<keyof ServerRecord, unknown>>
  return (
    version === 1 &&
    typeof uuid === 'string' &&
    Number.isSafeInteger(slot) &&
    typeof image === 'string' &&
    typeof created === 'string' &&
    (fleet === undefined || typeof fleet === 'string')
  )
}
