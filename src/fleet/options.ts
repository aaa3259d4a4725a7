import type {VerbOptions} from '../server/index.ts'

/** What a fleet's plan may contain. */
export interface PlanOptions extends VerbOptions {
  /** Values for the variables of the fleet's files. */
  readonly variables?: Readonly<Record<string, string>> | undefined
  /** Servers of this fleet that are in none of its files are destroyed. */
  readonly prune?: boolean | undefined
  /** Servers of the files that are there already and are hand-made, or another fleet's, are taken over. */
  readonly adopt?: boolean | undefined
  /** False: no server is restarted; what needs that waits. */
  readonly restart?: boolean | undefined
  /** False: whether the host can hold it all is not asked. */
  readonly fit?: boolean | undefined
}
