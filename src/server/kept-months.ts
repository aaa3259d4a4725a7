import {rename} from 'node:fs/promises'
import {type HostPaths, makeDirectory, syncDirectory} from '../host/index.ts'
import {isMonth, usageFiles} from '../resources/index.ts'
import {listDirectory} from './journal.ts'
import {readRecordAt} from './record.ts'

/** A server that is gone, and the directory of its months. */
export interface Destroyed {
  readonly name: string
  readonly uuid: string
  readonly directory: string
}

/** Where the months of destroyed servers are: a directory NAME-UUID for each. */
function keptMonths(paths: HostPaths): string {
  return `${paths.var}/months`
}

/** The destroyed servers that used anything. */
export function destroyedServers(paths: HostPaths): Destroyed[] {
  return listDirectory(keptMonths(paths)).flatMap(entry => {
    const [, name, uuid] = /^(.+)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(entry) ?? []
    return name && uuid ? [{name, uuid, directory: `${keptMonths(paths)}/${entry}`}] : []
  })
}

/**
 * Moves the months of a server that is being destroyed out of its storage, so that it can still be billed. A rename for each
 * month: done again after a crash it moves the rest.
 * @param storage what the server's storage directory became
 */
export async function keepMonths(paths: HostPaths, name: string, storage: string): Promise<void> {
  const from = usageFiles(storage).months
  const found = listDirectory(from).filter(isMonth)
  const uuid = readRecordAt(storage)?.uuid
  if (uuid === undefined || found.length === 0) return
  const to = `${keptMonths(paths)}/${name}-${uuid}`
  await makeDirectory(to, 0o700)
  for (const month of found) await rename(`${from}/${month}`, `${to}/${month}`)
  await syncDirectory(to)
  await syncDirectory(keptMonths(paths))
}
