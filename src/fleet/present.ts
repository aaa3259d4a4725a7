import type {Definition} from '../definition/index.ts'
import type {HostPaths} from '../host/index.ts'
import {
  type ParsingOptions,
  parseOptions,
  readAs,
  runningDefinition,
  type Standing,
  standingOf,
  type Unfinished,
  unfinishedServers,
} from '../server/index.ts'
import type {Present} from './diff.ts'
import type {PresentState} from './types.ts'

/** A server as it is now, and the version of its definition. */
export interface Found {
  readonly present: Present
  readonly definitionKey: string
}

/** What is the same for all servers that are looked at. */
export interface Look {
  /** It keeps the profiles that it has read. */
  readonly parsing: ParsingOptions
  /** The servers whose making or removal was cut off; none once their locks are held. */
  readonly unfinished: ReadonlyMap<string, Unfinished>
}

export function lookAt(paths: HostPaths): Look {
  const unfinished = new Map(unfinishedServers(paths).map(one => [one.name, one]))
  return {parsing: parseOptions(paths), unfinished}
}

export function findServer(paths: HostPaths, name: string, {parsing, unfinished}: Look): Found {
  const standing = expected(standingOf(paths, name), unfinished.get(name))
  const {text, definitionKey, stored, record} = standing
  let definition: Definition | undefined
  const present = {
    state: stateOf(standing),
    stored,
    fleet: record?.fleet,
    text,
    definition: () => {
      definition ??= readAs(paths, name, text ?? '', parsing)
      return definition
    },
    started: runningDefinition(paths, name, standing),
  }
  return {present, definitionKey}
}

/** What the repair will make of a server that is not there, or only with its definition. */
function expected(standing: Standing, unfinished: Unfinished | undefined): Standing {
  if (standing.stored || unfinished === undefined) return standing
  const {kind, record, definitionKey} = unfinished
  if (kind === 'creating') return {...standing, record} // its definition, if there is one, is its maker's
  return definitionKey === standing.definitionKey ? {...standing, text: undefined} : standing
}

/** A server that is just being stopped counts as stopped: whoever starts it waits for its end first. */
function stateOf({stored, text, run}: Standing): PresentState {
  if (!stored) return text === undefined ? null : 'defined'
  if (run.kind === 'alive') return run.state.state === 'stopping' ? 'stopped' : 'running'
  return run.kind === 'none' ? 'stopped' : 'crashed'
}
