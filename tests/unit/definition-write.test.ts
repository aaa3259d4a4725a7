/*
 * The writer of definitions: whatever it is given reads back the same, and equal data is equal text.
 */
import {expect, test} from 'vitest'
import {parse} from 'yaml'
import {yamlText} from '../../src/definition/yaml-text.ts'

const ATOMS = 'a 0 1 . - : # " \' { } [ ] , & * ! | > % @ ` ~ ? = e _ / \\ ä 😀 null true 1.5 22:30'.split(
  ' ',
)
const SPACES = [' ', '\n', '\n\n', ' \n', '\t', '\u2028', '\u0085', '\ufeff', '\u202e']
const PARTS = [...ATOMS, ...SPACES]

/** Numbers below `most` that are the same in each run. */
function generator(): (most: number) => number {
  let seed = 1
  return most => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    return seed % most
  }
}

test('random data reads back the same', () => {
  const next = generator()
  const word = () => Array.from({length: next(9)}, () => PARTS[next(PARTS.length)]).join('')
  const list = <T>(of: () => T): T[] => Array.from({length: next(4)}, of)
  const value = (depth: number): unknown => {
    const kind = next(depth > 0 ? 6 : 4)
    if (kind < 2) return word()
    if (kind === 2) return next(2000) / 2
    if (kind === 3) return [true, false, null][next(3)]
    return kind === 4 ? list(() => value(depth - 1)) : mapping(depth)
  }
  const mapping = (depth: number) =>
    Object.fromEntries(list(() => [word(), value(depth - 1)] as const)) as Record<string, unknown>
  for (let round = 0; round < 2000; round++) {
    const data = {first: value(3), ...mapping(3)}
    const text = yamlText(data)
    expect(parse(text, {version: '1.2', schema: 'core'}), text).toEqual(data)
    expect(yamlText(structuredClone(data))).toBe(text)
  }
})
