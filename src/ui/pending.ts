import type {ServerDetails, Unenforced} from '../server/index.ts'
import type {Paint} from './color.ts'
import {fields} from './table.ts'

type Entry = readonly [label: string, value: string]

/** Limits that this host does not keep, each with why and the way out. */
export function unenforcedEntries(limits: readonly Unenforced[]): Entry[] {
  return limits.map(({key, reason, remedy}) => [key, `${reason}\n${remedy}`])
}

/** Where a running server is not what its definition says. */
export function pendingEntries({pending}: Pick<ServerDetails, 'pending'>): Entry[] {
  if (pending === null) return []
  return [
    ...pending.afterRestart.map(
      ({key, running, file}): Entry => [key, `${inWords(file)} after a restart, now ${inWords(running)}`],
    ),
    ...pending.live.map(
      ({key, file, kernel, wanted}): Entry => [key, `${file} is \`${kernel}\`, and should be \`${wanted}\``],
    ),
  ]
}

/** What `vps show NAME --pending` prints. */
export function pendingText(details: Pick<ServerDetails, 'name' | 'pending'>, paint: Paint): string {
  const {name, pending} = details
  if (pending === null) return `${name} does not run, so nothing is pending`
  const entries = pendingEntries(details)
  if (entries.length === 0) return `${name} is what its definition says`
  const hint =
    pending.live.length > 0 ? `\n\nThe next \`vps set ${name} …\` or a restart sets the limits.` : ''
  return `${fields(entries, paint)}${hint}`
}

function inWords(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (typeof value !== 'object') return String(value)
  const entries = Array.isArray(value)
    ? value.map(inWords)
    : isRlimit(value)
      ? [value.soft === value.hard ? value.soft : `${value.soft}:${value.hard}`]
      : Object.entries(value).flatMap(([key, of]) => (isEmpty(of) ? [] : [`${key} ${nested(of)}`]))
  return entries.length === 0 ? 'nothing' : entries.join(', ')
}

/** One level in words, what is deeper in braces. */
function nested(value: unknown): string {
  return typeof value === 'object' && !isRlimit(value) ? `{${inWords(value)}}` : inWords(value)
}

/** Keys that are not set say nothing. */
function isEmpty(value: unknown): boolean {
  return (
    value === null || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0)
  )
}

/** As `limits` has them after parsing; written `nofile: 1024:65536`, or one number for both. */
function isRlimit(value: unknown): value is {soft: string; hard: string} {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).sort().join() === 'hard,soft' &&
    Object.values(value).every(one => typeof one === 'string')
  )
}
