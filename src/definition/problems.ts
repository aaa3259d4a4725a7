import {CONTROL, printable, quote} from './words.ts'

/** A place in the tree of a definition: `['mounts', 2, 'source']`. */
export type Path = readonly (string | number)[]

/** Where something stands in a file: 1-based line and column (in characters), and the key as an admin names it. */
export interface Origin {
  readonly file: string
  readonly line: number
  readonly column: number
  /** For example `mounts[2].source`; empty for the document itself. */
  readonly key: string
}

export type Grade = 'error' | 'warning' | 'recommendation'

/** One thing to say about a definition. Errors keep a server from being made; the other two grades do not. */
export interface Problem {
  readonly grade: Grade
  /** One sentence that stands on its own: it names the key. */
  readonly message: string
  readonly origin: Origin
  /** The way out, as a phrase: `did you mean hostname?`. */
  readonly suggestion?: string
  /** How many characters the caret underlines; at least 1. */
  readonly length?: number
  /** Where the value comes from when it was filled in at `origin`. */
  readonly from?: {readonly origin: Origin; readonly length: number} | undefined
}

/** Writes a path as an admin would: `mounts[2].source`, `env["a b"]`. */
export function keyText(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[A-Za-z0-9_-]+$/.test(step)) text += text === '' ? step : `.${step}`
    else text += text === '' ? quote(step) : `[${quote(step)}]`
  }
  return text
}

/**
 * Shows problems as a compiler does, without colour: a line `file:line:column: grade: message`, the line of the file, a
 * caret below the place, and the suggestion. `texts` is the text that was parsed, or several by their files.
 */
export function renderProblems(
  problems: readonly Problem[],
  texts: string | ReadonlyMap<string, string>,
): string {
  const linesOf = (file: string) =>
    (typeof texts === 'string' ? texts : (texts.get(file) ?? '')).split(/\r\n|\r|\n/)
  return problems.map(problem => renderProblem(problem, linesOf(problem.origin.file))).join('\n')
}

function renderProblem(
  {grade, message, origin, suggestion, length}: Problem,
  lines: readonly string[],
): string {
  // Names and values of the file must not steer the terminal they are shown on.
  const rendered = [printable(`${origin.file}:${origin.line}:${origin.column}: ${grade}: ${message}`)]
  const line = lines[origin.line - 1]
  const gutter = `${origin.line}`.padStart(5)
  const blank = ' '.repeat(gutter.length)
  if (line !== undefined && line.trim() !== '') {
    const {shown, caret} = excerpt([...line], origin.column, length ?? 1)
    rendered.push(`${gutter} | ${shown}`, `${blank} | ${caret}`)
  }
  if (suggestion !== undefined) rendered.push(`${blank} = ${printable(suggestion)}`)
  return rendered.join('\n')
}

const WIDTH = 120

/** The part of a line around a column, and the carets below it. Control characters become their visible pictures. */
function excerpt(line: readonly string[], column: number, length: number): {shown: string; caret: string} {
  const start = line.length > WIDTH && column > WIDTH - 20 ? column - 40 : 0
  const part = line.slice(start, start + WIDTH)
  const before = part.slice(0, column - 1 - start)
  const carets = Math.max(1, Math.min(length, part.length - before.length))
  const shown = part.map(character => (character === '\t' ? '\t' : picture(character))).join('')
  return {
    shown: `${start > 0 ? '...' : ''}${shown}${start + WIDTH < line.length ? '...' : ''}`,
    caret: `${start > 0 ? '   ' : ''}${before.map(padding).join('')}${'^'.repeat(carets)}`,
  }
}

function picture(character: string): string {
  const code = character.charCodeAt(0)
  if (code < 0x20) return String.fromCharCode(0x2400 + code)
  return character.replace(CONTROL, '\ufffd')
}

/** As wide as the character is on a terminal: a tab stays a tab, East Asian wide characters and emoji take two columns. */
function padding(character: string): string {
  if (character === '\t') return '\t'
  if (/\p{Mark}/u.test(character)) return ''
  return /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
    character,
  )
    ? '  '
    : ' '
}
