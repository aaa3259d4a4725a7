import {closeSync, writeSync} from 'node:fs'
import {mkdir} from 'node:fs/promises'
import {VpsError} from '../errors.ts'
import {serverPaths, writeError, writeFileAtomic} from '../host/index.ts'
import {encode, type LaunchPlan} from '../launch/index.ts'
import {launch} from '../native/index.ts'
import {cgroupPlace, enterScope, prepareParent, serverScope} from '../resources/index.ts'
import {request} from './control.ts'
import {startError} from './fault.ts'
import {guardIdBase} from './id-base.ts'
import {AWAIT_SCOPE, planStart} from './plan.ts'
import {readRecord} from './record.ts'
import {removeRun} from './remains.ts'
import {ensureSlot} from './repair.ts'
import {type Report, readReport} from './report.ts'
import {readRun} from './run-state.ts'
import {wrongState} from './session.ts'
import type {Context, StartReport} from './types.ts'

export interface StartOptions {
  /** Returns when the server says that it is up, not already when its init runs. */
  readonly wait?: boolean | undefined
  /** How long `wait` waits; default: two minutes. The server keeps running when that time is over. */
  readonly timeoutMs?: number | undefined
}

const READY_TIMEOUT_MS = 120_000

/** Starts the server `name`, under its lock. A start that fails leaves nothing running and nothing mounted. */
export async function start(context: Context, name: string): Promise<StartReport> {
  const {paths} = context
  if (readRun(paths, name).kind === 'alive')
    throw wrongState(`server ${name} is running already`, `start it anew with \`vps restart ${name}\``)
  await secureIds(context, name)
  const plan = await planStart(context, name)
  await prepareParent(await cgroupPlace(paths))

  await using undo = new AsyncDisposableStack()
  undo.defer(async () => await removeRun(context, name))
  await prepareRun(context, name, plan)
  const report = await readReport(await launchInPlace(context, name, plan))
  if (report.started === undefined) throw failure(name, report, plan)
  undo.move()
  const {supervisor, init} = report.started
  return {name, pid: init, supervisor, phases: report.phases, ready: report.ready || isReady(context, name)}
}

/** Starts the supervisor, in a scope of its own where systemd is; returns the report channel. */
async function launchInPlace({paths}: Context, name: string, plan: LaunchPlan): Promise<number> {
  const {pid, reportFd} = launch({words: encode(plan), name})
  if (plan.settings[AWAIT_SCOPE] === undefined) return reportFd
  try {
    await enterScope(serverScope(paths, name), name, pid, Number(plan.settings['stop-timeout'] ?? 0))
    writeSync(reportFd, 'g')
    return reportFd
  } catch (error) {
    closeSync(reportFd) // the supervisor reads the end of the channel, and gives up
    throw error
  }
}

/** Waits until the server that `report` is about says that it is up. No lock is needed. */
export async function waitReady(
  {paths}: Pick<Context, 'paths'>,
  report: StartReport,
  timeoutMs = READY_TIMEOUT_MS,
): Promise<StartReport> {
  const {name} = report
  const begin = performance.now()
  const lines = await askReady(serverPaths(paths, name).socket, name, timeoutMs)
  if (lines.some(line => line === 'ready')) {
    const microseconds = Math.round((performance.now() - begin) * 1000)
    return {...report, ready: true, phases: [...report.phases, {name: 'ready', microseconds}]}
  }
  const exit = lines.find(line => line.startsWith('stopped'))?.split('\t')[1] ?? 'lost'
  throw new VpsError('NOT_READY', `server ${name} ended before it was up: ${exit}`, {
    suggestions: [`see what it said with \`vps logs ${name}\``],
  })
}

async function askReady(socket: string, name: string, timeoutMs: number): Promise<string[]> {
  try {
    return await request(socket, ['wait-ready'], {timeoutMs})
  } catch (error) {
    if (error instanceof VpsError && error.code !== 'CONTROL_TIMEOUT') throw error
    if (!(error instanceof VpsError)) return [] // no socket any more: it ended
    throw new VpsError(
      'NOT_READY',
      `server ${name} did not say within ${timeoutMs / 1000} s that it is up; it runs`,
      {
        suggestions: [`see what it said with \`vps logs ${name}\``],
      },
    )
  }
}

/** Its id range must be its own, whatever a power cut or a change of host.yaml did. */
async function secureIds(context: Context, name: string): Promise<void> {
  const record = readRecord(context.paths, name)
  if (record === undefined) return
  await ensureSlot(context, name, serverPaths(context.paths, name).storage, record)
  await guardIdBase(context)
}

/** The run directory; plan.json is the plan for people, the supervisor itself stores the words it was given. */
async function prepareRun({paths}: Context, name: string, plan: LaunchPlan): Promise<void> {
  const {run, planJson} = serverPaths(paths, name)
  try {
    await mkdir(run, 0o700)
  } catch (error) {
    throw await writeError(run, error)
  }
  await writeFileAtomic(planJson, `${JSON.stringify(plan, null, 1)}\n`, {mode: 0o600, sync: false})
}

function isReady({paths}: Context, name: string): boolean {
  const run = readRun(paths, name)
  return run.kind === 'alive' && run.state.ready
}

function failure(name: string, {fault}: Report, plan: LaunchPlan): VpsError {
  if (fault !== undefined) return startError(name, fault, plan)
  return new VpsError('START_FAILED', `cannot start server ${name}: its supervisor died during the start`, {
    suggestions: ['look for a reason in `dmesg`, then try again'],
  })
}
