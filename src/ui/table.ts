import {type Paint, unpainted} from './color.ts'

/** One column: its heading and how a row is shown in it. */
export interface Column<Row> {
  readonly title: string
  readonly value: (row: Row) => string
  /** Numbers read better from the right. */
  readonly right?: boolean
}

/** Rows under headings, columns two spaces apart, no line drawing, so that `awk` can read it too. No final newline. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], paint: Paint): string {
  const cells = rows.map(row => columns.map(column => oneLine(column.value(row)) || '-'))
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map(row => visibleWidth(row[index] ?? ''))),
  )
  const line = (row: readonly string[]) =>
    columns
      .map((column, index) => pad(row[index] ?? '', widths[index] ?? 0, column.right === true))
      .join('  ')
      .trimEnd()
  const heading = paint('dim', line(columns.map(column => column.title)))
  return [heading, ...cells.map(line)].join('\n')
}

/** `label  value` lines with the values in one column; entries without a value are left out. */
export function fields(
  entries: readonly (readonly [label: string, value: string | undefined])[],
  paint: Paint,
): string {
  const present = entries.filter((entry): entry is readonly [string, string] => (entry[1] ?? '') !== '')
  const width = Math.max(0, ...present.map(([label]) => label.length))
  return present
    .map(
      ([label, value]) =>
        `${paint('dim', label.padEnd(width))}  ${value.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}`,
    )
    .join('\n')
}

/** What a guest or a file said must not move the cursor of the admin's terminal: all but colours becomes `?`. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is replaced
  return text.replaceAll(/\u001b(?!\[[0-9;]*m)|[\u0000-\u001a\u001c-\u001f\u007f-\u009f]/g, '?')
}

function visibleWidth(text: string): number {
  return unpainted(text).length
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - visibleWidth(text)))
  return right ? space + text : text + space
}
