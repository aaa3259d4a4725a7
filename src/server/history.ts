import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import {userInfo} from 'node:os'
import process from 'node:process'
import {errno, type HostPaths} from '../host/index.ts'
import {needsRoot} from './journal.ts'
import type {Context} from './types.ts'

/*
 * What the definition of each server was, and who changed it: a file NAME.jsonl with a line for each change, the text of the
 * definition after it included. Written under the server's lock, with one write and no flush: a verb must not get slower or fail
 * for its history. A line that a crash or a full disk tore is skipped.
 */

/** `by-hand`: what a verb found that no verb had written. */
export const HISTORY_VERBS = [
  'create',
  'set',
  'edit',
  'apply',
  'rollback',
  'rename',
  'destroy',
  'by-hand',
] as const

export type HistoryVerb = (typeof HISTORY_VERBS)[number]

/** What a verb notes. */
export interface HistoryNote {
  readonly verb: Exclude<HistoryVerb, 'by-hand'>
  /** The definition after it; null when there is none any more. */
  readonly text: string | null
  /** The definition before it; so it is noticed if it was changed by hand. */
  readonly before?: string | undefined
  /** The file that it comes from: of the fleet, or of the definition. */
  readonly source?: string | undefined
}

/** On whose behalf a definition is changed; default: that of the verb itself. */
export type HistoryOrigin = Partial<Pick<HistoryNote, 'verb' | 'source'>>

/** One change of a server's definition. */
export interface HistoryEntry {
  /** Counts from 1, and stays when older entries are dropped. */
  readonly number: number
  /** ISO 8601; of `by-hand`: when it was noticed */
  readonly time: string
  readonly user: string
  readonly verb: HistoryVerb
  /** null after a destroy */
  readonly text: string | null
  readonly source: string | null
}

type Line = Omit<HistoryEntry, 'number'>

/** Older ones are dropped. */
export const MAX_ENTRIES = 100
/** And so are those that make the file larger than this, but for the last two. */
const MAX_BYTES = 4 * 1024 * 1024
/** A hundred entries are larger than this: in a smaller file there is nothing to count. */
const COUNTED_FROM = 10 * 1024
/** The last entry is looked for in this much first. */
const TAIL = 64 * 1024
const NEWLINE = 0x0a
const APPEND = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW

export function historyFile({history}: Pick<HostPaths, 'history'>, name: string): string {
  return `${history}/${name}.jsonl`
}

/**
 * Notes a change of the definition of `name`, under its lock. If the definition was changed by hand since the last one, that
 * is noted first. Never throws, on a full disk neither.
 */
export function recordHistory({paths, unrecorded}: Context, name: string, note: HistoryNote): void {
  if (unrecorded) return
  try {
    const size = append(paths, name, note)
    if (size > COUNTED_FROM) trim(historyFile(paths, name))
  } catch {
    // nobody to tell: the verb that this is about went well
  }
}

/** Moves the history of `from` along to `to`, behind that of an earlier server of that name. Done again, it does nothing. */
export function renameHistory({paths}: Pick<Context, 'paths'>, from: string, to: string): void {
  try {
    const [old, fresh] = [historyFile(paths, from), historyFile(paths, to)]
    const moved = entriesIn(readFileSync(old, 'utf8')).map(lineText)
    const earlier = readHistory(paths, to)
    const known = earlier.map(lineText)
    if (known.length === 0) {
      renameSync(old, fresh)
      return
    }
    // A crash between these two is made good by the repair of the rename, which comes here again.
    if (known.at(-1) !== moved.at(-1)) replace(fresh, (earlier[0]?.number ?? 1) - 1, [...known, ...moved])
    rmSync(old)
  } catch {
    // none, or a full disk: then it stays under the old name
  }
}

/** The history of `name`, oldest first; of a destroyed server, too. */
export function readHistory(paths: Pick<HostPaths, 'history'>, name: string): HistoryEntry[] {
  try {
    return entriesIn(readFileSync(historyFile(paths, name), 'utf8')).slice(-MAX_ENTRIES)
  } catch (error) {
    if (errno(error) === 'ENOENT') return []
    if (errno(error) === 'EACCES') throw needsRoot(historyFile(paths, name))
    throw error
  }
}

/** Returns the size of the file after it. */
function append(paths: HostPaths, name: string, {verb, text, before, source}: HistoryNote): number {
  const file = open(paths, name)
  try {
    const {size} = fstatSync(file)
    const mark = {time: new Date().toISOString(), user: userName()}
    const lines: Line[] = [{...mark, verb, text, source: source ?? null}]
    if (before !== undefined && lastText(file, size) !== before)
      lines.unshift({...mark, verb: 'by-hand', text: before, source: null})
    const torn = size > 0 && byteAt(file, size - 1) !== NEWLINE
    const bytes = Buffer.from(`${torn ? '\n' : ''}${lines.map(lineText).join('')}`)
    const written = writeSync(file, bytes)
    if (written < bytes.length) ftruncateSync(file, size) // a full disk: all of it or nothing
    return size + written
  } finally {
    closeSync(file)
  }
}

function open(paths: HostPaths, name: string): number {
  const path = historyFile(paths, name)
  try {
    return openSync(path, APPEND, 0o600)
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error
    mkdirSync(paths.history, {recursive: true, mode: 0o700})
    return openSync(path, APPEND, 0o600)
  }
}

function lineText({time, user, verb, text, source}: Line): string {
  return `${JSON.stringify({time, user, verb, text, ...(source !== null && {source})})}\n`
}

/** The text of the last entry; undefined without one. */
function lastText(file: number, size: number): string | null | undefined {
  for (let from = Math.max(0, size - TAIL); size > 0; from = 0) {
    const bytes = Buffer.alloc(size - from)
    readSync(file, bytes, 0, bytes.length, from)
    const lines = bytes
      .toString()
      .split('\n')
      .slice(from === 0 ? 0 : 1)
    const last = lines.map(parseLine).findLast(line => line !== undefined)
    if (last !== undefined || from === 0) return last?.text
  }
  return undefined
}

function byteAt(file: number, position: number): number | undefined {
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, position)
  return byte[0]
}

/** Rewrites a file that has grown over its bounds. */
function trim(path: string): void {
  const text = readFileSync(path, 'utf8')
  const entries = entriesIn(text)
  let bytes = 0
  const kept = entries
    .slice(-MAX_ENTRIES)
    .toReversed()
    .map(lineText)
    .filter((line, index) => {
      bytes += line.length
      return index < 2 || bytes <= MAX_BYTES
    })
    .toReversed()
  const first = entries.at(-kept.length)
  if (first === undefined || kept.length === entries.length) return
  replace(path, first.number - 1, kept)
}

/** @param dropped how many entries there were before these */
function replace(path: string, dropped: number, lines: readonly string[]): void {
  const temporary = `${path}.tmp` // under the server's lock: one that a crash left is written over
  const head = dropped > 0 ? `${JSON.stringify({dropped})}\n` : ''
  try {
    writeFileSync(temporary, head + lines.join(''), {mode: 0o600})
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, {force: true})
    throw error
  }
}

function entriesIn(text: string): HistoryEntry[] {
  const lines = text.split('\n')
  const dropped = droppedIn(lines[0] ?? '')
  return lines
    .map(parseLine)
    .filter(line => line !== undefined)
    .map((line, index) => ({number: dropped + index + 1, ...line}))
}

function droppedIn(line: string): number {
  const [, count = '0'] = /^\{"dropped":(\d{1,15})\}$/.exec(line) ?? []
  return Number(count)
}

function parseLine(text: string): Line | undefined {
  if (!text.startsWith('{"time":')) return undefined
  try {
    const {time, user, verb, text: definition, source} = JSON.parse(text) as Record<string, unknown>
    const known = HISTORY_VERBS.find(one => one === verb)
    if (typeof time !== 'string' || typeof user !== 'string' || known === undefined) return undefined
    if (typeof definition !== 'string' && definition !== null) return undefined
    return {time, user, verb: known, text: definition, source: typeof source === 'string' ? source : null}
  } catch {
    return undefined
  }
}

let user: string | undefined

/** Who is at work: whom sudo made root, or the login of the user id. */
function userName(): string {
  user ??= process.env.SUDO_USER || loginName()
  return user
}

function loginName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.geteuid?.() ?? '')
  }
}
