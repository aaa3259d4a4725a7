/*
 * From the items of `servers` to single servers: the rows of a table, the numbers of ranges.
 */
import {isMap, isScalar, isSeq, type Node, type Scalar, type YAMLMap} from 'yaml'
import {
  Filled,
  type Origin,
  originAt,
  type Problem,
  type Provenance,
  placeOf,
  Reader,
} from '../../definition/index.ts'
import {fillString} from './fill.ts'
import {combinations, numberText, type Piece, piecesOf, type Range, readRange} from './names.ts'
import {type Problems, placeText, reportIn} from './problems.ts'
import {entrySchema, MAX_SERVERS} from './schema.ts'
import {innerScope, type Scope, type Value} from './scope.ts'
import {besides, type FleetFile, reasonOf} from './sources.ts'
import {type Row, readTable, type Table} from './table.ts'

/** One server of an item of `servers`, with nothing filled in but its name. */
export interface Instance {
  readonly file: FleetFile
  readonly node: YAMLMap
  /** What stands for the values of these keys; undefined: they are left out. */
  readonly replaced: ReadonlyMap<string, Node | undefined>
  readonly scope: Scope
  readonly name: string
  /** Where the name is written. */
  readonly origin: Origin
  readonly length: number
  readonly from: Provenance | undefined
  /** `tenants.csv:3`, if the server is in a table. */
  readonly row: string | undefined
  /** `fleet.yaml:8:5`, with the row of the table if there is one: `fleet.yaml:8:5 (tenants.csv:3)`. */
  readonly place: string
  /** Where the item stands. */
  readonly lines: {readonly file: string; readonly first: number; readonly last: number}
  /** How many servers come of the same item. */
  readonly siblings: number
}

export interface ExpandOptions {
  readonly variables: Scope
  readonly problems: Problems
  /** Tables that were read, by their paths. */
  readonly tables: Map<string, Table | undefined>
}

/** The servers of an item, at most `room`; none when it cannot be told which they are, which has been reported then. */
export function expand(file: FleetFile, item: Node, room: number, options: ExpandOptions): Instance[] {
  const add = (problem: Problem) => options.problems.add(problem)
  const node = file.filler.resolve(item)
  if (!isMap(node)) {
    const reader = new Reader({...file.source, root: item}, {whole: 'a server'})
    reader.read(entrySchema, item, [])
    for (const problem of reader.problems) add(problem)
    return []
  }
  const from = node.get('from', true)
  const table = from === undefined ? undefined : tableOf(file, from, options)
  if (from !== undefined && table === undefined) return []
  if (table?.rows.length === 0) warnOfNothing(file, from, table, options.problems)
  const written = nameOf(file, node, table, options.problems)
  if (written === undefined) return []
  const entry: Entry = {
    file,
    node,
    written,
    pieces: piecesOf(written.value),
    table,
    room,
    options,
    index: 0,
    isTooLarge: false,
  }
  const drafts: Omit<Instance, 'siblings'>[] = []
  for (const row of table ? table.rows : [undefined]) {
    drafts.push(...draftsOf(entry, row))
    if (entry.isTooLarge) return []
  }
  return drafts.map(draft => ({...draft, siblings: drafts.length}))
}

/** An item of `servers` on the way to its servers. */
interface Entry {
  readonly file: FleetFile
  readonly node: YAMLMap
  readonly written: Scalar<string>
  readonly pieces: readonly Piece[]
  readonly table: Table | undefined
  readonly room: number
  readonly options: ExpandOptions
  /** How many servers came of it. */
  index: number
  /** Whether they are more than there may be. */
  isTooLarge: boolean
}

function nameOf(
  file: FleetFile,
  node: YAMLMap,
  table: Table | undefined,
  problems: Problems,
): Scalar<string> | undefined {
  const report = reportIn(file.source, problem => problems.add(problem))
  const written = file.filler.resolve(node.get('name', true))
  if (isScalar(written) && typeof written.value === 'string' && written.value !== '')
    return written as Scalar<string>
  if (isScalar(written) && written.source)
    report(written, '', 'name must be text', `put it in quotes: "${written.source}"`)
  else if (isMap(written) || isSeq(written)) report(written, '', 'name must be text')
  else if (!reportUnknown(file, node, problems)) {
    const [column] = table?.columns ?? []
    const example = column === undefined ? 'name: web1, or name: "web-{01..20}"' : `name: "\${${column}}"`
    report(node, '', 'name is missing', `for example ${example}`)
  }
  return undefined
}

/** With --prune no row is no server. */
function warnOfNothing(file: FleetFile, from: unknown, table: Table, problems: Problems): void {
  const place = placeOf(from) ?? {offset: 0, length: 1}
  const origin = originAt(file.source, place.offset, 'from')
  const message = `${table.file} has no row, so that no server comes of it`
  problems.add({grade: 'warning', message, origin, length: place.length})
}

/** Reports the keys of an item that are none; returns whether one of them was meant to be its name. */
function reportUnknown(file: FleetFile, node: YAMLMap, problems: Problems): boolean {
  const reader = new Reader({...file.source, root: node}, {whole: 'the server'})
  reader.read(entrySchema, node, [])
  const unknown = reader.problems.filter(({message}) => message.startsWith('unknown key'))
  for (const problem of unknown) problems.add(problem)
  return unknown.some(({suggestion}) => suggestion === 'did you mean name?')
}

function tableOf(
  file: FleetFile,
  from: unknown,
  {variables, problems, tables}: ExpandOptions,
): Table | undefined {
  const node = file.filler.resolve(from)
  const report = reportIn(file.source, problem => problems.add(problem))
  if (!isScalar(node) || typeof node.value !== 'string' || node.value === '') {
    report(
      (isNode(from) ? from : file.source.document.contents) as Node,
      '',
      'from must be the path of a table',
    )
    return undefined
  }
  const filled = file.filler.text(node as Scalar, {scope: variables, report})
  if (filled === undefined) return undefined
  const path = besides(file.file, filled.text)
  if (!tables.has(path)) {
    tables.set(path, undefined)
    try {
      tables.set(path, readTable(path, problems))
    } catch (error) {
      report(node, '', `cannot read the table ${path}: ${reasonOf(error)}`)
    }
  }
  return tables.get(path)
}

/** The servers that a row makes, or an item without a table. */
function draftsOf(entry: Entry, row: Row | undefined): Omit<Instance, 'siblings'>[] {
  const {file, written, pieces, table, options} = entry
  const report = reportIn(file.source, problem => options.problems.add(problem))
  const hint = table && `the columns of ${table.file} are ${table.columns.join(', ')}`
  const scope = innerScope(row?.values ?? new Map(), options.variables, hint)
  const ranges: Range[] = []
  for (const piece of pieces) {
    if ('text' in piece) continue
    const text = fillString(piece.range, written, {scope, report})?.text
    if (text === undefined) return []
    const range = readRange(text)
    if ('says' in range) {
      report(written, `{${piece.range}}`, range.says, range.suggestion)
      return []
    }
    ranges.push(range)
  }
  const drafts: Omit<Instance, 'siblings'>[] = []
  for (const numbers of combinations(ranges)) {
    if (entry.index >= entry.room) {
      report(written, '', `these are more than ${MAX_SERVERS} servers in all`, 'split the fleet into several')
      entry.isTooLarge = true
      return []
    }
    const draft = draftOf(entry, row, ranges, numbers, hint)
    if (draft === undefined) return drafts // the next ones lack the same
    drafts.push(draft)
    entry.index++
  }
  return drafts
}

function draftOf(
  entry: Entry,
  row: Row | undefined,
  ranges: readonly Range[],
  numbers: readonly number[],
  hint: string | undefined,
): Omit<Instance, 'siblings'> | undefined {
  const {file, node, written, options} = entry
  const report = reportIn(file.source, problem => options.problems.add(problem))
  const own = new Map<string, Value>([
    ['index', {text: `${entry.index}`}],
    ...numbers.map((number, at): [string, Value] => [
      at === 0 ? 'number' : `number${at + 1}`,
      {text: `${number}`},
    ]),
    ...(row?.values ?? []),
  ])
  const scope = innerScope(own, options.variables, hint)
  let name = ''
  let from: Provenance | undefined
  let next = 0
  for (const piece of entry.pieces) {
    const range = ranges[next]
    const number = numbers[next]
    if ('text' in piece) {
      const filled = fillString(piece.text, written, {scope, report})
      if (filled === undefined) return undefined
      name += filled.text
      from ??= filled.from
    } else if (range && number !== undefined) {
      name += numberText(range, number)
      next++
    }
  }
  if (!own.has('name')) own.set('name', {text: name, from})
  const {offset, length} = placeOf(written) ?? {offset: 0, length: 1}
  const place = placeOf(node) ?? {offset: 0, length: 1}
  const item = originAt(file.source, place.offset, '')
  const {line: last} = originAt(file.source, place.offset + place.length - 1, '')
  return {
    file,
    node,
    name,
    scope,
    replaced: new Map([
      ['name', new Filled(name, name, written.range, from)],
      ['from', undefined],
    ]),
    origin: originAt(file.source, offset, 'name'),
    length,
    from,
    lines: {file: file.file, first: item.line, last},
    row: row && entry.table ? `${entry.table.file}:${row.line}` : undefined,
    place: row && entry.table ? `${placeText(item)} (${entry.table.file}:${row.line})` : placeText(item),
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'range' in value
}
