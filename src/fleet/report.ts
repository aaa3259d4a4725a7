import type {FleetPlan, Step} from './types.ts'

/** How one server fared. */
export interface ServerOutcome {
  readonly name: string
  /**
   * `skipped`: one that it comes after failed. `not-begun`: the apply was called off before its turn. `taken-back`: it is as it was
   * before the apply.
   */
  readonly outcome: 'done' | 'failed' | 'skipped' | 'not-begun' | 'taken-back'
  /** What was done. */
  readonly steps: readonly Step[]
  readonly tookMs: number
  /** Of `failed`. */
  readonly error?: unknown
  /** Of `skipped`: the server that failed. */
  readonly because?: string
}

export interface ApplyReport {
  readonly fleet: string
  /** All was done that was planned. */
  readonly ok: boolean
  readonly plan: FleetPlan
  /** Those that something was to be done to, in the order of the plan. */
  readonly servers: readonly ServerOutcome[]
  /** Ctrl-C, or whoever aborted the signal. */
  readonly interrupted: boolean
  /** `yes`: everything is as it was before. `partly`: taking back failed, or was interrupted; the next apply goes on with that. */
  readonly takenBack: 'no' | 'yes' | 'partly'
  readonly tookMs: number
}

/** What an apply tells while it goes on. */
export type ApplyEvent =
  | {readonly event: 'plan'; readonly plan: FleetPlan}
  | {readonly event: 'begin'; readonly name: string}
  | {readonly event: 'step'; readonly name: string; readonly step: Step}
  /** What a long step is doing, in words. */
  | {readonly event: 'progress'; readonly name: string; readonly line: string}
  /** A password that was made for a user of a server; told here only. */
  | {readonly event: 'password'; readonly name: string; readonly user: string; readonly password: string}
  | ({readonly event: 'server'} & ServerOutcome)
  /** It failed, and what it did is being taken back; `servers` are what that is about. */
  | {readonly event: 'taking-back'; readonly servers: readonly string[]}
  | {readonly event: 'end'; readonly report: ApplyReport}
