import type {FitRow, FitUnit} from '../fleet/index.ts'
import {amount} from './amount.ts'
import type {Paint} from './color.ts'
import {table} from './table.ts'

const UNITS: Readonly<Record<FitUnit, string>> = {bytes: 'bytes', CPUs: 'cpus', number: 'tasks'}

/** What a fleet needs against what the host has, and below it the ways out. */
export function fitTable(rows: readonly FitRow[], paint: Paint): string {
  const shown = table(
    rows,
    [
      {title: 'STATE', value: ({ok}) => paint(ok ? 'good' : 'bad', ok ? 'ok' : 'too small')},
      {title: 'WHAT', value: ({what}) => what},
      {title: 'NEEDED', value: ({needed, unit}) => amount(needed, UNITS[unit]), right: true},
      {title: 'THERE', value: ({there, unit}) => amount(there, UNITS[unit]), right: true},
    ],
    paint,
  )
  const short = rows.filter(({ok}) => !ok)
  if (short.length === 0) return `${shown}\n\n  all of it fits`
  const fixes = short.flatMap(({what, reason, remedy}) => [`  ${what}: ${remedy}`, `    (${reason})`])
  return `${shown}\n\n${paint('strong', 'How to make room')}\n${fixes.join('\n')}`
}
