/*
 * Ports that the dnsmasq of a project answers at, at the gateway's address. The symbolic link `ports/PORT` names the project; it keeps
 * its port for as long as there is a network of ours on the host, because rules of running servers lead to it.
 */
import {rm} from 'node:fs/promises'
import {createServer} from 'node:net'
import {join} from 'node:path'
import {
  addLink,
  errno,
  forgetLinks,
  type HostConfig,
  type HostPaths,
  makeDirectory,
  readLinks,
  writeError,
} from '../../host/index.ts'
import {projectNumber} from '../projects.ts'
import {findDnsmasq} from './process.ts'

type Paths = Pick<HostPaths, 'runNetwork' | 'projects'>

/** Below those that the kernel gives to programs that ask for none. */
const FIRST = 20_053
const COUNT = 12_000

/**
 * The port of `project`; a new one is taken by its number, unless a program of the host has that.
 * @returns `null` when this host has no dnsmasq
 */
export async function takeNamesPort(
  {paths, config}: {readonly paths: Paths; readonly config: HostConfig},
  project: string,
): Promise<number | null> {
  if (findDnsmasq() === undefined) return null
  const seen = namesPort(paths, project)
  if (seen !== null) return seen
  forgetLinks(directoryOf(paths)) // another program may have taken one just now
  const known = namesPort(paths, project)
  if (known !== null) return known
  const number = await projectNumber(paths, project)
  for (let tried = 0; tried < COUNT; tried++) {
    const port = FIRST + ((number + tried) % COUNT)
    if ((await isFree(config.network.gateway.ipv4, port)) && (await claim(paths, port, project))) return port
  }
  return null
}

/** The port that `takeNamesPort` gave; `null` when it gave none. */
export function namesPort(paths: Pick<Paths, 'runNetwork'>, project: string): number | null {
  const known = [...readLinks(directoryOf(paths))].find(([, owner]) => owner === project)
  return known === undefined ? null : Number(known[0])
}

/** When no server is left. */
export async function forgetNamesPorts(paths: Pick<Paths, 'runNetwork'>): Promise<void> {
  await rm(directoryOf(paths), {recursive: true, force: true})
}

async function claim(paths: Paths, port: number, project: string): Promise<boolean> {
  const path = join(directoryOf(paths), String(port))
  await makeDirectory(directoryOf(paths), 0o700)
  try {
    addLink(directoryOf(paths), String(port), project)
    return true
  } catch (error) {
    if (errno(error) === 'EEXIST') return false
    throw await writeError(path, error)
  }
}

async function isFree(host: string, port: number): Promise<boolean> {
  const {promise, resolve} = Promise.withResolvers<boolean>()
  const server = createServer()
  server.once('error', () => resolve(false))
  server.listen({host, port, exclusive: true}, () => server.close(() => resolve(true)))
  return await promise
}

function directoryOf({runNetwork}: Pick<Paths, 'runNetwork'>): string {
  return join(runNetwork, 'ports')
}
