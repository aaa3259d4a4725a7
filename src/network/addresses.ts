/*
 * The addresses of one server: found, taken, given back. The truth is in `HostPaths.addresses`; beside the server's record is a copy
 * of its part, so that a start looks at a few files only, however many servers there are.
 */
import {readFileSync, rmSync} from 'node:fs'
import {networkInterfaces} from 'node:os'
import {basename} from 'node:path'
import type {Loaded, Path} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {
  errno,
  Fresh,
  forgetLinks,
  type HostConfig,
  type HostPaths,
  isMissing,
  type Progress,
  storagePaths,
  syncDirectory,
  writeNewFile,
} from '../host/index.ts'
import {type Address, formatRange, type Prefix, parseRange} from '../ip.ts'
import {type Assignment, addressesOf, assignAddresses, type Grant, isSameRange} from './assign.ts'
import {
  type Holding,
  holdingsOf,
  isHeld,
  listHoldings,
  lockAddresses,
  moveHoldings,
  releaseHoldings,
  takeHoldings,
} from './holdings.ts'

export interface AddressContext {
  readonly paths: HostPaths
  readonly config: HostConfig
  readonly progress?: Progress
}

/** A server that addresses are for. */
export interface Claimant {
  readonly name: string
  /** Its storage directory, wherever it stands now. */
  readonly storage: string
  readonly loaded: Loaded
}

/** What was taken for a server, until it is settled whether its definition becomes what was asked for. */
export interface Claim {
  readonly grants: readonly Grant[]
  /** The definition stands: gives back what it no longer asks for, but for what is still `inUse`, until the next start. */
  settle(inUse?: readonly Prefix[]): Promise<void>
  /** It does not: all is as before. */
  undo(): Promise<void>
}

/**
 * Takes what the definition asks for and the server does not have yet. What it has beyond stays until `settle`.
 * @param durable false: the caller flushes `HostPaths.addresses`
 * @throws VpsError NO_ADDRESS naming each key: exit 4 when others have them, else 2
 */
export async function claimAddresses(
  context: AddressContext,
  claimant: Claimant,
  durable = true,
): Promise<Claim> {
  const {paths} = context
  const {name, storage} = claimant
  const known = fromCopy(context, claimant)
  if (known !== undefined) return {grants: known.grants, settle: async () => {}, undo: async () => {}}
  const copy = storagePaths(storage).addresses
  let before: readonly Holding[]
  let assignment: Assignment
  {
    await using lock = await lockAddresses(paths, 'take addresses', context.progress)
    if (!lock.wasOurs) forgetLinks(paths.addresses)
    before = listHoldings(paths)
    assignment = assignAnew(context, claimant, before)
    refuse(claimant, assignment)
    // Without the copy the next start looks at everything, should we be cut off here.
    rmSync(copy, {force: true})
    await using undo = new AsyncDisposableStack()
    const {take, move} = assignment
    undo.defer(async () => await releaseHoldings(paths, take))
    await takeHoldings(paths, take)
    if (durable && take.length > 0) await syncDirectory(paths.addresses)
    await moveHoldings(paths, move)
    undo.move()
  }
  const {grants, take, move, release} = assignment
  const moved = before.filter(
    ({server, range}) => server === name && move.some(other => isSameRange(other.range, range)),
  )
  return {
    grants,
    async settle(inUse = []) {
      const gone = release.filter(({range}) => !inUse.some(other => isSameRange(other, range)))
      await releaseHoldings(paths, gone)
      if (gone.length === release.length) await writeCopy(copy, grants)
    },
    async undo() {
      await releaseHoldings(paths, take)
      await moveHoldings(paths, moved)
    },
  }
}

/** What `claimAddresses` would give. Takes nothing. */
export function previewAddresses(context: AddressContext, claimant: Claimant): readonly Grant[] {
  const known = fromCopy(context, claimant)
  if (known !== undefined) return known.grants
  const assignment = assignAnew(context, claimant, listHoldings(context.paths))
  refuse(claimant, assignment)
  return assignment.grants
}

/** Gives back all that a server has. */
export async function releaseAddresses(paths: Pick<HostPaths, 'addresses'>, name: string): Promise<void> {
  await releaseHoldings(paths, holdingsOf(paths, name))
}

/** All is there, and nothing more: by the copy, and one look at each address. */
function fromCopy(
  {paths, config}: AddressContext,
  {name, storage, loaded}: Claimant,
): Assignment | undefined {
  const holdings = readCopy(storagePaths(storage).addresses, name)
  if (holdings === undefined || !holdings.every(holding => isHeld(paths, holding))) return undefined
  const surroundings = {server: name, config: config.network, holdings, hostAddresses: []}
  const assignment = assignAddresses(loaded.definition, surroundings)
  const {take, move, release, problems} = assignment
  return [take, move, release, problems].every(list => list.length === 0) ? assignment : undefined
}

function assignAnew(
  {config}: AddressContext,
  {name, loaded}: Claimant,
  holdings: readonly Holding[],
): Assignment {
  return assignAddresses(loaded.definition, {
    server: name,
    config: config.network,
    holdings,
    hostAddresses: hostAddresses(),
  })
}

const addressesOfHost = new Fresh<Address[]>()

/** Every link of every server is an interface of the host: the more there are, the longer it takes. */
function hostAddresses(): Address[] {
  return addressesOfHost.get('', readHostAddresses)
}

function readHostAddresses(): Address[] {
  return addressesOf(
    Object.values(networkInterfaces())
      .flatMap(list => list ?? [])
      .map(({address}) => address),
  )
}

/** `[["eth0", "10.77.0.2"], …]`; `undefined` when there is none, or none that is whole. */
function readCopy(file: string, server: string): Holding[] | undefined {
  try {
    if (isMissing(file)) return undefined
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (!Array.isArray(value)) return undefined
    return value.map(([link, text]: [string, string]) => {
      const range = parseRange(text)
      if (range === undefined) throw new SyntaxError(text)
      return {range, server, link}
    })
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError || errno(error) !== undefined)
      return undefined
    throw error
  }
}

async function writeCopy(file: string, grants: readonly Grant[]): Promise<void> {
  const text = JSON.stringify(grants.map(({link, range}) => [link, formatRange(range)]))
  await writeNewFile(file, `${text}\n`, 0o600) // half of it counts as none
}

function refuse({name, loaded}: Claimant, {problems}: Assignment): void {
  if (problems.length === 0) return
  const count = problems.length === 1 ? 'an address' : `${problems.length} addresses`
  const lines = problems.map(({key, reason}) => `\n  ${placeOf(loaded, key)}: ${reason}`)
  throw new VpsError('NO_ADDRESS', `server ${name} cannot have ${count} that it asks for${lines.join('')}`, {
    suggestions: [...new Set(problems.map(({remedy}) => remedy))],
    exitCode: problems.every(({taken}) => taken) ? ExitCode.wrongState : ExitCode.wrongUse,
  })
}

/** `web1.yaml:5:7 network.links[0].addresses[1]` */
export function placeOf({origin}: Loaded, key: Path): string {
  const {file, line, column, key: text} = origin(key)
  return `${basename(file)}:${line}:${column} ${text}`
}
