/*
 * The network of a running server is changed as its definition is: addresses, ports, rules, rates. What was started is known from
 * the stored plan; what is different in the new one is done, and the supervisor told.
 */
import {rm} from 'node:fs/promises'
import {isDeepStrictEqual} from 'node:util'
import type {Definition, Loaded} from '../../definition/index.ts'
import {ExitCode, VpsError} from '../../errors.ts'
import {serverPaths, writeFileAtomic} from '../../host/index.ts'
import {parseRange} from '../../ip.ts'
import {encode, type LaunchPlan} from '../../launch/index.ts'
import {
  changeSteps,
  claimAddresses,
  isNetworkStep,
  loadRules,
  type NetworkStep,
  removesCounters,
  reversed,
} from '../../network/index.ts'
import {request} from '../control.ts'
import type {StartFault} from '../fault.ts'
import {foldDefinition, textHash} from '../folding.ts'
import {startedDefinition} from '../neighbours.ts'
import {readRecord} from '../record.ts'
import {type RunState, readText} from '../run-state.ts'
import type {Context} from '../types.ts'
import {saveAccounts} from '../usage.ts'
import {remakeCommon} from './common.ts'
import {renewNames} from './names.ts'
import {runNetwork} from './native.ts'
import {portError, refusePortsOfHost} from './ports.ts'
import {claimantOf, planNetwork} from './start.ts'
import {storedPlan} from './stored-plans.ts'

/** network.undo: there while a change is under way. */
interface Journal {
  /** Of the text that the definition is to have: once it has, the change is made. */
  readonly commit: string
  readonly signed: readonly NetworkStep[]
  readonly steps: readonly NetworkStep[]
  readonly rules: string
  /** What the server is told by at its next boot. */
  readonly files: readonly NetworkStep[]
}

/**
 * Brings the network of a running server to what its new definition says, as far as that needs no restart: all of it, or nothing and
 * the definition stays as it was.
 * @param commit writes the definition, whose text is `after.text`
 * @throws VpsError NO_ADDRESS, PORT_TAKEN (exit 4), NETWORK_NOT_CHANGED
 */
export async function changeNetwork(
  context: Context,
  name: string,
  state: RunState,
  after: Loaded,
  commit: () => Promise<void>,
): Promise<void> {
  const {paths} = context
  const claim = await claimAddresses(context, claimantOf(context, name, after))
  let changed: Changed
  try {
    changed = await changeKernel(context, name, state, after, commit)
  } catch (error) {
    await claim.undo()
    throw error
  }
  const {plan: before, journal} = changed
  const plan =
    before === undefined || journal === undefined ? before : await adopt(context, name, before, journal)
  if (journal !== undefined) await renewNames(context, name)
  await claim.settle(plan?.steps.flatMap(addressOf) ?? [])
  await rm(serverPaths(paths, name).networkUndo, {force: true}) // cut off before, it is all done again
}

/** The plan before, and what it becomes if it is to be another. */
interface Changed {
  readonly plan: LaunchPlan | undefined
  readonly journal?: Journal
}

/** The kernel's part, and `commit`: both or none. */
async function changeKernel(
  context: Context,
  name: string,
  state: RunState,
  after: Loaded,
  commit: () => Promise<void>,
): Promise<Changed> {
  const {paths} = context
  const [plan, started, record] = [
    storedPlan(paths, name),
    startedDefinition(paths, name),
    readRecord(paths, name),
  ]
  if (plan === undefined || started === undefined || record === undefined) {
    await commit()
    return {plan}
  }
  const running = withDefinition(after, foldDefinition(started, after.definition))
  const files = serverPaths(paths, name)
  const before = plan.steps.filter(isNetworkStep)
  const planned = planNetwork(context, record, name, running, before)
  const {steps, signed} = changeSteps(before, planned.steps)
  const rules = readText(files.rules)?.trimEnd() ?? ''
  if (signed.length === 0 && planned.rules.trimEnd() === rules) {
    await commit()
    return {plan}
  }
  if (!isDeepStrictEqual(started.network.publish, running.definition.network.publish))
    await refusePortsOfHost(context, name, running)
  const journal: Journal = {
    commit: textHash(after.text),
    signed,
    steps,
    rules: planned.rules,
    files: planned.files,
  }
  await writeFileAtomic(files.networkUndo, `${JSON.stringify(journal)}\n`, {mode: 0o600, sync: false})
  await using undo = new AsyncDisposableStack()
  undo.defer(async () => await rm(files.networkUndo, {force: true}))
  if (planned.rules !== '') {
    undo.defer(async () => (rules === '' ? undefined : await loadRules(context, `${rules}\n`)))
    await loadRules(context, planned.rules)
  }
  await applySigned(context, name, state, signed, planned.rules)
  undo.defer(async () => {
    // First the chains that elements jump to.
    if (rules !== '') await loadRules(context, `${rules}\n`)
    await tryEach(context, state, reversed(signed))
  })
  await commit()
  undo.move()
  return {plan, journal}
}

/** Rolls back a change that was cut off, or finishes one whose definition stands already. Under the server's lock. */
export async function repairNetwork(context: Context, name: string, state: RunState): Promise<void> {
  const {paths} = context
  const files = serverPaths(paths, name)
  const text = readText(files.networkUndo)
  if (text === undefined) return
  const journal = JSON.parse(text) as Journal // our own file, written by rename
  const plan = storedPlan(paths, name)
  const isCommitted = textHash(readText(files.definition) ?? '') === journal.commit
  if (plan !== undefined && isCommitted) {
    if (journal.rules !== '') await loadRules(context, journal.rules)
    await tryEach(context, state, journal.signed)
    await adopt(context, name, plan, journal)
    await renewNames(context, name)
  } else {
    const rules = readText(files.rules)
    if (rules !== undefined) await loadRules(context, rules)
    await tryEach(context, state, reversed(journal.signed))
  }
  await rm(files.networkUndo, {force: true})
  const what = isCommitted ? 'finished' : 'undid'
  context.notice(`${what} the interrupted change of the network of server ${name}`)
}

/** All of them, or none. */
async function applySigned(
  context: Context,
  name: string,
  state: RunState,
  signed: readonly NetworkStep[],
  rules: string,
): Promise<void> {
  const apply = async () => await runNetwork('network-apply', {settings: namespaceOf(state), steps: signed})
  if (removesCounters(signed)) await saveAccounts(context, [name])
  let fault = await apply()
  if (fault?.code === 'ENOENT' && fault.op.endsWith('nft-element')) {
    await remakeCommon(context)
    if (rules !== '') await loadRules(context, rules) // what was loaded of them went with the old ones
    fault = await apply()
  }
  if (fault !== undefined) throw cannotChange(context, name, fault, signed)
}

function cannotChange(
  {paths}: Pick<Context, 'paths'>,
  name: string,
  fault: StartFault,
  signed: readonly NetworkStep[],
): VpsError {
  const step = signed[fault.step]
  const taken = step !== undefined && fault.code === 'EEXIST' && step.op === '+nft-element'
  const ofPort = taken ? portError(paths, name, {...step, op: 'nft-element'}) : undefined
  if (ofPort !== undefined) return ofPort
  return new VpsError('NETWORK_NOT_CHANGED', `cannot change the network of server ${name} while it runs`, {
    cause: fault,
    suggestions: [
      'see what is different from what it should be with `vps network check`',
      'nothing was changed',
    ],
    exitCode: ExitCode.failed,
  })
}

/** Each by itself, whether it is done already or not. */
async function tryEach({notice}: Context, state: RunState, signed: readonly NetworkStep[]): Promise<void> {
  for (const step of signed) {
    const fault = await runNetwork('network-apply', {settings: namespaceOf(state), steps: [step]})
    if (fault !== undefined && fault.code !== 'EEXIST') notice(fault.message)
  }
}

/** The plan becomes that of the running server: its supervisor goes by it at a restart and at the end. */
async function adopt(
  {paths}: Context,
  name: string,
  {settings, steps: before}: LaunchPlan,
  {steps, rules, files: guestFiles}: Journal,
): Promise<LaunchPlan> {
  const files = serverPaths(paths, name)
  const at = before.findIndex(isNetworkStep)
  const fileOf = new Map(guestFiles.map(step => [step.arguments[0], step]))
  const others = before
    .filter(step => !isNetworkStep(step))
    .map(step => (step.op === 'own-file' ? (fileOf.get(step.arguments[0]) ?? step) : step))
  const plan = {settings, steps: others.toSpliced(at === -1 ? 0 : at, 0, ...steps)}
  const write = async (file: string, data: string | Buffer): Promise<void> =>
    await writeFileAtomic(file, data, {mode: 0o600, sync: false})
  await write(files.planJson, `${JSON.stringify(plan, null, 1)}\n`)
  await write(files.plan, encode(plan))
  if (rules === '') await rm(files.rules, {force: true})
  else await write(files.rules, `${rules}\n`)
  await request(files.socket, ['reload'])
  return plan
}

function withDefinition(loaded: Loaded, definition: Definition): Loaded {
  return {...loaded, definition}
}

function namespaceOf({init, initStart}: RunState): Record<string, string> {
  return init > 0 ? {'netns-pid': String(init), 'netns-start': initStart} : {}
}

function addressOf({op, arguments: [, text = '']}: NetworkStep) {
  return op === 'host-route' ? (parseRange(text) ?? []) : []
}
