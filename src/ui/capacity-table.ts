import type {CapacityReport} from '../server/index.ts'
import {amount} from './amount.ts'
import type {Paint} from './color.ts'
import {table} from './table.ts'

type Row = CapacityReport['rows'][number]

const UNITS: Readonly<Record<Row['resource'], string>> = {
  cpus: 'cpus',
  memory: 'bytes',
  swap: 'bytes',
  pids: 'tasks',
}

/** How many names of servers a line tells. */
const NAMED = 5

/** The host's resources against what was promised of them, and below it who is in none of the sums. */
export function capacityTable({rows, servers, running, unread}: CapacityReport, paint: Paint): string {
  const of = (value: number, {resource}: Row): string => amount(value, UNITS[resource])
  const shown = table(
    rows,
    [
      {title: 'RESOURCE', value: ({resource}) => resource},
      {title: 'HOST', value: row => of(row.host, row), right: true},
      {title: 'PROMISED', value: row => of(row.promised, row), right: true},
      {title: 'GUARANTEED', value: row => of(row.guaranteed, row), right: true},
      {title: 'RUNNING', value: row => of(row.running, row), right: true},
      {title: 'RATIO', value: ({ratio}) => ratio?.toFixed(2) ?? '', right: true},
      {title: 'ALLOWED', value: ({allowed}) => String(allowed), right: true},
      {title: 'STATE', value: ({state}) => paint(state === 'ok' ? 'good' : 'bad', state)},
    ],
    paint,
  )
  const notes = [
    `${servers} ${servers === 1 ? 'server' : 'servers'}, ${running} running`,
    ...rows.filter(isOverGuaranteed).map(row => overGuaranteed(row, of)),
    ...rows
      .filter(({unbounded}) => unbounded.length > 0)
      .map(
        ({resource, unbounded}) => `${resource}: ${unbounded.length} without a limit: ${someOf(unbounded)}`,
      ),
    ...(unread.length === 0 ? [] : [`not counted, the definition is invalid: ${someOf(unread)}`]),
  ]
  return `${shown}\n\n${notes.map(note => `  ${note}`).join('\n')}`
}

function isOverGuaranteed({guaranteed, host, guaranteedAllowed}: Row): boolean {
  return guaranteed > host * guaranteedAllowed
}

function overGuaranteed(row: Row, of: (value: number, row: Row) => string): string {
  const {resource, guaranteed, host, guaranteedAllowed} = row
  return `${resource}: ${of(guaranteed, row)} guaranteed of ${of(host, row)}, allowed are ${guaranteedAllowed} times that`
}

function someOf(names: readonly string[]): string {
  const more = names.length - NAMED
  return more > 0 ? `${names.slice(0, NAMED).join(', ')} and ${more} more` : names.join(', ')
}
