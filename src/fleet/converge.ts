/*
 * Makes one server what it shall be, under its lock. What has to be done is found out anew there: the plan is for people, and a
 * repeated apply, or one that follows a kill -9, does what is left and nothing twice.
 */
import type {Loaded} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {serverPaths, writeDefinition} from '../host/index.ts'
import {
  type Context,
  create,
  destroy,
  type HistoryOrigin,
  hookError,
  openSession,
  readRecord,
  replaceDefinition,
  restart,
  type StopReport,
  standingOf,
  start,
  stop,
  writeRecord,
} from '../server/index.ts'
import {difference} from './diff.ts'
import {findServer, type Look} from './present.ts'
import type {Step, Target} from './types.ts'

export interface ConvergeOptions {
  readonly parsing: Look['parsing']
  /** Servers are restarted for keys that wait for it. */
  readonly mayRestart: boolean
  /** What `fileKey` said of the definition when this was planned; `any`: does not matter. */
  readonly definitionKey: string
  /** Where the fleet's files speak of it, for its history. */
  readonly source: string | undefined
  readonly onStep: (step: Step) => void
}

const NONE: Look['unfinished'] = new Map() // the session has repaired it

/** Returns what was done. @throws VpsError CHANGED_MEANWHILE (exit 4), and what the verbs throw */
export async function converge(
  context: Context,
  name: string,
  target: Target,
  {parsing, mayRestart, definitionKey, source, onStep}: ConvergeOptions,
): Promise<Step[]> {
  const {paths} = context
  await using session = await openSession(context, 'apply', name)
  const {present, definitionKey: now} = findServer(paths, name, {parsing, unfinished: NONE})
  const wasCutOff = session.repaired.length > 0
  if (definitionKey !== 'any' && now !== definitionKey && !wasCutOff) throw changedMeanwhile(context, name)
  const done: Step[] = []
  const aim: Aim = {target, source}
  for (const step of difference(present, target, mayRestart).steps) {
    onStep(step)
    await take(context, name, aim, step)
    done.push(step)
  }
  return done
}

interface Aim {
  readonly target: Target
  readonly source: string | undefined
  /** The definition, once it was read to make the server of it. */
  made?: Loaded | undefined
}

async function take(context: Context, name: string, aim: Aim, step: Step): Promise<void> {
  const {paths} = context
  const {target, source} = aim
  const origin: HistoryOrigin = {verb: 'apply', ...(source !== undefined && {source})}
  if (target.kind === 'absent') {
    await destroy(context, name, true)
    return
  }
  switch (step) {
    case 'adopt':
      return await adopt(context, name, target)
    case 'create':
      aim.made = await make(context, name, target, origin)
      return
    case 'change':
      await write(context, name, target.text, origin)
      return
    case 'stop':
      if (standingOf(paths, name).run.kind === 'alive') tellHooks(context, await stop(context, name, {}))
      return
    case 'restart':
      tellHooks(context, await restart(context, name))
      return
    case 'start': {
      if (standingOf(paths, name).run.kind === 'alive') await stop(context, name, {}) // it is just ending
      tellHooks(context, await start(context, name, {}, aim.made))
      return
    }
  }
}

/** Hooks that failed keep nothing from being done. */
function tellHooks({notice}: Context, {hookFailures}: Pick<StopReport, 'hookFailures'>): void {
  for (const failed of hookFailures) notice(hookError(failed).message)
}

type Wanted = Extract<Target, {kind: 'server'}>

/** A server that only has a definition gets the fleet's; one that was created is recorded as the fleet's. */
async function adopt({paths}: Context, name: string, {text, fleet}: Wanted): Promise<void> {
  const {storage, definition} = serverPaths(paths, name)
  const record = readRecord(paths, name)
  if (record === undefined) return await writeDefinition(definition, text)
  const {fleet: _, ...rest} = record
  await writeRecord(storage, fleet === undefined ? rest : {...rest, fleet})
}

async function make(
  context: Context,
  name: string,
  {text, fleet, loadedAt}: Wanted,
  origin: HistoryOrigin,
): Promise<Loaded | undefined> {
  const isDefined = standingOf(context.paths, name).text !== undefined
  const source = isDefined ? {fleet} : {definitionText: text, loadedAt, fleet}
  const {loaded} = await create(context, name, source, origin)
  return loaded
}

/** A server that has lost its definition gets it back. */
async function write(context: Context, name: string, text: string, origin: HistoryOrigin): Promise<void> {
  if (standingOf(context.paths, name).text === undefined)
    await writeDefinition(serverPaths(context.paths, name).definition, text)
  await replaceDefinition(context, name, text, origin)
}

function changedMeanwhile({paths}: Context, name: string): VpsError {
  return new VpsError(
    'CHANGED_MEANWHILE',
    `server ${name} was changed since this was planned: ${serverPaths(paths, name).definition} is another one`,
    {suggestions: ['plan again, and look at what would change now'], exitCode: ExitCode.wrongState},
  )
}
