/*
 * Parsed values back to what stands in YAML: `512MiB` rather than 536870912.
 */
import {isDeepStrictEqual} from 'node:util'
import {formatDuration, writeBytes} from '../units.ts'
import {defaultOf} from './defaults.ts'
import {type Kind, type Section, type Table, tableKind} from './kinds.ts'
import type {Values} from './layers.ts'
import {writeRlimit} from './rlimits.ts'

/** Parameters of a template: any data. */
export const PLAIN: Table = {kind: 'table', of: {kind: 'flag'}, checkName: () => undefined, namePattern: ''}

/** A parsed value as it is written in YAML. */
export function plainOf(kind: Kind, value: unknown): unknown {
  if (kind === PLAIN || value === null) return value
  switch (kind.kind) {
    case 'bytes':
      return numberOr(writeBytes(Number(value)))
    case 'duration':
      return formatDuration(Number(value))
    case 'worded':
      return typeof value === 'string' ? value : plainOf(kind.of, value)
    case 'rlimit':
      return numberOr(writeRlimit(value as Parameters<typeof writeRlimit>[0], kind.unit))
    case 'spelled':
      return kind.write(value as never)
    case 'list':
      return (value as unknown[]).map(item => plainOf(kind.of, item))
    case 'section':
      return plainSection(kind, value as Readonly<Record<string, unknown>>)
    case 'table':
      return Object.fromEntries(
        Object.entries(value as object).map(([name, item]) => [name, plainOf(tableKind(kind, name), item)]),
      )
    default:
      return value
  }
}

/** An item of a list on its one line: in the order of the schema, without what is a default. */
function plainSection(
  {keys, shape}: Section,
  value: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const all = shape ? shape.write(value as never) : value
  const entries = Object.entries(keys).filter(
    ([name, key]) => Object.hasOwn(all, name) && !isDeepStrictEqual(all[name], defaultOf(key)),
  )
  return Object.fromEntries(entries.map(([name, {is}]) => [name, plainOf(is, all[name])]))
}

function numberOr(text: string): number | string {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : text
}

/**
 * The values of a layer as plain data, in the order of the schema; unlike `plainOf`, which is for whole definitions, it keeps
 * defaults that are written. A `null` takes back what a layer below says: without one (`isLowest`) it says nothing.
 */
export function writtenData(kind: Kind | undefined, value: unknown, isLowest: boolean): unknown {
  if (kind === undefined || value === null) return value
  if (kind.kind === 'section' && !kind.shape) return sectionData(kind, value as Values, isLowest)
  if (kind.kind !== 'table') return plainOf(kind, value)
  const entries = Object.entries(value as Values)
  return Object.fromEntries(
    entries.map(([name, item]) => [name, writtenData(tableKind(kind, name), item, isLowest)]),
  )
}

/** A section of which only the key is written that a plain text may stand for becomes that text. */
function sectionData({keys, short}: Section, values: Values, isLowest: boolean): unknown {
  const known = Object.entries(keys).filter(
    ([name]) => Object.hasOwn(values, name) && !(isLowest && values[name] === null),
  )
  const data = known
    .map(([name, {is}]): [string, unknown] => [name, writtenData(is, values[name], isLowest)])
    .filter(([, item]) => !isEmpty(item))
  const others = Object.entries(values).filter(([name]) => !Object.hasOwn(keys, name))
  const [only] = data
  if (only && only[0] === short && data.length + others.length === 1) return only[1]
  return Object.fromEntries([...data, ...others])
}

/** A list or a mapping without any item is as good as not written. */
function isEmpty(data: unknown): boolean {
  return typeof data === 'object' && data !== null && Object.keys(data).length === 0
}
