import {readlinkSync} from 'node:fs'
import {symlink} from 'node:fs/promises'
import {join} from 'node:path'
import {VpsError} from '../errors.ts'
import {errno, lockFile, removeTree, syncDirectory} from '../host/index.ts'
import {listDirectory} from './journal.ts'
import type {Context} from './types.ts'

/**
 * Slots are numbers; `ids.first` of host.yaml turns them into ids. If it changes while servers run, a server started now
 * could get the ids of one that still has the old ones. `ids/first` remembers what they were made from.
 * @throws VpsError ID_BASE_CHANGED while any server runs
 */
export async function guardIdBase({paths, config}: Context): Promise<void> {
  const file = join(paths.ids, 'first')
  const wanted = String(config.ids.first)
  if (readLink(file) === wanted) return
  await using lock = await lockFile(join(paths.locks, 'ids.first.lock'), {
    verb: 'start',
    what: 'the id range',
  })
  const found = readLink(file)
  if (found === wanted) return
  if (found !== undefined && listDirectory(paths.runServers).length > 0)
    throw new VpsError(
      'ID_BASE_CHANGED',
      `ids.first was changed from ${found} to ${wanted} while servers run`,
      {
        suggestions: [
          'stop all servers, then start them again: `vps stop --all`',
          `or set it back in ${paths.hostConfig}`,
        ],
      },
    )
  await removeTree(file)
  await symlink(wanted, file)
  await syncDirectory(paths.ids)
  await lock.remove()
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    throw error
  }
}
