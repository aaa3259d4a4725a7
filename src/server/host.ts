import {
  type Check,
  checkHost,
  type EventOptions,
  type HostEvent,
  type HostPaths,
  hostPaths,
  type Progress,
  readEvents,
  readHostConfig,
  requirePrivilege,
  silent,
} from '../host/index.ts'
import {type ImageInfo, listImages, listTemplates} from '../image/index.ts'
import {explain, type LaunchPlan} from '../launch/index.ts'
import {type AttachOptions, attachWords, consoleWords} from './attach.ts'
import {
  type CapacityReport,
  capacity,
  type SplitOptions,
  type SplitReport,
  splitCapacity,
} from './capacity.ts'
import {type Assignment, replaceDefinition, set} from './change.ts'
import {
  type CopyBetweenOptions,
  type CopyBetweenReport,
  type CopyInOptions,
  type CopyInReport,
  type CopyOutOptions,
  type CopyOutReport,
  copyBetween,
  copyIn,
  copyOut,
} from './copy/index.ts'
import {type CreateSource, create} from './create.ts'
import {destroy} from './destroy.ts'
import {type DiffOptions, diff, type ServerDiff} from './diff.ts'
import {hideHashes} from './difference.ts'
import {type ExecOptions, type ExecResult, exec, runScript} from './exec.ts'
import {pause, resume} from './freeze.ts'
import type {HistoryOrigin} from './history.ts'
import {
  type HistoryItem,
  type HistoryOptions,
  type HistoryPoint,
  history,
  historyEntry,
  textOf,
} from './history-view.ts'
import {hookError} from './hooks.ts'
import {isServer, requireServer} from './known.ts'
import {findLeftovers, leftoversCheck, repairAll, unseenLeftovers} from './leftovers.ts'
import type {LimitOptions} from './limits.ts'
import {type ListFilter, list, resolveNames, type Selection} from './list.ts'
import {type LogOptions, logs} from './logs.ts'
import {months, type ServerMonth} from './months.ts'
import {checkNetwork, type NetworkDifference, networkChecks} from './network/check.ts'
import {type FirewallView, firewall} from './network/firewall.ts'
import {networkAddresses, networkPools} from './network/view.ts'
import {planStart} from './plan.ts'
import {processes} from './processes.ts'
import {
  type EffectiveDefinition,
  effective,
  listProfiles,
  type ProfileDetails,
  type ProfileView,
  showProfile,
} from './profiles.ts'
import {
  type ProvisionOptions,
  type ProvisionReport,
  provision,
  provisionStarted,
  provisionWaiting,
} from './provision.ts'
import {rename} from './rename.ts'
import {restart} from './restart.ts'
import {type RollbackReport, rollback} from './rollback.ts'
import type {Script} from './script.ts'
import {openSession} from './session.ts'
import {show} from './show.ts'
import {type StartOptions, start, waitReady} from './start.ts'
import {type StopOptions, stop} from './stop.ts'
import {type TopOptions, type TopReport, top} from './top.ts'
import {resetTraffic, type ServerTraffic, type TrafficMonth, traffic, trafficMonths} from './traffic.ts'
import type {
  Context,
  CreateReport,
  NetworkAddress,
  NetworkPool,
  ProcessRow,
  ServerDetails,
  ServerView,
  SetReport,
  StartReport,
  StopReport,
} from './types.ts'
import {refusals, resetUsage, type ServerRefusal, type ServerUsage, usage} from './usage.ts'
import {type VerifyOptions, type VerifyReport, verify} from './verify.ts'
import {viewOne} from './view-one.ts'
import {type WaitOptions, type WaitReport, wait} from './wait.ts'

/** What every verb takes: who is told what it does, and who may call it off. */
export interface VerbOptions {
  readonly progress?: Progress | undefined
  /**
   * Calls the verb off: before it has the server's lock, between its steps, while it waits for something. It then throws
   * ABORTED and leaves what a failure leaves: nothing half done.
   */
  readonly signal?: AbortSignal | undefined
}

export interface OriginOptions {
  /** What the history says of this change: on behalf of what it was made, and from which file. */
  readonly origin?: HistoryOrigin | undefined
}

export interface HostOptions {
  /** Told what every verb does that is not given a `progress` of its own. */
  readonly progress?: Progress | undefined
  /** Prefixes /etc/vps, /var/lib/vps and /run/vps; default: `VPS_ROOT`, else the real host. */
  readonly root?: string | undefined
  /** Told what verbs found that nobody asked for: a supervisor that died, a command that was cut off. */
  readonly notice?: Progress | undefined
}

/** The plan of a start, and the same in words. */
export interface ExplainedPlan extends LaunchPlan {
  readonly text: string
}

/**
 * The servers of one host. There is no daemon behind it: every verb reads what is so from files, locks the server it is
 * about, repairs what a crash left of it, and then acts. Several processes may use one host at once.
 *
 * All verbs throw VpsError; its `exitCode` is what the command line ends with.
 */
export class Host {
  readonly paths: HostPaths
  readonly #context: Context

  protected constructor(context: Context) {
    this.paths = context.paths
    this.#context = context
  }

  /** @throws VpsError BAD_HOST_CONFIG (exit 2) */
  static async open(options: HostOptions = {}): Promise<Host> {
    return new Host(await Host.openContext(options))
  }

  protected static async openContext({root, progress, notice}: HostOptions): Promise<Context> {
    const paths = hostPaths(root)
    const config = await readHostConfig(paths)
    return {paths, config, progress: progress ?? silent, notice: notice ?? silent}
  }

  /** Makes a server from a definition, a file or a template. With `start`, also starts it; if that fails, it still exists. */
  async create(
    name: string,
    {
      start: started,
      progress,
      signal,
      allowUnenforced,
      origin,
      ...source
    }: CreateSource &
      VerbOptions &
      LimitOptions &
      OriginOptions & {readonly start?: boolean | undefined} = {},
  ): Promise<CreateReport> {
    const context = this.context(progress, signal)
    await using _session = await openSession(context, 'create', name)
    const {generated, loaded} = await create(context, name, source, origin)
    const {hookFailures} = started
      ? await start(context, name, {allowUnenforced}, loaded)
      : {hookFailures: []}
    for (const failed of hookFailures) context.notice(hookError(failed).message)
    return {...(await viewOne(this.paths, name, loaded)), ...(generated.length > 0 && {generated})}
  }

  /** Starts a server; with `wait`, returns when it says that it is up and what `provision` asks for is done. */
  async start(name: string, options: StartOptions & VerbOptions = {}): Promise<StartReport> {
    const context = this.context(options.progress, options.signal)
    const report = await this.#locked(context, 'start', name, () => start(context, name, options))
    return options.wait ? await this.#up(context, report, options.timeoutMs) : report
  }

  /** What a start would do. */
  async explain(name: string, options: LimitOptions & VerbOptions = {}): Promise<ExplainedPlan> {
    const context = this.context(options.progress, options.signal)
    requireServer(context, name)
    const {plan} = await planStart(context, name, {...options, dryRun: true})
    return {...plan, text: explain(plan)}
  }

  async stop(name: string, options: StopOptions & VerbOptions = {}): Promise<StopReport> {
    const context = this.context(options.progress, options.signal)
    return await this.#locked(context, 'stop', name, () => stop(context, name, options))
  }

  /** Stops a server and starts it from its present definition; one that does not run is started. */
  async restart(
    name: string,
    {
      timeoutMs,
      wait,
      progress,
      signal,
      ...limits
    }: Pick<StopOptions, 'timeoutMs'> & StartOptions & VerbOptions = {},
  ): Promise<StartReport> {
    const context = this.context(progress, signal)
    const report = await this.#locked(context, 'restart', name, () =>
      restart(context, name, {timeoutMs, wait, ...limits}),
    )
    return wait ? await this.#up(context, report) : report
  }

  /** Does what `provision` of a server's definition asks for and is not done yet; with `again`, all of it. */
  async provision(
    name: string,
    {progress, signal, ...options}: ProvisionOptions & VerbOptions = {},
  ): Promise<ProvisionReport> {
    return await provision(this.context(progress, signal), name, options)
  }

  /** Sets up all running servers that wait for it since they were started; returns their names. */
  async provisionWaiting({progress, signal}: VerbOptions = {}): Promise<string[]> {
    await requirePrivilege('provision servers')
    return await provisionWaiting(this.context(progress, signal))
  }

  /** Freezes all processes of a server. */
  async pause(name: string, {progress, signal}: VerbOptions = {}): Promise<void> {
    const context = this.context(progress, signal)
    await this.#locked(context, 'pause', name, () => pause(context, name))
  }

  async resume(name: string, {progress, signal}: VerbOptions = {}): Promise<void> {
    const context = this.context(progress, signal)
    await this.#locked(context, 'resume', name, () => resume(context, name))
  }

  /** Removes a server with its definition and all its files; a running one only with `force`, which stops it first. */
  async destroy(
    name: string,
    {force, progress, signal}: VerbOptions & {readonly force?: boolean | undefined} = {},
  ): Promise<void> {
    const context = this.context(progress, signal)
    await using session = await openSession(context, 'destroy', name)
    const finished = session.repaired.some(({kind}) => kind === 'destroying')
    if (finished && !isServer(this.paths, name)) return // that is what was asked for
    requireServer(context, name)
    await destroy(context, name, force === true)
  }

  async rename(from: string, to: string, {progress, signal}: VerbOptions = {}): Promise<void> {
    const context = this.context(progress, signal)
    await using _session = await openSession(context, 'rename', from, to)
    requireServer(context, from)
    await rename(context, from, to)
  }

  /** Changes keys of a server's definition; comments and layout stay. */
  async set(
    name: string,
    assignments: readonly Assignment[],
    {progress, signal}: VerbOptions = {},
  ): Promise<SetReport> {
    const context = this.context(progress, signal)
    return await this.#locked(context, 'set', name, () => set(context, name, assignments))
  }

  /** Replaces a server's definition; an invalid one is refused. */
  async replaceDefinition(
    name: string,
    text: string,
    {progress, signal, origin}: VerbOptions & OriginOptions = {},
  ): Promise<SetReport> {
    const context = this.context(progress, signal)
    return await this.#locked(context, 'edit', name, () => replaceDefinition(context, name, text, origin))
  }

  async list(filter: ListFilter = {}): Promise<ServerView[]> {
    return await list(this.paths, filter)
  }

  async show(name: string): Promise<ServerDetails> {
    return await show(this.context(), name)
  }

  /** The processes of servers; default: of all. */
  async processes(selection: Selection = {all: true}): Promise<ProcessRow[]> {
    return await processes(this.paths, await this.resolve(selection))
  }

  /** What servers use, have used and were refused, sorted by name; default: all. */
  async usage(filter: ListFilter = {}): Promise<ServerUsage[]> {
    return await usage(this.context(), filter)
  }

  /** Begins a server's counts and peaks anew. */
  async resetUsage(name: string, {progress, signal}: VerbOptions = {}): Promise<void> {
    const context = this.context(progress, signal)
    await this.#locked(context, 'reset the usage of', name, () => resetUsage(context, name))
  }

  /** What servers were refused, oldest first. @param after Unix milliseconds: only what came since */
  async refusals(selection: Selection = {all: true}, after = 0): Promise<ServerRefusal[]> {
    return await refusals(this.context(), selection, after)
  }

  /** What servers used in a month (`2026-11`, `now`, `last`), those included that were destroyed since. */
  async months(month: string, selection: Selection = {all: true}): Promise<ServerMonth[]> {
    return await months(this.context(), month, selection)
  }

  /** What servers have sent and received, sorted by name; default: all. */
  async traffic(filter: ListFilter = {}): Promise<ServerTraffic[]> {
    return await traffic(this.context(), filter)
  }

  /** The same in a month (`2026-11`, `now`, `last`), those included that were destroyed since. */
  async trafficMonths(month: string, selection: Selection = {all: true}): Promise<TrafficMonth[]> {
    return await trafficMonths(this.context(), month, selection)
  }

  /** Begins a server's counts of traffic anew. */
  async resetTraffic(name: string, {progress, signal}: VerbOptions = {}): Promise<void> {
    const context = this.context(progress, signal)
    await this.#locked(context, 'reset the traffic of', name, () => resetTraffic(context, name))
  }

  /** A report on all running servers every two seconds, or as `intervalMs` says, until the consumer stops. */
  async *top(options: TopOptions = {}): AsyncGenerator<TopReport> {
    yield* top(this.paths, options)
  }

  /** Proves the limits of a server by experiments in servers made for that; the server itself is not touched. */
  async verify(name: string, options: VerifyOptions & VerbOptions = {}): Promise<VerifyReport> {
    const context = this.context(options.progress, options.signal)
    requireServer(context, name)
    return await verify(context, name, options)
  }

  /** What servers were promised, against what this host has and may promise. */
  async capacity(): Promise<CapacityReport> {
    return await capacity(this.context())
  }

  /** Writes a profile that divides this host into equal servers. */
  async splitCapacity(options: SplitOptions): Promise<SplitReport> {
    return await splitCapacity(this.context(), options)
  }

  /** Runs a command in a running server, beside this process; returns how it ended and what it said. */
  async exec(name: string, options: ExecOptions & VerbOptions): Promise<ExecResult> {
    return await exec(this.context(options.progress, options.signal), name, options)
  }

  /** Runs a script of the host's in a running server, by the interpreter of its first line; nothing of it stays there. */
  async runScript(
    name: string,
    script: Script,
    options: Omit<ExecOptions, 'argv'> & VerbOptions & {readonly args?: readonly string[] | undefined} = {},
  ): Promise<ExecResult> {
    return await runScript(this.context(options.progress, options.signal), name, script, options)
  }

  /** Copies files of the host into a server, which runs or is kept from it meanwhile. What was copied before a failure stays. */
  async copyIn(
    name: string,
    {progress, signal, ...options}: CopyInOptions & VerbOptions,
  ): Promise<CopyInReport> {
    return await copyIn(this.context(progress, signal), name, options)
  }

  /** Copies files of a server, which runs or is kept from it meanwhile, to the host: all of what was asked for, or nothing. */
  async copyOut(
    name: string,
    {progress, signal, ...options}: CopyOutOptions & VerbOptions,
  ): Promise<CopyOutReport> {
    return await copyOut(this.context(progress, signal), name, options)
  }

  /** Copies files of a server to another one, as a stream. What was copied before a failure stays. */
  async copyBetween(
    from: string,
    to: string,
    {progress, signal, ...options}: CopyBetweenOptions & VerbOptions,
  ): Promise<CopyBetweenReport> {
    return await copyBetween(this.context(progress, signal), from, to, options)
  }

  /** For `execAttach`: runs a command in a running server. */
  async attachWords(name: string, options: AttachOptions): Promise<Buffer> {
    requireServer(this.context(), name)
    return await attachWords(this.context(), name, options)
  }

  /** For `execAttach`: sits down at a running server's console. */
  async consoleWords(name: string): Promise<Buffer> {
    requireServer(this.context(), name)
    return await consoleWords(this.context(), name)
  }

  /** What the console has shown, oldest first; with `follow` it goes on until the consumer stops. */
  async *logs(name: string, options: LogOptions = {}): AsyncGenerator<Buffer> {
    requireServer(this.context(), name)
    yield* logs(this.paths, name, options)
  }

  /** How definitions were changed, and by whom, oldest first; the last hundred changes of each server, destroyed ones included. */
  async history(options: HistoryOptions = {}): Promise<HistoryItem[]> {
    return history(this.paths, options)
  }

  /** An earlier definition, for a server of this name. @param withHashes with hashes of passwords, else `(hash)` is in their place */
  async historyText(name: string, point: HistoryPoint, {withHashes = false} = {}): Promise<string> {
    const entry = historyEntry(this.paths, name, point)
    const text = textOf(entry, name)
    return withHashes ? text : hideHashes(text)
  }

  /** Brings a server's definition back to an earlier one, default: the one before. That is itself a change in its history. */
  async rollback(
    name: string,
    {to = 'previous', progress, signal}: VerbOptions & {readonly to?: HistoryPoint | undefined} = {},
  ): Promise<RollbackReport> {
    const context = this.context(progress, signal)
    return await this.#locked(context, 'rollback', name, () => rollback(context, name, to))
  }

  /** In what a running server differs from its definition, or one definition from another. */
  async diff(name: string, options: DiffOptions = {}): Promise<ServerDiff> {
    const context = this.context()
    if (options.from === undefined) requireServer(context, name)
    return await diff(context, name, options)
  }

  /** What happened on this host, oldest first: the log is kept in two files of 4 MiB. With `follow` it goes on. */
  async *events(options: EventOptions = {}): AsyncGenerator<HostEvent> {
    yield* readEvents(this.paths, options)
  }

  /** Returns once a server is in a state; nothing is polled for that. */
  async wait(name: string, options: WaitOptions): Promise<WaitReport> {
    return await wait(this.context(), name, options)
  }

  /** The names that a command's arguments mean, sorted. */
  async resolve(selection: Selection): Promise<string[]> {
    return await resolveNames(this.paths, selection)
  }

  /** What counts for a server: its definition over its profiles and defaults, each value with its place. */
  async effective(name: string): Promise<EffectiveDefinition> {
    const context = this.context(undefined)
    requireServer(context, name)
    return await effective(context, name)
  }

  /** The profiles of this host, and the servers that use each. */
  async profiles(): Promise<ProfileView[]> {
    return await listProfiles(this.paths)
  }

  /** @throws VpsError NO_SUCH_PROFILE (exit 2) */
  async profile(name: string): Promise<ProfileDetails> {
    return await showProfile(this.paths, name)
  }

  async templates(): ReturnType<typeof listTemplates> {
    return await listTemplates(this.paths)
  }

  async images(): Promise<ImageInfo[]> {
    return await listImages(this.paths)
  }

  /** Everything that the host needs, each with how to get it. Changes nothing. */
  async doctor(): Promise<Check[]> {
    const leftovers = await findLeftovers(this.paths).then(leftoversCheck, unseenLeftovers)
    return [...(await checkHost(this.paths)), ...(await networkChecks(this.context())), leftovers]
  }

  /** Repairs what interrupted commands left of any server; returns the names of those that were looked at. */
  async repairAll({progress, signal}: VerbOptions = {}): Promise<string[]> {
    return await repairAll(this.context(progress, signal))
  }

  /** The rules of a server's firewall and how often each has fit. */
  async firewall(name: string): Promise<FirewallView> {
    await requirePrivilege('network firewall')
    const [known = name] = await this.resolve({names: [name]})
    return await firewall(this.context(), known)
  }

  /** Every address that a server has, in order. */
  async addresses(): Promise<NetworkAddress[]> {
    return networkAddresses(this.paths, this.#context.config)
  }

  /** The pools of host.yaml, and how much of each is given. */
  async pools(): Promise<NetworkPool[]> {
    return networkPools(this.paths, this.#context.config)
  }

  /** What of the host's network is not as the running servers need it; with `repair`, mended. */
  async checkNetwork({
    repair,
    progress,
    signal,
  }: VerbOptions & {readonly repair?: boolean | undefined} = {}): Promise<NetworkDifference[]> {
    await requirePrivilege('network check')
    return await checkNetwork(this.context(progress, signal), repair === true)
  }

  /** What a verb is given: all of this host, who is told of its progress, and who may call it off. */
  protected context(progress: Progress = this.#context.progress, signal?: AbortSignal): Context {
    return {...this.#context, progress, signal}
  }

  /** Waits until a server that was started is set up, and up: its health may depend on what is set up. */
  async #up(context: Context, report: StartReport, timeoutMs?: number): Promise<StartReport> {
    await provisionStarted(context, report.name)
    return await waitReady(context, report, timeoutMs)
  }

  async #locked<Result>(
    context: Context,
    verb: string,
    name: string,
    work: () => Promise<Result>,
  ): Promise<Result> {
    await using _session = await openSession(context, verb, name)
    requireServer(context, name)
    return await work()
  }
}
