/*
 * What there is of the names of one project: run/vps/network/names/PROJECT. It is there while a server of the project runs.
 */
import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {errno, type HostPaths} from '../../host/index.ts'

export interface NamesFiles {
  readonly directory: string
  /** Written by dnsmasq. */
  readonly pid: string
  /** Who runs it: pid and start of a shell, or `systemd`. */
  readonly keeper: string
  /** What dnsmasq said when it could not run. */
  readonly problem: string
  /** A file for each server, which dnsmasq reads. */
  readonly hosts: string
}

type Paths = Pick<HostPaths, 'runNetwork'>

export function namesFiles(paths: Paths, project: string): NamesFiles {
  const directory = join(namesDirectory(paths), project)
  return {
    directory,
    pid: join(directory, 'pid'),
    keeper: join(directory, 'keeper'),
    problem: join(directory, 'problem'),
    hosts: join(directory, 'hosts'),
  }
}

/** Projects that have, or had, running servers. */
export function namedProjects(paths: Paths): string[] {
  return namesIn(namesDirectory(paths))
}

/** Servers of a project that have names. */
export function namedServers(paths: Paths, project: string): string[] {
  return namesIn(namesFiles(paths, project).hosts)
}

/** The text of a file, or of one of /proc, that may not be there. */
export function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ESRCH') return undefined
    throw error
  }
}

function namesDirectory({runNetwork}: Paths): string {
  return join(runNetwork, 'names')
}

/** Without temporaries of files that are being written. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter(name => !name.startsWith('.'))
  } catch (error) {
    if (errno(error) === 'ENOENT') return []
    throw error
  }
}
