/*
 * Who has which address. The symbolic link `addresses/ADDRESS` names server and interface (`web1 eth0`): symlink(2) fails when the
 * address is taken, so it is the allocation, and readlink(2) tells the owner without opening anything. In the name of a prefix its
 * slash is an underscore. Whoever takes holds `lockAddresses`, because prefixes may overlap; giving back needs no lock.
 */
import {readdirSync, readlinkSync} from 'node:fs'
import {rename, symlink, unlink} from 'node:fs/promises'
import {join} from 'node:path'
import {
  errno,
  type HostPaths,
  ifMissing,
  type Lock,
  lockFile,
  makeDirectory,
  type Progress,
  syncDirectory,
  writeError,
} from '../host/index.ts'
import {formatRange, type Prefix, parseRange} from '../ip.ts'

/** An address, or a prefix, that a server has. */
export interface Holding {
  readonly range: Prefix
  readonly server: string
  /** The interface in the server. */
  readonly link: string
}

type Paths = Pick<HostPaths, 'addresses' | 'locks'>

export async function lockAddresses(paths: Paths, verb: string, progress?: Progress): Promise<Lock> {
  // No server can have this name.
  return await lockFile(join(paths.locks, '.addresses.lock'), {
    verb,
    progress,
    what: 'the addresses of servers',
  })
}

/** Every address that any server has. Synchronous: thousands are read in milliseconds that way. */
export function listHoldings(paths: Pick<HostPaths, 'addresses'>): Holding[] {
  return namesIn(paths.addresses).flatMap(name => {
    const range = parseRange(name.replace('_', '/'))
    const owner = range === undefined ? undefined : readOwner(join(paths.addresses, name))
    return range === undefined || owner === undefined ? [] : [{range, ...owner}]
  })
}

/** Whether it is still so, by one look. */
export function isHeld(paths: Pick<HostPaths, 'addresses'>, {range, server, link}: Holding): boolean {
  const owner = readOwner(pathOf(paths, range))
  return owner?.server === server && owner.link === link
}

/** Takes what nobody has, under the lock. */
export async function takeHoldings(paths: Paths, holdings: readonly Holding[]): Promise<void> {
  if (holdings.length === 0) return
  await makeDirectory(paths.addresses, 0o700)
  for (const {range, server, link} of holdings) {
    const path = pathOf(paths, range)
    try {
      await symlink(`${server} ${link}`, path)
    } catch (error) {
      throw await writeError(path, error)
    }
  }
  await syncDirectory(paths.addresses)
}

/** Gives back what is still that server's. */
export async function releaseHoldings(
  paths: Pick<HostPaths, 'addresses'>,
  holdings: readonly Holding[],
): Promise<void> {
  if (holdings.length === 0) return
  for (const {range, server} of holdings) {
    const path = pathOf(paths, range)
    if (readOwner(path)?.server === server) await ifMissing(unlink(path), undefined)
  }
  await syncDirectory(paths.addresses)
}

/** Writes `to` into all that is `from`'s. Cut off in the middle, it can be done again. */
export async function renameHoldings(
  paths: Pick<HostPaths, 'addresses'>,
  from: string,
  to: string,
): Promise<void> {
  const own = listHoldings(paths).filter(({server}) => server === from)
  for (const {range, link} of own) await rewrite(paths, {range, server: to, link})
  if (own.length > 0) await syncDirectory(paths.addresses)
}

/** Says that a holding of the same server is another link's now. */
export async function moveHoldings(
  paths: Pick<HostPaths, 'addresses'>,
  holdings: readonly Holding[],
): Promise<void> {
  for (const holding of holdings) await rewrite(paths, holding)
  if (holdings.length > 0) await syncDirectory(paths.addresses)
}

/** Replaced by rename(2), so that at no moment the address looks free. */
async function rewrite(paths: Pick<HostPaths, 'addresses'>, {range, server, link}: Holding): Promise<void> {
  const path = pathOf(paths, range)
  const temporary = join(paths.addresses, `.${fileName(range)}`)
  try {
    await ifMissing(unlink(temporary), undefined)
    await symlink(`${server} ${link}`, temporary)
    await rename(temporary, path)
  } catch (error) {
    throw await writeError(path, error)
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (errno(error) === 'ENOENT') return []
    throw error
  }
}

function pathOf(paths: Pick<HostPaths, 'addresses'>, range: Prefix): string {
  return join(paths.addresses, fileName(range))
}

function fileName(range: Prefix): string {
  return formatRange(range).replace('/', '_')
}

function readOwner(path: string): Pick<Holding, 'server' | 'link'> | undefined {
  try {
    const [server = '', link = ''] = readlinkSync(path).split(' ')
    return {server, link}
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'EINVAL') return undefined // EINVAL: no symbolic link, so none of ours
    throw error
  }
}
