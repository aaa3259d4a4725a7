import {requireServer} from '../known.ts'
import {readRun} from '../run-state.ts'
import {openSession} from '../session.ts'
import type {Context} from '../types.ts'
import {StoppedServer} from './stopped.ts'

/** The servers of a copy: those that do not run stay so until it is over, as it has their locks. */
export interface Ends extends AsyncDisposable {
  /** Undefined for one that runs. */
  stopped(name: string): StoppedServer | undefined
}

/** @throws VpsError NO_SUCH_SERVER (exit 3); WRONG_STATE (exit 4) */
export async function openEnds(context: Context, ...names: readonly string[]): Promise<Ends> {
  for (const name of names) requireServer(context, name)
  const isStopped = (name: string): boolean => readRun(context.paths, name).kind !== 'alive'
  for (;;) {
    const stopped = names.filter(isStopped)
    await using undo = new AsyncDisposableStack()
    if (stopped.length > 0) undo.use(await openSession(context, 'cp', ...stopped))
    for (const name of stopped) requireServer(context, name) // somebody else had the lock, perhaps to destroy it
    if (!stopped.every(isStopped)) continue
    const servers = new Map<string, StoppedServer>()
    for (const name of stopped) servers.set(name, undo.use(await StoppedServer.open(context, name)))
    const held = undo.move()
    return {
      stopped: name => servers.get(name),
      async [Symbol.asyncDispose]() {
        await held[Symbol.asyncDispose]()
      },
    }
  }
}
