/*
 * Fills variables into the nodes of a document: a copy of a tree in which each node keeps the place it has in the text, so that
 * what is wrong with a server is shown where it was written. What holds no variable is not copied.
 */

import {dirname, resolve} from 'node:path'
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  Pair,
  type Scalar,
  visit,
  YAMLMap,
  YAMLSeq,
} from 'yaml'
import {Filled, type Source} from '../../definition/index.ts'
import {nearest} from '../../nearest.ts'
import {type Part, partsOf} from './references.ts'
import type {Scope, Value} from './scope.ts'

/** One server needs a few hundred values. */
const MAX_NODES = 20_000

/** Stands for a value that says nothing: its key, or its item of a list, is left out. */
const NOTHING = Symbol('nothing')

/** Told what is wrong, with the node and the words in it that it is about. */
export type Report = (node: Node, words: string, message: string, suggestion?: string, value?: Value) => void

export interface FillOptions {
  readonly scope: Scope
  readonly report: Report
  /** Variables that are not known are no mistake: what needs them is left out. */
  readonly lenient?: boolean
}

/** Fills the nodes of one document. */
export class Filler {
  readonly #source: Source
  readonly #targets = new Map<Alias, Node>()
  readonly #uses = new Map<Node, ReadonlySet<string> | undefined>()
  readonly #parts = new WeakMap<Scalar, readonly Part[]>()
  #nodes = 0

  constructor(source: Source) {
    this.#source = source
    const anchors = new Map<string, Node>()
    visit(source.document, {
      Node: (_, node) => {
        if (isAlias(node)) {
          const target = anchors.get(node.source)
          if (target) this.#targets.set(node, target)
        } else if (node.anchor) anchors.set(node.anchor, node as Node)
      },
    })
  }

  /** The variables that a tree uses; undefined when nothing in it is to be filled in. */
  uses(node: unknown): ReadonlySet<string> | undefined {
    if (!isNode(node)) return undefined
    if (this.#uses.has(node)) return this.#uses.get(node)
    this.#uses.set(node, undefined) // an alias that leads back here adds nothing
    const uses = this.#usesOf(node)
    this.#uses.set(node, uses)
    return uses
  }

  #usesOf(node: Node): ReadonlySet<string> | undefined {
    if (isScalar(node)) {
      const parts = this.#partsOf(node)
      return parts && new Set(parts.flatMap(namesIn))
    }
    const below = isAlias(node)
      ? [this.#targets.get(node)]
      : isMap(node)
        ? node.items.map(pair => pair.value)
        : isSeq(node)
          ? node.items
          : []
    const used = below.map(item => this.uses(item)).filter(uses => uses !== undefined)
    return used.length === 0 ? undefined : new Set(used.flatMap(uses => [...uses]))
  }

  /** The parts of a text that is to be filled in. */
  #partsOf(node: Scalar): readonly Part[] | undefined {
    if (typeof node.value !== 'string' || node instanceof Filled) return undefined
    const known = this.#parts.get(node)
    if (known) return known
    const parts = partsOf(node.value)
    if (parts) this.#parts.set(node, parts)
    return parts
  }

  /** The mapping of a server or a profile with its variables filled in; `replaced` are keys whose values are made elsewhere. */
  fill(
    map: YAMLMap,
    options: FillOptions,
    replaced: ReadonlyMap<string, Node | undefined> = new Map(),
  ): YAMLMap {
    this.#nodes = 0
    const filled = new YAMLMap()
    copyFacts(map, filled)
    for (const pair of map.items) {
      const name = isScalar(pair.key) ? String(pair.key.value) : ''
      if (replaced.has(name)) {
        const value = replaced.get(name)
        if (value) filled.items.push(new Pair(pair.key, value))
        continue
      }
      const value = this.#fill(pair.value, options, name === 'provision')
      if (value !== NOTHING) filled.items.push(new Pair(pair.key, value))
    }
    return filled
  }

  /** A value with its variables filled in; undefined when nothing is left of it. */
  fillValue(node: unknown, options: FillOptions): unknown {
    this.#nodes = 0
    const value = this.#fill(node, options, false)
    return value === NOTHING ? undefined : value
  }

  #fill(node: unknown, options: FillOptions, secrets: boolean): unknown {
    if (!isNode(node) || this.uses(node) === undefined) return node
    if (++this.#nodes >= MAX_NODES) {
      if (this.#nodes === MAX_NODES) options.report(node, '', `this is more than ${MAX_NODES} values`)
      return NOTHING
    }
    if (isAlias(node)) return moved(this.#fill(this.#targets.get(node), options, secrets), node)
    if (isScalar(node)) return this.#fillScalar(node, options, secrets)
    if (isSeq(node)) {
      const list = new YAMLSeq()
      copyFacts(node, list)
      list.items = node.items.map(item => this.#fill(item, options, secrets)).filter(item => item !== NOTHING)
      return list
    }
    if (!isMap(node)) return node
    const map = new YAMLMap()
    copyFacts(node, map)
    for (const pair of node.items) {
      const value = this.#fill(pair.value, options, secrets)
      if (value !== NOTHING) map.items.push(new Pair(pair.key, value))
    }
    return map
  }

  #fillScalar(node: Scalar, options: FillOptions, secrets: boolean): unknown {
    const parts = this.#partsOf(node) ?? []
    const {text, from, failed} = fillText(
      parts,
      options,
      node,
      secrets ? dirname(this.#source.file) : undefined,
    )
    const [only] = parts
    const isOptional = parts.length === 1 && only?.kind === 'variable' && only.fallback !== undefined
    if (failed || (isOptional && text === '')) return NOTHING
    const filled = new Filled(readAsYaml(text), text, node.range, from)
    if (node.tag) filled.tag = node.tag
    return filled
  }

  /** The node itself, or what an alias leads to; undefined when it leads nowhere. */
  resolve(node: unknown): unknown {
    return isAlias(node) ? this.#targets.get(node) : node
  }

  /** The text of a scalar; undefined when it could not be filled in, which has been reported then. */
  text(node: Scalar, options: FillOptions): {text: string; from: Value['from']} | undefined {
    return fillString(typeof node.value === 'string' ? node.value : (node.source ?? ''), node, options)
  }
}

/** A text of a node with its variables filled in; undefined when that could not be, which has been reported then. */
export function fillString(
  text: string,
  node: Node,
  options: FillOptions,
): {text: string; from: Value['from']} | undefined {
  const parts = partsOf(text)
  if (!parts) return {text, from: undefined}
  const {failed, ...filled} = fillText(parts, options, node, undefined)
  return failed ? undefined : filled
}

interface FilledText {
  readonly text: string
  /** Where the first of the values comes from. */
  readonly from: Value['from']
  readonly failed: boolean
}

/** A reference to a secret, to those who act on definitions. */
const SECRET = /\$\{(?:file|env):/

/**
 * Where secrets may stand (`directory`: what their paths count from) references to them stay. No value can become one: a
 * tenant's line in a table would read the host's files.
 */
function fillText(
  parts: readonly Part[],
  {scope, report, lenient}: FillOptions,
  node: Node,
  directory: string | undefined,
): FilledText {
  let text = ''
  let others = ''
  let from: Value['from']
  let failed = false
  const add = (words: string) => {
    text += words
    others += words
  }
  for (const part of parts) {
    if (part.kind === 'text') add(part.text)
    else if (part.kind === 'escape') add('${')
    else if (part.kind === 'secret' && directory !== undefined) {
      const written = secretText(part, {scope, report, ...(lenient ? {lenient} : {})}, node, directory)
      if (written === undefined) failed = true
      else text += written
    } else {
      const value = part.kind === 'variable' ? scope.value(part.name) : undefined
      const says = value?.text || (part.kind === 'variable' ? part.fallback : undefined)
      if (value?.text) from ??= value.from
      if (says !== undefined) add(says)
      else {
        failed = true
        if (!(lenient && part.kind === 'variable')) complain(part, value, scope, node, report)
      }
    }
  }
  if (directory !== undefined && SECRET.test(others)) {
    const message = 'this becomes a reference to a secret, which only the files of the fleet may hold'
    report(node, '', message, undefined, {text, from})
    return {text, from, failed: true}
  }
  return {text, from, failed}
}

/** A reference with the variables in it filled in; undefined when that could not be. */
function secretText(
  {from, what}: Extract<Part, {kind: 'secret'}>,
  options: FillOptions,
  node: Node,
  directory: string,
): string | undefined {
  // Which of the files of a directory, a value may say; which directory, it may not.
  for (const part of what) {
    const value = part.kind === 'variable' ? options.scope.value(part.name) : undefined
    const isTenants = part.kind === 'variable' && options.scope.isOwn(part.name)
    if (!value || !isTenants || (!value.text.includes('/') && value.text !== '..' && value.text !== '.'))
      continue
    const message = 'a value in the name of a secret must be a single word without a slash'
    options.report(node, '', message, undefined, value)
    return undefined
  }
  const {text, failed} = fillText(what, options, node, undefined)
  if (failed) return undefined
  return from === 'file' ? `\${file:${resolve(directory, text)}}` : `\${env:${text}}`
}

/** The variables that a part uses. */
function namesIn(part: Part): readonly string[] {
  if (part.kind === 'secret') return part.what.flatMap(namesIn)
  return part.kind === 'variable' ? [part.name] : []
}

function complain(
  part: Exclude<Part, {kind: 'text' | 'escape'}>,
  value: Value | undefined,
  scope: Scope,
  node: Node,
  report: Report,
): void {
  if (part.kind === 'wrong') report(node, part.written, part.says, 'for the text ${ itself write $${')
  else if (part.kind === 'secret') {
    report(
      node,
      part.written,
      `${part.written} cannot stand here: its value would be written to the definition, for anyone to read`,
      'below provision it can; what is no secret can be given with --var NAME=VALUE or VPS_VAR_NAME',
    )
  } else if (value) {
    const instead = `write \${${part.name}:-VALUE} for what counts then, \${${part.name}:-} for nothing`
    report(node, part.written, `${part.written} is empty`, instead, value)
  } else {
    const near = nearest(part.name, scope.names)
    const other =
      scope.hint ?? `give it with --var ${part.name}=VALUE; for the text itself write $${part.written}`
    report(
      node,
      part.written,
      `there is no variable ${part.name}`,
      near ? `did you mean \${${near}}?` : other,
    )
  }
}

/** What an alias leads to stands, for messages, where the alias does. */
function moved(value: unknown, alias: Alias): unknown {
  if (isNode(value)) value.range = alias.range ?? null
  return value
}

function copyFacts(from: YAMLMap | YAMLSeq, to: YAMLMap | YAMLSeq): void {
  to.range = from.range ?? null
  if (from.tag) to.tag = from.tag
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value)
}

const NUMBER = /^(?:[-+]?[0-9]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)$/

/** What YAML makes of a text without quotes, except nothing. */
export function readAsYaml(text: string): string | number | boolean {
  if (NUMBER.test(text)) return Number(text)
  if (/^(true|True|TRUE)$/.test(text)) return true
  return /^(false|False|FALSE)$/.test(text) ? false : text
}
