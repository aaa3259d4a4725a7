/*
 * Profiles: partial definitions in a directory of their own, which definitions name and build on.
 */
import {isUtf8} from 'node:buffer'
import {closeSync, openSync, readdirSync, readSync} from 'node:fs'
import {nearest} from '../nearest.ts'
import {MAX_TEXT, originOfValue, parseSource, type Source} from './document.ts'
import type {Layer, Values} from './layers.ts'
import type {Problem} from './problems.ts'
import {profileFile} from './profile-file.ts'
import {type Missing, Reader} from './read.ts'
import {profileSchema} from './schema.ts'
import {quote} from './words.ts'

/** The text of a profile. */
export interface ProfileText {
  readonly file: string
  readonly text: string
  /** Why the file could not be read; the text is empty then. */
  readonly unreadable?: string
}

/** Finds the text of a profile by its name; undefined when there is none. */
export interface ProfileLookup {
  (name: string): ProfileText | undefined
  /** Where they are looked for, for messages. */
  readonly directory?: string
  /** All that are there, for messages. */
  readonly names?: () => readonly string[]
}

/** The profiles in a directory, which need not exist. Each is read when it is asked for, once. */
export function profilesIn(directory: string): ProfileLookup {
  const known = new Map<string, ProfileText | undefined>()
  const lookup = (name: string) => {
    if (!known.has(name)) known.set(name, readProfile(profileFile(directory, name)))
    return known.get(name)
  }
  return Object.assign(lookup, {directory, names: () => profileNames(directory)})
}

/** The names of all profiles of a directory, sorted. */
export function profileNames(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter(file => file.endsWith('.yaml') && !file.startsWith('.'))
      .map(file => file.slice(0, -'.yaml'.length))
      .sort()
  } catch {
    return [] // no directory, no profiles; a file in its place says so when one is read
  }
}

function readProfile(file: string): ProfileText | undefined {
  try {
    const bytes = readStart(file)
    return isUtf8(bytes)
      ? {file, text: bytes.toString('utf8').replace(/^\ufeff/, '')}
      : {file, text: '', unreadable: 'is not UTF-8 text'}
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? undefined
      : {file, text: '', unreadable: `cannot be read: ${code}`}
  }
}

/** A little more than a definition may have at most: what is larger is refused by its length. */
function readStart(file: string): Buffer {
  const handle = openSync(file, 'r')
  try {
    const buffer = Buffer.alloc(MAX_TEXT + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < buffer.length; length += read)
      read = readSync(handle, buffer, length, buffer.length - length, null)
    return buffer.subarray(0, length)
  } finally {
    closeSync(handle)
  }
}

/** A profile as it was read. */
export interface ProfileLayer extends Layer {
  readonly problems: readonly Problem[]
  readonly missing: readonly Missing[]
}

/** Reads a profile: the values in it, and what is wrong with it. */
export function readProfileText({file, text, unreadable}: ProfileText): ProfileLayer {
  const {source, problems} = parseSource(text, file)
  const nothing = {source, values: {}, missing: []}
  if (unreadable !== undefined) {
    const origin = {file, line: 1, column: 1, key: ''}
    return {...nothing, problems: [{grade: 'error', message: `the profile ${unreadable}`, origin}]}
  }
  if (problems.length > 0 || source.document.contents === null) return {...nothing, problems}
  const reader = new Reader(source)
  const values = (reader.read(profileSchema, source.document.contents, []) ?? {}) as Values
  return {source, values, problems: reader.problems, missing: reader.missing}
}

/** The layers of the profiles that a definition names, and what is wrong with the names. */
export function profileLayers(
  names: readonly string[],
  source: Source,
  lookup: ProfileLookup | undefined,
): {layers: ProfileLayer[]; problems: Problem[]} {
  const layers: ProfileLayer[] = []
  const problems: Problem[] = []
  const report = (index: number, grade: Problem['grade'], message: string, suggestion?: string) => {
    const {length, ...origin} = originOfValue(source, ['profiles', index])
    problems.push({grade, message, origin, length, ...(suggestion ? {suggestion} : {})})
  }
  for (const [index, name] of names.entries()) {
    if (name === '') continue // wrong by itself
    if (names.indexOf(name) < index) {
      report(index, 'warning', `profile ${name} is named twice`, 'remove one of them')
      continue
    }
    const found = lookup?.(name)
    if (found) layers.push(readProfileText(found))
    else report(index, 'error', ...unknownProfile(name, lookup))
  }
  return {layers, problems}
}

/** What to say about a profile that is not there, and the way out. */
export function unknownProfile(name: string, lookup: ProfileLookup | undefined): [string, string?] {
  const directory = lookup?.directory
  const known = lookup?.names?.() ?? []
  const message =
    directory === undefined
      ? `there is no profile ${quote(name)}`
      : `there is no profile ${quote(name)}: ${profileFile(directory, name)} does not exist`
  const near = nearest(name, known)
  if (near !== undefined) return [message, `did you mean ${near}?`]
  return [message, known.length > 0 ? `the profiles here are ${known.join(', ')}` : 'write that file first']
}
