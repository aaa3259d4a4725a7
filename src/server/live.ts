import {rm} from 'node:fs/promises'
import {basename} from 'node:path'
import {type Definition, formatCpuList, keyText, type Loaded, type Path} from '../definition/index.ts'
import {serverPaths, writeFileAtomic} from '../host/index.ts'
import {originText} from '../launch/index.ts'
import {
  applySteps,
  type CpuAssignment,
  type CpuClaim,
  type Desired,
  desiredLimits,
  handDownTo,
  type LiveGroup,
  liveSteps,
  type OldValue,
  oldValues,
  prepareParent,
  prepareSlice,
  type ResourceFacts,
  requireMemory,
  undoSteps,
} from '../resources/index.ts'
import {foldDefinition, textHash} from './folding.ts'
import {
  cannotEnforce,
  chooseCpus,
  DEVICES,
  factsFor,
  sharesWithOthers,
  toUnenforced,
  triedFacts,
} from './limits.ts'
import {claimOf, lockSharing, startedDefinition} from './neighbours.ts'
import {loadValid} from './plan.ts'
import {guestGroup, type RunState, readText} from './run-state.ts'
import {settleOthers} from './sharing.ts'
import type {Context} from './types.ts'
import {readUnenforced} from './unenforced.ts'

/** limits.undo: there while a live change is under way. */
interface Journal {
  /** SHA-256 of the text that the definition is to have: once it has, the change is made. */
  readonly commit: string
  readonly writes: readonly OldValue[]
}

/**
 * Brings a running server to the limits of its new definition: all of them, or none and the definition stays as it was.
 * @param commit writes the definition, whose text is `after.text`
 * @throws VpsError UNENFORCEABLE (exit 5), MEMORY_IN_USE, NO_CPUS, NO_MEMORY (exit 4), LIMIT_NOT_KEPT (exit 5)
 */
export async function changeLive(
  context: Context,
  name: string,
  state: RunState,
  after: Loaded,
  commit: () => Promise<void>,
): Promise<void> {
  const {paths} = context
  const started = startedDefinition(paths, name)
  if (started === undefined) return await commit() // an older vps started it, and set no limits
  const shares = sharesWithOthers(context, started) || sharesWithOthers(context, after.definition)
  await using _sharing = shares ? await lockSharing(paths, 'set', context.progress) : undefined
  const found = await factsFor(context, name, started, after.definition)
  const facts = await triedFacts(context, found, after.definition, true)
  const group = {directory: state.cgroup, systemd: facts.cgroups.systemd}
  const own = claimOf(paths, name, guestGroup(state), started)
  const wanted = desiredLive(context, name, {after, own, facts})
  refuseUnenforceable(context, name, after, wanted)
  await requireMemory(facts, wanted.limits, basename(state.cgroup))
  const before = desiredLimits(whileRunning(started, own), facts, presentCpus(own))
  await handDownAll(facts, group, wanted)
  const steps = await liveSteps(group, before.limits, wanted.limits, facts)
  const journal = {commit: textHash(after.text), writes: oldValues(group, steps)}
  await inJournal(context, name, group, journal, async () => {
    const place = (key: Path): string => originText(after.origin(key))
    await applySteps(group, steps, {progress: context.progress, place})
    await commit()
  })
  await fold(context, name, started, after.definition, wanted)
  await rm(serverPaths(paths, name).limitsUndo, {force: true})
  if (shares) await settleOthers(paths, true)
}

/**
 * Rolls back a change that was cut off, or finishes one whose definition stands already. Under the server's lock.
 */
export async function repairLive(context: Context, name: string, state: RunState): Promise<void> {
  const {paths} = context
  const {limitsUndo, definition} = serverPaths(paths, name)
  const text = readText(limitsUndo)
  if (text === undefined) return
  const {commit, writes} = JSON.parse(text) as Journal // our own file, written by rename
  const started = startedDefinition(paths, name)
  if (textHash(readText(definition) ?? '') === commit && started !== undefined) {
    const {definition: now} = await loadValid(context, name)
    const facts = await factsFor(context, name, now)
    const own = claimOf(paths, name, guestGroup(state), started)
    await fold(context, name, started, now, desiredLimits(whileRunning(now, own), facts, presentCpus(own)))
    context.notice(`finished the interrupted change of server ${name}`)
  } else {
    const systemd = state.cgroup.endsWith('.scope')
    await undoSteps({directory: state.cgroup, systemd}, writes)
    context.notice(`undid the interrupted change of server ${name}: its limits are as before`)
  }
  await rm(limitsUndo, {force: true})
  await settleOthers(paths)
}

/** What a running server is to have by `definition`, and what it has of the CPUs. Which it has for itself stays while it runs. */
function desiredLive(
  context: Pick<Context, 'paths'>,
  name: string,
  {after, own, facts}: {after: Loaded; own: CpuClaim; facts: ResourceFacts},
): Desired {
  const asked = whileRunning(after.definition, own)
  if (own.kind === 'dedicated') return desiredLimits(asked, facts, presentCpus(own))
  return desiredLimits(asked, facts, chooseCpus(context, name, after, asked, facts, own))
}

/** A change of `dedicated` waits for a restart, and while it holds no other key says which CPUs. */
export function whileRunning(definition: Definition, own: CpuClaim): Pick<Definition, 'resources'> {
  const {resources} = definition
  const cpu =
    own.kind === 'dedicated'
      ? {...resources.cpu, dedicated: own.cpus.length, cores: null, cpus: null}
      : {...resources.cpu, dedicated: null}
  return {resources: {...resources, cpu}}
}

export function presentCpus({cpus}: CpuClaim): CpuAssignment {
  return {cpus: cpus.length === 0 ? null : formatCpuList(cpus), mems: null}
}

/** What was allowed to be missing at the start may go on being so. */
function refuseUnenforceable(
  {paths}: Pick<Context, 'paths'>,
  name: string,
  after: Loaded,
  {unenforceable}: Desired,
): void {
  if (after.definition.enforce === 'best-effort') return
  const known = new Set(readUnenforced(paths, name).map(({key}) => key))
  const fresh = unenforceable.filter(({key}) => !known.has(keyText(key)))
  if (fresh.length > 0) throw cannotEnforce(name, after, fresh, '`enforce: best-effort` in the definition')
}

/** A server may have been started before any limit needed the controller. */
async function handDownAll(
  {cgroups}: ResourceFacts,
  {directory}: LiveGroup,
  {limits}: Desired,
): Promise<void> {
  const required = [...new Set(limits.map(({controller}) => controller))]
  await prepareParent(cgroups, required)
  await prepareSlice(cgroups, required)
  const below = limits.filter(({group}) => group === 'payload').map(({controller}) => controller)
  await handDownTo(directory, [...new Set(below)])
}

async function inJournal(
  {paths, notice}: Context,
  name: string,
  group: LiveGroup,
  journal: Journal,
  change: () => Promise<void>,
): Promise<void> {
  if (journal.writes.length === 0) return await change()
  const {limitsUndo} = serverPaths(paths, name)
  await writeFileAtomic(limitsUndo, `${JSON.stringify(journal)}\n`, {mode: 0o600, sync: false})
  try {
    await change()
  } catch (error) {
    await undoSteps(group, journal.writes).catch(cause => {
      notice(`server ${name} did not get all its old limits back: ${String(cause)}`)
    })
    await rm(limitsUndo, {force: true})
    throw error
  }
}

/** From now on the server counts as started with what is in effect; what waits for a restart goes on waiting. */
async function fold(
  {paths}: Pick<Context, 'paths'>,
  name: string,
  started: Definition,
  after: Definition,
  {unenforceable}: Desired,
): Promise<void> {
  const files = serverPaths(paths, name)
  const write = async (file: string, value: unknown): Promise<void> =>
    await writeFileAtomic(file, `${JSON.stringify(value)}\n`, {mode: 0o600, sync: false})
  await write(files.startedDefinition, foldDefinition(started, after))
  const unguarded = readUnenforced(paths, name).filter(({key}) => key === DEVICES)
  const unenforced = [...unenforceable.map(toUnenforced), ...unguarded]
  if (unenforced.length > 0) await write(files.unenforced, unenforced)
  else await rm(files.unenforced, {force: true})
}
