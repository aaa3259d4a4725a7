import {existsSync} from 'node:fs'
import {readdir} from 'node:fs/promises'
import {join} from 'node:path'
import {serverName} from '../definition/index.ts'
import {type HostPaths, ifMissing, serverPaths} from '../host/index.ts'
import {type CgroupPlace, cgroupPlace, processesIn, removeCgroup, stopUnit} from '../resources/index.ts'
import {readRun} from './run-state.ts'
import {openSession} from './session.ts'
import type {Context} from './types.ts'

/** A cgroup in our tree that belongs to no running server: left by a crash, or made by somebody else. */
export interface Stray {
  readonly directory: string
  /** The server that would have it; undefined where none could. */
  readonly server: string | undefined
  /** systemd's name for it, where it is a unit. */
  readonly unit: string | undefined
}

/** What a server's cgroup consists of; see `cgroup.c` of the supervisor. */
const OWN: ReadonlySet<string> = new Set(['supervisor', 'payload'])

/** Looks without locks: what a command is just removing may be among them. */
export async function findStrays(paths: HostPaths): Promise<Stray[]> {
  const place = await cgroupPlace(paths).catch(() => undefined) // without cgroup2 there are none
  if (place === undefined) return []
  const strays: Stray[] = []
  for (const entry of await groupsIn(place.parent)) {
    // A slice in ours is that of another VPS_ROOT.
    if (place.systemd && entry.endsWith('.slice')) continue
    const directory = join(place.parent, entry)
    const server = serverIn(place, entry)
    const unit = place.systemd && /\.(scope|service)$/.test(entry) ? entry : undefined
    if (server === undefined || !existsSync(serverPaths(paths, server).run))
      strays.push({directory, server, unit})
    else if (readRun(paths, server).kind === 'alive') strays.push(...(await straysWithin(directory)))
  }
  return strays
}

/** Kills what is in them and removes them. Returns the directories that are gone. */
export async function removeStrays(context: Context): Promise<string[]> {
  const removed: string[] = []
  for (const stray of await findStrays(context.paths)) {
    if (stray.server === undefined) await removeStray(context, stray)
    else if (!(await removeUnderLock(context, stray, stray.server))) continue
    removed.push(stray.directory)
  }
  return removed
}

/** A server of that name may just be starting: with its lock held we know. */
async function removeUnderLock(context: Context, stray: Stray, server: string): Promise<boolean> {
  await using _session = await openSession(context, 'repair', server)
  if (existsSync(serverPaths(context.paths, server).run)) return false
  await removeStray(context, stray)
  return true
}

async function removeStray({notice}: Context, {directory, unit}: Stray): Promise<void> {
  const pids = await processesIn(directory)
  if (unit !== undefined) await stopUnit(unit)
  await removeCgroup(directory)
  const killed = pids.length === 0 ? '' : `, and killed what was in it: ${pids.join(', ')}`
  notice(`removed ${directory}, a cgroup of no running server${killed}`)
}

async function straysWithin(cgroup: string): Promise<Stray[]> {
  const foreign = (await groupsIn(cgroup)).filter(entry => !OWN.has(entry))
  return foreign.map(entry => ({directory: join(cgroup, entry), server: undefined, unit: undefined}))
}

async function groupsIn(directory: string): Promise<string[]> {
  const entries = await ifMissing(readdir(directory, {withFileTypes: true}), [])
  return entries.filter(entry => entry.isDirectory()).map(({name}) => name)
}

function serverIn(place: CgroupPlace, entry: string): string | undefined {
  const name = place.serverOf(entry)
  try {
    return name === undefined ? undefined : serverName(name)
  } catch {
    return undefined // no server can have this name
  }
}
