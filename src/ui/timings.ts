import type {Paint} from './color.ts'
import {table} from './table.ts'

/** The small table of `--timings`: what each phase took, in milliseconds, and their sum. */
export function timingsTable(
  phases: readonly {readonly name: string; readonly microseconds: number}[],
  paint: Paint,
): string {
  const total = {name: 'total', microseconds: phases.reduce((sum, phase) => sum + phase.microseconds, 0)}
  return table(
    [...phases, total],
    [
      {title: 'PHASE', value: phase => phase.name},
      {title: 'MS', value: phase => (phase.microseconds / 1000).toFixed(2), right: true},
    ],
    paint,
  )
}
