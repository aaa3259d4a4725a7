import {changedKeys, type Definition, keySteps, parseDefinition, writtenValue} from '../definition/index.ts'
import type {HostPaths} from '../host/index.ts'
import {parseOptions} from './parse-options.ts'

/** A key in which two definitions differ. Values are as in YAML, null: not set. */
export interface DefinitionChange {
  readonly key: string
  readonly old: unknown
  readonly new: unknown
  /** When a change of it takes effect in a running server. */
  readonly when: 'live' | 'restart'
}

/** What stands for the hash of a password. */
export const HIDDEN = '(hash)'
const OTHER = '(another hash)'
/** As crypt(5) writes them: `$6$salt$hash`. */
const HASH = /\$(?:[0-9][a-z]?|y|gy|sha1|argon2(?:id|i|d))\$[^\s"',{}[\]]{8,}/g

/** The keys that two definitions differ in; hashes of passwords are not shown. */
export function differences(before: Definition, after: Definition): DefinitionChange[] {
  const {live, restart} = changedKeys(before, after)
  const change = (key: string, when: DefinitionChange['when']): DefinitionChange => {
    const old = withoutHashes(key, writtenValue(before, key), HIDDEN)
    const now = writtenValue(after, key)
    const shown = withoutHashes(key, now, HIDDEN)
    const same = JSON.stringify(old) === JSON.stringify(shown) // then it is the hash that differs
    return {key, old, new: same ? withoutHashes(key, now, OTHER) : shown, when}
  }
  return [...live.map(key => change(key, 'live')), ...restart.map(key => change(key, 'restart'))]
}

/** A text of a definition without the hashes of passwords. */
export function hideHashes(text: string): string {
  return text.replaceAll(HASH, HIDDEN)
}

/** The definition in an earlier text, with today's profiles; undefined when the text has errors. */
export function definitionIn(paths: HostPaths, text: string): Definition | undefined {
  const {definition, problems} = parseDefinition(text, {file: 'history', ...parseOptions(paths)})
  return problems.some(({grade}) => grade === 'error') ? undefined : definition
}

function withoutHashes(key: string, value: unknown, instead: string): unknown {
  const [top] = keySteps(key)
  return top === 'provision' ? masked(value, instead, keySteps(key).at(-1)) : value
}

/** References to secrets stay, and `generate`, which is none. */
function masked(value: unknown, instead: string, name: string | undefined): unknown {
  if (typeof value === 'string')
    return name === 'password' && !/^\$\{|^generate$/.test(value) ? instead : value.replaceAll(HASH, instead)
  if (Array.isArray(value)) return value.map(item => masked(item, instead, undefined))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, masked(item, instead, key)]))
}
