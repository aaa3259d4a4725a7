import type {Key, Kind, Section} from './kinds.ts'

/** The defaults of a section, fresh copies. */
export function defaultsOf(section: Section): Record<string, unknown> {
  return Object.fromEntries(Object.entries(section.keys).map(([name, key]) => [name, defaultOf(key)]))
}

/** The default of a key, a fresh copy. */
export function defaultOf(key: Key): unknown {
  if (key.default !== undefined) return copy(key.default)
  return blank(key.is)
}

/** What stands in for a value that is missing or wrong, so that reading goes on and lists keep their indexes. */
export function blank(kind: Kind): unknown {
  if (kind.kind === 'spelled') return copy(kind.blank)
  if (kind.kind === 'section') return kind.shape ? copy(kind.shape.blank) : defaultsOf(kind)
  if (kind.kind === 'list') return []
  if (kind.kind === 'table') return {}
  if (kind.kind === 'flag') return false
  return kind.kind === 'text' || kind.kind === 'either' || kind.kind === 'choice' || kind.kind === 'worded'
    ? ''
    : kind.kind === 'rlimit'
      ? {soft: 'infinity', hard: 'infinity'}
      : 0
}

/** Plain data, copied. (structuredClone takes some microseconds even for a number.) */
function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, copy(item)]))
}
