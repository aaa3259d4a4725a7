import type {HostPaths} from '../host/index.ts'
import {serverNames} from './list.ts'
import {readRun} from './run-state.ts'
import {readSummaries} from './summaries.ts'
import {isWantedUp} from './wanted.ts'

/** A server's place in the order of its host, and whether a boot is to start it. */
export interface Place {
  readonly name: string
  readonly after: readonly string[]
  /** Milliseconds that its start waits at a boot. */
  readonly delay: number
  readonly autostart: boolean
  /** It was started and not stopped since by the admin, nor ended by itself for good. */
  readonly wantedUp: boolean
  /** Its restart policy is not `no`. */
  readonly restarts: boolean
  readonly running: boolean
  /** What is wrong with its definition: then the rest says little. */
  readonly problem: string | null
}

/** The places of all servers that were created, sorted by name. A few small files each. */
export async function readPlaces(paths: HostPaths): Promise<Place[]> {
  const summaries = await readSummaries(paths, serverNames(paths))
  return [...summaries]
    .filter(([, {image}]) => image !== null)
    .map(([name, {after, delay, autostart, restarts, problem}]) => ({
      name,
      after,
      delay,
      autostart,
      restarts,
      problem,
      wantedUp: isWantedUp(paths, name),
      running: readRun(paths, name).kind === 'alive',
    }))
}
