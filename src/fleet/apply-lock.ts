import {join} from 'node:path'
import {type Lock, lockFile} from '../host/index.ts'
import type {Context} from '../server/index.ts'

/**
 * Held by an apply from before it looks at the host until it is done: there is one at a time, so two that are about the same
 * servers never mix. The kernel gives it back when the apply dies.
 * @throws VpsError BUSY (exit 4) naming who has it, if it is not to wait
 */
export async function lockApply(
  {paths, notice, signal}: Context,
  fleet: string,
  wait: boolean,
): Promise<Lock> {
  // No server can have this name.
  return await lockFile(join(paths.locks, '.apply.lock'), {
    verb: `apply of fleet ${fleet}`,
    what: wait ? 'the apply before this one' : 'another apply is under way',
    progress: notice, // the wait may be long, and there may be no terminal
    wait,
    signal,
  })
}
