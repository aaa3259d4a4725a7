import {existsSync} from 'node:fs'
import {type Definition, parseDefinition} from '../definition/index.ts'
import {type HostPaths, serverPaths} from '../host/index.ts'
import {readJournals} from './journal.ts'
import {startedDefinition} from './neighbours.ts'
import type {ParsingOptions} from './parse-options.ts'
import {fileKey, readRecord, readRecordAt, type ServerRecord} from './record.ts'
import {type Run, readRun, readText} from './run-state.ts'

/** How a server stands on this host, for those who compare it with what it shall be. A few small files. */
export interface Standing {
  /** It was created; its record may still be missing or damaged. */
  readonly stored: boolean
  readonly record: ServerRecord | undefined
  /** Its definition as the file has it; undefined without one. */
  readonly text: string | undefined
  /** Tells this version of the definition's file from a later one. */
  readonly definitionKey: string
  readonly run: Run
}

/** Reads how `name` stands. No lock is needed; what is read may be a moment old. */
export function standingOf(paths: HostPaths, name: string): Standing {
  const {definition, storage} = serverPaths(paths, name)
  const definitionKey = fileKey(definition)
  const text = definitionKey === 'none' ? undefined : readText(definition)
  const record = readRecord(paths, name)
  const stored = record !== undefined || existsSync(storage)
  return {stored, record, text, definitionKey, run: stored ? readRun(paths, name) : {kind: 'none'}}
}

/** What a definition's text says; with errors in it, what is left. */
export function readAs(paths: HostPaths, name: string, text: string, options: ParsingOptions): Definition {
  return parseDefinition(text, {file: serverPaths(paths, name).definition, name, ...options}).definition
}

/** What a running server was started with, later live changes included; undefined when nobody knows. */
export function runningDefinition(paths: HostPaths, name: string, {run}: Standing): Definition | undefined {
  return run.kind === 'alive' ? startedDefinition(paths, name) : undefined
}

/** A server whose creation or removal was cut off, or is just under way. */
export interface Unfinished {
  readonly name: string
  readonly kind: 'creating' | 'destroying'
  /** Its record, unless the removal has come past that. */
  readonly record: ServerRecord | undefined
  /** Of a removal: what `fileKey` says of the definition that goes with it. */
  readonly definitionKey: string | undefined
}

/** The servers that journals speak of as being made or removed; the next verb about each finishes that, or undoes it. */
export function unfinishedServers(paths: HostPaths): Unfinished[] {
  return readJournals(paths).flatMap(journal => {
    if (journal.kind === 'renaming') return []
    const {kind, name, path} = journal
    const definitionKey = journal.kind === 'destroying' ? journal.definition : undefined
    return [{name, kind, record: readRecordAt(path), definitionKey}]
  })
}
