import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
} from 'yaml'
import {nearest} from '../nearest.ts'
import {blank, defaultOf} from './defaults.ts'
import {describe, keyName, originAt, type Place, placeOf, provenanceOf, type Source} from './document.ts'
import {isAlso, listHint, sameElsewhere, sectionHint, tableHint, UNBOUNDED, whereElse} from './hints.ts'
import {
  type Either,
  type Key,
  type Kind,
  type List,
  type Section,
  type Shape,
  type Table,
  tableKind,
} from './kinds.ts'
import {keyText, type Path, type Problem} from './problems.ts'
import {RLIMIT_EXPECTED} from './rlimits.ts'
import {controlComplaint, found, readScalar, type ScalarKind} from './scalars.ts'
import {either, printable, quote} from './words.ts'

/** Bounds on what aliases may multiply; a definition needs a handful. */
const MAX_ALIASES = 100
const MAX_NODES = 100_000
const MAX_DEPTH = 64
const MAX_ITEMS = 1000
/** More than this helps nobody. */
export const MAX_PROBLEMS = 100

export interface ReaderOptions {
  /** What the document is called in messages about the whole of it. */
  readonly whole?: string
  /** Values of these kinds are not read: the node itself is the value, for whoever reads it later. */
  readonly deferred?: ReadonlySet<Kind>
}

const NONE: ReadonlySet<Kind> = new Set()

/** A required key that is not written. */
export interface Missing {
  readonly path: Path
  readonly problem: Problem
}

/**
 * Reads a document by a schema: the values that are written in it, and everything that is wrong with it. Defaults are
 * added where all layers are known (`layers.ts`), except in the items of a list, which no other layer can add to. A wrong
 * value is left out, in a list replaced by its default.
 */
export class Reader {
  readonly problems: Problem[] = []
  /** What is missing outside of lists, unless another layer has it. */
  readonly missing: Missing[] = []
  #lists = 0
  readonly #source: Source
  #aliases = 0
  #nodes = 0
  #depth = 0
  /** The alias through which the present node is read: problems are shown there. */
  #alias: Place | undefined
  readonly #open = new Set<Node>()
  readonly #whole: string
  readonly #deferred: ReadonlySet<Kind>

  constructor(source: Source, {whole = 'the file', deferred = NONE}: ReaderOptions = {}) {
    this.#source = source
    this.#whole = whole
    this.#deferred = deferred
  }

  /** Reads a value; undefined when it is wrong, which has been reported then. */
  read(kind: Kind, node: unknown, path: Path): unknown {
    if (isAlias(node)) return this.#follow(node, path, target => this.read(kind, target, path))
    if (!this.#admit(node, path)) return undefined
    if (this.#deferred.has(kind)) return node
    this.#depth++
    try {
      return this.#readKind(kind, node, path)
    } finally {
      this.#depth--
    }
  }

  #readKind(kind: Kind, node: unknown, path: Path): unknown {
    switch (kind.kind) {
      case 'section':
        return this.#section(kind, node, path)
      case 'table':
        return this.#table(kind, node, path)
      case 'list':
        return this.#list(kind, node, path)
      case 'either':
        return this.#either(kind, node, path)
      default:
        if (isScalar(node) && node.value !== null) return this.#scalar(kind, node, path)
        if (node === null || isScalar(node)) return this.#noValue(node, path)
        return this.#wrong(node, path, `must be ${expected(kind)}, not ${describe(node)}`)
    }
  }

  #scalar(kind: ScalarKind, node: Scalar, path: Path): unknown {
    const read = readScalar(kind, node)
    return 'says' in read ? this.#wrong(node, path, read.says, read.suggestion) : read.value
  }

  #section(kind: Section, node: unknown, path: Path): unknown {
    if (isEmpty(node)) return this.#completeSection(kind, new Map(), node, path)
    if (!isMap(node)) {
      const {short} = kind
      const shortKey = short === undefined ? undefined : kind.keys[short]
      if (short === undefined || shortKey === undefined || !isScalar(node)) {
        return this.#wrong(
          node,
          path,
          `must be ${expected(kind)}, not ${found(node)}`,
          sectionHint(kind, node, path),
        )
      }
      const value = this.read(shortKey.is, node, path)
      return value === undefined ? undefined : {[short]: value}
    }
    // A map, as a key may be called __proto__.
    const before = this.problems.length
    const values = new Map<string, unknown>()
    const meant = new Set<string>()
    for (const [name, pair] of this.#pairs(node, path)) {
      const key = Object.hasOwn(kind.keys, name) ? kind.keys[name] : undefined
      if (key) {
        const value = this.#readKey(key, pair, [...path, name])
        if (!this.#isLeftOut(key.is, pair.value)) meant.add(name)
        if (value !== undefined) values.set(name, value)
        else if (this.#lists > 0) values.set(name, defaultOf(key))
      } else if (kind.open) values.set(name, this.#plain(pair.value, [...path, name]))
      else meant.add(this.#unknown(kind, name, pair, path) ?? '')
    }
    const written = this.#completeSection(kind, values, node, path, meant)
    return kind.shape ? this.#shape(kind.shape, written, node, path, before) : written
  }

  /** Undefined when something in it is wrong: what it would be then, nobody can say. */
  #shape(
    shape: Shape,
    written: Record<string, unknown>,
    node: unknown,
    path: Path,
    problemsBefore: number,
  ): unknown {
    if (this.problems.length > problemsBefore) return undefined
    const read = shape.read(written as never)
    return 'says' in read ? this.#wrong(node, path, read.says, read.suggestion) : read.value
  }

  #readKey(key: Key, pair: Pair, path: Path): unknown {
    if (key.default === null && isNull(pair.value)) return null
    if (key.default === null && isScalar(pair.value) && UNBOUNDED.test(String(pair.value.value)))
      return this.#unbounded(key, pair.value, path)
    return this.#isLeftOut(key.is, pair.value) ? undefined : this.#readPair(key.is, pair, path)
  }

  /** A word for no bound where a bound belongs. */
  #unbounded(key: Key, node: Scalar, path: Path): unknown {
    const read = readScalar(key.is as ScalarKind, node)
    const instead = 'leave it out, or write null to take back what a profile says'
    return 'says' in read ? this.#wrong(node, path, read.says, read.suggestion ?? instead) : read.value
  }

  /** A list or a mapping without any item is as good as not written: often all items are commented out. */
  #isLeftOut(kind: Kind, value: unknown): boolean {
    return isEmpty(value) && ['section', 'list', 'table'].includes(kind.kind) && !hasTag(value)
  }

  /** Adds defaults in a list. A required key that is wrong, or that an unknown one was meant to be, is not reported as missing too. */
  #completeSection(
    kind: Section,
    values: ReadonlyMap<string, unknown>,
    node: unknown,
    path: Path,
    meant: ReadonlySet<string> = new Set(),
  ): Record<string, unknown> {
    const written = Object.fromEntries(values)
    const whole: Record<string, unknown> = {}
    for (const name in kind.keys) {
      const key = kind.keys[name]
      if (key === undefined || values.has(name)) continue
      if (key.required && !meant.has(name)) this.#miss(node, path, name, key)
      if (this.#lists > 0) whole[name] = defaultOf(key)
    }
    return this.#lists > 0 ? {...whole, ...written} : written
  }

  #miss(node: unknown, path: Path, name: string, {example}: Key): void {
    const here = [...path, name]
    const hint = example && `for example ${name}: ${example}`
    const problem = this.#problem(node, path, `${keyText(here)} is missing`, hint)
    if (this.#lists === 0) this.missing.push({path: here, problem})
    else if (this.problems.length < MAX_PROBLEMS) this.problems.push(problem)
  }

  /** Reports an unknown key; returns the key that was meant. */
  #unknown(kind: Section, name: string, pair: Pair, path: Path): string | undefined {
    const known = Object.keys(kind.keys)
    const refused = kind.refused && Object.hasOwn(kind.refused, name) ? kind.refused[name] : undefined
    if (refused !== undefined) {
      this.report(pair.key, [...path, name], `${keyText([...path, name])} cannot stand here: ${refused}`)
      return undefined
    }
    const elsewhere = kind.otherwise?.(name) ?? sameElsewhere(kind, name, path)
    const near =
      known.find(key => isAlso(kind.keys[key], name)) ?? (elsewhere ? undefined : nearest(name, known))
    const suggestion = near ? `did you mean ${near}?` : (elsewhere ?? whereElse(kind, name, path))
    this.report(pair.key, [...path, name], `unknown key ${keyText([...path, name])}`, suggestion)
    return near
  }

  #table(kind: Table, node: unknown, path: Path): unknown {
    if (!isMap(node))
      return this.#wrong(node, path, `must be ${expected(kind)}, not ${found(node)}`, tableHint(node))
    const values = new Map<string, unknown>()
    for (const [name, pair] of this.#pairs(node, path)) {
      const complaint = kind.checkName(name)
      if (complaint) {
        const message = `${keyText(path)}: ${quote(name)} ${complaint.says}`
        this.report(pair.key, [...path, name], message, complaint.suggestion)
      }
      // What is wrong with the value of an unknown name, nobody can say.
      if (complaint && kind.names) continue
      const value = this.#readPair(tableKind(kind, name), pair, [...path, name])
      if (value !== undefined && !complaint) values.set(name, value)
    }
    return Object.fromEntries(values)
  }

  #list(kind: List, node: unknown, path: Path): unknown {
    if (kind.single && !isSeq(node)) return this.#one(kind, node, path)
    if (!isSeq(node)) return this.#wrong(node, path, `must be a list, not ${found(node)}`, listHint(node))
    if (node.items.length < (kind.min ?? 0)) return this.#wrong(node, path, 'must not be an empty list')
    const max = kind.max ?? MAX_ITEMS
    if (node.items.length > max)
      return this.#wrong(node, path, `must have at most ${max} items, not ${node.items.length}`)
    this.#lists++
    const items = node.items.map((item, index) => {
      const here = [...path, index]
      const isNothing = isEmpty(item) && !hasTag(item)
      const value = isNothing
        ? this.#noValue(item, here, 'write a value or remove the item')
        : this.read(kind.of, item, here)
      return value === undefined ? blank(kind.of) : value
    })
    this.#lists--
    return items
  }

  /** One value that stands for a list of it. */
  #one(kind: List, node: unknown, path: Path): unknown {
    const value = this.read(kind.of, node, path)
    return value === undefined ? undefined : [value]
  }

  #either(kind: Either, node: unknown, path: Path): unknown {
    if (isSeq(node)) return this.read(kind.list, node, path)
    if (isMap(node)) return this.#wrong(node, path, `must be ${kind.text.expected}, not a mapping`)
    return this.read(kind.text, node, path)
  }

  /** A value that another room checks: any plain data. */
  #plain(node: unknown, path: Path): unknown {
    if (isAlias(node)) return this.#follow(node, path, target => this.#plain(target, path))
    if (!this.#admit(node, path)) return undefined
    this.#depth++
    try {
      if (isSeq(node)) return node.items.map((item, index) => this.#plain(item, [...path, index]))
      if (isMap(node)) {
        return Object.fromEntries(
          this.#pairs(node, path).map(([name, pair]) => [name, this.#plain(pair.value, [...path, name])]),
        )
      }
      const value = isScalar(node) ? node.value : null
      const complaint = typeof value === 'string' ? controlComplaint(value, true) : undefined
      if (complaint) return this.#wrong(node, path, complaint.says)
      return value
    } finally {
      this.#depth--
    }
  }

  /** The pairs of a mapping with a name each; duplicates and keys that are no words are reported and left out. */
  #pairs(map: YAMLMap, path: Path): [name: string, pair: Pair][] {
    const pairs = new Map<string, Pair>()
    for (const pair of map.items) {
      const name = keyName(pair)
      if (name === undefined) {
        const where = path.length > 0 ? ` of ${keyText(path)}` : ''
        this.report(pair.key ?? map, path, `a key${where} must be a word, not ${describe(pair.key)}`)
        continue
      }
      if (hasTag(pair.key))
        this.report(pair.key, [...path, name], `the tag ${tagOf(pair.key)} has no meaning in a definition`)
      const first = pairs.get(name)
      if (!first) pairs.set(name, pair)
      else this.#twice([...path, name], pair, first)
    }
    return [...pairs]
  }

  #twice(path: Path, pair: Pair, first: Pair): void {
    const {line} = originAt(this.#source, placeOf(first.key)?.offset ?? 0, '')
    this.report(
      pair.key,
      path,
      `${keyText(path)} is written twice, first in line ${line}`,
      'remove one of them',
    )
  }

  #readPair(kind: Kind, pair: Pair, path: Path): unknown {
    // An empty value has no place of its own: the key stands for it.
    if (isEmpty(pair.value) && !hasTag(pair.value)) {
      return kind.kind === 'text' && kind.anyScalar && !kind.check
        ? this.#noValue(pair.key, path, 'for the empty text write ""')
        : this.#noValue(pair.key, path)
    }
    return this.read(kind, pair.value, path)
  }

  #noValue(node: unknown, path: Path, suggestion = 'write a value or remove the key'): undefined {
    return this.#wrong(node, path, 'has no value', suggestion)
  }

  /** Follows an alias to its anchor, within bounds, so that a small file cannot become a large value. */
  #follow<T>(alias: Alias, path: Path, read: (target: Node) => T): T | undefined {
    // Counted before it is looked up: that takes a walk through the document each time.
    this.#aliases++
    if (this.#aliases > MAX_ALIASES) {
      const isFirst = this.#aliases === MAX_ALIASES + 1
      if (isFirst)
        this.report(alias, path, `${keyText(path)} is one alias too many: ${MAX_ALIASES} may be followed`)
      return undefined
    }
    const target = alias.resolve(this.#source.document)
    if (!target) return this.#wrong(alias, path, `refers to &${alias.source}, which is not defined above`)
    if (this.#open.has(target)) return this.#wrong(alias, path, `contains itself through *${alias.source}`)
    const outer = this.#alias
    this.#alias ??= placeOf(alias)
    this.#open.add(target)
    try {
      return read(target)
    } finally {
      this.#open.delete(target)
      this.#alias = outer
    }
  }

  #admit(node: unknown, path: Path): boolean {
    if (hasTag(node)) {
      this.report(
        node,
        path,
        `the tag ${tagOf(node)} of ${keyText(path) || this.#whole} has no meaning in a definition`,
        'remove the tag',
      )
      return false
    }
    if (this.#depth > MAX_DEPTH) {
      this.report(node, path, `the file is nested deeper than ${MAX_DEPTH} levels`)
      return false
    }
    if (++this.#nodes <= MAX_NODES) return true
    if (this.#nodes === MAX_NODES + 1) this.report(node, path, `the file holds more than ${MAX_NODES} values`)
    return false
  }

  #wrong(node: unknown, path: Path, says: string, suggestion?: string): undefined {
    this.report(node, path, `${keyText(path) || this.#whole} ${says}`, suggestion)
    return undefined
  }

  /** Adds an error at a node (or at the alias that led to it). */
  report(node: unknown, path: Path, message: string, suggestion?: string): void {
    if (this.problems.length < MAX_PROBLEMS)
      this.problems.push(this.#problem(node, path, message, suggestion))
  }

  #problem(node: unknown, path: Path, message: string, suggestion?: string): Problem {
    const place = this.#alias ?? placeOf(node) ?? {offset: 0, length: 1}
    const origin = originAt(this.#source, place.offset, keyText(path))
    const {length} = place
    const from = provenanceOf(node)
    return {
      grade: 'error',
      message,
      origin,
      length,
      ...(suggestion ? {suggestion} : {}),
      ...(from ? {from} : {}),
    }
  }
}

function isEmpty(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null)
}

/** Whether `null` is written, as opposed to nothing. */
function isNull(node: unknown): boolean {
  return isScalar(node) && node.value === null && Boolean(node.source) && !hasTag(node)
}

function hasTag(node: unknown): boolean {
  return Boolean((node as Node | null)?.tag)
}

/** `tag:yaml.org,2002:str` is written `!!str`. */
function tagOf(node: unknown): string {
  return printable((node as Node).tag?.replace(/^tag:yaml\.org,2002:/, '!!') ?? '')
}

/** What a value must be, in an admin's words. */
function expected(kind: Kind): string {
  switch (kind.kind) {
    case 'text':
      return kind.expected
    case 'flag':
      return 'true or false'
    case 'whole':
      return 'a whole number'
    case 'duration':
      return 'a span of time such as 30s'
    case 'bytes':
      return 'an amount of data such as 1MiB'
    case 'cpus':
      return 'a number of CPUs such as 1.5 or 150%'
    case 'spelled':
      return kind.expected
    case 'worded':
      return `${expected(kind.of)} or ${either(Object.keys(kind.words))}`
    case 'rlimit':
      return RLIMIT_EXPECTED[kind.unit]
    case 'choice':
      return either(Object.keys(kind.values))
    case 'list':
      return 'a list'
    case 'either':
      return kind.text.expected
    case 'table':
      return 'a mapping of names to values'
    case 'section': {
      const keys = Object.keys(kind.keys)
      const short = kind.short === undefined ? undefined : kind.keys[kind.short]?.is
      if (short?.kind === 'choice') return `${Object.keys(short.values).join(', ')} or a mapping`
      if (short?.kind === 'flag') return 'true, false or a mapping'
      if (short) return 'a name or a mapping'
      return keys.length > 5 ? 'a mapping of keys to values' : `a mapping (${keys.join(', ')})`
    }
  }
}
