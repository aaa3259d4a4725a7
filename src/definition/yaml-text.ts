/*
 * Writes plain data as YAML in one way only, so that equal data is equal text: on one line what fits, else key by key. Made
 * for many texts: the parser's own writer, which can do far more, takes twenty times as long.
 */

/** Lines are folded into several where they would be longer, in characters. */
const WIDTH = 96

/** The lines of a mapping. Its values are null, booleans, numbers, texts, lists and mappings. */
export function yamlText(data: Readonly<Record<string, unknown>>): string {
  return `${mappingLines(data, 0).join('\n')}\n`
}

function mappingLines(data: Readonly<Record<string, unknown>>, indent: number): string[] {
  return Object.entries(data).flatMap(([name, value]) => pairLines(name, value, indent))
}

function pairLines(name: string, value: unknown, indent: number): string[] {
  const key = `${' '.repeat(indent)}${scalar(name)}:`
  const block = blockText(value, indent + 2)
  if (block) return [`${key} ${block[0]}`, ...block.slice(1)]
  const line = `${key} ${flow(value)}`
  if (line.length <= WIDTH && !holdsBlock(value)) return [line]
  if (Array.isArray(value) && value.length > 0) return [key, ...itemLines(value, indent + 2)]
  return isMapping(value) ? [key, ...mappingLines(value, indent + 2)] : [line]
}

function itemLines(items: readonly unknown[], indent: number): string[] {
  const dash = `${' '.repeat(indent)}- `
  return items.flatMap(item => {
    const line = `${dash}${flow(item)}`
    if (!isMapping(item) || (line.length <= WIDTH && !holdsBlock(item))) return [line]
    const [first = '', ...rest] = mappingLines(item, indent + 2)
    return [`${dash}${first.trimStart()}`, ...rest]
  })
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
}

/** Whether a text with several lines stands somewhere in a mapping. */
function holdsBlock(value: unknown): boolean {
  if (typeof value === 'string') return blockText(value, 0) !== undefined
  if (Array.isArray(value)) return value.some(item => isMapping(item) && holdsBlock(item))
  return isMapping(value) && Object.values(value).some(holdsBlock)
}

/** A text of several lines as such; undefined where that would not give back the same text. */
function blockText(value: unknown, indent: number): string[] | undefined {
  if (typeof value !== 'string' || !/^[^\s].*\n/.test(value) || value.search(UNSAFE) >= 0) return undefined
  const body = value.endsWith('\n') ? value.slice(0, -1) : value
  const lines = body.split('\n')
  if (lines.length < 2 || lines.at(-1) === '' || lines.some(line => /^\s+$/.test(line))) return undefined
  return [
    value.endsWith('\n') ? '|' : '|-',
    ...lines.map(line => (line === '' ? '' : `${' '.repeat(indent)}${line}`)),
  ]
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (typeof value !== 'object' || value === null) return scalar(value)
  const pairs = Object.entries(value).map(([name, item]) => `${scalar(name)}: ${flow(item)}`)
  return `{${pairs.join(', ')}}`
}

/** Characters that must be escaped: controls but the line break, separators of lines, and directions. */
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/g

/** Texts that need no quotes wherever they stand; a colon only within a word. */
const PLAIN = /^[A-Za-z0-9_/](?:[A-Za-z0-9_./@%+= -]|:(?=[A-Za-z0-9_./@%+=-]))*$/
/** Numbers, also what older versions of YAML take for one: `22:30`. */
const NUMBER =
  /^(?:[0-9]+:.*|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?[0-9]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)$/
const WORD = /^(?:true|false|null)$/i

function scalar(value: unknown): string {
  if (typeof value !== 'string') return String(value)
  if (PLAIN.test(value) && !value.endsWith(' ') && !NUMBER.test(value) && !WORD.test(value)) return value
  return JSON.stringify(value).replaceAll(
    UNSAFE,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
