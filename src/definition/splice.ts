/*
 * Surgery on the text of a YAML file: every function takes a text and returns it with one stretch changed, so that all
 * bytes around it stay as they are. `edit.ts` decides what to change and checks the outcome.
 */
import {
  Document,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  type Pair,
  Scalar,
  visit,
  YAMLMap,
  YAMLSeq,
} from 'yaml'

/** The text cannot be changed in place; the caller says so with a way out. */
export class CannotSplice extends Error {}

/** A comment of a text. */
export interface Comment {
  readonly offset: number
  readonly text: string
}

/** Every comment of a YAML text, in order. */
export function commentsOf(text: string): Comment[] {
  const comments: Comment[] = []
  let offset = 0
  let previous = ''
  for (const token of new Lexer().lex(text)) {
    // The lexer marks the start of a document, of a scalar and a broken flow by a control character of no length.
    const isMark = token === '\u0002' || token === '\u001f' || token === '\u0018'
    if (!isMark) {
      if (token.startsWith('#') && previous !== '\u001f') comments.push({offset, text: token})
      offset += token.length
    }
    previous = token
  }
  return comments
}

/** A value as it is written on one line: inside brackets (`flow`) more must be quoted than after `key: `. */
export function render(node: Node, context: 'flow' | 'block'): string {
  const document = new Document(null, {version: '1.2', schema: 'core'})
  const copy = node.clone() as Node
  const options = {lineWidth: 0, flowCollectionPadding: false, blockQuote: false} as const
  visit(copy, {
    Collection: (_, collection) => {
      collection.flow = true
    },
  })
  if (context === 'flow') {
    const list = new YAMLSeq()
    list.flow = true
    list.items.push(copy)
    document.contents = list as unknown as typeof document.contents
    return document.toString(options).trimEnd().slice(1, -1)
  }
  const map = new YAMLMap()
  map.set(new Scalar('k'), copy)
  document.contents = map as unknown as typeof document.contents
  return document.toString(options).trimEnd().slice('k: '.length)
}

/** A key as it is written. */
export function renderKey(key: string, context: 'flow' | 'block'): string {
  return render(new Scalar(key), context)
}

const lineStart = (text: string, offset: number): number => text.lastIndexOf('\n', offset - 1) + 1

/** The start of the next line, or the end of the text. */
function lineAfter(text: string, offset: number): number {
  // The end of a block text is already the start of the next line.
  if (offset > 0 && text[offset - 1] === '\n') return offset
  const end = text.indexOf('\n', offset)
  return end < 0 ? text.length : end + 1
}

const newline = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n')

function replaceAt(text: string, start: number, end: number, by: string): string {
  return text.slice(0, start) + by + text.slice(end)
}

/** Where a pair or node ends that is written; comments and line breaks after it not included. */
function endOf(item: unknown): number {
  if (isPair(item)) return hasPlace(item.value) ? endOf(item.value) : (colonOf(item)?.end ?? endOf(item.key))
  if (isCollection(item) && !item.flow && item.items.length > 0) {
    const last: unknown = item.items.at(-1)
    return hasPlace(last) || isPair(last) ? endOf(last) : (dashOf(item, item.items.length - 1) ?? 0) + 1
  }
  const range = (item as Node | null)?.range
  if (!range) throw new CannotSplice('the end of a value is not known')
  return range[1]
}

function startOf(item: unknown): number {
  if (isPair(item)) return startOf(item.key)
  const range = (item as Node | null)?.range
  if (!range) throw new CannotSplice('the start of a value is not known')
  return range[0]
}

function isPair(item: unknown): item is Pair<Node | null, Node | null> {
  return typeof item === 'object' && item !== null && 'key' in item && 'value' in item && !('range' in item)
}

/** Whether a value takes up room in the text; an empty one (`key:`) does not. */
function hasPlace(node: unknown): boolean {
  const range = (node as Node | null | undefined)?.range
  return range !== undefined && range !== null && range[1] > range[0]
}

/** The colon of a pair. */
function colonOf(pair: Pair<unknown, unknown>): {start: number; end: number} | undefined {
  const token = pair.srcToken?.sep?.find(({type}) => type === 'map-value-ind')
  return token && {start: token.offset, end: token.offset + 1}
}

/** The offset of the dash before an item of a block list. */
function dashOf(list: Node, index: number): number | undefined {
  const token = list.srcToken
  if (token?.type !== 'block-seq') return undefined
  return token.items[index]?.start.find(({type}) => type === 'seq-item-ind')?.offset
}

function hasComments(text: string, start: number, end: number): boolean {
  return commentsOf(text).some(({offset}) => offset >= start && offset < end)
}

/** Removes whole lines; each comment in them stays, on a line of its own. */
function removeLines(text: string, start: number, end: number): string {
  let kept = ''
  const comments = commentsOf(text).filter(({offset}) => offset >= start && offset < end)
  for (const comment of comments) {
    const indent = /^[ \t]*/.exec(text.slice(lineStart(text, comment.offset)))?.[0] ?? ''
    kept += `${indent}${comment.text}${newline(text)}`
  }
  return replaceAt(text, start, end, kept)
}

/** Inserts a line after the one that holds `offset`, and after comments that are indented below it. */
function insertLine(text: string, offset: number, indent: string, line: string): string {
  let at = lineAfter(text, offset)
  const below = new RegExp(`([ \\t]*\\r?\\n)*${indent}[ \\t]+#[^\\n]*(\\n|$)`, 'y')
  for (below.lastIndex = at; below.test(text); below.lastIndex = at) at = below.lastIndex
  const start = at > 0 && text[at - 1] !== '\n' ? newline(text) : ''
  const end = start === '' ? newline(text) : ''
  return replaceAt(text, at, at, `${start}${indent}${line}${end}`)
}

/** The white space that puts a line below the one of `offset`, which may follow a dash. */
function indentTo(text: string, offset: number): string {
  const before = text.slice(lineStart(text, offset), offset)
  if (!/^[ -]*$/.test(before)) throw new CannotSplice('the indentation is unusual')
  return ' '.repeat(before.length)
}

/** Adds a key at the end of a mapping. */
export function addPair(text: string, map: YAMLMap, key: string, value: Node): string {
  if (map.flow) return addToFlow(text, map, `${renderKey(key, 'flow')}: ${render(value, 'flow')}`)
  const last = map.items.at(-1)
  if (!last) throw new CannotSplice('the mapping has no place')
  const indent = indentTo(text, startOf(map.items[0]))
  return insertLine(text, endOf(last), indent, pairLines(text, indent, key, value))
}

/** A list of mappings goes on lines of its own, everything else behind the key. */
function pairLines(text: string, indent: string, key: string, value: Node): string {
  const name = renderKey(key, 'block')
  if (!isSeq(value) || value.items.length === 0 || !value.items.every(isCollection))
    return `${name}: ${render(value, 'block')}`
  const items = value.items.map(item => `${indent}  - ${render(item as Node, 'block')}`)
  return [`${name}:`, ...items].join(newline(text))
}

/** Adds the first key of a file that holds none. */
export function addFirstPair(text: string, key: string, value: Node): string {
  const start = text === '' || text.endsWith('\n') ? '' : newline(text)
  return `${text}${start}${pairLines(text, '', key, value)}${newline(text)}`
}

/** Adds an item at the end of a list. */
export function addItem(text: string, list: YAMLSeq, value: Node): string {
  if (list.flow) return addToFlow(text, list, render(value, 'flow'))
  const dash = dashOf(list, 0)
  if (dash === undefined) throw new CannotSplice('the list has no place')
  return insertLine(text, endOf(list), indentTo(text, dash), `- ${render(value, 'block')}`)
}

function addToFlow(text: string, collection: YAMLMap | YAMLSeq, item: string): string {
  const last: unknown = collection.items.at(-1)
  if (last === undefined) return replaceAt(text, startOf(collection) + 1, startOf(collection) + 1, item)
  const end = endOf(last)
  return replaceAt(text, end, end, `, ${item}`)
}

/** Writes another value behind a key. */
export function replaceValue(text: string, map: YAMLMap, pair: Pair<unknown, unknown>, value: Node): string {
  const context = map.flow ? 'flow' : 'block'
  if (hasPlace(pair.value)) return replaceNode(text, pair.value as Node, value, context, colonOf(pair)?.end)
  const colon = colonOf(pair)
  const at = colon?.end ?? endOf(pair.key)
  return replaceAt(text, at, at, `${colon ? '' : ':'} ${render(value, context)}`)
}

/** Writes another value in place of an item of a list. */
export function replaceItem(text: string, list: YAMLSeq, index: number, value: Node): string {
  const item = list.items[index] as Node
  if (hasPlace(item)) return replaceNode(text, item, value, list.flow ? 'flow' : 'block', undefined)
  const dash = dashOf(list, index)
  if (dash === undefined) throw new CannotSplice('the item has no place')
  return replaceAt(text, dash + 1, dash + 1, ` ${render(value, 'block')}`)
}

function replaceNode(
  text: string,
  old: Node,
  value: Node,
  context: 'flow' | 'block',
  colonEnd: number | undefined,
): string {
  const [start, end] = [startOf(old), endOf(old)]
  const written = render(value, context)
  const isBlock = isCollection(old) && !old.flow
  if (!isBlock) {
    // A block text ends with its line break.
    const ending = isScalar(old) && text[end - 1] === '\n' ? newline(text) : ''
    return replaceAt(text, start, end, written + ending)
  }
  if (colonEnd === undefined || lineStart(text, start) <= colonEnd)
    throw new CannotSplice('the value begins on the line of a dash')
  const without = removeLines(text, lineStart(text, start), lineAfter(text, end))
  return replaceAt(without, colonEnd, colonEnd, ` ${written}`)
}

/** Removes a key and its value. */
export function removePair(text: string, map: YAMLMap, pair: Pair<unknown, unknown>): string {
  if (map.flow) return removeFromFlow(text, map, map.items.indexOf(pair))
  const [start, end] = [startOf(pair), endOf(pair)]
  const from = lineStart(text, start)
  if (/^[ \t]*$/.test(text.slice(from, start))) return removeLines(text, from, lineAfter(text, end))
  if (map.items.length === 1) return replaceAt(text, start, end, '{}')
  const next = startOf(map.items[map.items.indexOf(pair) + 1])
  if (hasComments(text, start, next)) throw new CannotSplice('a comment stands in between')
  return replaceAt(text, start, next, '')
}

/** Removes an item of a list. */
export function removeItem(text: string, list: YAMLSeq, index: number): string {
  if (list.flow) return removeFromFlow(text, list, index)
  const dash = dashOf(list, index)
  const item: unknown = list.items[index]
  if (dash === undefined) throw new CannotSplice('the item has no place')
  const from = lineStart(text, dash)
  if (!/^[ \t]*$/.test(text.slice(from, dash))) throw new CannotSplice('the item begins behind another dash')
  return removeLines(text, from, lineAfter(text, hasPlace(item) ? endOf(item) : dash + 1))
}

function removeFromFlow(text: string, collection: YAMLMap | YAMLSeq, index: number): string {
  const {items} = collection
  const [start, end] = [startOf(items[index]), endOf(items[index])]
  if (hasComments(text, start, end)) throw new CannotSplice('a comment stands inside the value')
  if (items.length === 1 && !hasComments(text, startOf(collection), endOf(collection))) {
    return replaceAt(text, startOf(collection), endOf(collection), isMap(collection) ? '{}' : '[]')
  }
  const after = commaAfter(text, end)
  if (after !== undefined) {
    const behind = /^[ \t]*/.exec(text.slice(after + 1))?.[0].length ?? 0
    if (!hasComments(text, end, after)) return replaceAt(text, start, after + 1 + behind, '')
    return replaceAt(replaceAt(text, after, after + 1, ''), start, end, '')
  }
  const before = index > 0 ? commaAfter(text, endOf(items[index - 1])) : undefined
  if (before === undefined) return replaceAt(text, start, end, '')
  if (!hasComments(text, before, start)) return replaceAt(text, before, end, '')
  return replaceAt(replaceAt(text, start, end, ''), before, before + 1, '')
}

/** The comma that follows, over white space and comments. */
function commaAfter(text: string, offset: number): number | undefined {
  const gap = /(?:\s|#[^\n]*)*/y
  gap.lastIndex = offset
  gap.test(text)
  return text[gap.lastIndex] === ',' ? gap.lastIndex : undefined
}
