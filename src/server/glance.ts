/*
 * What the files in /run, /proc and the cgroups tell of servers that run, for lists: every server's files are read in two
 * calls for all of them, as three hundred servers have two thousand.
 */
import {existsSync} from 'node:fs'
import {type HostPaths, serverPaths} from '../host/index.ts'
import {NativeError, readTexts} from '../native/index.ts'
import {pressureFiles, type RecentPressure, recentPressure} from '../resources/index.ts'
import {needsRoot} from './journal.ts'
import {guestGroup, isFrozen, isProcessIn, parseRunState, type Run, type RunState} from './run-state.ts'
import {parseUnenforced} from './unenforced.ts'

/** How a server runs, and what is asked only of one that does. */
export interface Glance {
  readonly run: Run
  readonly isPaused: boolean
  /** The keys of limits that this host does not keep. */
  readonly unenforced: readonly string[]
  readonly pressure: RecentPressure | null
}

/** Of a server without a run directory. */
export const NOT_RUNNING: Glance = {run: {kind: 'none'}, isPaused: false, unenforced: [], pressure: null}

/** @param pressure reads three more files of each that runs */
export function glanceAtAll(
  paths: HostPaths,
  names: readonly string[],
  pressure: boolean,
): Map<string, Glance> {
  const files = names.map(name => serverPaths(paths, name))
  const texts = textsOf(files.flatMap(({state, unenforced}) => [state, unenforced]))
  const states = names.map((_, index) => {
    const text = texts[2 * index]
    return text === undefined ? undefined : parseRunState(text)
  })
  const lives = livesOf(
    states.filter(state => state !== undefined),
    pressure,
  )
  const glances = new Map<string, Glance>()
  for (const [index, name] of names.entries()) {
    const state = states[index]
    const live = state === undefined ? undefined : lives.get(state)
    if (state === undefined || live === undefined) {
      const isThere = existsSync(serverPaths(paths, name).run)
      glances.set(name, isThere ? {...NOT_RUNNING, run: {kind: 'bare'}} : NOT_RUNNING)
    } else if (live.isAlive) {
      const unenforced = parseUnenforced(texts[2 * index + 1]).map(({key}) => key)
      glances.set(name, {...live, run: {kind: 'alive', state}, unenforced})
    } else {
      glances.set(name, {...NOT_RUNNING, run: {kind: 'dead', state}})
    }
  }
  return glances
}

type Live = Pick<Glance, 'isPaused' | 'pressure'> & {readonly isAlive: boolean}

/** Whether each state's supervisor lives, and what the cgroup says. */
function livesOf(states: readonly RunState[], pressure: boolean): Map<RunState, Live> {
  const groups = states.map(state => {
    const group = guestGroup(state)
    const pressures = pressure ? pressureFiles(group) : []
    return [`/proc/${state.supervisor}/stat`, `${group}/cgroup.freeze`, ...pressures]
  })
  const texts = textsOf(groups.flat())
  const width = groups[0]?.length ?? 0
  return new Map(
    states.map((state, index) => {
      const [stat, freeze, ...pressures] = texts.slice(width * index, width * (index + 1))
      const isAlive = isProcessIn(stat, state.supervisorStart)
      return [
        state,
        {isAlive, isPaused: isFrozen(freeze), pressure: pressure ? recentPressure(pressures) : null},
      ]
    }),
  )
}

function textsOf(files: readonly string[]): (string | undefined)[] {
  try {
    return readTexts(files)
  } catch (error) {
    if (error instanceof NativeError && error.code === 'EACCES') throw needsRoot(error.path ?? '')
    throw error
  }
}
