import {isAlias, type Node, parseDocument, Scalar, visit} from 'yaml'
import {ExitCode, VpsError} from '../errors.ts'
import {kindAt} from './keys.ts'
import {keyText, type Path} from './problems.ts'
import {quote} from './words.ts'

/*
 * The grammar of `vps set`:
 *
 *   assignment = path "=" value     set; an empty value unsets
 *              | path "+=" value    append to a list
 *              | path "-"           unset: the default again
 *   path       = word { "." word | "[" number "]" | "[+]" } | "sysctl." name
 *
 * What the value is depends on the key. For a key that takes text (description, hostname, env.NAME ...) it is that text,
 * whatever it holds; in quotes it is read as YAML, so that `env.EMPTY='""'` is the empty text. For every other key it is
 * YAML: `true`, `45s`, `[a, b]`, `{source: /a, target: /b}`.
 */

/** One change to a definition. A path `tags[+]` appends; without a value the key is unset. */
export interface Assignment {
  readonly path: string
  readonly value: string | undefined
}

/** A step of an assignment's path; `+` is the place after the last item of a list. */
export type Step = string | number | typeof APPEND
export const APPEND = Symbol('after the last item')

/**
 * Reads the words of a command line.
 * @throws VpsError BAD_ASSIGNMENT (exit 2) for a word that is none
 */
export function parseAssignments(words: readonly string[]): Assignment[] {
  return words.map(word => {
    const match = /^([^=]+?)(\+=|=)([\s\S]*)$/.exec(word)
    const unset = match ? undefined : /^([^=]+)-$/.exec(word)?.[1]
    if (unset !== undefined) return checked({path: unset, value: undefined})
    const [, path, operator, value] = match ?? []
    if (path === undefined || value === undefined || path.endsWith('-')) {
      throw badAssignment(`${quote(word)} is no assignment`, 'write key=value, list+=item, or key- to unset')
    }
    if (operator === '+=') return checked({path: `${path}[+]`, value})
    return checked({path, value: value === '' ? undefined : value})
  })
}

function checked(assignment: Assignment): Assignment {
  parsePath(assignment.path)
  return assignment
}

/**
 * Takes a path apart: `mounts[0].source` is `['mounts', 0, 'source']`.
 * @throws VpsError BAD_ASSIGNMENT (exit 2)
 */
export function parsePath(path: string): Step[] {
  const dotted = dottedName(path)
  if (dotted) return dotted
  const step = /\.?([A-Za-z0-9_-]+)|\[(0|[1-9][0-9]{0,5}|\+)\]/y
  const steps: Step[] = []
  while (step.lastIndex < path.length) {
    const at = step.lastIndex
    const [whole, word, index] = step.exec(path) ?? []
    const joined = at === 0 ? !whole?.startsWith('.') && word : word === undefined || whole?.startsWith('.')
    if (whole === undefined || !joined)
      throw badAssignment(`${quote(path)} is no key`, 'write keys as in mounts[0].source')
    steps.push(word ?? (index === '+' ? APPEND : Number(index)))
    step.lastIndex = at + whole.length
  }
  if (steps.length === 0) throw badAssignment('a key is missing', 'write key=value')
  return steps
}

/** `sysctl.net.ipv4.ip_forward`, and `sysctl["net.ipv4.ip_forward"]` as messages write it: the rest is one name. */
function dottedName(path: string): Step[] | undefined {
  const [, head = '', quoted, plain] = /^([A-Za-z]+)(?:\["([^"]+)"\]|\.(.+))$/.exec(path) ?? []
  const name = quoted ?? plain
  const kind = kindAt([head])
  return kind?.kind === 'table' && kind.dotted && name !== undefined ? [head, name] : undefined
}

/** Steps as a path of the schema: any item of a list stands for the one that is appended. */
export function schemaPath(steps: readonly Step[]): Path {
  return steps.map(step => (step === APPEND ? 0 : step))
}

/** Steps as messages name them. */
export function stepsText(steps: readonly Step[]): string {
  return keyText(steps.map(step => (step === APPEND ? '+' : step))).replaceAll('.+', '[+]')
}

/**
 * The YAML node that a value of an assignment stands for.
 * @throws VpsError BAD_ASSIGNMENT (exit 2) when it should be YAML and is not
 */
export function valueNode(steps: readonly Step[], value: string): Node {
  if (isText(steps, value) && !/^("[\s\S]*"|'[\s\S]*')$/.test(value)) return new Scalar(value)
  const document = parseDocument(value, {version: '1.2', schema: 'core', prettyErrors: false})
  const [error] = document.errors
  let hasAlias = false
  visit(document, {
    Alias: () => {
      hasAlias = true
    },
    Node: (_, node) => {
      if (!isAlias(node)) delete node.comment
      delete node.commentBefore
      delete node.spaceBefore
    },
  })
  if (error || hasAlias || document.contents === null) {
    const why = error?.message ?? (hasAlias ? 'it refers to an anchor' : 'it is empty')
    throw badAssignment(
      `${quote(value)} is no value for ${stepsText(steps)}: ${lowerFirst(why)}`,
      'put special characters in quotes',
    )
  }
  return document.contents
}

/** Whether the value of a key is taken as text, as opposed to YAML. */
function isText(steps: readonly Step[], value: string): boolean {
  const kind = kindAt(schemaPath(steps))
  if (kind?.kind === 'text' || kind?.kind === 'choice' || kind?.kind === 'spelled') return true
  if (kind?.kind === 'either') return !value.trimStart().startsWith('[')
  if (kind?.kind !== 'section' || kind.short === undefined || kind.keys[kind.short]?.is.kind === 'flag')
    return false
  return !value.trimStart().startsWith('{')
}

function lowerFirst(text: string): string {
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`
}

export function badAssignment(message: string, suggestion: string): VpsError {
  return new VpsError('BAD_ASSIGNMENT', message, {exitCode: ExitCode.wrongUse, suggestions: [suggestion]})
}
