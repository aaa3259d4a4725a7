/*
 * A JSON list of flat objects, each value with its place. Pure. (JSON.parse knows no places.)
 */
import type {Cell, Flaw} from './csv.ts'

/** An object of the list: its values by name. */
export interface JsonRow {
  readonly cells: ReadonlyMap<string, Cell>
  readonly line: number
  readonly column: number
}

class Wrong extends Error {
  readonly at: number
  readonly suggestion: string | undefined

  constructor(at: number, message: string, suggestion?: string) {
    super(message)
    this.at = at
    this.suggestion = suggestion
  }
}

const LITERAL = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)(?![A-Za-z0-9_.+-])/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what JSON forbids in a text
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y

/** Reads the rows up to the first flaw. */
export function readJsonRows(text: string): {rows: JsonRow[]; flaws: Flaw[]} {
  const rows: JsonRow[] = []
  const reader = new JsonReader(text)
  try {
    reader.rows(rows)
    return {rows, flaws: []}
  } catch (error) {
    if (!(error instanceof Wrong)) throw error
    const {message, suggestion} = error
    return {rows, flaws: [{...reader.place(error.at, 1), message, ...(suggestion ? {suggestion} : {})}]}
  }
}

class JsonReader {
  readonly #text: string
  /** Where each line begins. */
  readonly #lines: readonly number[]
  /** The line of the last place: they are asked for in order. */
  #line = 0
  #at = 0

  constructor(text: string) {
    this.#text = text
    this.#lines = [0, ...[...text.matchAll(/\r\n|\r|\n/g)].map(({index, 0: found}) => index + found.length)]
  }

  rows(rows: JsonRow[]): void {
    this.#expect('[', 'the file must be a list of objects: [{"name": "web1"}]')
    if (!this.#take(']')) {
      do rows.push(this.#object())
      while (this.#take(','))
      this.#expect(']', 'a comma or the closing ] is missing')
    }
    this.#space()
    if (this.#at < this.#text.length) throw new Wrong(this.#at, 'nothing may follow the list')
  }

  #object(): JsonRow {
    const start = this.#expect('{', 'each item of the list must be an object: {"name": "web1"}')
    const cells = new Map<string, Cell>()
    if (!this.#take('}')) {
      do {
        const at = this.#space()
        const name = this.#string('a name in double quotes must stand here')
        if (cells.has(name)) throw new Wrong(at, `${JSON.stringify(name)} stands twice in this object`)
        this.#expect(':', 'a colon must follow the name')
        cells.set(name, this.#value())
      } while (this.#take(','))
      this.#expect('}', 'a comma or the closing } is missing')
    }
    const {line, column} = this.place(start, 1)
    return {cells, line, column}
  }

  /** The text of a value; that of `null` is empty. */
  #value(): Cell {
    const start = this.#space()
    const next = this.#text[start]
    if (next === '{' || next === '[')
      throw new Wrong(start, 'a value must be a text, a number, true, false or null')
    if (next === '"') {
      const text = this.#string('')
      return {text, ...this.place(start, this.#at - start)}
    }
    const literal = this.#match(LITERAL)
    if (literal === undefined)
      throw new Wrong(start, 'a value must stand here', 'put a text in double quotes')
    return {text: literal === 'null' ? '' : literal, ...this.place(start, literal.length)}
  }

  #string(otherwise: string): string {
    const start = this.#space()
    const written = this.#match(STRING)
    if (written !== undefined) return String(JSON.parse(written))
    throw this.#text[start] === '"'
      ? new Wrong(start, 'this text has no end, or holds what JSON does not allow in a text')
      : new Wrong(start, otherwise, this.#text[start] === '}' ? 'remove the comma before the }' : undefined)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #take(character: string): boolean {
    if (this.#text[this.#space()] !== character) return false
    this.#at++
    return true
  }

  #expect(character: string, otherwise: string): number {
    const at = this.#space()
    if (!this.#take(character)) throw new Wrong(at, otherwise)
    return at
  }

  #space(): number {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? '-')) this.#at++
    return this.#at
  }

  place(offset: number, length: number): {line: number; column: number; length: number} {
    const starts = this.#lines
    if ((starts[this.#line] ?? 0) > offset) this.#line = 0
    while ((starts[this.#line + 1] ?? Number.POSITIVE_INFINITY) <= offset) this.#line++
    const before = this.#text.slice(starts[this.#line], offset)
    return {line: this.#line + 1, column: [...before].length + 1, length: Math.max(1, length)}
  }
}
