/*
 * Finds and parses the files of a fleet: those that are named, those in directories, and those that others include.
 */
import {isUtf8} from 'node:buffer'
import {closeSync, openSync, readdirSync, readSync, statSync} from 'node:fs'
import {dirname, isAbsolute, join, resolve} from 'node:path'
import {isMap, type Node, type YAMLMap} from 'yaml'
import {
  type Language,
  type Origin,
  originOfValue,
  type Path,
  parseSource,
  Reader,
  rootOf,
  type Source,
} from '../../definition/index.ts'
import {ExitCode, VpsError} from '../../errors.ts'
import {Filler} from './fill.ts'
import type {Problems} from './problems.ts'
import {entrySchema, fleetProfileSchema, fleetSchema} from './schema.ts'

/** A fleet file larger than this is none. */
const MAX_BYTES = 8 * 1024 ** 2

const FLEET: Language = {
  noun: 'fleet',
  maxText: MAX_BYTES,
  instead: 'write all of it as one, or as several files',
}

/** One file as it was read, with nothing filled in. */
export interface FleetFile {
  /** As messages name it. */
  readonly file: string
  readonly source: Source
  readonly filler: Filler
  readonly name: string
  readonly vars: Readonly<Record<string, string>>
  readonly profiles: Readonly<Record<string, YAMLMap>>
  /** Undefined where an item is wrong. */
  readonly servers: readonly (Node | undefined)[]
}

/**
 * Reads the files and all that they include, each once.
 * @throws VpsError UNREADABLE_FLEET (exit 2) when a file that was named cannot be read; what is wrong in it is a problem
 */
export function readFleetFiles(files: readonly string[], problems: Problems): FleetFile[] {
  const reading: Reading = {found: new Map(), problems}
  for (const file of files) {
    try {
      for (const one of filesAt(file)) readOne(one, [], reading)
    } catch (error) {
      if (error instanceof VpsError) throw error
      throw new VpsError('UNREADABLE_FLEET', `cannot read ${file}`, {
        cause: error,
        exitCode: ExitCode.wrongUse,
      })
    }
  }
  return [...reading.found.values()].filter(file => file !== undefined)
}

interface Reading {
  /** By absolute path; undefined while it is read, and for what has no valid syntax. */
  readonly found: Map<string, FleetFile | undefined>
  readonly problems: Problems
}

/** A file on the way to the one that is read. */
interface Step {
  readonly path: string
  readonly file: string
}

/** The file itself, or the files of a directory. */
function filesAt(file: string): string[] {
  if (file === '-' || !statSync(file).isDirectory()) return [file]
  const names = readdirSync(file)
    .filter(name => /\.ya?ml$/.test(name) && !name.startsWith('.'))
    .sort()
  if (names.length > 0) return names.map(name => join(file, name))
  throw new VpsError('UNREADABLE_FLEET', `there is no fleet file in ${file}`, {
    exitCode: ExitCode.wrongUse,
    suggestions: ['their names end with .yaml'],
  })
}

function readOne(file: string, way: readonly Step[], reading: Reading): void {
  const path = resolve(file)
  if (reading.found.has(path)) return
  reading.found.set(path, undefined)
  const name = file === '-' ? 'stdin' : file
  const text = readText(file, name, reading.problems)
  if (text === undefined) return
  reading.problems.texts.set(name, text)
  const {source, problems} = parseSource(text, name, {language: FLEET})
  for (const problem of problems) reading.problems.add(problem)
  if (problems.length > 0) {
    reading.problems.isBroken = true
    return
  }
  const reader = new Reader(source, {deferred: new Set([entrySchema, fleetProfileSchema])})
  const root = rootOf(source)
  if (root === null) {
    reader.report(null, [], 'the file describes no fleet', 'write at least its name and one server')
    for (const problem of reader.problems) reading.problems.add(problem)
    return
  }
  const values = (reader.read(fleetSchema, root, []) ?? {}) as Written
  for (const problem of reader.problems) reading.problems.add(problem)
  reading.found.set(path, {
    file: name,
    source,
    filler: new Filler(source),
    name: values.fleet ?? '',
    vars: values.vars ?? {},
    profiles: Object.fromEntries(Object.entries(values.profiles ?? {}).filter(([, node]) => isMap(node))),
    servers: (values.servers ?? []).map(node => (isNode(node) ? node : undefined)),
  })
  const includes = values.include ?? []
  for (const [index, include] of includes.entries()) {
    const single = includes.length === 1 && source.document.hasIn(['include', 0]) === false
    const at: Path = single ? ['include'] : ['include', index]
    if (include !== '') includeOne(include, at, source, [...way, {path, file: name}], reading)
  }
}

interface Written {
  readonly fleet?: string
  readonly include?: readonly string[]
  readonly vars?: Readonly<Record<string, string>>
  readonly profiles?: Readonly<Record<string, YAMLMap>>
  readonly servers?: readonly unknown[]
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'range' in value
}

function includeOne(include: string, at: Path, source: Source, way: readonly Step[], reading: Reading): void {
  const {length, ...origin} = originOfValue(source, at)
  const report = (message: string, suggestion?: string) =>
    reading.problems.error(origin, length, message, suggestion)
  try {
    for (const file of filesAt(besides(source.file, include))) {
      const start = way.findIndex(({path}) => path === resolve(file))
      if (start < 0) readOne(file, way, reading)
      else {
        const round = [...way.slice(start), {file}].map(step => step.file).join(' includes ')
        report(`the files include each other in a circle: ${round}`, 'remove one of the includes')
      }
    }
  } catch (error) {
    report(error instanceof VpsError ? error.message : `cannot read ${include}: ${reasonOf(error)}`)
  }
}

/** A path that counts from the file it is written in. */
export function besides(file: string, path: string): string {
  return isAbsolute(path) || dirname(file) === '.' ? path : join(dirname(file), path)
}

/** Why a file cannot be read, in words. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  if (code === 'ENOENT') return 'there is no such file'
  return code === 'EACCES' ? 'it may not be read' : code === 'EISDIR' ? 'it is a directory' : code
}

/** The text of a file; undefined when it is none, which has been reported then. */
export function readText(file: string, name: string, problems: Problems): string | undefined {
  const bytes = readBounded(file)
  const text = bytes.toString('utf8').replace(/^\ufeff/, '')
  const at = (line: number): Origin => ({file: name, line, column: 1, key: ''})
  if (bytes.length > MAX_BYTES) problems.error(at(1), 1, 'the file is larger than 8MiB, which no fleet needs')
  else if (isUtf8(bytes)) return text
  else {
    problems.texts.set(name, text)
    const bad = bytes
      .toString('latin1')
      .split('\n')
      .findIndex(line => !isUtf8(Buffer.from(line, 'latin1')))
    problems.error(at(bad + 1), 1, 'this line is not UTF-8 text', 'save the file as UTF-8')
  }
  return undefined
}

function readBounded(file: string): Buffer {
  const handle = file === '-' ? 0 : openSync(file, 'r')
  try {
    const chunks: Buffer[] = []
    for (let total = 0; total <= MAX_BYTES; ) {
      const chunk = Buffer.alloc(262_144)
      const read = readSync(handle, chunk, 0, chunk.length, null)
      if (read === 0) break
      chunks.push(chunk.subarray(0, read))
      total += read
    }
    return Buffer.concat(chunks)
  } finally {
    if (handle !== 0) closeSync(handle)
  }
}
