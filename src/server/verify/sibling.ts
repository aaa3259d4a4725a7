import {randomBytes} from 'node:crypto'
import {serverPaths} from '../../host/index.ts'
import {nativeFile} from '../../native/index.ts'
import {create} from '../create.ts'
import {destroy} from '../destroy.ts'
import {runningState} from '../freeze.ts'
import {isServer} from '../known.ts'
import {guestGroup} from '../run-state.ts'
import {openSession} from '../session.ts'
import {start} from '../start.ts'
import {throwawayTags} from '../throwaway.ts'
import type {Context} from '../types.ts'
import {PROBE} from './probe.ts'

/** What an experiment needs to know of where it is made. */
export interface Lab {
  readonly context: Context
  /** The server whose limits are tried. */
  readonly subject: string
  readonly signal: AbortSignal | undefined
}

/** The keys of a definition that are tried: `resources`, `limits`. */
export type Wanted = Readonly<Record<string, unknown>>

/** A running server made for one experiment, removed when it is disposed of. */
export interface Sibling extends AsyncDisposable {
  readonly name: string
  /** The directory of the cgroup that its processes are in. */
  readonly group: string
}

/**
 * Creates and starts a server of busybox with nothing but `wanted` and the probe.
 * @param prepare is given the directory of its own layer before it starts
 */
export async function startSibling(
  {context: outer, subject, signal}: Lab,
  wanted: Wanted,
  prepare?: (upper: string) => Promise<void>,
): Promise<Sibling> {
  signal?.throwIfAborted()
  const context = {...outer, unrecorded: true}
  const name = `verify-${randomBytes(4).toString('hex')}`
  await using undo = new AsyncDisposableStack()
  undo.defer(async () => await remove(context, name))
  await using _session = await openSession(context, 'verify', name)
  await create(context, name, {definitionText: definitionOf(name, subject, wanted)})
  await prepare?.(serverPaths(context.paths, name).upper)
  await start(context, name)
  const sibling = {name, group: guestGroup(runningState(context, name))}
  const made = undo.move()
  return {...sibling, [Symbol.asyncDispose]: async () => await made.disposeAsync()}
}

async function remove(context: Context, name: string): Promise<void> {
  if (!isServer(context.paths, name)) return
  await using _session = await openSession(context, 'destroy', name)
  if (isServer(context.paths, name)) await destroy(context, name, true)
}

/** JSON is YAML. */
function definitionOf(name: string, subject: string, wanted: Wanted): string {
  const probe = {source: nativeFile('vps-probe'), target: PROBE, readonly: true, options: ['noidmap']}
  const definition = {
    name,
    description: `Made by \`vps verify ${subject}\`, and removed by it`,
    tags: throwawayTags(),
    template: 'busybox',
    init: 'persist',
    network: 'none',
    mounts: [probe],
    ...wanted,
  }
  return `${JSON.stringify(definition, null, 2)}\n`
}
