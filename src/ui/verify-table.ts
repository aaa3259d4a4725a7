import type {Finding, VerifyReport} from '../server/index.ts'
import {amount, deviation as spoken} from './amount.ts'
import type {Paint, Style} from './color.ts'
import {table} from './table.ts'

const STYLES: Readonly<Record<Finding['state'], Style>> = {
  held: 'good',
  broken: 'bad',
  unproven: 'dim',
  unenforced: 'bad',
}

/** What an experiment found of each limit, and below it what there is to say. */
export function verifyTable({name, findings}: VerifyReport, paint: Paint): string {
  if (findings.length === 0) return `${name} has no limits to verify`
  const rows = table(
    findings,
    [
      {title: 'LIMIT', value: ({key}) => key},
      {title: 'ASKED', value: ({asked, unit}) => amount(asked, unit), right: true},
      {title: 'MEASURED', value: ({measured, unit}) => amount(measured, unit), right: true},
      {title: 'DEVIATION', value: ({deviation}) => spoken(deviation), right: true},
      {title: 'STATE', value: ({state}) => paint(STYLES[state], state)},
    ],
    paint,
  )
  const notes = notesOf(findings)
  return notes.length === 0 ? rows : `${rows}\n\n${notes.map(note => `  ${note}`).join('\n')}`
}

/** Each note once, with all that it is about. */
function notesOf(findings: readonly Finding[]): string[] {
  const keys = new Map<string, string[]>()
  for (const {key, note} of findings) if (note !== null) keys.set(note, [...(keys.get(note) ?? []), key])
  return [...keys].map(([note, about]) => `${about.join(', ')}: ${note}`)
}
