/*
 * Comma-separated values after RFC 4180, each cell with its place. Pure. Beyond the RFC: white space around a cell that is not
 * in quotes does not count, and lines may end as they like.
 */

/** A cell of a table. */
export interface Cell {
  readonly text: string
  /** From 1. */
  readonly line: number
  /** From 1, in characters. */
  readonly column: number
  /** How much of the line it takes, at least 1. */
  readonly length: number
}

/** What is wrong at a place. */
export interface Flaw {
  readonly line: number
  readonly column: number
  readonly length: number
  readonly message: string
  readonly suggestion?: string
}

/** The rows of a text, those without anything in them and those with a flaw left out. */
export function readCsv(text: string): {rows: Cell[][]; flaws: Flaw[]} {
  const reader = new CsvReader(text)
  const rows: Cell[][] = []
  while (!reader.isAtEnd) {
    const row = reader.row()
    if (row === undefined) continue
    if (row.length > 1 || row[0]?.text !== '' || row[0].length > 1) rows.push(row)
  }
  return {rows, flaws: reader.flaws}
}

class CsvReader {
  readonly flaws: Flaw[] = []
  readonly #text: string
  /** Whether each character is one unit of the text: then columns need no counting. */
  readonly #isPlain: boolean
  #at = 0
  #line = 1
  #lineStart = 0

  constructor(text: string) {
    this.#text = text
    this.#isPlain = !/[\ud800-\udfff]/.test(text)
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length
  }

  /** Undefined when it has a flaw. */
  row(): Cell[] | undefined {
    const cells: Cell[] = []
    for (;;) {
      const cell = this.#cell()
      if (cell === undefined) {
        this.#skipLine()
        return undefined
      }
      cells.push(cell)
      const next = this.#text[this.#at]
      if (next !== ',') {
        this.#lineBreak()
        return cells
      }
      this.#at++
    }
  }

  #cell(): Cell | undefined {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++
    return this.#text[this.#at] === '"' ? this.#quoted() : this.#bare()
  }

  #bare(): Cell | undefined {
    const start = this.#at
    const end = this.#endOfCell(start)
    const text = this.#text.slice(start, end).trimEnd()
    const quote = text.indexOf('"')
    if (quote >= 0) {
      this.#flaw(
        start + quote,
        1,
        'a " stands in a cell that is not in quotes',
        'put the cell in quotes and write "" for each in it',
      )
      return undefined
    }
    this.#at = end
    return {text, ...this.#place(start, text.length)}
  }

  #quoted(): Cell | undefined {
    const start = this.#at
    const place = this.#place(start, 1)
    let text = ''
    let from = start + 1
    for (;;) {
      const quote = this.#text.indexOf('"', from)
      if (quote < 0) {
        this.#flaw(start, 1, 'the closing " of this cell is missing')
        this.#at = this.#text.length
        return undefined
      }
      text += this.#text.slice(from, quote)
      from = quote + 1
      if (this.#text[from] !== '"') break
      text += '"'
      from++
    }
    const firstLine = this.#text.slice(start, from).split(/\r\n|\r|\n/)[0] ?? ''
    this.#passLines(start, from)
    this.#at = from
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++
    const next = this.#text[this.#at]
    if (next === undefined || next === ',' || next === '\n' || next === '\r')
      return {text: text.replaceAll('\r\n', '\n'), ...place, length: [...firstLine].length}
    this.#flaw(
      this.#at,
      1,
      'only a comma or the end of the line may follow the closing "',
      'write "" for a " in a cell',
    )
    return undefined
  }

  /** The offset of the next comma or line break, or the end. */
  #endOfCell(from: number): number {
    let at = from
    while (at < this.#text.length && !',\r\n'.includes(this.#text.charAt(at))) at++
    return at
  }

  #place(offset: number, length: number): {line: number; column: number; length: number} {
    const before = this.#isPlain
      ? offset - this.#lineStart
      : [...this.#text.slice(this.#lineStart, offset)].length
    const column = before + 1
    return {line: this.#line, column, length: Math.max(1, length)}
  }

  #flaw(offset: number, length: number, message: string, suggestion?: string): void {
    this.flaws.push({...this.#place(offset, length), message, ...(suggestion ? {suggestion} : {})})
  }

  #skipLine(): void {
    while (!this.isAtEnd && !'\r\n'.includes(this.#text.charAt(this.#at))) this.#at++
    this.#lineBreak()
  }

  #lineBreak(): void {
    const start = this.#at
    if (this.#text.startsWith('\r\n', start)) this.#at += 2
    else if (this.#text[start] === '\n' || this.#text[start] === '\r') this.#at++
    this.#passLines(start, this.#at)
  }

  /** Counts the line breaks of a stretch. */
  #passLines(start: number, end: number): void {
    for (const match of this.#text.slice(start, end).matchAll(/\r\n|\r|\n/g)) {
      this.#line++
      this.#lineStart = start + match.index + match[0].length
    }
  }
}
