import {join} from 'node:path'
import {type Definition, storedDefinition} from '../definition/index.ts'
import {type HostPaths, type Lock, lockFile, type Progress, serverPaths} from '../host/index.ts'
import {type CpuClaim, readCpuList} from '../resources/index.ts'
import {listDirectory} from './journal.ts'
import {guestGroup, readRun, readText} from './run-state.ts'

/** A running server, as far as others have to share with it. */
export interface Neighbour {
  readonly name: string
  /** As it was started, with later live changes. */
  readonly definition: Definition | undefined
  readonly cgroup: string
  readonly claim: CpuClaim
}

/** Held while CPUs are chosen and protected memory is summed up, so that two verbs do not give the same away twice. */
export async function lockSharing(paths: HostPaths, verb: string, progress: Progress): Promise<Lock> {
  // No server can have this name.
  return await lockFile(join(paths.locks, '.sharing.lock'), {
    verb,
    progress,
    what: 'the CPUs and memory of the host',
  })
}

/**
 * A file that is there while some server may have CPUs for itself, so that other starts need not look at every server. A hint:
 * the truth is in the servers' run directories.
 */
export function dedicationMark(paths: HostPaths): string {
  return join(paths.locks, '.dedicated')
}

/** Every running server but `except`. */
export function neighbours(paths: HostPaths, except?: string): Neighbour[] {
  return listDirectory(paths.runServers)
    .filter(name => name !== except)
    .flatMap(name => {
      const run = readRun(paths, name)
      if (run.kind !== 'alive') return []
      const {cgroup} = run.state
      const definition = startedDefinition(paths, name)
      return [{name, definition, cgroup, claim: claimOf(paths, name, guestGroup(run.state), definition)}]
    })
}

/** What a running server was started from; `undefined` for one that an older vps started. */
export function startedDefinition(paths: HostPaths, name: string): Definition | undefined {
  const text = readText(serverPaths(paths, name).startedDefinition)
  return text === undefined ? undefined : storedDefinition(text)
}

export function claimOf(
  paths: HostPaths,
  name: string,
  payload: string,
  definition: Definition | undefined,
): CpuClaim {
  const dedicated = readText(serverPaths(paths, name).cpus)
  if (dedicated !== undefined) return {kind: 'dedicated', cpus: readCpuList(dedicated)}
  const cpus = readCpuList(readText(join(payload, 'cpuset.cpus')))
  const wish = definition?.resources.cpu
  if (wish !== undefined && wish.cpus !== null) return {kind: 'pinned', cpus}
  return {kind: wish !== undefined && wish.cores !== null ? 'cores' : 'shared', cpus}
}
