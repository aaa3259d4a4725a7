import {changedKeys} from '../definition/index.ts'
import {type Context, readRecord, serverNames} from '../server/index.ts'
import {type Difference, difference, type Present} from './diff.ts'
import type {Fleet, FleetServer} from './file/index.ts'
import {type Before, readJournal} from './journal.ts'
import type {PlanOptions} from './options.ts'
import {orderOf} from './order.ts'
import {type Found, findServer, type Look, lookAt} from './present.ts'
import {type Refusal, refusalOf, refusedPlan} from './refusal.ts'
import {requireRoom} from './room.ts'
import {withoutSecrets} from './secrets.ts'
import {type FleetPlan, type PlannedServer, type PlanSummary, STEPS, type Target, type Task} from './types.ts'

/** A plan, and what carrying it out needs. */
export interface Planned {
  readonly plan: FleetPlan
  /** Only of servers that something is done to. */
  readonly tasks: readonly Task[]
}

/**
 * Compares a fleet with the host. Reads a few small files for each server, and takes no lock.
 * @throws VpsError FOREIGN_SERVER, CANNOT_CHANGE (exit 4); DEPENDENCY_CYCLE (exit 2); DOES_NOT_FIT (exit 5)
 */
export async function planFleet(context: Context, fleet: Fleet, options: PlanOptions): Promise<Planned> {
  const look = lookAt(context.paths)
  const wanted = wantedTasks(context, fleet, look, options)
  const others = ownedNames(context, fleet, look, options).map(name =>
    orphanTask(context, fleet, {name, look, prune: options.prune === true}),
  )
  const all = [...wanted, ...others]
  const tasks = withOrder(
    all.filter(({planned}) => planned.steps.length > 0),
    wanted,
  )
  orderOf(tasks) // says so now when they wait for each other
  if (options.fit !== false) await requireRoom(context, fleet, tasks)
  const plan: FleetPlan = {
    fleet: fleet.name,
    files: fleet.files,
    pending: tasks.length > 0,
    summary: summaryOf(all),
    servers: all.map(({planned}) => planned),
    problems: fleet.problems,
    interrupted: interruptedOf(context, fleet.name),
  }
  return {plan, tasks}
}

/** @throws VpsError FOREIGN_SERVER, CANNOT_CHANGE (exit 4) for all servers that may not become what they shall be */
function wantedTasks(context: Context, fleet: Fleet, look: Look, options: PlanOptions): Draft[] {
  const refusals: Refusal[] = []
  const tasks = fleet.servers.toSorted(byName).map(server => {
    const {name, place, state} = server
    const target = targetOf(fleet, server)
    const found = findServer(context.paths, name, look)
    const result = difference(found.present, target, options.restart !== false)
    const asked = {name, place, fleet: fleet.name, adopt: options.adopt === true}
    const refusal = refusalOf(asked, found.present, result)
    if (refusal !== undefined) refusals.push(refusal)
    return draftOf({name, place, state}, found, result, target)
  })
  if (refusals.length > 0) throw refusedPlan(fleet.name, refusals)
  return tasks
}

function targetOf({name: fleet}: Fleet, {text, state, definition, loadedAt}: FleetServer): Target {
  return {kind: 'server', text, state, fleet, definition: () => definition, loadedAt}
}

/** A task whose order is not known yet. */
type Draft = Omit<Task, 'after'> & {
  /** The servers that it says it comes after; asked only of those that something is done to, or that are in between. */
  readonly ownAfter: () => readonly string[]
}

/** A server of a plan, before it is known what is done to it. */
interface Wish {
  readonly name: string
  readonly place: string | null
  readonly state: PlannedServer['wanted']
}

function draftOf(
  {name, place, state}: Wish,
  {present, definitionKey}: Found,
  {steps, changes, waiting}: Difference,
  target: Target,
): Draft {
  const planned: PlannedServer = {
    name,
    steps,
    changes: changes.map(change => ({
      ...change,
      old: withoutSecrets(change.key, change.old),
      new: withoutSecrets(change.key, change.new),
    })),
    waiting,
    state: present.state,
    wanted: state,
    place,
    formerFleet: steps.includes('adopt') ? (present.fleet ?? null) : null,
  }
  const before = (): Before => beforeOf(name, present)
  const ownAfter = (): readonly string[] =>
    (target.kind === 'server' ? target.definition() : present.definition()).after
  return {name, planned, target, definitionKey, before, ownAfter}
}

function beforeOf(name: string, {stored, text, state, fleet, started, definition}: Present): Before {
  const waits = started !== undefined && text !== undefined && changedKeys(started, definition()).restart
  return {
    name,
    stored,
    text: text ?? null,
    state: state === 'running' ? 'running' : 'stopped',
    fleet: fleet ?? null,
    waiting: waits !== false && waits.length > 0,
  }
}

/** A server of this fleet that is in none of its files. */
function orphanTask(
  {paths}: Context,
  {name: fleet}: Fleet,
  {name, look, prune}: {name: string; look: Look; prune: boolean},
): Draft {
  const found = findServer(paths, name, look)
  const result = {steps: prune ? (['destroy'] as const) : [], changes: [], waiting: []}
  return draftOf({name, place: null, state: null}, found, result, {kind: 'absent', fleet})
}

/** A server that nothing is done to passes on what it comes after to those that come after it. */
function withOrder(tasks: readonly Draft[], all: readonly Draft[]): Task[] {
  const busy = new Set(tasks.map(({name}) => name))
  const known = new Map(all.map(draft => [draft.name, draft]))
  return tasks.map(({ownAfter, ...task}) => {
    const after = new Set(ownAfter())
    for (const name of after) {
      if (busy.has(name)) continue
      for (const further of known.get(name)?.ownAfter() ?? []) after.add(further) // a set is walked to its end
    }
    after.delete(task.name)
    return {...task, after: [...after]}
  })
}

/**
 * The servers of this fleet that its files don't name, sorted; those included whose making or removal was cut off. A removal
 * that has come so far that nobody knows whose it was is finished too.
 */
function ownedNames({paths}: Context, fleet: Fleet, {unfinished}: Look, {prune}: PlanOptions): string[] {
  const named = new Set(fleet.servers.map(({name}) => name))
  const stored = serverNames(paths).filter(
    name => !named.has(name) && readRecord(paths, name)?.fleet === fleet.name,
  )
  const cutOff = [...unfinished.values()].filter(({name, kind, record}) => {
    const isNobodys = kind === 'destroying' && record === undefined && prune === true
    return !named.has(name) && (isNobodys || record?.fleet === fleet.name)
  })
  return [...new Set([...stored, ...cutOff.map(({name}) => name)])].sort()
}

function summaryOf(tasks: readonly Draft[]): PlanSummary {
  const count = (fits: (server: PlannedServer) => boolean): number =>
    tasks.filter(({planned}) => fits(planned)).length
  const counts = STEPS.map(step => [step, count(({steps}) => steps.includes(step))])
  return {
    ...(Object.fromEntries(counts) as Record<(typeof STEPS)[number], number>),
    unchanged: count(({steps, wanted}) => steps.length === 0 && wanted !== null),
    waiting: count(server => server.waiting.length > 0),
    orphans: count(({steps, wanted}) => steps.length === 0 && wanted === null),
  }
}

function interruptedOf({paths}: Context, fleet: string): FleetPlan['interrupted'] {
  const journal = readJournal(paths, fleet)
  if (journal === undefined) return null
  const {begun, phase, servers} = journal
  return {begun, phase, servers: servers.map(({name}) => name)}
}

function byName(one: {readonly name: string}, other: {readonly name: string}): number {
  return one.name < other.name ? -1 : 1
}
