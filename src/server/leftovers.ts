import {existsSync} from 'node:fs'
import {VpsError} from '../errors.ts'
import {type Check, type HostPaths, listIdSlots, removeTemporaries, serverPaths} from '../host/index.ts'
import {formatRange} from '../ip.ts'
import {listHoldings} from '../network/index.ts'
import {journalNames, listDirectory, readJournals} from './journal.ts'
import {readRun} from './run-state.ts'
import {openSession} from './session.ts'
import {settleOthers} from './sharing.ts'
import {findStrays, removeStrays} from './strays.ts'
import {removeThrowaway, strayThrowaways} from './throwaway.ts'
import type {Context} from './types.ts'

/** Something that an interrupted command or a dead supervisor left. */
export interface Leftover {
  readonly name: string
  readonly what: string
}

/** Looks for leftovers of every server, without locks: what a command is just at work on may be among them. */
export async function findLeftovers(paths: HostPaths): Promise<Leftover[]> {
  const groups = (await findStrays(paths)).map(({directory, server}) => ({
    name: server ?? directory,
    what: 'a cgroup of no running server',
  }))
  return [...(await findOfServers(paths)), ...groups]
}

/** Those that are repaired under the lock of a server. */
async function findOfServers(paths: HostPaths): Promise<Leftover[]> {
  const journals = readJournals(paths).flatMap(journal =>
    journalNames(journal).map(name => ({name, what: `an interrupted ${VERBS[journal.kind]}`})),
  )
  const gone = await findOfGone(paths)
  const runs = listDirectory(paths.runServers)
    .filter(name => ['dead', 'bare'].includes(readRun(paths, name).kind))
    .map(name => ({name, what: 'a supervisor that died'}))
  const strays = strayThrowaways(paths).map(name => ({name, what: 'a throw-away server whose maker is gone'}))
  return [...journals, ...gone, ...runs, ...strays]
}

/** What servers still have that are gone. */
async function findOfGone(paths: HostPaths): Promise<Leftover[]> {
  const moving = new Set(readJournals(paths).flatMap(journalNames))
  const isNowhere = (name: string): boolean =>
    !moving.has(name) && !existsSync(serverPaths(paths, name).storage)
  const slots = (await listIdSlots(paths))
    .filter(({owner}) => isNowhere(owner))
    .map(({slot, owner}) => ({name: owner, what: `id range ${slot} of no server`}))
  const addresses = listHoldings(paths)
    .filter(({server}) => isNowhere(server))
    .map(({server, range}) => ({name: server, what: `address ${formatRange(range)} of no server`}))
  return [...slots, ...addresses]
}

const VERBS = {creating: 'create', destroying: 'destroy', renaming: 'rename'} as const

export function leftoversCheck(found: readonly Leftover[]): Check {
  const shown = found.map(({name, what}) => `${name}: ${what}`).join('; ')
  return {
    id: 'leftovers',
    title: 'leftovers of interrupted commands',
    state: found.length === 0 ? 'ok' : 'warning',
    found: found.length === 0 ? 'none' : shown,
    fix: found.length === 0 ? '' : 'vps doctor --repair',
  }
}

/** For those whom our directories are closed to. */
export function unseenLeftovers(error: unknown): Check {
  if (!(error instanceof VpsError)) throw error
  return {
    id: 'leftovers',
    title: 'leftovers of interrupted commands',
    state: 'warning',
    found: error.message,
    fix: error.suggestions.join('; '),
  }
}

/** Repairs every server that has leftovers, each under its lock. Returns their names. */
export async function repairAll(context: Context): Promise<string[]> {
  const {paths} = context
  removeTemporaries(paths.definitions)
  const names = [...new Set((await findOfServers(paths)).map(({name}) => name))].sort()
  for (const name of names) {
    await using _session = await openSession(context, 'repair', name) // repairs it
  }
  for (const name of strayThrowaways(paths)) await removeThrowaway(context, name)
  await removeStrays(context)
  await settleOthers(paths)
  return names
}

/** Takes back what interrupted removals left to servers that are gone; of those that are there nothing is touched. */
export async function repairGone(context: Context): Promise<void> {
  const names = new Set((await findOfGone(context.paths)).map(({name}) => name))
  for (const name of names) {
    await using _session = await openSession(context, 'repair', name) // repairs it
  }
}
