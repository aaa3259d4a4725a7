/*
 * What has to be done to one server so that it becomes what it shall be. Pure: it is given what is there.
 */
import {changedKeys, type Definition, writtenValue} from '../definition/index.ts'
import type {KeyChange, PresentState, Step, Target} from './types.ts'

/** A server as it is. */
export interface Present {
  readonly state: PresentState
  /** It was created; else there is at most a definition. */
  readonly stored: boolean
  readonly fleet: string | undefined
  /** Its definition's file, undefined without one. */
  readonly text: string | undefined
  /** What that says; asked only when it is not the text that it shall be. */
  readonly definition: () => Definition
  /** What it runs with; undefined when it does not run, or nobody knows. */
  readonly started: Definition | undefined
}

export interface Difference {
  readonly steps: readonly Step[]
  readonly changes: readonly KeyChange[]
  /** Keys of a running server that wait for a restart which is not among the steps. */
  readonly waiting: readonly string[]
}

const NOTHING: Difference = {steps: [], changes: [], waiting: []}

/** @param mayRestart whether keys that wait for a restart are worth one */
export function difference(present: Present, target: Target, mayRestart: boolean): Difference {
  const {state, stored} = present
  if (target.kind === 'absent')
    return stored && present.fleet === target.fleet ? {...NOTHING, steps: ['destroy']} : NOTHING
  const start: Step[] = target.state === 'running' ? ['start'] : []
  if (!stored) {
    // A definition without a server is the admin's, unless the making of the server was cut off.
    const isOwn =
      present.text === undefined || (present.fleet !== undefined && present.fleet === target.fleet)
    const adopt: Step[] = isOwn ? [] : ['adopt']
    return {...NOTHING, steps: [...adopt, 'create', ...start]}
  }
  const steps: Step[] = present.fleet === target.fleet ? [] : ['adopt']
  const {changes, mustWrite, waiting} = changesOf(present, target)
  const isUp = state === 'running'
  if (target.state === 'stopped' && (isUp || state === 'crashed')) steps.push('stop')
  if (mustWrite) steps.push('change')
  if (target.state === 'stopped') return {steps, changes, waiting: []}
  const restarts = isUp && waiting.length > 0 && mayRestart
  if (restarts) steps.push('restart')
  if (!isUp) steps.push('start')
  return {steps, changes, waiting: restarts ? [] : waiting}
}

interface Changes {
  readonly changes: readonly KeyChange[]
  /** The definition, or what the server runs with, is to be brought to the target. */
  readonly mustWrite: boolean
  readonly waiting: readonly string[]
}

function changesOf(present: Present, target: Extract<Target, {kind: 'server'}>): Changes {
  const {text, started} = present
  const isWritten = text !== undefined && sameText(text, target.text)
  if (isWritten && started === undefined) return {changes: [], mustWrite: false, waiting: []} // nothing to parse
  const wanted = target.definition()
  const before = isWritten ? wanted : present.definition()
  const written = isWritten ? NO_KEYS : changedKeys(before, wanted)
  const running = started === undefined ? NO_KEYS : changedKeys(started, wanted)
  const value = (definition: Definition, key: string): unknown => writtenValue(definition, key)
  const change = (old: Definition, key: string, when: KeyChange['when']): KeyChange => ({
    key,
    old: value(old, key),
    new: value(wanted, key),
    when,
  })
  const waiting = new Set(running.restart)
  const live = new Set(running.live)
  const ofFile = [...written.live, ...written.restart].map(key =>
    change(before, key, waiting.has(key) ? 'restart' : 'live'),
  )
  const known = new Set(ofFile.map(({key}) => key))
  const ofRun = [...live, ...waiting]
    .filter(key => !known.has(key))
    .map(key => change(started ?? wanted, key, waiting.has(key) ? 'restart' : 'live'))
  return {
    changes: [...ofFile, ...ofRun],
    mustWrite: ofFile.length > 0 || live.size > 0 || text === undefined,
    waiting: [...waiting],
  }
}

const NO_KEYS = {live: [], restart: []} as const

function sameText(one: string, other: string): boolean {
  return one.replace(/^\ufeff/, '') === other
}
