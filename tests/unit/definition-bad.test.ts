/*
 * Bad definitions and exactly what is said about them. The cases are in definitions/bad/THEME.txt: a title, the YAML, and
 * below the dashes what `renderProblems` shows. A new case is a few lines there.
 */
import {readdirSync, readFileSync} from 'node:fs'
import {describe, expect, test} from 'vitest'
import {parseDefinition, renderProblems, requireValid} from '../../src/definition/index.ts'

const directory = new URL('definitions/bad/', import.meta.url)

interface Case {
  readonly title: string
  readonly yaml: string
  readonly expected: string
}

function casesOf(file: string): Case[] {
  const parts = readFileSync(new URL(file, directory), 'utf8')
    .split(/^======== /m)
    .slice(1)
  return parts.map(part => {
    const [, title, yaml, expected] = /^(.*)\n([\s\S]*?)--------\n([\s\S]*)$/.exec(part) ?? []
    if (title === undefined || yaml === undefined || expected === undefined)
      throw new Error(`bad case in ${file}: ${part}`)
    return {title, yaml, expected: expected.trimEnd()}
  })
}

const themes = readdirSync(directory).filter(name => name.endsWith('.txt'))

describe.each(themes)('%s', file => {
  test.each(casesOf(file))('$title', ({yaml, expected}) => {
    const loaded = parseDefinition(yaml, {file: 'web1.yaml'})
    expect(renderProblems(loaded.problems, loaded.text)).toBe(expected)
    expect(expected).not.toBe('')
    const hasError = loaded.problems.some(({grade}) => grade === 'error')
    if (hasError)
      expect(() => requireValid(loaded)).toThrow(
        expect.objectContaining({code: 'INVALID_DEFINITION', exitCode: 2}),
      )
    else expect(requireValid(loaded)).toBe(loaded.definition)
  })
})

test('there are enough of them', () => {
  expect(themes.flatMap(casesOf).length).toBeGreaterThanOrEqual(150)
})
