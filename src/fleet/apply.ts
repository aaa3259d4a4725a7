import {VpsError} from '../errors.ts'
import {recordEvent, removeTemporaries, requirePrivilege} from '../host/index.ts'
import {type Context, parseOptions, repairGone} from '../server/index.ts'
import {lockApply} from './apply-lock.ts'
import type {Fleet} from './file/index.ts'
import {type ApplyJournal, readJournal, removeJournal, writeJournal} from './journal.ts'
import type {PlanOptions} from './options.ts'
import {reversed} from './order.ts'
import {type Planned, planFleet} from './plan.ts'
import type {ApplyEvent, ApplyReport, ServerOutcome} from './report.ts'
import {takeBack} from './take-back.ts'
import type {FleetPlan, Task} from './types.ts'
import {type Job, type WorkOptions, work} from './work.ts'

export interface ApplyOptions extends PlanOptions {
  /** How many servers are worked on at once; default: twice the processors, 16 at most. */
  readonly parallel?: number | undefined
  /** The first server that fails keeps all others from being begun. */
  readonly failFast?: boolean | undefined
  /** The first server that fails has everything taken back. */
  readonly atomic?: boolean | undefined
  /** False: another apply that is under way is an error, instead of being waited for. */
  readonly wait?: boolean | undefined
  /** Asked before anything is done, and only if there is something to do; anything but true means no. Default: yes. */
  readonly confirm?: ((plan: FleetPlan) => boolean | Promise<boolean>) | undefined
  /** Told of all that happens. */
  readonly onEvent?: ((event: ApplyEvent) => void) | undefined
  /** Once it is aborted, what is under way is finished, and nothing else is begun. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Makes the host's servers what a fleet says. There is no state but the servers themselves: after a kill -9 at any moment the same
 * apply goes on, and does nothing twice.
 * @throws VpsError what planning throws; BUSY (exit 4); NOT_CONFIRMED (exit 1). Servers that fail are in the report.
 */
export async function applyFleet(
  context: Context,
  fleet: Fleet,
  options: ApplyOptions = {},
): Promise<ApplyReport> {
  const begin = performance.now()
  await requirePrivilege('apply')
  const {signal, wait} = options
  await using _lock = await lockApply({...context, signal}, fleet.name, wait !== false)
  await repairGone(context)
  removeTemporaries(context.paths.fleets)
  const run = new Run(context, options)
  await run.finishTakingBack(fleet.name)
  const planned = await planFleet(context, fleet, options)
  run.tell({event: 'plan', plan: planned.plan})
  const {confirm = () => true} = options
  if (planned.plan.pending && (await confirm(planned.plan)) !== true)
    throw new VpsError('NOT_CONFIRMED', 'nothing was changed')
  const result = await run.all(planned)
  const report: ApplyReport = {
    fleet: fleet.name,
    ok: result.servers.every(({outcome}) => outcome === 'done'),
    plan: planned.plan,
    interrupted: options.signal?.aborted === true,
    tookMs: Math.round(performance.now() - begin),
    ...result,
  }
  if (report.servers.length > 0)
    recordEvent(context.paths, {type: 'applied', server: null, detail: detailOf(report)})
  run.tell({event: 'end', report})
  return report
}

/** For the host's log. */
function detailOf({fleet, ok, servers, takenBack}: ApplyReport): Record<string, string | number | boolean> {
  const count = (outcome: ServerOutcome['outcome']): number =>
    servers.filter(server => server.outcome === outcome).length
  return {fleet, ok, done: count('done'), failed: count('failed'), takenBack: takenBack !== 'no'}
}

type Result = Pick<ApplyReport, 'servers' | 'takenBack'>

/** One apply, from when it has the lock. */
class Run {
  readonly #context: Context
  readonly #options: ApplyOptions
  readonly #failure = new AbortController()
  readonly #working: WorkOptions

  constructor(context: Context, options: ApplyOptions) {
    this.#context = {
      ...context,
      onPassword: (name, password) => this.tell({event: 'password', name, ...password}),
    }
    this.#options = options
    const {parallel, signal, failFast, atomic} = options
    const signals = [this.#failure.signal, ...(signal === undefined ? [] : [signal])]
    this.#working = {
      parsing: parseOptions(context.paths),
      parallel,
      signal: AbortSignal.any(signals),
      onEvent: event => this.tell(event),
      onFailure: () => {
        if (failFast || atomic) this.#failure.abort()
      },
    }
  }

  tell(event: ApplyEvent): void {
    this.#options.onEvent?.(event)
  }

  async all({plan, tasks}: Planned): Promise<Result> {
    const destroys = reversed(tasks.filter(({planned}) => planned.steps.includes('destroy')))
    const others = inPriority(tasks.filter(({planned}) => !planned.steps.includes('destroy')))
    const result = await (this.#options.atomic
      ? this.#allOrNothing(plan, others, destroys)
      : this.#allThatCan(plan, others, destroys))
    return {...result, servers: inOrderOf(plan, result.servers)}
  }

  /** What is removed goes first: others may be waiting for its addresses and ports. */
  async #allThatCan(plan: FleetPlan, others: readonly Task[], destroys: readonly Task[]): Promise<Result> {
    const servers = [...(await this.#do(destroys)), ...(await this.#do(others))]
    const isDone = servers.every(({outcome}) => outcome === 'done')
    if (plan.interrupted !== null && isDone) await removeJournal(this.#context.paths, plan.fleet)
    return {servers, takenBack: 'no'}
  }

  /** What is removed can't be taken back, so that comes once all else is done. */
  async #allOrNothing(plan: FleetPlan, others: readonly Task[], destroys: readonly Task[]): Promise<Result> {
    const {paths} = this.#context
    const journal = journalOf(plan, others, readJournal(paths, plan.fleet))
    if (others.length > 0) await writeJournal(paths, journal)
    const servers = await this.#do(others)
    if (servers.some(({outcome}) => outcome === 'failed'))
      return await this.#taken(journal, [...servers, ...destroys.map(notBegun)])
    if (servers.some(({outcome}) => outcome !== 'done'))
      return {servers: [...servers, ...destroys.map(notBegun)], takenBack: 'no'} // interrupted: the journal stays
    await removeJournal(paths, plan.fleet)
    return {servers: [...servers, ...(await this.#do(destroys))], takenBack: 'no'}
  }

  async #taken(journal: ApplyJournal, servers: readonly ServerOutcome[]): Promise<Result> {
    const back = await this.#takeBack(journal)
    const outcomes = new Map(back.map(outcome => [outcome.name, outcome]))
    return {
      servers: servers.map(outcome =>
        outcome.outcome === 'done'
          ? {...outcome, outcome: outcomes.get(outcome.name)?.outcome ?? 'done'}
          : outcome,
      ),
      takenBack: back.every(({outcome}) => outcome === 'taken-back') ? 'yes' : 'partly',
    }
  }

  async #takeBack(journal: ApplyJournal): Promise<ServerOutcome[]> {
    const {signal = new AbortController().signal} = this.#options
    return await takeBack(this.#context, journal, {...this.#working, signal})
  }

  /** An atomic apply failed, and was killed while it took back what it had done. */
  async finishTakingBack(fleet: string): Promise<void> {
    const journal = readJournal(this.#context.paths, fleet)
    if (journal?.phase !== 'taking-back') return
    this.#context.notice(
      `the atomic apply of ${journal.begun} failed and was cut off while it was taken back; finishing that first`,
    )
    const left = (await this.#takeBack(journal)).filter(({outcome}) => outcome !== 'taken-back')
    if (left.length === 0) return
    const names = left.map(({name}) => name).join(', ')
    throw new VpsError('NOT_TAKEN_BACK', `cannot take back what was done to ${names}`, {
      cause: left.find(({error}) => error !== undefined)?.error,
      suggestions: ['mend that, and run the same command again'],
    })
  }

  async #do(tasks: readonly Task[]): Promise<ServerOutcome[]> {
    const mayRestart = this.#options.restart !== false
    const jobs = tasks.map(
      (task): Job => ({
        ...task,
        mayRestart,
        source: task.planned.place ?? undefined,
      }),
    )
    return await work(this.#context, jobs, this.#working)
  }
}

/** Changes go first, as what they give up may be what new servers want. */
function inPriority(tasks: readonly Task[]): Task[] {
  const isNew = ({planned}: Task): boolean => planned.steps.includes('create')
  return [...tasks.filter(task => !isNew(task)), ...tasks.filter(isNew)]
}

/** Of an apply that goes on with one that was cut off, the state before that one is what counts. */
function journalOf(plan: FleetPlan, tasks: readonly Task[], earlier: ApplyJournal | undefined): ApplyJournal {
  const known = new Set(earlier?.servers.map(({name}) => name))
  const fresh = tasks.filter(({name}) => !known.has(name)).map(({before}) => before())
  return {
    version: 1,
    fleet: plan.fleet,
    begun: earlier?.begun ?? new Date().toISOString(),
    phase: 'applying',
    servers: [...(earlier?.servers ?? []), ...fresh],
  }
}

function notBegun({name}: Task): ServerOutcome {
  return {name, outcome: 'not-begun', steps: [], tookMs: 0}
}

function inOrderOf({servers}: FleetPlan, outcomes: readonly ServerOutcome[]): ServerOutcome[] {
  const byName = new Map(outcomes.map(outcome => [outcome.name, outcome]))
  return servers.flatMap(({name}) => byName.get(name) ?? [])
}
