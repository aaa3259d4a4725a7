/*
 * Names of servers: each project with running servers has a dnsmasq of its own, so that its servers see no other's names. A start
 * writes one small file and a stop removes it, whoever else is known.
 */
import {existsSync} from 'node:fs'
import {rm} from 'node:fs/promises'
import {networkInterfaces} from 'node:os'
import {join} from 'node:path'
import {
  type HostConfig,
  type HostPaths,
  type Lock,
  lockFile,
  makeDirectory,
  type Progress,
  removeTree,
  serverPaths,
  writeFileAtomic,
} from '../../host/index.ts'
import {NAMES6} from './address.ts'
import {namedProjects, namedServers, namesFiles, textOf} from './files.ts'
import {hostsText, type Named} from './hosts-file.ts'
import {namesPort} from './port.ts'
import {findDnsmasq, isServing, startResolver, stopResolver} from './process.ts'

export interface NamesContext {
  readonly paths: HostPaths
  readonly config: HostConfig
  readonly progress?: Progress
  /** Told what keeps names from being known. */
  readonly notice?: Progress
}

/** What is not as it should be, and whether it was mended. */
export interface NamesProblem {
  readonly what: string
  readonly mended: boolean
}

/**
 * Makes a server that has a run directory known to those of its project, which has a port (`takeNamesPort`). Again, it replaces what
 * was known of it.
 */
export async function registerNames(context: NamesContext, named: Named): Promise<void> {
  await using _lock = await lockNames(context.paths, named.project, 'start', context.progress)
  await writeNames(context.paths, named)
  await ensureResolver(context, named.project)
}

/** Forgets a server that is not to run, and ends what its project no longer needs. */
export async function releaseNames(paths: HostPaths, server: string): Promise<void> {
  for (const project of namedProjects(paths))
    if (existsSync(fileOf(paths, project, server))) await releaseFrom(paths, project, server)
}

/**
 * Compares names with the servers that run.
 * @param running all that run and are led to their project's names
 */
export async function checkNames(
  context: NamesContext,
  running: readonly Named[],
  repair: boolean,
): Promise<NamesProblem[]> {
  const projects = new Set([...namedProjects(context.paths), ...running.map(({project}) => project)])
  const problems: NamesProblem[] = []
  for (const project of projects) {
    const own = running.filter(named => named.project === project)
    problems.push(...(await checkProject(context, project, own, repair)))
  }
  return problems
}

async function checkProject(
  context: NamesContext,
  project: string,
  running: readonly Named[],
  repair: boolean,
): Promise<NamesProblem[]> {
  const {paths} = context
  await using lock = await lockNames(paths, project, 'network check', context.progress)
  const problems: NamesProblem[] = []
  const found = (what: string, mended = repair) => problems.push({what, mended})
  const known = namedServers(paths, project)
  const stale = known.filter(name => !running.some(({server}) => server === name) && !isThere(paths, name))
  for (const server of stale) {
    found(`names of server ${server}, which does not run, are still known in project ${project}`)
    if (repair) await rm(fileOf(paths, project, server), {force: true})
  }
  for (const named of running) {
    if (textOf(fileOf(paths, project, named.server)) === hostsText(named)) continue
    found(`server ${named.server} is not known by its names and addresses in project ${project}`)
    if (repair) await writeNames(paths, named)
  }
  const isNeeded = running.length > 0 || known.length > stale.length
  if (isNeeded && !isServing(namesFiles(paths, project))) {
    if (repair) await ensureResolver(context, project)
    const mended = isServing(namesFiles(paths, project))
    found(`the dnsmasq of project ${project} does not run: its servers have no names`, mended)
  }
  if (isNeeded || !existsSync(namesFiles(paths, project).directory)) return problems
  if (stale.length === 0) found(`a dnsmasq is there for project ${project}, of which no server runs`)
  if (repair) await forgetProject(paths, project, lock)
  return problems
}

async function releaseFrom(paths: HostPaths, project: string, server: string): Promise<void> {
  await using lock = await lockNames(paths, project, 'stop')
  // The supervisor of a server that ends by itself removes its run directory, and knows nothing of names.
  const gone = namedServers(paths, project).filter(name => name === server || !isThere(paths, name))
  for (const name of gone) await rm(fileOf(paths, project, name), {force: true})
  if (namedServers(paths, project).length === 0) await forgetProject(paths, project, lock)
}

async function forgetProject(paths: HostPaths, project: string, lock: Lock): Promise<void> {
  const files = namesFiles(paths, project)
  await stopResolver({files, project, paths})
  await removeTree(files.directory)
  await lock.remove()
}

async function ensureResolver(context: NamesContext, project: string): Promise<void> {
  const {paths, config, notice = () => {}} = context
  const files = namesFiles(paths, project)
  if (isServing(files)) return
  const port = namesPort(paths, project)
  const program = findDnsmasq()
  const addresses = listening(config)
  const upstream = config.network.dns.upstream
  await stopResolver({files, project, paths})
  const problem =
    program === undefined || port === null
      ? 'this host has no dnsmasq any more (apt-get install dnsmasq-base)'
      : await startResolver({files, project, paths, port, program, addresses, upstream})
  // A server without names is better than none.
  if (problem !== undefined)
    notice(
      `servers of project ${project} have no names: ${problem}; once that is mended, \`vps network check --repair\``,
    )
}

/** Of the two that are on `lo`: a host may have IPv6 switched off. */
function listening({network}: HostConfig): string[] {
  const onLoopback = new Set(networkInterfaces().lo?.map(({address}) => address))
  return [network.gateway.ipv4, NAMES6].filter(address => onLoopback.has(address))
}

async function writeNames(paths: HostPaths, named: Named): Promise<void> {
  await makeDirectory(namesFiles(paths, named.project).hosts)
  const file = fileOf(paths, named.project, named.server)
  await writeFileAtomic(file, hostsText(named), {mode: 0o644, sync: false})
}

/** Whether a server runs or is about to, or a verb will find that it does not. */
function isThere(paths: HostPaths, server: string): boolean {
  return existsSync(serverPaths(paths, server).run)
}

function fileOf(paths: HostPaths, project: string, server: string): string {
  return join(namesFiles(paths, project).hosts, server)
}

async function lockNames(
  paths: HostPaths,
  project: string,
  verb: string,
  progress?: Progress,
): Promise<Lock> {
  return await lockFile(join(paths.locks, `.names-${project}.lock`), {
    verb,
    progress,
    what: `names of project ${project}`,
  })
}
