/*
 * Who has which address. The symbolic link `addresses/ADDRESS` names server and interface (`web1 eth0`): symlink(2) fails when the
 * address is taken, so it is the allocation, and readlink(2) tells the owner without opening anything. In the name of a prefix its
 * slash is an underscore. Whoever takes holds `lockAddresses`, because prefixes may overlap; giving back needs no lock.
 */
import {rename, symlink, unlink} from 'node:fs/promises'
import {join} from 'node:path'
import {
  addLink,
  type HostPaths,
  ifMissing,
  type Lock,
  lockFile,
  makeDirectory,
  type Progress,
  readLink,
  readLinks,
  removeLink,
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

interface Parsed {
  readonly target: string
  readonly holding: Holding | undefined
}

/** What was parsed of links, by their names: the same ones are listed again and again. */
const parsed = new Map<string, Parsed>()
const MOST_PARSED = 100_000

function parseLink(name: string, target: string): Holding | undefined {
  const known = parsed.get(name)
  if (known?.target === target) return known.holding
  if (parsed.size >= MOST_PARSED) parsed.clear()
  const range = parseRange(name.replace('_', '/'))
  const holding = range === undefined ? undefined : {range, ...ownerIn(target)}
  parsed.set(name, {target, holding})
  return holding
}

/** What one server has. */
export function holdingsOf(paths: Pick<HostPaths, 'addresses'>, server: string): Holding[] {
  const own: Holding[] = []
  for (const [name, target] of readLinks(paths.addresses)) {
    const holding = target.startsWith(`${server} `) ? parseLink(name, target) : undefined
    if (holding !== undefined) own.push(holding)
  }
  return own
}

/** Every address that any server has. Synchronous: thousands are read in milliseconds that way. */
export function listHoldings(paths: Pick<HostPaths, 'addresses'>): Holding[] {
  const holdings: Holding[] = []
  for (const [name, target] of readLinks(paths.addresses)) {
    const holding = parseLink(name, target)
    if (holding !== undefined) holdings.push(holding)
  }
  return holdings
}

/** A holding as lists show it. */
export interface Held {
  /** The address or prefix. */
  readonly text: string
  readonly link: string
}

/** What each server has, IPv4 first, by number. For lists: only where the order asks for it is text made a number. */
export function listHeld(paths: Pick<HostPaths, 'addresses'>): Map<string, Held[]> {
  const found = new Map<string, Held[]>()
  for (const [name, target] of readLinks(paths.addresses)) {
    if (name.startsWith('.')) continue // on its way to its name, see `rewrite`
    const {server, link} = ownerIn(target)
    const held = {text: name.replace('_', '/'), link}
    const own = found.get(server)
    if (own === undefined) found.set(server, [held])
    else own.push(held)
  }
  for (const own of found.values()) if (own.length > 1) own.sort(byNumber)
  return found
}

function byNumber({text: one}: Held, {text: other}: Held): number {
  const [first, second] = [one.includes(':'), other.includes(':')]
  if (first !== second) return first ? 1 : -1
  return (parseRange(one)?.value ?? 0n) < (parseRange(other)?.value ?? 0n) ? -1 : 1
}

/** Whether it is still so, by one look. */
export function isHeld(paths: Pick<HostPaths, 'addresses'>, {range, server, link}: Holding): boolean {
  const owner = readOwner(pathOf(paths, range))
  return owner?.server === server && owner.link === link
}

/** Takes what nobody has, under the lock. Durable with a flush of `HostPaths.addresses`. */
export async function takeHoldings(paths: Paths, holdings: readonly Holding[]): Promise<void> {
  if (holdings.length === 0) return
  await makeDirectory(paths.addresses, 0o700)
  for (const {range, server, link} of holdings) {
    try {
      addLink(paths.addresses, fileName(range), `${server} ${link}`)
    } catch (error) {
      throw await writeError(pathOf(paths, range), error)
    }
  }
}

/** Gives back what is still that server's. */
export async function releaseHoldings(
  paths: Pick<HostPaths, 'addresses'>,
  holdings: readonly Holding[],
): Promise<void> {
  if (holdings.length === 0) return
  for (const {range, server} of holdings) {
    if (readOwner(pathOf(paths, range))?.server === server) removeLink(paths.addresses, fileName(range))
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

function pathOf(paths: Pick<HostPaths, 'addresses'>, range: Prefix): string {
  return join(paths.addresses, fileName(range))
}

function fileName(range: Prefix): string {
  return formatRange(range).replace('/', '_')
}

function readOwner(path: string): Pick<Holding, 'server' | 'link'> | undefined {
  const target = readLink(path)
  return target === undefined ? undefined : ownerIn(target)
}

function ownerIn(target: string): Pick<Holding, 'server' | 'link'> {
  const [server = '', link = ''] = target.split(' ')
  return {server, link}
}
