import {existsSync} from 'node:fs'
import {dirname} from 'node:path'
import {serverName} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {
  type HostPaths,
  type Lock,
  lockServer,
  makeDirectory,
  requirePrivilege,
  throwIfAborted,
} from '../host/index.ts'
import {type Journal, journalNames, readJournals} from './journal.ts'
import {isServer} from './known.ts'
import {repairServer} from './repair.ts'
import type {Context} from './types.ts'

/**
 * How every verb begins: checks privilege and names, locks the servers, and finishes or undoes what a crash left of them.
 * Names are locked in sorted order, so two verbs can't wait for each other. What is returned are the locks.
 */
export async function openSession(context: Context, verb: string, ...names: string[]): Promise<Session> {
  for (const name of names) serverName(name)
  throwIfAborted(context.signal, `${verb} ${names.join(' ')}`)
  await requirePrivilege(`${verb} ${names.join(' ')}`)
  await prepareTrees(context)
  for (let wanted = [...new Set(names)].sort(); ; ) {
    await using undo = new AsyncDisposableStack()
    const locks = undo.use(new Locks(context.paths))
    for (const name of wanted) await locks.take(name, verb, context)
    // What a crash left may be about a further server: then lock that too, all of them in order.
    const journals = readJournals(context.paths)
    wanted = withJournals(journals, names)
    if (!locks.hold(wanted)) continue
    for (const name of wanted) {
      const own = journals.filter(journal => journalNames(journal).includes(name) && existsSync(journal.path))
      locks.repaired.push(...(await repairServer(context, name, own)))
    }
    throwIfAborted(context.signal, `${verb} ${names.join(' ')}`)
    await locks.keepOnly(names)
    undo.move()
    return locks
  }
}

export interface Session extends AsyncDisposable {
  /** What had been cut off, and is finished or undone now. */
  readonly repaired: readonly Journal[]
}

/** Locks of servers. Where no server is at the end, no lock file stays. */
class Locks implements Session {
  readonly repaired: Journal[] = []
  readonly #paths: HostPaths
  readonly #held = new Map<string, Lock>()

  constructor(paths: HostPaths) {
    this.#paths = paths
  }

  async take(name: string, verb: string, {progress, signal}: Context): Promise<void> {
    this.#held.set(name, await lockServer(this.#paths, name, verb, progress, signal))
  }

  hold(names: readonly string[]): boolean {
    return names.every(name => this.#held.has(name))
  }

  async keepOnly(names: readonly string[]): Promise<void> {
    for (const name of this.#held.keys()) if (!names.includes(name)) await this.#release(name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#held.keys()) await this.#release(name)
  }

  async #release(name: string): Promise<void> {
    const lock = this.#held.get(name)
    this.#held.delete(name)
    if (isServer(this.#paths, name)) await lock?.[Symbol.asyncDispose]()
    else await lock?.remove()
  }
}

/** `names` and all that an unfinished rename ties to them, sorted. */
function withJournals(journals: readonly Journal[], names: readonly string[]): string[] {
  const all = new Set(names)
  for (const name of all)
    for (const tied of journals.map(journalNames))
      if (tied.includes(name)) for (const other of tied) all.add(other)
  return [...all].sort()
}

/** The directories that every verb may count on. Guests' set-uid files lie below var: nobody but root shall reach them. */
async function prepareTrees({paths}: Context): Promise<void> {
  await makeDirectory(paths.definitions)
  await makeDirectory(dirname(paths.var)) // with a VPS_ROOT it may be new, and it is no secret
  await makeDirectory(paths.var, 0o700)
  for (const directory of [paths.servers, paths.ids, paths.runServers, paths.locks])
    if (!existsSync(directory)) await makeDirectory(directory, 0o700)
  // Whom a full disk keeps from these does without the log and the history.
  for (const directory of [paths.events, paths.history])
    if (!existsSync(directory)) await makeDirectory(directory, 0o700).catch(() => {})
}

/** An error of a verb that this state does not allow (exit 4). */
export function wrongState(message: string, ...suggestions: string[]): VpsError {
  return new VpsError('WRONG_STATE', message, {suggestions, exitCode: ExitCode.wrongState})
}
