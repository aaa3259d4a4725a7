/*
 * Collects what is wrong with the files of a fleet, and says each thing once: two hundred servers that share a mistake in a
 * profile make one problem of it.
 */
import {
  count,
  type Origin,
  originAt,
  type Place,
  type Problem,
  placeOf,
  renderProblems,
  type Source,
} from '../../definition/index.ts'
import {ExitCode, VpsError} from '../../errors.ts'
import type {Report} from './fill.ts'

/** More than this helps nobody. */
const MAX_SHOWN = 100

/** A problem, and the server it was found in. */
interface Found {
  readonly problem: Problem
  readonly server: string | undefined
  /** Whether the place does not tell the server: it is in a profile. */
  readonly isElsewhere: boolean
  /** How many servers come of the item that this one comes of. */
  readonly siblings: number
}

/** A server that has problems. */
export interface Whose {
  readonly name: string
  /** How many servers come of the same item of `servers`. */
  readonly siblings: number
  /** Where the item stands. */
  readonly lines: {readonly file: string; readonly first: number; readonly last: number}
}

/** All problems of a fleet. */
export class Problems {
  /** By file, for rendering, in the order in which they were read. */
  readonly texts = new Map<string, string>()
  readonly #found: Found[] = []
  /** Whether a file could not be read as what it is, so that what it holds is not known. */
  isBroken = false

  add(problem: Problem): void {
    this.#found.push({problem, server: undefined, isElsewhere: false, siblings: Number.POSITIVE_INFINITY})
  }

  error(origin: Origin, length: number, message: string, suggestion?: string): void {
    this.add({grade: 'error', message, origin, length, ...(suggestion ? {suggestion} : {})})
  }

  /** Adds what is wrong with one server. */
  ofServer({name, siblings, lines}: Whose, problems: readonly Problem[]): void {
    for (const problem of problems) {
      const {file, line} = problem.origin
      const isElsewhere = file !== lines.file || line < lines.first || line > lines.last
      this.#found.push({problem, server: name, isElsewhere, siblings})
    }
  }

  get hasErrors(): boolean {
    return this.#found.some(({problem}) => problem.grade === 'error')
  }

  /** Each once, by place. */
  all(): Problem[] {
    const groups = Map.groupBy(this.#found, ({problem}) => keyOf(problem))
    const files = [...this.texts.keys()]
    return [...groups.values()]
      .flatMap(placed)
      .toSorted(
        (a, b) =>
          files.indexOf(a.origin.file) - files.indexOf(b.origin.file) ||
          a.origin.line - b.origin.line ||
          a.origin.column - b.origin.column,
      )
  }
}

/** Told what is wrong with a node of a source, at the words in it that are wrong if they are found there. */
export function reportIn(source: Source, add: (problem: Problem) => void): Report {
  return (node, words, message, suggestion, value) => {
    const place = placeOf(node) ?? {offset: 0, length: 1}
    const at = words === '' ? -1 : source.text.indexOf(words, place.offset)
    const isInside = at >= 0 && at + words.length <= place.offset + place.length
    add({
      grade: 'error',
      message,
      origin: originAt(source, isInside ? at : place.offset, ''),
      length: isInside ? words.length : place.length,
      ...(suggestion === undefined ? {} : {suggestion}),
      ...(value?.from ? {from: value.from} : {}),
    })
  }
}

/** What could not be filled in, and what therefore says nothing more about the rest. */
export class Gaps {
  readonly problems: Problem[] = []
  readonly report: Report
  readonly #places: Place[] = []
  readonly #source: Source

  constructor(source: Source) {
    this.#source = source
    const report = reportIn(source, problem => this.problems.push(problem))
    this.report = (node, ...words) => {
      const place = placeOf(node)
      if (place) this.#places.push(place)
      report(node, ...words)
    }
  }

  /** Problems without those of what encloses a gap: that a value is missing there is known. */
  without(problems: readonly Problem[]): readonly Problem[] {
    if (this.#places.length === 0) return problems
    return problems.filter(({origin, length = 1}) => {
      if (origin.file !== this.#source.file) return true
      const offset = (this.#source.lines.lineStarts[origin.line - 1] ?? 0) + origin.column - 1
      return !this.#places.some(gap => offset < gap.offset && gap.offset + gap.length <= offset + length)
    })
  }
}

/** The same mistake: at one place, with words that differ only in what a variable says. */
function keyOf({grade, message, origin}: Problem): string {
  const skeleton = message.replaceAll(/"[^"]*"|[0-9]+/g, '#')
  return `${origin.file}:${origin.line}:${origin.column} ${grade} ${skeleton}`
}

/**
 * Where a group is shown. A mistake in values that were filled in is shown where those come from (the cells of a table) unless
 * every row makes it: then it is in what is written around them.
 */
function placed(group: readonly Found[]): Problem[] {
  const [first] = group
  if (!first) return []
  const sources = Map.groupBy(group, ({problem}) => problem.from && placeText(problem.from.origin))
  const servers = new Set(group.map(({server}) => server)).size
  const isEverywhere = sources.size > 1 && servers >= first.siblings
  if (isEverywhere || first.problem.from === undefined) return [inWords(group, first.problem.origin)]
  return [...sources.values()].flatMap(found => {
    const [{problem}] = found as [Found, ...Found[]]
    if (!problem.from) return [inWords(found, problem.origin)]
    const {origin, length} = problem.from
    return [{...inWords(found, {...origin, key: problem.origin.key}, placeText(problem.origin)), length}]
  })
}

function inWords(group: readonly Found[], origin: Origin, place?: string): Problem {
  const [{problem, server, siblings, isElsewhere}] = group as [Found, ...Found[]]
  const {from: _, ...plain} = problem
  const others = new Set(group.map(one => one.server)).size - 1
  const isClear = others === 0 && (place !== undefined || (siblings === 1 && !isElsewhere))
  const more = others === 0 ? '' : ` and ${others} more ${others === 1 ? 'server' : 'servers'}`
  const whose = server === undefined || isClear ? undefined : `${server}${more}`
  const isSaid = others === 0 && server !== undefined && problem.message.includes(server)
  const behind = [place, isSaid ? undefined : whose].filter(words => words !== undefined)
  const message = behind.length === 0 ? problem.message : `${problem.message} (${behind.join(', ')})`
  return {...plain, origin, message}
}

export function placeText({file, line, column}: Origin): string {
  return `${file}:${line}:${column}`
}

/** The error of a fleet that cannot be used; `problems` for programs, the message for people. */
export class InvalidFleet extends VpsError {
  readonly problems: readonly Problem[]
  /** By file, for `renderProblems`. */
  readonly texts: ReadonlyMap<string, string>

  constructor(files: readonly string[], problems: readonly Problem[], texts: ReadonlyMap<string, string>) {
    const errors = problems.filter(({grade}) => grade === 'error')
    const shown = renderProblems(errors.slice(0, MAX_SHOWN), texts)
    const rest = errors.length > MAX_SHOWN ? `\nand ${errors.length - MAX_SHOWN} more` : ''
    const [file = 'the fleet', ...others] = files
    const whose =
      others.length === 0 ? `${file} has` : `${file} and ${count(others.length, 'other file')} have`
    super('INVALID_FLEET', `${whose} ${count(errors.length, 'error')}\n${shown}${rest}`, {
      exitCode: ExitCode.wrongUse,
    })
    this.problems = problems
    this.texts = texts
  }
}
