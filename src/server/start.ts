import {closeSync, existsSync, mkdirSync, writeSync} from 'node:fs'
import type {Definition, Loaded} from '../definition/index.ts'
import {VpsError} from '../errors.ts'
import {
  type HostPaths,
  programProblem,
  serverPaths,
  throwIfAborted,
  writeError,
  writeFileAtomic,
} from '../host/index.ts'
import {showImage} from '../image/index.ts'
import {encode, type LaunchPlan} from '../launch/index.ts'
import {launch} from '../native/index.ts'
import {loadRules, namedServer, registerNames} from '../network/index.ts'
import {
  awaitLimits,
  cgroupPlace,
  enterScope,
  NoSuchLimit,
  prepareParent,
  prepareSlice,
  serverScope,
  unitProperty,
} from '../resources/index.ts'
import {request} from './control.ts'
import {describeErrno, startError} from './fault.ts'
import {happened} from './happened.ts'
import {hookError, runHook} from './hooks.ts'
import {guardIdBase} from './id-base.ts'
import {lackOf} from './lack.ts'
import {DEVICES, type LimitOptions, mayLack, sharesWithOthers} from './limits.ts'
import {dedicationMark, lockSharing} from './neighbours.ts'
import {remakeCommon} from './network/common.ts'
import {portError} from './network/ports.ts'
import {secureNetwork} from './network/start.ts'
import {AWAIT_SCOPE, loadValid, planLoaded, type Start} from './plan.ts'
import {
  type GeneratedPassword,
  hasPendingFiles,
  markWaiting,
  provisionFiles,
  provisionLater,
} from './provision/index.ts'
import {readRecord} from './record.ts'
import {removeRun} from './remains.ts'
import {ensureSlot} from './repair.ts'
import {type Report, readReport} from './report.ts'
import {isUp, readRun} from './run-state.ts'
import {wrongState} from './session.ts'
import {settleOthers} from './sharing.ts'
import type {Context, StartReport} from './types.ts'
import {isWantedUp, noteDown, noteUp} from './wanted.ts'

export interface StartOptions extends LimitOptions {
  /** Returns when the server says that it is up, not already when its init runs. */
  readonly wait?: boolean | undefined
  /** How long `wait` waits; default: two minutes. The server keeps running when that time is over. */
  readonly timeoutMs?: number | undefined
}

const READY_TIMEOUT_MS = 120_000

/**
 * Starts the server `name`, under its lock. A start that fails leaves nothing running and nothing mounted.
 * @param known its definition, when it was read under the same lock
 */
export async function start(
  context: Context,
  name: string,
  options: StartOptions = {},
  known?: Loaded,
): Promise<StartReport> {
  if (readRun(context.paths, name).kind === 'alive')
    throw wrongState(`server ${name} is running already`, `start it anew with \`vps restart ${name}\``)
  const {report, definition} = await startStopped(context, name, options, known)
  happened(context, 'started', name, {pid: report.pid})
  if (options.wait !== true) provisionLater(context.paths, name)
  const failed = await runHook(context, name, {hook: 'postStart', definition})
  return failed === undefined ? report : {...report, hookFailures: [failed]}
}

/** Its message, and those of what went wrong below. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`
}

interface Started {
  readonly report: StartReport
  readonly definition: Definition
}

async function startStopped(
  context: Context,
  name: string,
  options: LimitOptions,
  known: Loaded | undefined,
): Promise<Started> {
  try {
    await secureIds(context, name)
    const loaded = known ?? (await loadValid(context, name))
    const {definition} = loaded
    await refuseUnfitHook(name, definition)
    const generated = await provisionStopped(context, name, definition)
    for (const password of generated) context.onPassword?.(name, password)
    await secureNetwork(context, name, loaded)
    const begin = () => startLoaded(context, name, loaded, options)
    const report = await wantedUp(context, name, () => afterHook(context, name, definition, begin))
    return {report: {...report, ...(generated.length > 0 && {generated})}, definition}
  } catch (error) {
    happened(context, 'failed', name, {reason: reasonOf(error)})
    throw error
  }
}

async function startLoaded(
  context: Context,
  name: string,
  loaded: Loaded,
  options: LimitOptions,
): Promise<StartReport> {
  const {paths, signal} = context
  await using sharing = sharesWithOthers(context, loaded.definition)
    ? await lockSharing(paths, 'start', context.progress)
    : undefined
  const prepare = async (lacking: ReadonlySet<string>): Promise<Start> => {
    const planned = await planLoaded(context, name, loaded, {...options, lacking})
    await prepareParent(await cgroupPlace(paths), planned.limits.required)
    return planned
  }
  const first = await prepare(new Set())
  throwIfAborted(signal, `start ${name}`)

  await using undo = new AsyncDisposableStack()
  undo.defer(async () => await removeRun(context, name, sharing !== undefined))
  const {report, plan} = await attempts(context, name, {
    first,
    prepare,
    mayLackGuard: mayLack(loaded.definition, options),
    locked: sharing !== undefined,
  })
  if (report.started === undefined) throw failure(paths, name, report, plan)
  await markWaiting(serverPaths(paths, name).storage, loaded.definition)
  if (sharing !== undefined || existsSync(dedicationMark(paths)))
    await settleOthers(paths, sharing !== undefined)
  undo.move()
  const {supervisor, init} = report.started
  return {
    name,
    pid: init,
    supervisor,
    phases: report.phases,
    ...readiness(context, name),
    hookFailures: [],
  }
}

/** The supervisor runs this hook as it was told at the start, so it is looked at now. */
async function refuseUnfitHook(name: string, {hooks: {onFailure}}: Definition): Promise<void> {
  const problem = onFailure[0] === undefined ? undefined : await programProblem(onFailure[0])
  if (problem === undefined) return
  throw new VpsError('HOOK_FAILED', `the onFailure hook of server ${name} cannot be run: ${problem}`, {
    suggestions: ["make it a program of root's that nobody else can change, or take the hook away"],
  })
}

/** A start that fails leaves the wish as it was: a server that ran before the host went down is tried at the next boot again. */
async function wantedUp<Result>(
  {paths}: Context,
  name: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const before = isWantedUp(paths, name)
  noteUp(paths, name) // first: whoever is killed now has begun to start it
  try {
    return await work()
  } catch (error) {
    if (!before) noteDown(paths, name)
    throw error
  }
}

/** A start after its preStart hook. One that fails from there on is followed by postStop, which undoes what that did. */
async function afterHook(
  context: Context,
  name: string,
  definition: Definition,
  work: () => Promise<StartReport>,
): Promise<StartReport> {
  try {
    const refused = await runHook(context, name, {hook: 'preStart', definition})
    if (refused !== undefined) throw hookError(refused)
    return await work()
  } catch (error) {
    const hasBegun = definition.hooks.preStart.length > 0
    const undo = hasBegun ? await runHook(context, name, {hook: 'postStop', definition}) : undefined
    if (undo !== undefined) context.notice(hookError(undo).message)
    throw error
  }
}

interface Attempts {
  readonly first: Start
  /** Plans a start without what is lacking. @throws VpsError UNENFORCEABLE where the definition insists on it */
  readonly prepare: (lacking: ReadonlySet<string>) => Promise<Start>
  /** The server may be without the guard of devices. */
  readonly mayLackGuard: boolean
  readonly locked: boolean
}

/** As often as something turns out that this kernel does not have: without it, if the server may be. */
async function attempts(
  context: Context,
  name: string,
  {first, prepare, mayLackGuard, locked}: Attempts,
): Promise<{report: Report; plan: LaunchPlan}> {
  const lacking = new Set<string>()
  for (let planned = first; ; planned = await prepare(lacking)) {
    const report = await attempt(context, name, planned, locked)
    const lack = lackOf(report, planned.plan)
    const isFinal = lack === undefined || lacking.has(lack) || (lack === DEVICES && !mayLackGuard)
    if (isFinal) return {report, plan: planned.plan}
    lacking.add(lack)
    await removeRun(context, name, locked)
  }
}

/** Once more when the rules of the host's network turn out to be gone: somebody flushed them. */
async function attempt(context: Context, name: string, planned: Start, locked: boolean): Promise<Report> {
  const report = await launchOnce(context, name, planned)
  if (!lacksRules(report)) return report
  context.progress(`the rules of the host's network were gone; loading them anew`)
  await removeRun(context, name, locked)
  await remakeCommon(context)
  return await launchOnce(context, name, planned)
}

function lacksRules({fault}: Report): boolean {
  return fault?.op === 'nft-element' && describeErrno(fault.errno).name === 'ENOENT'
}

async function launchOnce(context: Context, name: string, planned: Start): Promise<Report> {
  await prepareRun(context, name, planned)
  if (planned.rules !== '') await loadRules(context, planned.rules)
  const named = namedServer(name, planned.definition, planned.plan.steps)
  if (named !== undefined) await registerNames(context, named)
  try {
    return await readReport(await launchInPlace(context, name, planned))
  } catch (error) {
    if (!(error instanceof NoSuchLimit)) throw error
    return {phases: [], ready: false, missing: error.file}
  }
}

/** Starts the supervisor, in a scope of its own where systemd is; returns the report channel. */
async function launchInPlace({paths}: Context, name: string, {plan, limits}: Start): Promise<number> {
  const {pid, reportFd} = await launch({words: encode(plan), name})
  if (plan.settings[AWAIT_SCOPE] === undefined) return reportFd
  try {
    await enterScope({
      scope: serverScope(paths, name),
      server: name,
      pid,
      stopTimeoutMs: Number(plan.settings['stop-timeout'] ?? 0),
      properties: limits.ofUnit.map(unitProperty),
    })
    const place = await cgroupPlace(paths)
    await prepareSlice(place, limits.required)
    await awaitLimits(place.directory(name), limits.ofUnit)
    writeSync(reportFd, 'g')
    return reportFd
  } catch (error) {
    closeSync(reportFd) // the supervisor reads the end of the channel, and gives up
    throw error
  }
}

/** Waits until the server that `report` is about says that it is up, and is healthy if that is checked. No lock is needed. */
export async function waitReady(
  {paths, signal}: Pick<Context, 'paths' | 'signal'>,
  report: StartReport,
  timeoutMs = READY_TIMEOUT_MS,
): Promise<StartReport> {
  const {name} = report
  const begin = performance.now()
  const lines = await askReady(paths, name, timeoutMs, signal)
  if (lines.some(line => line === 'ready')) {
    const microseconds = Math.round((performance.now() - begin) * 1000)
    const {health} = readiness({paths}, name)
    return {...report, ready: true, health, phases: [...report.phases, {name: 'ready', microseconds}]}
  }
  const exit = lines.find(line => line.startsWith('stopped'))?.split('\t')[1] ?? 'lost'
  throw new VpsError('NOT_READY', `server ${name} ended before it was up: ${exit}`, {
    suggestions: [`see what it said with \`vps logs ${name}\``],
  })
}

async function askReady(
  paths: HostPaths,
  name: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  try {
    const {socket} = serverPaths(paths, name)
    return await request(socket, ['wait-ready'], {timeoutMs, signal, what: `wait for ${name}`})
  } catch (error) {
    if (error instanceof VpsError && error.code !== 'CONTROL_TIMEOUT') throw error
    if (!(error instanceof VpsError)) return [] // no socket any more: it ended
    throw notReady(paths, name, timeoutMs)
  }
}

/** What the definition asks for since the server was made, or was interrupted: written before anything runs in it. */
async function provisionStopped(
  {paths}: Context,
  name: string,
  definition: Definition,
): Promise<GeneratedPassword[]> {
  const {storage} = serverPaths(paths, name)
  const record = readRecord(paths, name)
  if (record === undefined || !hasPendingFiles({storage, definition})) return []
  return await provisionFiles({storage, definition, image: await showImage(record.image, {paths})})
}

function notReady(paths: HostPaths, name: string, timeoutMs: number): VpsError {
  const run = readRun(paths, name)
  const state = run.kind === 'alive' ? run.state : undefined
  const message =
    state?.ready && !isUp(state)
      ? `server ${name} is not healthy after ${timeoutMs / 1000} s${state.healthReason === '' ? '' : ` (${state.healthReason})`}; it runs`
      : `server ${name} did not say within ${timeoutMs / 1000} s that it is up; it runs`
  return new VpsError('NOT_READY', message, {
    suggestions: [`see what it said with \`vps logs ${name}\``],
  })
}

/** Its id range must be its own, whatever a power cut or a change of host.yaml did. */
async function secureIds(context: Context, name: string): Promise<void> {
  const record = readRecord(context.paths, name)
  if (record === undefined) return
  await ensureSlot(context, name, serverPaths(context.paths, name).storage, record)
  await guardIdBase(context)
}

/** The run directory; plan.json is the plan for people, the supervisor itself stores the words it was given. */
async function prepareRun(
  {paths}: Context,
  name: string,
  {plan, definition, rules, limits: {dedicated, unenforced}}: Start,
): Promise<void> {
  const files = serverPaths(paths, name)
  try {
    mkdirSync(files.run, 0o700)
  } catch (error) {
    throw await writeError(files.run, error)
  }
  const write = async (file: string, text: string, mode = 0o600): Promise<void> =>
    await writeFileAtomic(file, `${text}\n`, {mode, sync: false})
  await write(files.planJson, JSON.stringify(plan, null, 1))
  await write(files.startedDefinition, JSON.stringify(definition))
  if (rules !== '') await write(files.rules, rules)
  if (unenforced.length > 0) await write(files.unenforced, JSON.stringify(unenforced))
  if (dedicated !== null) {
    await write(dedicationMark(paths), name)
    await write(files.cpus, dedicated)
  }
}

function readiness({paths}: Pick<Context, 'paths'>, name: string): Pick<StartReport, 'ready' | 'health'> {
  const run = readRun(paths, name)
  if (run.kind !== 'alive') return {ready: false, health: null}
  return {ready: isUp(run.state), health: run.state.health}
}

function failure(paths: HostPaths, name: string, {fault}: Report, plan: LaunchPlan): VpsError {
  const step = fault === undefined ? undefined : plan.steps[fault.step]
  const taken =
    step !== undefined && fault?.op === 'nft-element' && describeErrno(fault.errno).name === 'EEXIST'
  const ofPort = taken ? portError(paths, name, step) : undefined
  if (ofPort !== undefined) return ofPort
  if (fault !== undefined) return startError(name, fault, plan)
  return new VpsError('START_FAILED', `cannot start server ${name}: its supervisor died during the start`, {
    suggestions: ['look for a reason in `dmesg`, then try again'],
  })
}
