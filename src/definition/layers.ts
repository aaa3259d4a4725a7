/*
 * A definition is made of layers: the profiles it names, in order, and the file itself, which is the last and has the last
 * word. Each is read by itself to the values that are written in it; here they are laid over each other.
 */
import {defaultOf} from './defaults.ts'
import type {Source} from './document.ts'
import {type Key, type Kind, type Section, type Table, tableKind} from './kinds.ts'
import type {Path} from './problems.ts'

export type Values = Readonly<Record<string, unknown>>

export interface Layer {
  readonly source: Source
  /** What is written there, without defaults; what was wrong is left out. */
  readonly values: Values
}

/** The values of all layers in one: mappings are merged by key, of everything else the last counts. */
export function mergeLayers(schema: Section, layers: readonly Layer[]): Values {
  const [first, ...above] = layers
  return above.reduce((below, {values}) => merge(schema, below, values) as Values, first?.values ?? {})
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

/**
 * What the definitions of many servers have in common, made once: defaults, and what a value that several of them share becomes.
 * Frozen, as it is a part of each of them.
 */
export class Commons {
  readonly #defaults = new Map<Key, unknown>()
  readonly #completed = new WeakMap<object, unknown>()

  defaultOf(key: Key): unknown {
    if (!this.#defaults.has(key)) this.#defaults.set(key, freeze(defaultOf(key)))
    return this.#defaults.get(key)
  }

  completed(value: object, complete: () => unknown): unknown {
    const known = this.#completed.get(value)
    if (known !== undefined) return known
    const completed = freeze(complete())
    this.#completed.set(value, completed)
    return completed
  }
}

function freeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const item of Object.values(value)) freeze(item)
  return Object.freeze(value)
}

/** Adds the defaults of all keys that are not written, in the order of the schema. */
export function complete(kind: Section, values: Values, commons?: Commons): Record<string, unknown> {
  const whole: Record<string, unknown> = {}
  for (const [name, key] of Object.entries(kind.keys)) {
    if (Object.hasOwn(values, name)) whole[name] = completeValue(key.is, values[name], commons)
    else whole[name] = commons ? commons.defaultOf(key) : defaultOf(key)
  }
  return kind.open ? {...whole, ...others(kind, values)} : whole
}

/** Keys of an open section that it does not declare. */
function others({keys}: Section, values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !Object.hasOwn(keys, name)))
}

function completeValue(kind: Kind, value: unknown, commons: Commons | undefined): unknown {
  if (!isRecord(value) || (kind.kind !== 'section' && kind.kind !== 'table')) return value
  const make = () =>
    kind.kind === 'section' ? complete(kind, value, commons) : completeTable(kind, value, commons)
  return commons ? commons.completed(value, make) : make()
}

function completeTable(kind: Table, value: Values, commons: Commons | undefined): Values {
  const entries = Object.entries(value)
  return Object.fromEntries(
    entries.map(([name, item]) => [name, completeValue(tableKind(kind, name), item, commons)]),
  )
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
