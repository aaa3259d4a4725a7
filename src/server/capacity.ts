import {existsSync} from 'node:fs'
import {
  type Definition,
  loadDefinition,
  parseDefinition,
  profileFile,
  requireValid,
} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {
  type HostPaths,
  makeDirectory,
  requirePrivilege,
  reservedTrees,
  serverPaths,
  writeFileAtomic,
} from '../host/index.ts'
import {
  type CapacityRow,
  compareCapacity,
  hostCapacity,
  type Share,
  shareProfile,
  splitHost,
  type Tenant,
} from '../resources/capacity/index.ts'
import {serverNames} from './list.ts'
import {readRun} from './run-state.ts'
import type {Context} from './types.ts'

/** What the servers of this host were promised, held against what it has. */
export interface CapacityReport {
  /** Nothing is promised beyond what host.yaml allows. */
  readonly ok: boolean
  readonly rows: readonly CapacityRow[]
  /** How many servers are counted, and how many of them run. */
  readonly servers: number
  readonly running: number
  /** Servers whose definition can't be read, or is invalid: they are in none of the sums. */
  readonly unread: readonly string[]
}

export interface SplitOptions {
  /** Into how many equal servers. */
  readonly servers: number
  /** The name of the profile; default `split-N`. */
  readonly name?: string | undefined
  /** How much of the host stays with the host, 0 to 0.95; default a tenth. */
  readonly reserve?: number | undefined
  /** Replaces a profile of that name. */
  readonly force?: boolean | undefined
  /** Writes nothing. */
  readonly dryRun?: boolean | undefined
}

export interface SplitReport extends Share {
  readonly name: string
  readonly file: string
  /** The profile. */
  readonly text: string
  readonly written: boolean
}

const RESERVE = 0.1
const MOST_RESERVED = 0.95

/** Adds up the definitions of all servers that were created, running or not. Takes no lock and changes nothing. */
export async function capacity({paths, config}: Pick<Context, 'paths' | 'config'>): Promise<CapacityReport> {
  const {servers, unread} = await createdServers(paths)
  const tenants = servers.map(
    ({name, running, definition}): Tenant => ({name, running, resources: definition.resources}),
  )
  const rows = compareCapacity(tenants, await hostCapacity(), config.overcommit)
  return {
    ok: rows.every(({state}) => state === 'ok'),
    rows,
    servers: tenants.length,
    running: tenants.filter(({running}) => running).length,
    unread,
  }
}

/** A server that was created, as its definition stands. */
export interface CreatedServer {
  readonly name: string
  readonly running: boolean
  readonly definition: Definition
}

/** All servers that were created, by name; `unread`: those whose definition can't be read or is invalid. */
export async function createdServers(
  paths: HostPaths,
  known: ReadonlyMap<string, Definition> = new Map(),
): Promise<{readonly servers: readonly CreatedServer[]; readonly unread: readonly string[]}> {
  const servers: CreatedServer[] = []
  const unread: string[] = []
  for (const name of serverNames(paths)) {
    if (!existsSync(serverPaths(paths, name).storage)) continue
    const definition = known.get(name)
    const server =
      definition === undefined
        ? await readCreated(paths, name)
        : {name, running: readRun(paths, name).kind === 'alive', definition}
    if (server === undefined) unread.push(name)
    else servers.push(server)
  }
  return {servers, unread}
}

async function readCreated(paths: HostPaths, name: string): Promise<CreatedServer | undefined> {
  try {
    const options = {name, reserved: reservedTrees(paths), profiles: paths.profiles}
    const definition = requireValid(await loadDefinition(serverPaths(paths, name).definition, options))
    return {name, running: readRun(paths, name).kind === 'alive', definition}
  } catch (error) {
    if (error instanceof VpsError) return undefined
    throw error
  }
}

/**
 * Writes a profile that divides this host into equal servers.
 * @throws VpsError WRONG_USE, HOST_TOO_SMALL (exit 2); PROFILE_EXISTS (exit 4) without `force`
 */
export async function splitCapacity(
  {paths}: Pick<Context, 'paths'>,
  {servers, name = `split-${servers}`, reserve = RESERVE, force, dryRun}: SplitOptions,
): Promise<SplitReport> {
  if (!Number.isSafeInteger(servers) || servers < 1) throw wrongUse('a host is divided into 1 server or more')
  if (!(reserve >= 0 && reserve <= MOST_RESERVED))
    throw wrongUse(`the reserve is a part of the host between 0% and ${MOST_RESERVED * 100}%`)
  const host = await hostCapacity()
  const share = splitHost(host, servers, reserve)
  const text = shareProfile(host, share)
  const file = profileFile(paths.profiles, name)
  checkProfile(name, file, text)
  const report = {...share, name, file, text}
  if (dryRun) return {...report, written: false}
  await requirePrivilege(`write the profile ${name}`)
  if (!force && existsSync(file)) throw profileExists(name, file)
  await makeDirectory(paths.profiles)
  await writeFileAtomic(file, text)
  return {...report, written: true}
}

/** As a definition that names it would read it; a bad name shows here as well. */
function checkProfile(name: string, file: string, text: string): void {
  const definition = JSON.stringify({name: 'share', template: 'busybox', profiles: [name]})
  const lookup = (): {file: string; text: string} => ({file, text})
  requireValid(parseDefinition(definition, {file: `profile ${name}`, name: 'share', profiles: lookup}))
}

function profileExists(name: string, file: string): VpsError {
  return new VpsError('PROFILE_EXISTS', `there is a profile ${name} already: ${file}`, {
    exitCode: ExitCode.wrongState,
    suggestions: ['choose another name with `--name`', 'or replace it with `--force`'],
  })
}

function wrongUse(message: string): VpsError {
  return new VpsError('WRONG_USE', message, {exitCode: ExitCode.wrongUse})
}
