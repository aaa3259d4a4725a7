import {changedKeys, type Definition, keySteps, keyText, type Loaded} from '../definition/index.ts'
import {
  desiredLimits,
  identityOf,
  type Limit,
  type ResourceFacts,
  readLimit,
  withoutLimit,
} from '../resources/index.ts'
import {factsFor} from './limits.ts'
import {presentCpus, whileRunning} from './live.ts'
import {claimOf, startedDefinition} from './neighbours.ts'
import type {RunState} from './run-state.ts'
import {guestGroup} from './run-state.ts'
import type {Context, Pending} from './types.ts'

/** Where a running server is not what its definition says: keys that wait for a restart, and limits that are not set so. */
export async function pendingChanges(
  {paths}: Pick<Context, 'paths'>,
  name: string,
  state: RunState,
  {definition}: Loaded,
): Promise<Pending> {
  const started = startedDefinition(paths, name)
  if (started === undefined) return {afterRestart: [], live: []} // an older vps started it, and kept no record
  const afterRestart = changedKeys(started, definition).restart.map(key => ({
    key,
    running: valueAt(started, key),
    file: valueAt(definition, key),
  }))
  const facts = await factsFor({paths}, name, started, definition)
  const own = claimOf(paths, name, guestGroup(state), started)
  const wanted = wantedLimits(definition, own, facts)
  const known = new Set(wanted.map(identityOf))
  const gone = desiredLimits(whileRunning(started, own), facts, presentCpus(own))
    .limits.filter(limit => !known.has(identityOf(limit)))
    .map(limit => withoutLimit(limit, facts))
  const live: Pending['live'][number][] = []
  for (const limit of [...wanted, ...gone]) {
    const kernel = await readLimit(state.cgroup, limit)
    if (kernel !== undefined && kernel !== limit.expect)
      live.push({key: keyText(limit.key), file: limit.file, kernel, wanted: limit.expect})
  }
  return {afterRestart, live}
}

/** Any CPUs will do for `cores`, if they are so many. */
function wantedLimits(
  definition: Definition,
  own: ReturnType<typeof claimOf>,
  facts: ResourceFacts,
): readonly Limit[] {
  const asked = whileRunning(definition, own)
  const {cores} = asked.resources.cpu
  const keeps = own.kind === 'dedicated' || own.kind === 'shared' || own.cpus.length === cores
  return desiredLimits(asked, facts, keeps ? presentCpus(own) : undefined).limits
}

function valueAt(definition: Definition, key: string): unknown {
  return keySteps(key).reduce<unknown>(
    (value, step) => (value as Record<string, unknown> | undefined)?.[step],
    definition,
  )
}
