/*
 * The engine of an apply: does tasks, many at once, in the order of what comes after what.
 */
import {availableParallelism} from 'node:os'
import {type Context, type ParsingOptions, waitReady} from '../server/index.ts'
import {converge} from './converge.ts'
import {inOrder, type Outcome, type Turn} from './order.ts'
import type {ApplyEvent, ServerOutcome} from './report.ts'
import type {Step, Target} from './types.ts'

/** What is to be done to a server. */
export interface Job {
  readonly name: string
  readonly after: readonly string[]
  readonly target: Target
  /** See `ConvergeOptions`. */
  readonly definitionKey: string
  readonly mayRestart: boolean
  readonly source: string | undefined
}

export interface WorkOptions {
  readonly parsing: ParsingOptions
  readonly parallel?: number | undefined
  /** Nothing is begun any more once it is aborted. */
  readonly signal: AbortSignal
  readonly onEvent: (event: ApplyEvent) => void
  /** How those are called that are done. */
  readonly outcome?: 'done' | 'taken-back'
  readonly onFailure?: () => void
}

/**
 * How many are at work at once: while one waits for the kernel or the disk, another has the processor.
 * @internal
 */
export function defaultParallel(): number {
  return Math.min(16, 2 * availableParallelism())
}

/** Does all of `jobs` that can be done; one that fails keeps only those that come after it from their turn. */
export async function work(
  context: Context,
  jobs: readonly Job[],
  options: WorkOptions,
): Promise<ServerOutcome[]> {
  const {signal, parallel = defaultParallel(), onEvent} = options
  const needed = new Set(jobs.flatMap(({after}) => after))
  const run = async (job: Job, turn: Turn): Promise<ServerOutcome> => {
    const outcome = await one(context, job, options, needed.has(job.name) ? turn : undefined)
    onEvent({event: 'server', ...outcome})
    if (outcome.outcome === 'failed') {
      options.onFailure?.()
      throw new Failed(outcome)
    }
    return outcome
  }
  const outcomes = await inOrder(jobs, run, {parallel, signal})
  return outcomes.map(outcome => {
    if (outcome.kind === 'done') return outcome.value
    const settled = settledOutcome(outcome)
    if (settled.outcome !== 'failed') onEvent({event: 'server', ...settled})
    return settled
  })
}

/** Carries the outcome of a server that failed through the scheduler. */
class Failed extends Error {
  readonly outcome: ServerOutcome

  constructor(outcome: ServerOutcome) {
    super(outcome.name)
    this.outcome = outcome
  }
}

function settledOutcome(outcome: Exclude<Outcome<Job, ServerOutcome>, {kind: 'done'}>): ServerOutcome {
  const {name} = outcome.server
  if (outcome.kind === 'failed') {
    if (outcome.error instanceof Failed) return outcome.error.outcome
    return {name, outcome: 'failed', steps: [], tookMs: 0, error: outcome.error}
  }
  if (outcome.kind === 'aborted') return {name, outcome: 'not-begun', steps: [], tookMs: 0}
  return {name, outcome: 'skipped', steps: [], tookMs: 0, because: outcome.because}
}

/** @param turn of a server that others come after: they wait until it is up, and no slot is taken meanwhile */
async function one(
  context: Context,
  {name, target, definitionKey, mayRestart, source}: Job,
  {parsing, onEvent, outcome = 'done'}: WorkOptions,
  turn: Turn | undefined,
): Promise<ServerOutcome> {
  const begin = performance.now()
  const steps: Step[] = []
  const onStep = (step: Step): void => {
    steps.push(step)
    onEvent({event: 'step', name, step})
  }
  const took = (): number => Math.round(performance.now() - begin)
  onEvent({event: 'begin', name})
  const own = {...context, progress: (line: string) => onEvent({event: 'progress', name, line})}
  try {
    await converge(own, name, target, {parsing, mayRestart, definitionKey, source, onStep})
    if (turn !== undefined && target.kind === 'server' && target.state === 'running') {
      turn.release()
      await untilUp(own, name, turn.signal)
    }
    return {name, outcome, steps, tookMs: took()}
  } catch (error) {
    return {name, outcome: 'failed', steps, tookMs: took(), error}
  }
}

/** Waits until the server says that it is up, or nobody wants to know any more. */
async function untilUp(context: Context, name: string, signal: AbortSignal): Promise<void> {
  try {
    await waitReady(
      {...context, signal},
      {name, pid: 0, supervisor: 0, phases: [], ready: false, health: null, hookFailures: []},
    )
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
