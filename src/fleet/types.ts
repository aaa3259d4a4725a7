import type {Definition, Problem} from '../definition/index.ts'
import type {FleetServer} from './file/index.ts'
import type {Before} from './journal.ts'

/** What is done to a server, in the order in which it is done to one. */
export const STEPS = ['destroy', 'adopt', 'create', 'stop', 'change', 'restart', 'start'] as const
export type Step = (typeof STEPS)[number]

/** What a server is now, as far as a plan cares; null: there is none. */
export type PresentState = 'running' | 'stopped' | 'crashed' | 'defined' | null

/** A key of a server that an apply changes. */
export interface KeyChange {
  readonly key: string
  /** As it is written in a definition; null: not set. */
  readonly old: unknown
  readonly new: unknown
  /** `restart`: it is in effect once the server was started anew. */
  readonly when: 'live' | 'restart'
}

/** What an apply does to one server. */
export interface PlannedServer {
  readonly name: string
  /** Empty: it is as it shall be, or left alone. */
  readonly steps: readonly Step[]
  readonly changes: readonly KeyChange[]
  /** Keys that wait for a restart which is not among the steps. */
  readonly waiting: readonly string[]
  readonly state: PresentState
  /** null: it is in no file of the fleet, and goes with `prune`. */
  readonly wanted: 'running' | 'stopped' | null
  /** Where the fleet's files speak of it: `fleet.yaml:8:5`. */
  readonly place: string | null
  /** Whose it was before it is adopted: another fleet, or null for one made by hand. */
  readonly formerFleet: string | null
}

/** Of how many servers each is true. */
export type PlanSummary = Readonly<Record<Step, number>> & {
  readonly unchanged: number
  /** Running with keys that wait for a restart which this apply does not make. */
  readonly waiting: number
  /** Of this fleet and in none of its files, and left alone without `prune`. */
  readonly orphans: number
}

/** What an apply of a fleet would do to this host. */
export interface FleetPlan {
  readonly fleet: string
  readonly files: readonly string[]
  /** There is something to do. */
  readonly pending: boolean
  readonly summary: PlanSummary
  /** Every server of the files, then those that are in none, each by name. */
  readonly servers: readonly PlannedServer[]
  /** Warnings and recommendations about the files. */
  readonly problems: readonly Problem[]
  /** An atomic apply of this fleet was cut off; applying goes on with it. */
  readonly interrupted: InterruptedApply | null
}

export interface InterruptedApply {
  /** ISO 8601 */
  readonly begun: string
  /** `taking-back`: it had failed, and what it did was being taken back; that is finished first. */
  readonly phase: 'applying' | 'taking-back'
  /** The servers that it was about. */
  readonly servers: readonly string[]
}

/** What a server is to become. */
export type Target =
  /** Only if it is this fleet's. */
  | {readonly kind: 'absent'; readonly fleet: string}
  | {
      readonly kind: 'server'
      readonly text: string
      readonly state: 'running' | 'stopped'
      /** The fleet that it is to belong to; undefined: to none. */
      readonly fleet: string | undefined
      /** `text`, parsed. */
      readonly definition: () => Definition
      /** The same as it stands once it is written to `file`, if that can be told without reading it. */
      readonly loadedAt?: FleetServer['loadedAt'] | undefined
    }

/** A planned server with all that doing it needs. */
export interface Task {
  readonly planned: PlannedServer
  readonly target: Target
  /** What `fileKey` said of its definition when the plan was made. */
  readonly definitionKey: string
  /** How it was, for the journal of an atomic apply. */
  readonly before: () => Before
  readonly name: string
  readonly after: readonly string[]
}
