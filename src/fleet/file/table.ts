/*
 * Tables of servers: one per row.
 */
import {extname} from 'node:path'
import {count, type Origin} from '../../definition/index.ts'
import {type Cell, type Flaw, readCsv} from './csv.ts'
import {readJsonRows} from './json-rows.ts'
import type {Problems} from './problems.ts'
import type {Value} from './scope.ts'
import {readText} from './sources.ts'

export interface Row {
  /** By column. */
  readonly values: ReadonlyMap<string, Value>
  readonly line: number
}

export interface Table {
  readonly file: string
  readonly columns: readonly string[]
  readonly rows: readonly Row[]
}

/**
 * Reads a table. What is wrong in it is a problem at its place there; undefined when it cannot be used.
 * @throws the error of the system when the file cannot be read
 */
export function readTable(file: string, problems: Problems): Table | undefined {
  const text = readText(file, file, problems)
  if (text === undefined) return undefined
  problems.texts.set(file, text)
  return extname(file).toLowerCase() === '.json'
    ? jsonTable(file, text, problems)
    : csvTable(file, text, problems)
}

function jsonTable(file: string, text: string, problems: Problems): Table | undefined {
  const {rows, flaws} = readJsonRows(text)
  reportFlaws(file, flaws, problems)
  if (flaws.length > 0) return undefined
  const columns = [...new Set(rows.flatMap(({cells}) => [...cells.keys()]))]
  return {
    file,
    columns,
    rows: rows.map(({cells, line, column}) => ({
      line,
      // What an object does not have is empty there.
      values: valuesOf(file, columns, name => cells.get(name) ?? {text: '', line, column, length: 1}),
    })),
  }
}

function csvTable(file: string, text: string, problems: Problems): Table | undefined {
  const {rows: all, flaws} = readCsv(text)
  const [header, ...rows] = all
  if (!header && flaws.length === 0) {
    const suggestion = 'the first row must name the columns: name,size'
    problems.error({file, line: 1, column: 1, key: ''}, 1, 'the table is empty', suggestion)
    return undefined
  }
  const bad = header ? headerFlaws(header) : []
  // By a wrong header no row can be judged.
  const uneven = bad.length > 0 ? [] : rows.flatMap(row => rowFlaws(row, header))
  reportFlaws(file, [...flaws, ...bad, ...uneven], problems)
  if (!header || flaws.length + bad.length > 0) return undefined
  const columns = header.map(cell => cell.text)
  return {
    file,
    columns,
    // The others may be right, and are checked.
    rows: rows
      .filter(cells => cells.length === header.length)
      .map(cells => ({
        line: cells[0]?.line ?? 1,
        values: valuesOf(file, columns, (_, index) => cells[index]),
      })),
  }
}

function headerFlaws(header: readonly Cell[]): Flaw[] {
  const [only] = header
  const other = header.length === 1 ? /[;\t|]/.exec(only?.text ?? '')?.[0] : undefined
  if (only && other !== undefined) {
    const shown = other === '\t' ? 'tabs' : `${other}`
    return [
      {
        ...only,
        message: `the columns are separated by ${shown}, not by commas`,
        suggestion: 'write commas: name,size',
      },
    ]
  }
  return header.flatMap((cell, index) => {
    const first = header.findIndex(({text}) => text === cell.text)
    if (cell.text === '') return [{...cell, message: `column ${index + 1} has no name`}]
    if (first < index)
      return [{...cell, message: `two columns are called ${cell.text}: ${first + 1} and ${index + 1}`}]
    return /[{}\n]|:-|^(?:file|env):/.test(cell.text)
      ? [{...cell, message: `column ${index + 1} has a name that no value can refer to`}]
      : []
  })
}

function rowFlaws(row: readonly Cell[], header: readonly Cell[] = []): Flaw[] {
  const extra = row[header.length]
  const last = row.at(-1)
  if (extra)
    return [
      {
        ...extra,
        message: `the row has ${row.length} cells, but the header has ${header.length}`,
        suggestion: 'put a cell that holds a comma in quotes',
      },
    ]
  if (row.length === header.length || !last) return []
  const missing = header.slice(row.length).map(({text}) => text)
  return [
    {
      ...last,
      message: `the row ends before ${missing.join(', ')}: it has ${count(row.length, 'cell')}, not ${header.length}`,
      suggestion: 'write the commas of empty cells too',
    },
  ]
}

function valuesOf(
  file: string,
  columns: readonly string[],
  cellOf: (name: string, index: number) => Cell | undefined,
): ReadonlyMap<string, Value> {
  return new Map(
    columns.flatMap((name, index): [string, Value][] => {
      const cell = cellOf(name, index)
      if (!cell) return []
      const origin: Origin = {file, line: cell.line, column: cell.column, key: name}
      return [[name, {text: cell.text, from: {origin, length: cell.length}}]]
    }),
  )
}

function reportFlaws(file: string, flaws: readonly Flaw[], problems: Problems): void {
  for (const {line, column, length, message, suggestion} of flaws)
    problems.error({file, line, column, key: ''}, length, message, suggestion)
}
