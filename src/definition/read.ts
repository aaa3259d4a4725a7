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
import {describe, keyName, originAt, type Place, placeOf, type Source} from './document.ts'
import type {
  Choice,
  Complaint,
  Either,
  Key,
  Kind,
  List,
  Section,
  Size,
  Span,
  Table,
  Text,
  Whole,
} from './kinds.ts'
import {nearest} from './nearest.ts'
import {keyText, type Path, type Problem} from './problems.ts'
import {formatBytes, formatDuration, parseBytes, parseDuration} from './units.ts'
import {CONTROL, either, printable, quote} from './words.ts'

/** Bounds on what aliases may multiply; a definition needs a handful. */
const MAX_ALIASES = 100
const MAX_NODES = 100_000
const MAX_DEPTH = 64
/** More than this helps nobody. */
const MAX_PROBLEMS = 100
const MAX_LENGTH = 4096

/** The defaults of a section, fresh copies. */
export function defaultsOf(section: Section): Record<string, unknown> {
  return Object.fromEntries(Object.entries(section.keys).map(([name, key]) => [name, defaultOf(key)]))
}

function defaultOf(key: Key): unknown {
  if (key.default !== undefined) return structuredClone(key.default)
  return blank(key.is)
}

/** What stands in for a value that is missing or wrong, so that reading goes on and lists keep their indexes. */
function blank(kind: Kind): unknown {
  if (kind.kind === 'section') return defaultsOf(kind)
  if (kind.kind === 'list') return []
  if (kind.kind === 'table') return {}
  if (kind.kind === 'flag') return false
  return kind.kind === 'text' || kind.kind === 'either' || kind.kind === 'choice' ? '' : 0
}

/**
 * Reads a document by a schema: the value with its defaults, and everything that is wrong with it. A wrong value is
 * replaced by its default.
 */
export class Reader {
  readonly problems: Problem[] = []
  readonly #source: Source
  #aliases = 0
  #nodes = 0
  #depth = 0
  /** The alias through which the present node is read: problems are shown there. */
  #alias: Place | undefined
  readonly #open = new Set<Node>()

  constructor(source: Source) {
    this.#source = source
  }

  /** Reads a value; undefined when it is wrong, which has been reported then. */
  read(kind: Kind, node: unknown, path: Path): unknown {
    if (isAlias(node)) return this.#follow(node, path, target => this.read(kind, target, path))
    if (!this.#admit(node, path)) return undefined
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

  #scalar(kind: Exclude<Kind, Section | Table | List | Either>, node: Scalar, path: Path): unknown {
    switch (kind.kind) {
      case 'text':
        return this.#text(kind, node, path)
      case 'flag':
        return this.#flag(node, path)
      case 'whole':
        return this.#whole(kind, node, path)
      case 'duration':
        return this.#duration(kind, node, path)
      case 'bytes':
        return this.#bytes(kind, node, path)
      case 'choice':
        return this.#choice(kind, node, path)
    }
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
    const values = new Map<string, unknown>()
    const meant = new Set<string>()
    for (const [name, pair] of this.#pairs(node, path)) {
      const key = Object.hasOwn(kind.keys, name) ? kind.keys[name] : undefined
      if (key) {
        const value = this.#isLeftOut(key.is, pair.value)
          ? undefined
          : this.#readPair(key.is, pair, [...path, name])
        values.set(name, value === undefined ? defaultOf(key) : value)
      } else if (kind.open) values.set(name, this.#plain(pair.value, [...path, name]))
      else meant.add(this.#unknown(kind, name, pair, path) ?? '')
    }
    return this.#completeSection(kind, values, node, path, meant)
  }

  /** A list or a mapping without any item is as good as not written: often all items are commented out. */
  #isLeftOut(kind: Kind, value: unknown): boolean {
    return isEmpty(value) && ['section', 'list', 'table'].includes(kind.kind) && !hasTag(value)
  }

  /** Adds defaults. A required key that an unknown one was meant to be is not reported as missing too. */
  #completeSection(
    kind: Section,
    values: ReadonlyMap<string, unknown>,
    node: unknown,
    path: Path,
    meant: ReadonlySet<string> = new Set(),
  ): Record<string, unknown> {
    const whole: Record<string, unknown> = {}
    for (const [name, key] of Object.entries(kind.keys)) {
      if (!values.has(name) && key.required && !meant.has(name)) {
        const example = key.example && `for example ${name}: ${key.example}`
        this.report(node, path, `${keyText([...path, name])} is missing`, example)
      }
      whole[name] = values.has(name) ? values.get(name) : defaultOf(key)
    }
    return {...whole, ...Object.fromEntries(values)}
  }

  /** Reports an unknown key; returns the key that was meant. */
  #unknown(kind: Section, name: string, pair: Pair, path: Path): string | undefined {
    const known = Object.keys(kind.keys)
    const near = known.find(key => kind.keys[key]?.aka?.includes(name.toLowerCase())) ?? nearest(name, known)
    const suggestion = near ? `did you mean ${near}?` : whereElse(kind, name, path)
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
      const value = this.#readPair(kind.of, pair, [...path, name])
      if (value !== undefined && !complaint) values.set(name, value)
    }
    return Object.fromEntries(values)
  }

  #list(kind: List, node: unknown, path: Path): unknown {
    if (!isSeq(node)) return this.#wrong(node, path, `must be a list, not ${found(node)}`, listHint(node))
    if (node.items.length < (kind.min ?? 0)) return this.#wrong(node, path, 'must not be an empty list')
    return node.items.map((item, index) => {
      const here = [...path, index]
      const isNothing = isEmpty(item) && !hasTag(item)
      const value = isNothing
        ? this.#noValue(item, here, 'write a value or remove the item')
        : this.read(kind.of, item, here)
      return value === undefined ? blank(kind.of) : value
    })
  }

  #either(kind: Either, node: unknown, path: Path): unknown {
    if (isSeq(node)) return this.read(kind.list, node, path)
    if (isMap(node)) return this.#wrong(node, path, `must be ${kind.text.expected}, not a mapping`)
    return this.read(kind.text, node, path)
  }

  #text(kind: Text, node: Scalar, path: Path): string | undefined {
    const value =
      typeof node.value === 'string'
        ? node.value
        : kind.anyScalar
          ? (node.source ?? String(node.value))
          : undefined
    if (value === undefined) {
      const written = node.source ?? String(node.value)
      const complaint = kind.check?.(written)
      const suggestion = complaint ? complaint.suggestion : `put it in quotes: "${written}"`
      return this.#wrong(node, path, `must be ${kind.expected}, not ${found(node)}`, suggestion)
    }
    const control = value
      .match(CONTROL)
      ?.find(character => !(kind.lines && (character === '\n' || character === '\t')))
    if (control !== undefined) {
      const what = control === '\n' ? 'a line break' : `the control character U+${hex(control)}`
      return this.#wrong(node, path, `must not hold ${what}`)
    }
    if (value.isWellFormed() === false)
      return this.#wrong(node, path, 'must be text that can be written in UTF-8')
    const complaint = kind.check?.(value) ?? tooLong(value, kind.maxLength ?? MAX_LENGTH)
    if (complaint) return this.#wrong(node, path, complaint.says, complaint.suggestion)
    return kind.normalise ? kind.normalise(value) : value
  }

  #flag(node: Scalar, path: Path): boolean | undefined {
    if (typeof node.value === 'boolean') return node.value
    const word = String(node.value).toLowerCase()
    const meant = YES.has(word) ? 'true' : NO.has(word) ? 'false' : undefined
    return this.#wrong(node, path, `must be true or false, not ${found(node)}`, meant && `write ${meant}`)
  }

  #whole(kind: Whole, node: Scalar, path: Path): number | undefined {
    const {value} = node
    if (typeof value !== 'number' || !Number.isInteger(value)) {
      const unquote =
        typeof value === 'string' && /^[0-9]+$/.test(value) ? 'write it without quotes' : undefined
      return this.#wrong(
        node,
        path,
        `must be a whole number, not ${typeof value === 'number' ? node.source : found(node)}`,
        unquote,
      )
    }
    if (value >= kind.min && value <= kind.max) return value
    return this.#wrong(node, path, `must be from ${kind.min} to ${kind.max}, not ${node.source ?? value}`)
  }

  #duration(kind: Span, node: Scalar, path: Path): number | undefined {
    const written = node.value === 0 ? '0' : typeof node.value === 'string' ? node.value : ''
    const value = parseDuration(written)
    if (value === undefined) {
      return this.#wrong(
        node,
        path,
        `must be a span of time such as 30s or 1h30m, not ${found(node)}`,
        durationHint(node),
      )
    }
    if (value >= kind.min && value <= kind.max) return value
    const range = `from ${formatDuration(kind.min)} to ${formatDuration(kind.max)}`
    return this.#wrong(node, path, `must be ${range}, not ${formatDuration(value)}`)
  }

  #bytes(kind: Size, node: Scalar, path: Path): number | undefined {
    const value = parseBytes(
      typeof node.value === 'string' ? node.value : (node.source ?? String(node.value)),
    )
    if (value === undefined) {
      return this.#wrong(
        node,
        path,
        `must be an amount of data such as 1MiB, not ${found(node)}`,
        bytesHint(node),
      )
    }
    if (value >= kind.min && value <= kind.max) return value
    const range = `from ${formatBytes(kind.min)} to ${formatBytes(kind.max)}`
    return this.#wrong(node, path, `must be ${range}, not ${formatBytes(value)}`)
  }

  #choice(kind: Choice, node: Scalar, path: Path): string | undefined {
    const known = Object.keys(kind.values)
    if (typeof node.value === 'string' && known.includes(node.value)) return node.value
    const near = nearest(String(node.value), known)
    return this.#wrong(
      node,
      path,
      `must be ${either(known)}, not ${found(node)}`,
      near && `did you mean ${near}?`,
    )
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
      const control =
        typeof value === 'string'
          ? value.match(CONTROL)?.find(character => !'\n\t'.includes(character))
          : undefined
      if (control !== undefined)
        return this.#wrong(node, path, `must not hold the control character U+${hex(control)}`)
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
      return kind.kind === 'text' && kind.anyScalar
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
    const target = alias.resolve(this.#source.document)
    if (!target) return this.#wrong(alias, path, `refers to &${alias.source}, which is not defined above`)
    if (++this.#aliases > MAX_ALIASES)
      return this.#aliases === MAX_ALIASES + 1
        ? this.#wrong(alias, path, `is one alias too many: ${MAX_ALIASES} may be followed`)
        : undefined
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
        `the tag ${tagOf(node)} of ${keyText(path) || 'the file'} has no meaning in a definition`,
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
    this.report(node, path, `${keyText(path) || 'the file'} ${says}`, suggestion)
    return undefined
  }

  /** Adds an error at a node (or at the alias that led to it). */
  report(node: unknown, path: Path, message: string, suggestion?: string): void {
    if (this.problems.length >= MAX_PROBLEMS) return
    const place = this.#alias ?? placeOf(node) ?? {offset: 0, length: 1}
    const origin = originAt(this.#source, place.offset, keyText(path))
    const {length} = place
    this.problems.push({grade: 'error', message, origin, length, ...(suggestion ? {suggestion} : {})})
  }
}

const YES = new Set(['yes', 'y', 'on', '1', 'true', 'enabled'])
const NO = new Set(['no', 'n', 'off', '0', 'false', 'disabled'])

function isEmpty(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null)
}

function hasTag(node: unknown): boolean {
  return Boolean((node as Node | null)?.tag)
}

/** `tag:yaml.org,2002:str` is written `!!str`. */
function tagOf(node: unknown): string {
  return printable((node as Node).tag?.replace(/^tag:yaml\.org,2002:/, '!!') ?? '')
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
}

function tooLong(value: string, max: number): Complaint | undefined {
  return value.length > max
    ? {says: `must be at most ${max} characters long, not ${value.length}`}
    : undefined
}

/** A wrong value in a message: what it is, and what it says when it is text. */
function found(node: unknown): string {
  return isScalar(node) && typeof node.value === 'string' && node.value !== ''
    ? quote(node.value)
    : describe(node)
}

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
      if (kind.short !== undefined) return 'a name or a mapping'
      return keys.length > 5 ? 'a mapping of keys to values' : `a mapping (${keys.join(', ')})`
    }
  }
}

/** `restart: always`: the key the value would fit. */
function sectionHint(kind: Section, node: unknown, path: Path): string | undefined {
  const name = path.at(-1)
  if (!isScalar(node)) return undefined
  const instead = kind.instead?.(String(node.value))
  if (instead !== undefined || typeof name !== 'string') return instead
  const fits = Object.entries(kind.keys).find(([, key]) => fitsScalar(key.is, node.value))
  return fits && `write ${name}: {${fits[0]}: ${node.source ?? node.value}}`
}

function fitsScalar(kind: Kind, value: unknown): boolean {
  if (kind.kind === 'choice') return typeof value === 'string' && Object.hasOwn(kind.values, value)
  if (kind.kind === 'duration') return typeof value === 'string' && parseDuration(value) !== undefined
  if (kind.kind === 'bytes') return typeof value === 'string' && parseBytes(value) !== undefined
  if (kind.kind === 'flag') return typeof value === 'boolean'
  return false
}

/** For a key that is not like any other here: the section it belongs to, or the keys there are. */
function whereElse(kind: Section, name: string, path: Path): string {
  if (name === '<<') return 'merge keys are not part of YAML 1.2: write the keys out'
  for (const [key, {is}] of Object.entries(kind.keys)) {
    if (is.kind === 'section' && Object.hasOwn(is.keys, name))
      return `${name} belongs below ${keyText([...path, key])}`
  }
  return `the keys here are ${Object.keys(kind.keys).join(', ')}`
}

function listHint(node: unknown): string | undefined {
  if (!isScalar(node) || node.value === null || String(node.value).length > 60) return undefined
  const items = String(node.source ?? node.value)
    .trim()
    .split(/[\s,]+/)
    .filter(Boolean)
  return items.length > 0 ? `write [${items.join(', ')}]` : undefined
}

function tableHint(node: unknown): string | undefined {
  const first = isSeq(node) ? node.items[0] : undefined
  const match =
    isScalar(first) && typeof first.value === 'string' ? /^([A-Za-z_]\w*)=(.*)$/.exec(first.value) : null
  return match ? `write ${match[1]}: ${match[2]} without a dash` : undefined
}

function durationHint(node: Scalar): string | undefined {
  const words = String(node.source ?? node.value).trim()
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)$/.exec(words)
  if (!match?.[1]) return undefined
  if (match[2] === '') return `say the unit: ${match[1]}s or ${match[1]}m`
  const unit = TIME_WORDS.find(([pattern]) => pattern.test(match[2] ?? ''))?.[1]
  const exact = unit === undefined ? undefined : Number(match[1]) * (parseDuration(`1${unit}`) ?? 0)
  return exact ? `write ${formatDuration(exact)}` : undefined
}

const TIME_WORDS: readonly [RegExp, string][] = [
  [/^(ms|msecs?|milliseconds?)$/i, 'ms'],
  [/^(s|secs?|seconds?)$/i, 's'],
  [/^(m|mins?|minutes?)$/i, 'm'],
  [/^(h|hrs?|hours?)$/i, 'h'],
  [/^(d|days?)$/i, 'd'],
]

function bytesHint(node: Scalar): string | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*([kmgt])(i?b?)$/i.exec(String(node.source ?? node.value).trim())
  if (!match?.[1] || !match[2]) return undefined
  const letter = match[2].toUpperCase()
  const binary = `${match[1]}${letter}iB`
  if (parseBytes(binary) === undefined) return 'it must be a whole number of bytes'
  if (match[3]?.toLowerCase() === 'ib') return `write ${binary}`
  return `write ${binary} (units of 1024) or ${match[1]}${letter === 'K' ? 'k' : letter}B (units of 1000)`
}
