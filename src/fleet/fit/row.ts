/** What something is counted in. */
export type FitUnit = 'bytes' | 'CPUs' | 'number'

/** A line of host configuration that makes room: a sysctl and the least value that does. */
export interface Setting {
  readonly name: string
  readonly value: number
}

/** One thing that all servers together need, held against what this host has. */
export interface FitRow {
  /** `memory`, `addresses of pool default4`, `kernel.pid_max` … */
  readonly what: string
  readonly unit: FitUnit
  /** By all servers that there are to be, and what the host itself has in use. */
  readonly needed: number
  /** What there is of it; what policy (`overcommit` of host.yaml) makes of it, where there is one. */
  readonly there: number
  readonly ok: boolean
  /** How `needed` comes about. */
  readonly reason: string
  /** The way out; null when it fits. */
  readonly remedy: string | null
  /** The sysctl that helps; null when it fits, and where none does. */
  readonly sysctl: Setting | null
}

/** A row about something that no sysctl makes more of. */
export function row(
  what: string,
  unit: FitUnit,
  [needed, there]: readonly [needed: number, there: number],
  {reason, remedy}: {readonly reason: string; readonly remedy: string},
): FitRow {
  const ok = needed <= there
  return {what, unit, needed, there, ok, reason, remedy: ok ? null : remedy, sysctl: null}
}
