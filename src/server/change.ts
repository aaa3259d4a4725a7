import {readFile} from 'node:fs/promises'
import {changedKeys, editDefinition, type Loaded, parseDefinition, requireValid} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {ifMissing, serverPaths, writeDefinition} from '../host/index.ts'
import {claimAddresses} from '../network/index.ts'
import {changeCare} from './care.ts'
import {happened} from './happened.ts'
import {type HistoryOrigin, recordHistory} from './history.ts'
import {changeLive} from './live.ts'
import {changeNetwork} from './network/change.ts'
import {claimantOf} from './network/start.ts'
import {parseOptions} from './parse-options.ts'
import {readRecord} from './record.ts'
import {readRun} from './run-state.ts'
import type {Context, SetReport} from './types.ts'

/** `value` undefined removes the key. */
export interface Assignment {
  readonly path: string
  readonly value: string | undefined
}

/** `vps set`: changes keys of the definition, under the server's lock; comments and layout stay. */
export async function set(
  context: Context,
  name: string,
  assignments: readonly Assignment[],
): Promise<SetReport> {
  const text = await readDefinition(context, name)
  return await replaceDefinition(context, name, editDefinition(text, [...assignments]).text, {verb: 'set'})
}

/** `vps edit`: replaces the definition, under the server's lock; an invalid one is refused and nothing changes. */
export async function replaceDefinition(
  context: Context,
  name: string,
  text: string,
  origin: HistoryOrigin = {},
): Promise<SetReport> {
  const present = await readDefinition(context, name)
  const report = await replace(context, name, present, text)
  if (text !== present) recordHistory(context, name, {verb: 'edit', text, before: present, ...origin})
  const {live, afterRestart} = report
  if (live.length + afterRestart.length > 0)
    happened(context, 'changed', name, {
      keys: [...live, ...afterRestart].join(', '),
      ...(afterRestart.length > 0 && {afterRestart: afterRestart.join(', ')}),
    })
  return report
}

async function replace(context: Context, name: string, present: string, text: string): Promise<SetReport> {
  const {paths} = context
  const {definition: file} = serverPaths(paths, name)
  const before = parseDefinition(present, {file, name, ...parseOptions(paths)})
  const loaded = parseDefinition(text, {file, name, ...parseOptions(paths)})
  const after = requireValid(loaded)
  const {live, restart} = changedKeys(before.definition, after)
  const keys = [...live, ...restart]
  if (keys.includes('name'))
    throw refusal("a definition cannot change its server's name", `use \`vps rename ${name} NEW\``)
  if (keys.some(key => /^template\b/.test(key)) && readRecord(paths, name) !== undefined)
    throw refusal(
      `the template of server ${name} is fixed since its creation`,
      'create a new server from the other template',
    )
  const commit = async (): Promise<void> => await writeDefinition(file, text)
  const run = readRun(paths, name)
  if (run.kind !== 'alive') {
    await changeStopped(context, name, loaded, commit)
    return {name, live: keys, afterRestart: []} // a stopped server has nothing to wait for
  }
  const {state} = run
  await changeCare(context, name, loaded, async () => {
    await changeNetwork(context, name, state, loaded, async () => {
      await changeLive(context, name, state, loaded, commit)
    })
  })
  return {name, live, afterRestart: restart}
}

/** A server that was created has the addresses of its definition, whether it runs or not. */
async function changeStopped(
  context: Context,
  name: string,
  loaded: Loaded,
  commit: () => Promise<void>,
): Promise<void> {
  if (readRecord(context.paths, name) === undefined) return await commit()
  const claim = await claimAddresses(context, claimantOf(context, name, loaded))
  try {
    await commit()
  } catch (error) {
    await claim.undo()
    throw error
  }
  await claim.settle()
}

async function readDefinition({paths}: Context, name: string): Promise<string> {
  const {definition} = serverPaths(paths, name)
  const text = await ifMissing(readFile(definition, 'utf8'), undefined)
  if (text !== undefined) return text
  throw new VpsError('NO_DEFINITION', `server ${name} has lost its definition: ${definition} is missing`, {
    suggestions: ['write that file again'],
  })
}

function refusal(message: string, suggestion: string): VpsError {
  return new VpsError('CANNOT_CHANGE', message, {suggestions: [suggestion], exitCode: ExitCode.wrongUse})
}
