import {serverName} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {exists, type Lock, lockServer, makeDirectory, requirePrivilege, serverPaths} from '../host/index.ts'
import {journalNames, journalsOf} from './journal.ts'
import {repairServer} from './repair.ts'
import type {Context} from './types.ts'

/** The locks of one verb: of the servers it is about, each repaired. */
export interface Session extends AsyncDisposable {
  /** Releases the lock of `name` for good: the server is no more. */
  forget(name: string): Promise<void>
}

/**
 * How every verb begins: checks privilege and names, locks the servers, and finishes or undoes what a crash left of them.
 * Names are locked in sorted order, so two verbs can't wait for each other.
 */
export async function openSession(context: Context, verb: string, ...names: string[]): Promise<Session> {
  for (const name of names) serverName(name)
  await requirePrivilege(`${verb} ${names.join(' ')}`)
  await prepareTrees(context)
  for (;;) {
    await using locks = new AsyncDisposableStack()
    const wanted = withJournals(context, names)
    const held = new Map<string, Lock>()
    for (const name of wanted)
      held.set(name, locks.use(await lockServer(context.paths, name, verb, context.progress)))
    // A crash that came to light only now may be about a further server: then lock that too, in order.
    if (withJournals(context, names).some(name => !held.has(name))) continue
    for (const name of wanted) await repairServer(context, name)
    for (const [name, lock] of held) if (!names.includes(name)) await lock[Symbol.asyncDispose]()
    return new OpenSession(locks.move(), held)
  }
}

/** `names` and all that an unfinished rename ties to them, sorted. */
function withJournals({paths}: Context, names: readonly string[]): string[] {
  const all = new Set(names)
  for (const name of all)
    for (const journal of journalsOf(paths, name)) for (const other of journalNames(journal)) all.add(other)
  return [...all].sort()
}

/** The directories that every verb may count on. Guests' set-uid files lie below var: nobody but root shall reach them. */
async function prepareTrees({paths}: Context): Promise<void> {
  await makeDirectory(paths.definitions)
  await makeDirectory(paths.var, 0o700)
  for (const directory of [paths.servers, paths.ids, paths.runServers, paths.locks])
    await makeDirectory(directory, 0o700)
}

class OpenSession implements Session {
  readonly #locks: AsyncDisposableStack
  readonly #held: ReadonlyMap<string, Lock>

  constructor(locks: AsyncDisposableStack, held: ReadonlyMap<string, Lock>) {
    this.#locks = locks
    this.#held = held
  }

  async forget(name: string): Promise<void> {
    await this.#held.get(name)?.remove()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#locks.disposeAsync()
  }
}

/** @throws VpsError NO_SUCH_SERVER (exit 3) when `name` has neither a definition nor storage */
export async function requireServer({paths}: Context, name: string): Promise<void> {
  const {definition, storage} = serverPaths(paths, name)
  if ((await exists(definition)) || (await exists(storage))) return
  throw noSuchServer(name)
}

export function noSuchServer(name: string): VpsError {
  return new VpsError('NO_SUCH_SERVER', `there is no server ${name}`, {
    suggestions: ['see which there are with `vps list`'],
    exitCode: ExitCode.noSuchServer,
  })
}

/** An error of a verb that this state does not allow (exit 4). */
export function wrongState(message: string, ...suggestions: string[]): VpsError {
  return new VpsError('WRONG_STATE', message, {suggestions, exitCode: ExitCode.wrongState})
}
