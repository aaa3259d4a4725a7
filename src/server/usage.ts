import {release} from 'node:os'
import {VpsError} from '../errors.ts'
import {errno, type Progress, parseVersion, serverPaths, writeFileAtomic} from '../host/index.ts'
import {
  emptiedLedger,
  hugepageSizes,
  kernelPeaks,
  type Ledger,
  type Pressures,
  parseLedger,
  type Refusal,
  type ResourceUse,
  readGroup,
  readIfThere,
  readRefusals,
  resourceUses,
  usageFiles,
} from '../resources/index.ts'
import {request} from './control.ts'
import {type ListFilter, list, resolveNames, type Selection} from './list.ts'
import {guestGroup, readRun, readText} from './run-state.ts'
import type {Context, ServerState} from './types.ts'
import {isoTime} from './view.ts'

/** What a server uses now, has used since its accounts began, and was refused. */
export interface ServerUsage {
  readonly name: string
  readonly state: ServerState
  /** When the accounts began: with the first start or at the last reset. ISO 8601; `null` before. */
  readonly since: string | null
  /** When the supervisor wrote the counts down. */
  readonly saved: string | null
  /** By name: cpu, cpuThrottled, memory, swap, pids, ioReadBytes … */
  readonly resources: Readonly<Record<string, ResourceUse>>
  /** Of a running server, where the kernel tells. */
  readonly pressure: Pressures | null
  /** Every total of the ledger, by the ledger's own names. */
  readonly counts: Readonly<Record<string, number>>
}

/** A refusal and whose it was. */
export interface ServerRefusal extends Refusal {
  readonly name: string
}

/** How many supervisors are asked at once. */
const PARALLEL = 32
/** What a supervisor may take to write one small file; one that does not answer shall not keep all others waiting. */
const ACCOUNT_TIMEOUT_MS = 3_000

/** What the servers use, sorted by name. Needs no lock: counts may be a moment old. */
export async function usage(context: Context, filter: ListFilter): Promise<ServerUsage[]> {
  const {paths} = context
  const views = await list(paths, filter)
  await saveAccounts(
    context,
    views.map(({name}) => name),
  )
  const sizes = await hugepageSizes()
  return views.map(({name, state}) => usageOf(context, name, state, sizes))
}

function usageOf(
  {paths, notice}: Context,
  name: string,
  state: ServerState,
  sizes: readonly string[],
): ServerUsage {
  const files = serverPaths(paths, name)
  const run = readRun(paths, name)
  const ledger = readLedger(usageFiles(files.storage).ledger, notice)
  const reading = run.kind === 'alive' ? readGroup(guestGroup(run.state), sizes) : undefined
  const peaks = kernelPeaks(parseVersion(release()), reading)
  const dedicatedCpus = reading === undefined ? null : cpuCount(readText(`${files.run}/cpus`))
  return {
    name,
    state,
    since: ledger === undefined ? null : isoTime(ledger.since),
    saved: ledger === undefined ? null : isoTime(ledger.saved),
    resources: resourceUses({ledger, reading, dedicatedCpus, peaks}),
    pressure: reading?.pressure ?? null,
    counts: Object.fromEntries(ledger?.totals ?? []),
  }
}

/** One that can't be read shall not hide the others'. */
function readLedger(file: string, notice: Progress): Ledger | undefined {
  const text = readIfThere(file)
  if (text === undefined) return undefined
  try {
    return parseLedger(text, file)
  } catch (error) {
    if (!(error instanceof VpsError)) throw error
    notice(error.message)
    return undefined
  }
}

/** How many CPUs a kernel list such as `0-1,4` names. */
function cpuCount(cpus: string | undefined): number | null {
  const list = cpus?.trim() ?? ''
  if (list === '') return null
  return list.split(',').reduce((total, range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return total + last - first + 1
  }, 0)
}

/**
 * Has the supervisors of running servers write down what their cgroups count now. Where one does not, its last
 * accounts stand, and a notice says so.
 */
export async function saveAccounts({paths, notice}: Context, names: readonly string[]): Promise<void> {
  const silent: string[] = []
  const queue = names.values()
  const worker = async () => {
    for (const name of queue) {
      if (readRun(paths, name).kind !== 'alive') continue
      try {
        await request(serverPaths(paths, name).socket, ['account'], {timeoutMs: ACCOUNT_TIMEOUT_MS})
      } catch (error) {
        if (errno(error) === 'EACCES') throw error
        if (readRun(paths, name).kind === 'alive') silent.push(name) // else it has just ended, and saved
      }
    }
  }
  await Promise.all(Array.from({length: Math.min(PARALLEL, names.length)}, worker))
  if (silent.length === 0) return
  const [first, ...others] = silent.sort()
  const whose = others.length === 0 ? first : `${first} and ${others.length} more`
  notice(`the supervisor of ${whose} did not save its accounts; what it wrote last is shown`)
}

/** Under the server's lock: its counts and peaks begin anew. The log of refusals and the months stay. */
export async function resetUsage({paths}: Context, name: string): Promise<void> {
  const {storage, socket} = serverPaths(paths, name)
  if (readRun(paths, name).kind === 'alive') {
    await request(socket, ['reset-usage'])
    return
  }
  const {ledger} = usageFiles(storage)
  const text = readIfThere(ledger)
  if (text === undefined) return // it never ran: nothing was counted
  const now = Math.floor(Date.now() / 1000)
  await writeFileAtomic(ledger, emptiedLedger(text, ledger, now), {mode: 0o600})
}

/** The refusals of servers that are still in their logs, oldest first. @param after Unix milliseconds */
export async function refusals(
  context: Context,
  selection: Selection,
  after: number,
): Promise<ServerRefusal[]> {
  const names = await resolveNames(context.paths, selection)
  await saveAccounts(context, names) // what was held back of a storm is written now
  return names
    .flatMap(name =>
      readRefusals(usageFiles(serverPaths(context.paths, name).storage), after).map(refusal => ({
        name,
        ...refusal,
      })),
    )
    .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
}
