/**
 * `held`: measured, and as it was asked for. `broken`: measured, and not so. `unproven`: not measured, or what was measured
 * says nothing, for the reason in `note`. `unenforced`: this host can't keep the limit at all.
 */
export type FindingState = 'held' | 'broken' | 'unproven' | 'unenforced'

/** What the numbers of a finding count. */
export type Unit = 'cpus' | 'bytes' | 'bytes/s' | 'operations/s' | 'tasks' | 'share' | 'text'

/** One limit, what was asked for and what an experiment found. */
export interface Finding {
  /** The key of the definition, such as `resources.cpu.limit`. */
  readonly key: string
  readonly unit: Unit
  readonly asked: number | string
  readonly measured: number | string | null
  /** How far `measured` is from `asked`, as a part of it: 0.02 is two percent more. */
  readonly deviation: number | null
  /** How far it may be. */
  readonly tolerance: number | null
  readonly state: FindingState
  readonly note: string | null
}

interface Measurement {
  readonly key: string
  readonly unit: Unit
  readonly asked: number
  readonly measured: number
  readonly tolerance: number
  /** What it means when less was reached than asked for, as far as that is no fault of the limit. */
  readonly short?: string | undefined
  readonly note?: string | undefined
}

/** Judges a ceiling. More than was asked for is broken; so is less, unless `short` says what else kept it low. */
export function judge({key, unit, asked, measured, tolerance, short, note}: Measurement): Finding {
  const deviation = asked === 0 ? measured : (measured - asked) / asked
  const base = {key, unit, asked, measured, deviation, tolerance}
  if (deviation > tolerance) return {...base, state: 'broken', note: note ?? 'more than was asked for'}
  if (deviation >= -tolerance) return {...base, state: 'held', note: note ?? null}
  return short === undefined
    ? {...base, state: 'broken', note: note ?? 'less than was asked for'}
    : {...base, state: 'unproven', note: short}
}

/** A limit that says something or other, no amount: it is so or not. */
export function compare(key: string, unit: Unit, asked: number | string, measured: number | string): Finding {
  const state = asked === measured ? 'held' : 'broken'
  return {key, unit, asked, measured, deviation: null, tolerance: null, state, note: null}
}

export function unproven(key: string, unit: Unit, asked: number | string, note: string): Finding {
  return {key, unit, asked, measured: null, deviation: null, tolerance: null, state: 'unproven', note}
}

/** Whether everything that was measured is as it was asked for; what could not be measured does not count. */
export function isHeld(findings: readonly Finding[]): boolean {
  return findings.every(({state}) => state === 'held' || state === 'unproven')
}
