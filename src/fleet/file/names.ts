/*
 * Names with ranges: `lab-{001..020}`, `rack{1..3}-node{01..16..2}`. Pure.
 */
/** A range of a name. */
export interface Range {
  readonly first: number
  readonly last: number
  readonly step: number
  /** Numbers are filled up with zeros to it. */
  readonly width: number
}

/** A name taken apart: texts (which may hold variables) and ranges (whose bounds may). */
export type Piece = {readonly text: string} | {readonly range: string}

// A brace that is not that of a variable, with what is in it up to the closing one; a variable in it has braces too.
const BRACE = /(?<!\$)\{((?:\$\{[^{}]*\}|[^{}])*)\}/g

/** The texts and ranges of a name as it is written. */
export function piecesOf(name: string): Piece[] {
  const pieces: Piece[] = []
  let end = 0
  for (const match of name.matchAll(BRACE)) {
    if (match.index > end) pieces.push({text: name.slice(end, match.index)})
    pieces.push({range: match[1] ?? ''})
    end = match.index + match[0].length
  }
  if (end < name.length) pieces.push({text: name.slice(end)})
  return pieces
}

/** Reads what stands between braces, variables filled in; a text says what is wrong. */
export function readRange(written: string): Range | {says: string; suggestion?: string} {
  const match = /^\s*([0-9]{1,9})\s*\.\.\s*([0-9]{1,9})\s*(?:\.\.\s*([0-9]{1,9})\s*)?$/.exec(written)
  if (!match) {
    const meant = /^\s*([0-9]+)\s*(?:-|\.{1,3}|:|…|to|,)\s*([0-9]+)\s*$/.exec(written)
    const suggestion = meant ? `write {${meant[1]}..${meant[2]}}` : 'a range is two numbers, as in {001..200}'
    return {says: `{${written}} is no range`, suggestion}
  }
  const [, first = '', last = '', step = '1'] = match
  if (Number(step) === 0) return {says: `{${written}} has a step of 0`}
  if (Number(first) > Number(last))
    return {says: `the range {${written}} runs backwards`, suggestion: `write {${last}..${first}}`}
  const isPadded = [first, last].some(number => number.length > 1 && number.startsWith('0'))
  const width = isPadded ? Math.max(first.length, last.length) : 0
  return {first: Number(first), last: Number(last), step: Number(step), width}
}

/** A number of a range as the name has it. */
export function numberText({width}: Range, number: number): string {
  return `${number}`.padStart(width, '0')
}

/** All combinations of the numbers of several ranges, the last one running fastest. */
export function* combinations(ranges: readonly Range[]): Generator<number[]> {
  const [range, ...rest] = ranges
  if (!range) {
    yield []
    return
  }
  for (let number = range.first; number <= range.last; number += range.step)
    for (const others of combinations(rest)) yield [number, ...others]
}
