import {isDeepStrictEqual} from 'node:util'
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  Scalar,
  YAMLMap,
  YAMLSeq,
} from 'yaml'
import {ExitCode, VpsError} from '../errors.ts'
import {
  APPEND,
  type Assignment,
  badAssignment,
  parsePath,
  type Step,
  schemaPath,
  stepsText,
  valueNode,
} from './assignment.ts'
import {describe, keyName, parseSource} from './document.ts'
import {kindAt} from './keys.ts'
import {renderProblems} from './problems.ts'
import * as splice from './splice.ts'

/**
 * Changes a definition's text: comments, layout and every line that is not concerned stay byte for byte. What is written
 * may be wrong by the schema: parse the result. The outcome of each assignment is checked (the file then says exactly what
 * was asked for, and has lost no comment), so a layout that cannot be changed in place is refused, never damaged.
 * @throws VpsError INVALID_DEFINITION (exit 2) when the text is no YAML, BAD_ASSIGNMENT (exit 2), CANNOT_EDIT (exit 1)
 */
export function editDefinition(text: string, assignments: readonly Assignment[]): {text: string} {
  return {text: assignments.reduce(assign, text)}
}

function assign(text: string, {path, value}: Assignment): string {
  const steps = parsePath(path)
  const wanted = value === undefined ? undefined : valueNode(steps, value)
  try {
    const before = parse(text)
    const expected = plainOf(before)
    const edited = wanted === undefined ? unset(text, steps) : set(text, steps, wanted)
    const outcome =
      wanted === undefined
        ? withoutPlain(expected, steps)
        : withPlain(expected, steps, wanted.toJS(before), [])
    if (!isSame(plainOf(parse(edited)), outcome)) throw new splice.CannotSplice('the layout is unusual')
    if (!keepsComments(text, edited)) throw new splice.CannotSplice('a comment stands inside the value')
    return edited
  } catch (error) {
    if (!(error instanceof splice.CannotSplice || error instanceof ReferenceError)) throw error
    throw new VpsError('CANNOT_EDIT', `cannot change ${stepsText(steps)} in place: ${error.message}`, {
      suggestions: ['change the file by hand with vps edit'],
    })
  }
}

function parse(text: string): Document.Parsed {
  const {source, problems} = parseSource(text, 'definition', {keepSourceTokens: true})
  if (problems.length === 0) return source.document
  throw new VpsError(
    'INVALID_DEFINITION',
    `the definition cannot be changed: it is not valid YAML\n${renderProblems(problems, text)}`,
    {
      exitCode: ExitCode.wrongUse,
    },
  )
}

/** Sets a path, making what is missing on the way. */
function set(text: string, steps: readonly Step[], value: Node): string {
  let node: unknown = parse(text).contents
  const [first] = steps
  if (isEmpty(node) && typeof first === 'string')
    return splice.addFirstPair(text, first, nest(steps.slice(1), value))
  for (const [index, step] of steps.entries()) {
    const here = steps.slice(0, index)
    const rest = steps.slice(index + 1)
    if (isMap(node) && typeof step === 'string') {
      const pair = pairOf(node, step)
      if (!pair) return splice.addPair(text, node, step, nest(rest, value))
      if (isEmpty(pair.value)) return splice.replaceValue(text, node, pair, nest(rest, value))
      const long = longForm(pair.value, [...here, step], rest, value)
      if (long) return splice.replaceValue(text, node, pair, long)
      if (rest.length === 0)
        return setWhole(text, steps, pair.value, value, () =>
          splice.replaceValue(text, node as YAMLMap, pair, value),
        )
      node = pair.value
    } else if (isSeq(node) && typeof step !== 'string') {
      const length = node.items.length
      if (step === APPEND || step === length) return splice.addItem(text, node, nest(rest, value))
      if (step > length) throw noSuchItem(here, length)
      const item: unknown = node.items[step]
      if (rest.length === 0)
        return setWhole(text, steps, item, value, () =>
          splice.replaceItem(text, node as YAMLSeq, step, value),
        )
      node = item
    } else throw unfit(here, step, node)
  }
  return text
}

/** Replaces a value; where old and new are both lists or both mappings, only what differs in them, to keep comments. */
function setWhole(
  text: string,
  steps: readonly Step[],
  old: unknown,
  value: Node,
  replace: () => string,
): string {
  if (isMap(old) && isMap(value) && old.items.length > 0 && value.items.length > 0)
    return setMap(text, steps, old, value)
  if (isSeq(old) && isSeq(value) && old.items.length > 0 && value.items.length > 0)
    return setList(text, steps, old, value)
  return isWritten(old, value) ? text : replace()
}

function setMap(text: string, steps: readonly Step[], old: YAMLMap, value: YAMLMap): string {
  let edited = text
  // First what is new and changed, so that the mapping is never empty on the way.
  for (const pair of value.items)
    edited = set(edited, [...steps, nameOf(pair)], (pair.value ?? new Scalar(null)) as Node)
  for (const pair of old.items) {
    if (!pairOf(value, nameOf(pair))) edited = unset(edited, [...steps, nameOf(pair)])
  }
  return edited
}

function setList(text: string, steps: readonly Step[], old: YAMLSeq, value: YAMLSeq): string {
  let edited = text
  for (const [index, item] of value.items.entries()) edited = set(edited, [...steps, index], item as Node)
  for (let index = old.items.length - 1; index >= value.items.length; index--)
    edited = unset(edited, [...steps, index])
  return edited
}

function isWritten(old: unknown, value: Node): boolean {
  return (
    isScalar(old) &&
    isScalar(value) &&
    old.value === value.value &&
    (typeof old.value === 'string' || old.source === value.source)
  )
}

/** Removes what a path leads to; nothing when it is not there. */
function unset(text: string, steps: readonly Step[]): string {
  let node: unknown = parse(text).contents
  for (const [index, step] of steps.entries()) {
    const isLast = index === steps.length - 1
    if (isMap(node) && typeof step === 'string') {
      const pair = pairOf(node, step)
      if (!pair) return text
      if (isLast) return splice.removePair(text, node, pair)
      node = pair.value
    } else if (isSeq(node) && typeof step === 'number') {
      if (step >= node.items.length) throw noSuchItem(steps.slice(0, index), node.items.length)
      if (isLast) return splice.removeItem(text, node, step)
      node = node.items[step]
    } else if (isEmpty(node)) return text
    else throw unfit(steps.slice(0, index), step, node)
  }
  return text
}

function noSuchItem(list: readonly Step[], length: number): VpsError {
  const name = stepsText(list)
  const last = length === 0 ? 'has no items' : `has items 0 to ${length - 1}`
  return badAssignment(`${name} ${last}`, `append one with ${name}+=value`)
}

function unfit(here: readonly Step[], step: Step, node: unknown): Error {
  if (isAlias(node)) return new splice.CannotSplice(`${stepsText(here)} is an alias`)
  const name = stepsText(here) || 'the file'
  const wanted = typeof step === 'string' ? `no key ${step}` : 'no items'
  return badAssignment(`${name} is ${describe(node)} and has ${wanted}`, 'see the keys with vps schema')
}

/** `template: debian` becomes `{name: debian, suite: trixie}` when a parameter is set. */
function longForm(
  node: unknown,
  steps: readonly Step[],
  rest: readonly Step[],
  value: Node,
): YAMLMap | undefined {
  const kind = kindAt(schemaPath(steps))
  if (!isScalar(node) || rest.length === 0 || kind?.kind !== 'section' || kind.short === undefined)
    return undefined
  if (rest[0] === kind.short) return undefined
  const map = nest(rest, value) as YAMLMap
  map.items.unshift(newPair(kind.short, new Scalar(node.value)))
  return map
}

/** A value inside the mappings and lists that its path needs. */
function nest(steps: readonly Step[], value: Node): Node {
  return steps.reduceRight<Node>((inner, step) => {
    if (typeof step === 'string') {
      const map = new YAMLMap()
      map.items.push(newPair(step, inner))
      return map
    }
    if (typeof step === 'number' && step > 0)
      throw badAssignment(`item ${step} of a list that has none`, 'append with list+=item')
    const list = new YAMLSeq()
    list.items.push(inner)
    return list
  }, value)
}

function newPair(key: string, value: Node): Pair {
  const map = new YAMLMap()
  map.set(new Scalar(key), value)
  return map.items[0] as Pair
}

function pairOf(map: YAMLMap, name: string): Pair | undefined {
  return map.items.find(pair => keyName(pair) === name)
}

function nameOf(pair: Pair<unknown, unknown>): string {
  const name = keyName(pair)
  if (name === undefined) throw new splice.CannotSplice('a key is no word')
  return name
}

function isEmpty(node: unknown): boolean {
  return node === null || node === undefined || (isScalar(node) && node.value === null)
}

/* The check of the outcome: what plain data the file should hold afterwards. */

type Plain = unknown

function plainOf(document: Document.Parsed): Plain {
  return document.toJS({maxAliasCount: 100})
}

function withPlain(data: Plain, steps: readonly Step[], value: Plain, here: readonly Step[]): Plain {
  const [step, ...rest] = steps
  if (step === undefined) return value
  if (typeof step !== 'string') {
    const items = Array.isArray(data) ? [...data] : []
    const index = step === APPEND ? items.length : step
    items[index] = withPlain(items[index], rest, value, [...here, step])
    return items
  }
  const kind = kindAt(schemaPath(here))
  const short = kind?.kind === 'section' ? kind.short : undefined
  const isShort = short !== undefined && ['string', 'number', 'boolean'].includes(typeof data)
  const record = isShort ? {[short]: data} : isRecord(data) ? data : {}
  return {...record, [step]: withPlain(record[step], rest, value, [...here, step])}
}

function withoutPlain(data: Plain, steps: readonly Step[]): Plain {
  const [step, ...rest] = steps
  if (Array.isArray(data) && typeof step === 'number') {
    return rest.length === 0 ? data.toSpliced(step, 1) : data.with(step, withoutPlain(data[step], rest))
  }
  if (!isRecord(data) || typeof step !== 'string' || !(step in data)) return data
  if (rest.length > 0) return {...data, [step]: withoutPlain(data[step], rest)}
  const {[step]: _, ...others} = data
  return others
}

/** Equal, where an empty value, an empty list and an empty mapping are the same. */
function isSame(a: Plain, b: Plain): boolean {
  return isDeepStrictEqual(withoutEmpty(a), withoutEmpty(b))
}

function withoutEmpty(data: Plain): Plain {
  if (Array.isArray(data)) return data.length === 0 ? null : data.map(withoutEmpty)
  if (!isRecord(data)) return data ?? null
  const entries = Object.entries(data).map(([key, value]) => [key, withoutEmpty(value)])
  return entries.length === 0 ? null : Object.fromEntries(entries)
}

function isRecord(data: Plain): data is Record<string, unknown> {
  return typeof data === 'object' && data !== null && !Array.isArray(data)
}

function keepsComments(before: string, after: string): boolean {
  const left = splice.commentsOf(after).map(({text}) => text)
  return splice.commentsOf(before).every(({text}) => {
    const index = left.indexOf(text)
    if (index >= 0) left.splice(index, 1)
    return index >= 0
  })
}
