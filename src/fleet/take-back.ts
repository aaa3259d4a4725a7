import type {Definition} from '../definition/index.ts'
import {serverPaths, writeDefinition} from '../host/index.ts'
import {type Context, openSession, readAs, standingOf} from '../server/index.ts'
import {type ApplyJournal, type Before, removeJournal, writeJournal} from './journal.ts'
import type {ServerOutcome} from './report.ts'
import type {Target} from './types.ts'
import {type Job, type WorkOptions, work} from './work.ts'

/**
 * Brings every server of the journal back to how it was before the apply. Killed in the midst of it, the next apply goes on: the
 * journal says so until all is done.
 */
export async function takeBack(
  context: Context,
  journal: ApplyJournal,
  options: WorkOptions,
): Promise<ServerOutcome[]> {
  const {paths} = context
  const {servers, fleet} = journal
  await writeJournal(paths, {...journal, phase: 'taking-back'})
  options.onEvent({event: 'taking-back', servers: servers.map(({name}) => name)})
  const working: WorkOptions = {...options, outcome: 'taken-back', onFailure: () => {}}
  const made = servers.filter(({stored}) => !stored)
  const changed = servers.filter(({stored, text}) => stored && text !== null) // one without a definition keeps the new one
  const outcomes = [
    ...(await work(
      context,
      made.toReversed().map(before => jobOf(context, fleet, before, options)),
      working,
    )),
    ...(await work(
      context,
      changed.map(before => jobOf(context, fleet, before, options)),
      working,
    )),
  ]
  for (const before of made) await restoreDefinition(context, before)
  if (outcomes.every(({outcome}) => outcome === 'taken-back')) await removeJournal(paths, fleet)
  return outcomes
}

function jobOf({paths}: Context, fleet: string, before: Before, {parsing}: WorkOptions): Job {
  const {name, waiting} = before
  const rest = {
    name,
    after: [],
    definitionKey: 'any',
    mayRestart: !waiting,
    source: `fleet ${fleet}, taken back`,
  }
  if (!before.stored) return {...rest, target: {kind: 'absent', fleet}}
  const target = formerTarget(before, text => readAs(paths, name, text, parsing))
  return {...rest, after: target.kind === 'server' ? target.definition().after : [], target}
}

function formerTarget({text, state, fleet}: Before, parse: (text: string) => Definition): Target {
  let definition: Definition | undefined
  const definitionOf = (): Definition => {
    definition ??= parse(text ?? '')
    return definition
  }
  return {kind: 'server', text: text ?? '', state, fleet: fleet ?? undefined, definition: definitionOf}
}

/** A definition that was there without a server, and was taken over. */
async function restoreDefinition(context: Context, {name, text}: Before): Promise<void> {
  if (text === null) return
  const {paths} = context
  await using _session = await openSession(context, 'apply', name)
  const {stored, text: now} = standingOf(paths, name)
  if (!stored && now !== text) await writeDefinition(serverPaths(paths, name).definition, text)
}
