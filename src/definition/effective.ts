/*
 * What counts for a server, each value with the place it comes from: profiles, the file itself and defaults in one.
 */
import {basename, dirname} from 'node:path'
import {Document, type Node} from 'yaml'
import {keySteps} from './keys.ts'
import {type Kind, tableKind} from './kinds.ts'
import type {Loaded} from './parse.ts'
import {PLAIN, plainOf} from './plain.ts'
import {keyText, type Origin, type Path} from './problems.ts'
import {type Definition, definitionSchema} from './schema.ts'
import {render, renderKey} from './splice.ts'

/** One value that counts. */
export interface EffectiveValue {
  /** As messages name it: `resources.memory.limit`. */
  readonly key: string
  /** As it would be written in YAML; null when it is not set. */
  readonly value: unknown
  /** Where it is written; null for a default. */
  readonly origin: Origin | null
}

/** A value, or a mapping of several that may come from different places. */
interface Branch {
  readonly name: string
  readonly path: Path
  readonly kind: Kind
  readonly value: unknown
  /** Not set, and not taken back from a profile by a `null` either. */
  readonly unset: boolean
  readonly children: readonly Branch[] | undefined
}

/** Every value in the order of the schema. A list is one value, as no two places can have a say in it. */
export function effectiveValues(loaded: Loaded): EffectiveValue[] {
  return leavesOf(treeOf(loaded)).map(({path, kind, value}) => ({
    key: keyText(path),
    value: plainOf(kind, value),
    origin: loaded.written(path) ? loaded.origin(path) : null,
  }))
}

/**
 * The definition with everything that counts, as YAML that reads back the same, each value with a comment that says where
 * it comes from: `limit: 1GiB  # small.yaml:3:5`, or `# default`. What is not set is named in comments.
 */
export function effectiveText(loaded: Loaded): string {
  const labels = labelsOf([...loaded.texts.keys()])
  const comment = (path: Path) => {
    if (!loaded.written(path)) return 'default'
    const {file, line, column} = loaded.origin(path)
    return `${labels.get(file) ?? file}:${line}:${column}`
  }
  const lines = treeOf(loaded).flatMap(branch => linesOf(branch, 0, comment))
  const width = Math.min(48, Math.max(...lines.filter(([, says]) => says).map(([text]) => text.length)))
  const body = lines.map(([text, says]) => (says ? `${text.padEnd(width)}  # ${says}` : text))
  const label = Math.max(...[...labels.values()].map(text => text.length))
  const head = [...labels].map(([file, short], index) => {
    const what = index === 0 ? 'the definition, which has the last word' : 'a profile'
    return `# ${short.padEnd(label)}  ${file}: ${what}`
  })
  return `${[...head, ...body].join('\n')}\n`
}

/** What a definition says about limits: `resources`, `limits` and `sysctl`, without what is not set. */
export function limitValues(definition: Definition): Pick<EffectiveValue, 'key' | 'value'>[] {
  const {resources, limits, sysctl} = definition
  return leavesOf(childrenOf(definitionSchema, {resources, limits, sysctl}, [], () => false))
    .filter(({value}) => value !== null && value !== false && !isNothing(value))
    .map(({path, kind, value}) => ({key: path.join('.'), value: plainOf(kind, value)}))
}

/** The value of a key as it would be written in YAML; null when it is not set. @param key as `changedKeys` names it */
export function writtenValue(definition: Definition, key: string): unknown {
  let kind: Kind | undefined = definitionSchema
  let value: unknown = definition
  for (const step of keySteps(key)) {
    kind = kind?.kind === 'list' ? kind.of : kind && kindOf(kind, step)
    value = typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined
  }
  return value === undefined || value === null ? null : plainOf(kind ?? PLAIN, value)
}

function treeOf(loaded: Loaded): Branch[] {
  return childrenOf(definitionSchema, loaded.definition, [], loaded.written)
}

function childrenOf(kind: Kind, value: unknown, path: Path, written: (path: Path) => boolean): Branch[] {
  const record = value as Readonly<Record<string, unknown>>
  return Object.keys(record).map(name => {
    const here = [...path, name]
    const is = kindOf(kind, name)
    const inner = record[name]
    const isMapping =
      is && (is.kind === 'section' || (is.kind === 'table' && Object.keys(inner ?? {}).length > 0))
    const children = isMapping && isRecord(inner) ? childrenOf(is, inner, here, written) : undefined
    const unset = children
      ? children.length > 0 && children.every(child => child.unset)
      : inner === null && !written(here)
    return {name, path: here, kind: is ?? PLAIN, value: inner, unset, children}
  })
}

function kindOf(kind: Kind, name: string): Kind | undefined {
  if (kind.kind === 'section') return Object.hasOwn(kind.keys, name) ? kind.keys[name]?.is : undefined
  return kind.kind === 'table' ? tableKind(kind, name) : undefined
}

function leavesOf(branches: readonly Branch[]): Branch[] {
  return branches.flatMap(branch => (branch.children ? leavesOf(branch.children) : [branch]))
}

type Line = readonly [text: string, comment?: string]

function linesOf(branch: Branch, depth: number, comment: (path: Path) => string): Line[] {
  const {name, kind, value, path, children} = branch
  const indent = '  '.repeat(depth)
  const key = `${indent}${renderKey(name, 'block')}:`
  if (children) {
    const set = children.filter(child => !child.unset)
    const unset = children.filter(child => child.unset).map(child => child.name)
    const inner = set.flatMap(child => linesOf(child, depth + 1, comment))
    const rest: Line[] = unset.length > 0 ? [[`${indent}  # not set: ${unset.join(', ')}`]] : []
    return inner.length === 0 ? [[`${indent}# not set: ${name}`]] : [[key], ...inner, ...rest]
  }
  if (kind.kind === 'list' && kind.of.kind === 'section' && Array.isArray(value) && value.length > 0) {
    const items = value.map((item: unknown, index): Line => {
      const text = written(plainOf(kind.of, item), 'flow')
      return [`${indent}  - ${text}`, comment([...path, index])]
    })
    return [[key], ...items]
  }
  return [[`${key} ${written(plainOf(kind, value), 'block')}`, comment(path)]]
}

function written(value: unknown, context: 'flow' | 'block'): string {
  return render(new Document(value, {version: '1.2', schema: 'core'}).contents as Node, context)
}

/** The shortest name of each file that is its own: a server may be called as a profile is. */
function labelsOf(files: readonly string[]): Map<string, string> {
  const names = files.map(file => basename(file))
  const isTwice = (name: string) => names.indexOf(name) !== names.lastIndexOf(name)
  return new Map(
    files.map(file => {
      const name = basename(file)
      return [file, isTwice(name) ? `${basename(dirname(file))}/${name}` : name]
    }),
  )
}

function isNothing(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
