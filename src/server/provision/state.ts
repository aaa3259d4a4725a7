import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import type {Definition} from '../../definition/index.ts'
import {errno, isMissing, writeFileAtomic, writeNewFile} from '../../host/index.ts'
import {type Step, stepsOf} from './steps.ts'

/** What was set up in a server: `provision.json` in its storage. It holds no secrets, only digests of what was written in the definition. */
export interface ProvisionState {
  /** Digests of the steps that are done, by step. */
  readonly steps: Readonly<Record<string, string>>
  /** The step that failed last, until it is done. */
  readonly failed?: {readonly step: string; readonly reason: string; readonly at: string} | undefined
  /** The server was started, and nobody has run its commands yet. */
  readonly waiting?: boolean | undefined
}

const NOTHING: ProvisionState = {steps: {}}

/** A file that is missing or was cut short by a power cut says that nothing is done: then all is done again, which does no harm. */
export function readState(storage: string): ProvisionState {
  try {
    if (isMissing(statePath(storage))) return NOTHING
    const value: unknown = JSON.parse(readFileSync(statePath(storage), 'utf8'))
    return isState(value) ? value : NOTHING
  } catch (error) {
    if (error instanceof SyntaxError || errno(error) === 'ENOENT') return NOTHING
    throw error
  }
}

/** @param sync false where it does no harm if a power cut takes it back */
export async function writeState(storage: string, state: ProvisionState, sync = true): Promise<void> {
  await writeFileAtomic(statePath(storage), textOf(state), {mode: 0o600, sync})
}

/** That of a server in the making: whoever makes it commits all of its storage. */
export async function writeNewState(storage: string, state: ProvisionState): Promise<void> {
  await writeNewFile(statePath(storage), textOf(state), 0o600)
}

function textOf(state: ProvisionState): string {
  return `${JSON.stringify({version: 1, ...state})}\n`
}

/** The steps that are not done, or were done when they said something else. */
export function pendingSteps(steps: readonly Step[], state: ProvisionState): Step[] {
  return steps.filter(({id, digest}) => state.steps[id] !== digest)
}

/** What a server's definition asks for and is not done yet. */
export function pendingOf(storage: string, {provision}: Pick<Definition, 'provision'>): Step[] {
  const steps = stepsOf(provision)
  return steps.length === 0 ? [] : pendingSteps(steps, readState(storage))
}

/** After a start: notes that commands wait to be run in the server, if any do. A step that failed is to be tried anew. */
export async function markWaiting(storage: string, definition: Pick<Definition, 'provision'>): Promise<void> {
  if (!pendingOf(storage, definition).some(({place}) => place === 'inside')) return
  const {failed: _, ...state} = readState(storage)
  await writeState(storage, {...state, waiting: true}, false)
}

/** `state` with these done. What the definition no longer asks for is forgotten: asked for again, it is done again. */
export function withDone(state: ProvisionState, done: readonly Step[], all: readonly Step[]): ProvisionState {
  const known = new Set(all.map(({id}) => id))
  const kept = Object.entries(state.steps).filter(([id]) => known.has(id))
  const steps = {...Object.fromEntries(kept), ...Object.fromEntries(done.map(({id, digest}) => [id, digest]))}
  const failed = done.some(({id}) => id === state.failed?.step) ? undefined : state.failed
  return {steps, ...(failed !== undefined && {failed}), ...(state.waiting && {waiting: true})}
}

function statePath(storage: string): string {
  return join(storage, 'provision.json')
}

function isState(value: unknown): value is ProvisionState {
  return typeof value === 'object' && value !== null && 'steps' in value && typeof value.steps === 'object'
}
