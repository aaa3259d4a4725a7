import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Range,
  Scalar,
  type YAMLError,
} from 'yaml'
import {formatBytes} from '../units.ts'
import {keyText, type Origin, type Path, type Problem} from './problems.ts'
import {count} from './words.ts'

/** A definition larger than this is none. In UTF-16 units of its text. */
export const MAX_TEXT = 256 * 1024

/** More complaints of the parser than this come from one mistake, or from no definition. */
const MAX_ERRORS = 200

/** A parsed text and what is needed to say where in it something stands. */
export interface Source {
  readonly file: string
  readonly text: string
  readonly lines: LineCounter
  readonly document: Document.Parsed
  /** Where the definition begins when it is a part of the text only: paths count from here. */
  readonly root?: Node
}

/** The node that paths count from. */
export function rootOf({root, document}: Source): unknown {
  return root ?? document.contents
}

/** Where a value comes from that was filled into a text: a cell of a table, the line of a variable. */
export interface Provenance {
  readonly origin: Origin
  readonly length: number
}

/** A text that was filled into a document. Nobody can have put it in quotes: it is read as text where text is wanted, else as YAML reads it. */
export class Filled extends Scalar {
  readonly from: Provenance | undefined

  constructor(value: unknown, source: string, range: Range | null | undefined, from: Provenance | undefined) {
    super(value)
    this.source = source
    if (range) this.range = range
    this.from = from
  }
}

/** What a text is called and how large it may be, for messages about its syntax. */
export interface Language {
  readonly noun: string
  /** In UTF-16 units. */
  readonly maxText: number
  /** What to do with a second document. */
  readonly instead: string
}

const DEFINITION: Language = {noun: 'definition', maxText: MAX_TEXT, instead: 'write one file per server'}

/** A stretch of the text, in UTF-16 units. */
export interface Place {
  readonly offset: number
  readonly length: number
}

/**
 * Parses text as one document of YAML 1.2 (core schema: `no` is a text). Never throws; the problems are those of the
 * syntax alone.
 */
export function parseSource(
  text: string,
  file: string,
  {keepSourceTokens = false, language = DEFINITION} = {},
): {source: Source; problems: Problem[]} {
  const lines = new LineCounter()
  const options = {
    lineCounter: lines,
    version: '1.2',
    schema: 'core',
    uniqueKeys: false,
    prettyErrors: false,
    keepSourceTokens,
    logLevel: 'error',
  } as const
  const refused = refusal(text, file, language)
  if (refused) return {source: {file, text, lines, document: parseDocument('', options)}, problems: [refused]}
  let document: Document.Parsed
  try {
    document = parseDocument(text, options)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    const origin = {file, line: 1, column: 1, key: ''}
    const problem: Problem = {grade: 'error', ...TOO_DEEP, origin}
    return {source: {file, text, lines, document: parseDocument('', options)}, problems: [problem]}
  }
  const source = {file, text, lines, document}
  return {source, problems: [...syntaxProblems(source, language)]}
}

/** What cannot even be handed to the parser. */
function refusal(text: string, file: string, {noun, maxText}: Language): Problem | undefined {
  if (text.length > maxText) {
    const origin = {file, line: 1, column: 1, key: ''}
    const message = `the file is larger than ${formatBytes(maxText)}, which no ${noun} needs`
    return {grade: 'error', message, origin}
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  const found = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]|\r(?!\n)/.exec(text)
  if (!found) return undefined
  const before = text.slice(0, found.index).split('\n')
  const code = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
  return {
    grade: 'error',
    message: `the file holds the control character U+${code}`,
    suggestion: 'remove it; in a text in double quotes write it as an escape where it is allowed',
    origin: {file, line: before.length, column: [...(before.at(-1) ?? '')].length + 1, key: ''},
  }
}

function* syntaxProblems(source: Source, language: Language): Generator<Problem> {
  const {document, text} = source
  const seen = new Set<number>()
  const errors = document.errors.slice(0, MAX_ERRORS)
  for (const error of errors) {
    const {line: stumbled} = originAt(source, error.pos[0], '')
    const explained = explain(error, errors, text, language)
    const offset = (explained.at ?? visible)(text, error.pos[0])
    const origin = originAt(source, offset, '')
    // One mistake makes the parser stumble several times in a line; the first tells the story.
    if (seen.has(stumbled) || seen.has(origin.line)) continue
    seen.add(stumbled).add(origin.line)
    const {message, suggestion} = explained
    const length = Math.max(1, error.pos[1] - error.pos[0])
    yield {grade: 'error', message, origin, length, ...(suggestion ? {suggestion} : {})}
  }
  const version = document.directives?.yaml
  if (version?.explicit && version.version !== '1.2') {
    const origin = originAt(source, 0, '')
    const message = `the file asks for YAML ${version.version}, but a ${language.noun} is YAML 1.2`
    yield {grade: 'error', origin, message, suggestion: 'remove the line %YAML'}
  }
}

/** A complaint of the parser in words that need no knowledge of YAML's grammar. */
interface Explanation extends Pick<Problem, 'message' | 'suggestion'> {
  /** Where to show it, if not where the parser stumbled. */
  readonly at?: (text: string, offset: number) => number
}

/** The first character of a line's contents rather than its indentation. */
const visible = (text: string, offset: number): number =>
  offset + (/^ */.exec(text.slice(offset))?.[0].length ?? 0)

/** Behind what was written last: where something that is missing would stand. */
const behind = (text: string, offset: number): number => text.slice(0, offset).trimEnd().length

const nextLine = (text: string, offset: number): number => visible(text, text.indexOf('\n', offset) + 1)

const TOO_DEEP: Explanation = {message: 'the file is nested too deeply to be read'}

const NO_COLON: Explanation = {
  message: 'this is no "key: value"',
  suggestion: 'a colon and a space must follow the key',
}

const INDENTED_BELOW: Explanation = {
  message: 'this line is indented below a line that has a value already',
  suggestion: 'align it with its neighbours',
  at: nextLine,
}

const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  BAD_DQ_ESCAPE: {
    message: 'this escape is unknown in a text in double quotes',
    suggestion: 'write \\\\ for a backslash, or use single quotes',
  },
  BAD_INDENT: {message: 'the indentation fits no line above', suggestion: 'align it with its neighbours'},
  BAD_SCALAR_START: {
    message: 'a text cannot start with this character',
    suggestion: 'put the text in quotes',
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'a second "key: value" on one line',
    suggestion: 'start a new line, or put a text that holds ": " in quotes',
  },
  BLOCK_IN_FLOW: {message: 'inside brackets everything must be written with brackets and commas'},
  MULTILINE_IMPLICIT_KEY: NO_COLON,
  KEY_OVER_1024_CHARS: {message: 'a key must be at most 1024 characters long'},
  TAB_AS_INDENT: {message: 'a tab cannot be used for indentation', suggestion: 'use spaces'},
  UNEXPECTED_TOKEN: {message: 'this does not fit here', suggestion: 'check quotes, commas and indentation'},
}

function explain(
  error: YAMLError,
  all: readonly YAMLError[],
  text: string,
  {noun, instead}: Language,
): Explanation {
  const {message} = error
  if (error.code === 'MULTIPLE_DOCS')
    return {message: `a second document begins here, but a file holds one ${noun}`, suggestion: instead}
  const code = error.code === 'BAD_INDENT' && text[error.pos[0]] === '\t' ? 'TAB_AS_INDENT' : error.code
  const closing = /end with a ([\]}])/.exec(message)?.[1] ?? /Missing closing (["'])/.exec(message)?.[1]
  if (closing) return {message: `a closing ${closing} is missing`, at: behind}
  if (code === 'MISSING_CHAR' && message.includes('map values')) return NO_COLON
  if (message.includes('call stack')) return TOO_DEEP
  const spansLines = all.some(
    other => other.code === 'MULTILINE_IMPLICIT_KEY' && other.pos[0] === error.pos[0],
  )
  if (code === 'BLOCK_AS_IMPLICIT_KEY' && spansLines) return INDENTED_BELOW
  if (code === 'UNEXPECTED_TOKEN' && message.includes('block-seq-ind')) {
    return {
      message: 'a list cannot begin on the line of its key',
      suggestion: 'start a new line, or write [a, b]',
    }
  }
  return EXPLANATIONS[code] ?? {message: `${message.charAt(0).toLowerCase()}${message.slice(1)}`}
}

/** Line and column of an offset; columns count characters, as editors do. */
export function originAt(source: Source, offset: number, key: string): Origin {
  const position = source.lines.lineStarts.length === 0 ? {line: 1, col: 1} : source.lines.linePos(offset)
  const line = Math.max(1, position.line)
  const before = source.text.slice(offset - Math.max(0, position.col - 1), offset)
  return {file: source.file, line, column: [...before].length + 1, key}
}

/** The place of a node; undefined for what is not written in the text. */
export function placeOf(node: unknown): Place | undefined {
  const range = (node as Node | null)?.range
  return range ? {offset: range[0], length: Math.max(1, range[1] - range[0])} : undefined
}

/** The name of a key as it is written; undefined when the key is no single word. */
export function keyName(pair: Pair<unknown, unknown>): string | undefined {
  const {key} = pair
  if (!isScalar(key) || key.value === null) return undefined
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
}

/**
 * The origin of a path: the key (or the item of a list) itself, or the nearest place around it that is written, such as
 * the mapping that lacks it. Aliases are not followed: the place is where the alias stands.
 */
export function originOf(source: Source, path: Path): Origin & {length: number} {
  let node: unknown = rootOf(source)
  let place = placeOf(node) ?? {offset: 0, length: 1}
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(item => keyName(item) === step)
      if (!pair) break
      place = placeOf(pair.key) ?? place
      node = pair.value
    } else if (isSeq(node)) {
      const item = typeof step === 'number' ? node.items[step] : undefined
      if (item === undefined) break
      place = placeOf(item) ?? place
      node = item
    } else break
  }
  return {...originAt(source, place.offset, keyText(path)), length: place.length}
}

/** The place of the value at a path, for what is wrong with it; where it is not written, the place of its key. */
export function originOfValue(source: Source, path: Path): Origin & {length: number} {
  const value = valueAt(source, path)
  const place = isScalar(value) && value.value === null ? undefined : placeOf(value)
  if (!place) return originOf(source, path)
  return {...originAt(source, place.offset, keyText(path)), length: place.length}
}

/** Whether something is written at a path. Aliases are not followed. */
export function isThere(source: Source, path: Path): boolean {
  const root = rootOf(source)
  return path.length === 0 ? root !== null : isCollection(root) && root.hasIn(path)
}

/** Where the value at a path comes from, if it was filled in. */
export function provenanceAt(source: Source, path: Path): Provenance | undefined {
  return provenanceOf(valueAt(source, path))
}

export function provenanceOf(node: unknown): Provenance | undefined {
  return node instanceof Filled ? node.from : undefined
}

function valueAt(source: Source, path: Path): unknown {
  const root = rootOf(source)
  return path.length === 0 ? root : isCollection(root) ? root.getIn(path, true) : undefined
}

/** What a node is, in an admin's words. */
export function describe(node: unknown): string {
  if (isMap(node)) return 'a mapping'
  if (isSeq(node)) return `a list of ${count(node.items.length, 'item')}`
  if (isAlias(node)) return 'an alias'
  const value = isScalar(node) ? node.value : null
  if (value === null) return 'nothing'
  if (typeof value === 'string') return value === '' ? 'an empty text' : 'text'
  return typeof value === 'number' ? `the number ${(node as {source?: string}).source ?? value}` : `${value}`
}
