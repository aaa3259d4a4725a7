import {isDeepStrictEqual} from 'node:util'
import {type Change, type Key, type Kind, type List, tableKind} from './kinds.ts'
import {keyText, type Path} from './problems.ts'
import {type Definition, definitionSchema} from './schema.ts'

/** What is known about a key of a definition. */
export interface KeyInfo {
  readonly change: Change
  readonly says: string
  readonly example?: string
}

/** The kind of value a path leads to; undefined when the schema knows no such path. */
export function kindAt(path: Path): Kind | undefined {
  let kind: Kind | undefined = definitionSchema
  for (const step of path) kind = kind && kindBelow(kind, step)
  return kind
}

function kindBelow(kind: Kind, step: string | number): Kind | undefined {
  if (kind.kind === 'section') return Object.hasOwn(kind.keys, step) ? kind.keys[step]?.is : undefined
  if (kind.kind === 'table') return typeof step === 'string' ? tableKind(kind, step) : undefined
  if (kind.kind === 'list') return typeof step === 'number' ? kind.of : undefined
  if (kind.kind === 'either') return kindBelow(kind.list, step)
  return undefined
}

/**
 * What is known about the key of a path. A path into a value without declared keys (a variable, a parameter of a template)
 * is answered with the key around it. Undefined for an unknown key.
 */
export function keyInfo(path: Path): KeyInfo | undefined {
  let keys: Readonly<Record<string, Key>> = definitionSchema.keys
  let found: Key | undefined
  for (const step of path) {
    if (typeof step === 'number') continue
    const key = Object.hasOwn(keys, step) ? keys[step] : undefined
    if (key === undefined) return found && isOpen(found.is) ? found : undefined
    found = key
    keys = keysOf(key.is)
  }
  return found
}

function keysOf(kind: Kind): Readonly<Record<string, Key>> {
  if (kind.kind === 'section') return kind.keys
  return kind.kind === 'list' ? keysOf(kind.of) : {}
}

/** Every key that `vps set` can change, in the schema's order; lists as a whole. */
export function definitionKeys(): string[] {
  return keysBelow(definitionSchema, []).filter(key => key !== 'name')
}

function keysBelow(kind: Kind, path: Path): string[] {
  if (kind.kind === 'table' && kind.names)
    return Object.keys(kind.names).map(name => keyText([...path, name]))
  if (kind.kind !== 'section') return [keyText(path)]
  return Object.entries(kind.keys).flatMap(([name, {is}]) => keysBelow(is, [...path, name]))
}

function isOpen(kind: Kind): boolean {
  return kind.kind === 'table' || (kind.kind === 'section' && kind.open === true)
}

/** The keys in which two definitions differ, by when the change takes effect; as messages name keys, in the schema's order. */
export function changedKeys(before: Definition, after: Definition): Record<Change, string[]> {
  const changed: Record<Change, string[]> = {live: [], restart: []}
  compare(definitionSchema.keys, before, after, [], changed)
  return changed
}

function compare(
  keys: Readonly<Record<string, Key>>,
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  path: Path,
  changed: Record<Change, string[]>,
): void {
  for (const [name, key] of Object.entries(keys)) {
    const [old, now] = [before[name], after[name]]
    if (isDeepStrictEqual(old, now)) continue
    const here = [...path, name]
    if (key.is.kind === 'section' && !key.is.open && isRecord(old) && isRecord(now))
      compare(key.is.keys, old, now, here, changed)
    else if (key.is.kind === 'list' && areSame(key.is, old, now))
      compareItems(key.is, old, now, here, changed)
    else changed[key.change].push(keyText(here))
  }
}

/** Whether both are lists of the same things in the same order, of which only some keys may differ. */
function areSame({identity}: List, ...lists: [unknown, unknown]): boolean {
  if (identity === undefined) return false
  const [old, now] = lists.map(list =>
    Array.isArray(list) ? list.map((item: unknown) => (isRecord(item) ? item[identity] : undefined)) : [],
  )
  return isDeepStrictEqual(old, now)
}

function compareItems(
  {of}: List,
  old: unknown,
  now: unknown,
  path: Path,
  changed: Record<Change, string[]>,
): void {
  if (of.kind !== 'section' || !Array.isArray(old) || !Array.isArray(now)) return
  for (const [index, item] of now.entries()) compare(of.keys, old[index], item, [...path, index], changed)
}

/** The steps of a key as messages name it, an item of a list by its number: `network.links[0].rate` has four. */
export function keySteps(key: string): string[] {
  return key.split(/\.|\[|\]\.?/).filter(step => step !== '')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
