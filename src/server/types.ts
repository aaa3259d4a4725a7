import type {Definition, Problem} from '../definition/index.ts'
import type {HostConfig, HostPaths, IdRange, Progress} from '../host/index.ts'
import type {RecentPressure} from '../resources/index.ts'
import type {GeneratedPassword} from './provision/index.ts'
import type {Health} from './run-state.ts'

/** What every verb is given. */
export interface Context {
  readonly paths: HostPaths
  readonly config: HostConfig
  readonly progress: Progress
  /** Told what the admin shall know though the verb is about something else: what a crash left, and what became of it. */
  readonly notice: Progress
  /** Told passwords that were made for users of a server, whichever verb made them: the only time that they are told. */
  readonly onPassword?: (server: string, password: GeneratedPassword) => void
  /** Calls the verb off, see `throwIfAborted`. */
  readonly signal?: AbortSignal | undefined
  /** What is done to servers that vps makes for itself and removes again is nothing for the log and the history. */
  readonly unrecorded?: boolean
}

/**
 * `defined`: there is a definition and no storage yet. `crashed`: the supervisor died, and the server with it.
 * `invalid`: the definition has errors, or is missing.
 */
export type ServerState =
  | 'running'
  | 'starting'
  | 'stopping'
  | 'paused'
  | 'stopped'
  | 'crashed'
  | 'invalid'
  | 'defined'

/** An interface of a server. */
export interface LinkView {
  /** `eth0` */
  readonly name: string
  /** `routed`, `bridge`, `macvlan`, `physical` */
  readonly mode: string
  /** Its end on the host while the server runs; null where there is none. */
  readonly interface: string | null
  /** Addresses, and prefixes that are routed to it. */
  readonly addresses: readonly string[]
}

/** An address, or a prefix, that a server has. */
export interface NetworkAddress {
  readonly address: string
  readonly server: string
  readonly link: string
  /** null: of a pool that is no longer in host.yaml. */
  readonly pool: string | null
}

/** A pool of host.yaml, and how much of it is given. */
export interface NetworkPool {
  readonly name: string
  readonly range: string
  readonly exclude: readonly string[]
  readonly masquerade: boolean
  readonly default: boolean
  readonly used: number
  readonly size: number
}

/** One line of `vps list`. */
export interface ServerView {
  readonly name: string
  readonly state: ServerState
  /** The server said that it is up. */
  readonly ready: boolean
  /** What the checks of its health say; null when there are none, or it does not run. */
  readonly health: Health | null
  /** Of its init, as the host sees it. */
  readonly pid: number | null
  /** When the state was entered, ISO 8601. */
  readonly since: string | null
  readonly template: string | null
  readonly image: string | null
  readonly tags: readonly string[]
  readonly autostart: boolean
  /** How often it was started again since `vps start`. */
  readonly restarts: number
  /** How init ended last: `exited 0`, `signaled 9`, `poweroff`, `rebooted`, `lost` (its supervisor died). */
  readonly lastExit: string | null
  readonly hostname: string | null
  /** The servers of one project reach each other. */
  readonly project: string | null
  /** Its interfaces, with the addresses that are kept for it whether it runs or not. */
  readonly links: readonly LinkView[]
  /** How long its processes were held up by want of each; only when it was asked for, of a running server. */
  readonly pressure: RecentPressure | null
  /** Keys of limits that this host does not keep for the running server, such as `resources.memory.limit`. */
  readonly unenforced: readonly string[]
  /** The fleet that it belongs to; null: made by hand. */
  readonly fleet: string | null
  /** What is wrong with an `invalid` server. */
  readonly problem: string | null
}

/** A limit that the definition asks for and this host does not keep: the server was started without it. */
export interface Unenforced {
  /** `resources.memory.limit` */
  readonly key: string
  readonly controller: string
  readonly reason: string
  /** How the host could. */
  readonly remedy: string
}

/** Where a running server differs from its definition. */
export interface Pending {
  /** Keys that wait for a restart: what the server runs with, and what the file says. */
  readonly afterRestart: readonly {
    readonly key: string
    readonly running: unknown
    readonly file: unknown
  }[]
  /** Limits that the kernel has otherwise: the definition was changed by hand, or the cgroup was. */
  readonly live: readonly {
    readonly key: string
    /** `memory.max` */
    readonly file: string
    readonly kernel: string
    readonly wanted: string
  }[]
}

/** All that is known about one server. */
export interface ServerDetails extends ServerView {
  readonly uuid: string | null
  readonly created: string | null
  /** The definition with its defaults; null when it is invalid. */
  readonly definition: Definition | null
  readonly problems: readonly Problem[]
  /** `unenforced` with reasons and ways out. */
  readonly unenforcedLimits: readonly Unenforced[]
  /** null when it does not run, or its definition is invalid. */
  readonly pending: Pending | null
  readonly ids: IdRange | null
  readonly supervisor: number | null
  readonly cgroup: string | null
  readonly lastExitAt: string | null
  /** After how many restarts the restart policy gave up at the last end; null: it did not. */
  readonly gaveUpAfter: number | null
  /** When `health` became what it is, ISO 8601. */
  readonly healthSince: string | null
  /** Why the last check of its health failed; null when it was passed. */
  readonly healthReason: string | null
  readonly files: {
    readonly definition: string
    readonly storage: string
    readonly upper: string
    readonly log: string
    readonly run: string
  }
}

export interface Phase {
  readonly name: string
  readonly microseconds: number
}

/** The hooks that verbs run; `onFailure` is the supervisor's. */
export type HookName = 'preStart' | 'postStart' | 'preStop' | 'postStop'

/** What a hook is told about its server, on standard input. */
export interface HookFacts {
  readonly hook: HookName
  readonly name: string
  readonly uuid: string | null
  readonly state: 'running' | 'stopped'
  /** Of its init, as the host sees it. */
  readonly pid: number | null
  /** How init ended; null before it has. */
  readonly exit: string | null
  readonly hostname: string
  readonly project: string
  readonly tags: readonly string[]
  /** Of all its links. */
  readonly addresses: readonly string[]
  readonly links: readonly LinkView[]
  /** Directories of the host. */
  readonly storage: string
  readonly log: string
}

/** A hook that failed where the verb was done all the same. */
export interface HookFailure {
  readonly server: string
  readonly hook: HookName
  /** `/usr/local/sbin/note ended with status 3` */
  readonly message: string
  /** The last lines that it said. */
  readonly output: string
}

export interface StartReport {
  readonly name: string
  /** Of init, as the host sees it. */
  readonly pid: number
  readonly supervisor: number
  readonly phases: readonly Phase[]
  /** It is up: it says so, and is healthy if its health is checked. */
  readonly ready: boolean
  /** As in `ServerView`, at the end of the start. */
  readonly health: Health | null
  /** Hooks that failed, and did not keep the server from running. */
  readonly hookFailures: readonly HookFailure[]
  /** Passwords that were made for its users in this start. They are told here only. */
  readonly generated?: readonly GeneratedPassword[]
}

/** What became of a create. */
export interface CreateReport extends ServerView {
  /** Passwords that were made for its users. They are told here only. */
  readonly generated?: readonly GeneratedPassword[]
}

export interface StopReport {
  readonly name: string
  readonly exit: string
  readonly tookMs: number
  /** It did not stop when asked, or was not asked. */
  readonly killed: boolean
  /** Hooks that failed, and did not keep the server from being stopped. */
  readonly hookFailures: readonly HookFailure[]
}

export interface SetReport {
  readonly name: string
  /** Keys that changed and are in effect now. */
  readonly live: readonly string[]
  /** Keys that changed and wait for a restart. */
  readonly afterRestart: readonly string[]
}

export interface ProcessRow {
  readonly pid: number
  /** Its number inside the server. */
  readonly guestPid: number
  readonly server: string
  readonly command: string
  /** The server's name of its user, or the number. */
  readonly user: string
}
