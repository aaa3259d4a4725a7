/*
 * A definition is made of layers: the profiles it names, in order, and the file itself, which is the last and has the last
 * word. Each is read by itself to the values that are written in it; here they are laid over each other.
 */
import {defaultOf} from './defaults.ts'
import type {Source} from './document.ts'
import {type Kind, type Section, tableKind} from './kinds.ts'
import type {Path} from './problems.ts'

export type Values = Readonly<Record<string, unknown>>

export interface Layer {
  readonly source: Source
  /** What is written there, without defaults; what was wrong is left out. */
  readonly values: Values
}

/** The values of all layers in one: mappings are merged by key, of everything else the last counts. */
export function mergeLayers(schema: Section, layers: readonly Layer[]): Values {
  return layers.reduce<Values>((below, {values}) => merge(schema, below, values) as Values, {})
}

function merge(kind: Kind, below: unknown, above: unknown): unknown {
  if (!mergesByKey(kind) || !isRecord(below) || !isRecord(above) || isAnother(kind, below, above))
    return above
  const merged = new Map(Object.entries(below))
  for (const [name, value] of Object.entries(above)) {
    const inner = kindBelow(kind, name)
    merged.set(name, inner && merged.has(name) ? merge(inner, merged.get(name), value) : value)
  }
  return Object.fromEntries(merged)
}

/** Another template: parameters of the one below mean nothing to it. */
function isAnother(kind: Kind, below: Values, above: Values): boolean {
  if (kind.kind !== 'section' || !kind.open || kind.short === undefined) return false
  const [old, now] = [below[kind.short], above[kind.short]]
  return old !== undefined && now !== undefined && old !== now
}

/** Adds the defaults of all keys that are not written, in the order of the schema. */
export function complete(kind: Section, values: Values): Record<string, unknown> {
  const whole = Object.entries(kind.keys).map(([name, key]) => [
    name,
    Object.hasOwn(values, name) ? completeValue(key.is, values[name]) : defaultOf(key),
  ])
  return {...Object.fromEntries(whole), ...others(kind, values)}
}

/** Keys of an open section that it does not declare. */
function others({keys}: Section, values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !Object.hasOwn(keys, name)))
}

function completeValue(kind: Kind, value: unknown): unknown {
  if (!isRecord(value)) return value
  if (kind.kind === 'section') return complete(kind, value)
  if (kind.kind !== 'table') return value
  const entries = Object.entries(value)
  return Object.fromEntries(entries.map(([name, item]) => [name, completeValue(tableKind(kind, name), item)]))
}

/** The layer whose word counts at a path, and whether it is written there, as opposed to being a default. */
export function ownerOf(
  schema: Section,
  layers: readonly Layer[],
  path: Path,
): {layer: Layer | undefined; written: boolean} {
  let kind: Kind | undefined = schema
  let present = layers.map(layer => ({layer, value: layer.values as unknown}))
  let owner = layers.at(-1)
  for (const step of path) {
    // Inside of a list or a plain value the layer that wrote it has said all.
    if (kind === undefined || !mergesByKey(kind)) return {layer: owner, written: true}
    present = present.flatMap(({layer, value}) =>
      isRecord(value) && Object.hasOwn(value, step) ? {layer, value: value[step]} : [],
    )
    if (present.length === 0) return {layer: owner, written: false}
    owner = present.at(-1)?.layer
    kind = kindBelow(kind, step)
  }
  return {layer: owner, written: true}
}

/** Whether something is written at a path of merged values. */
export function isWritten(values: Values, path: Path): boolean {
  let here: unknown = values
  for (const step of path) {
    if (!isRecord(here) || !Object.hasOwn(here, step)) return false
    here = here[step]
  }
  return true
}

function mergesByKey(kind: Kind): boolean {
  return kind.kind === 'section' || kind.kind === 'table'
}

function kindBelow(kind: Kind, step: string | number): Kind | undefined {
  if (kind.kind === 'section') return Object.hasOwn(kind.keys, step) ? kind.keys[step]?.is : undefined
  return kind.kind === 'table' ? tableKind(kind, String(step)) : undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
