import {serverName} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {isPattern, patternExpression} from '../patterns.ts'
import {noSuchServer} from './known.ts'
import type {ServerState, ServerView} from './types.ts'

/** Which servers are looked at: those named, or all, and of them those that have everything else that is asked for. */
export interface ServerFilter {
  /** Names, and patterns of names with `*`, `?` and `[…]`; default: all servers. */
  readonly names?: readonly string[] | undefined
  /** Only servers that have this tag. */
  readonly tag?: string | undefined
  /** Only servers of this project. */
  readonly project?: string | undefined
  /** Only servers in this state. */
  readonly state?: ServerState | undefined
  /** Only servers that the fleet of this name owns. */
  readonly fleet?: string | undefined
}

/** Whether a filter asks for more than names. */
export function narrows({tag, project, state, fleet}: ServerFilter): boolean {
  return [tag, project, state, fleet].some(value => value !== undefined)
}

/** Whether a server has all that a filter asks for beside its name. */
export function fits(
  {tag, project, state, fleet}: ServerFilter,
  view: Pick<ServerView, 'tags' | 'project' | 'state' | 'fleet'>,
): boolean {
  return (
    (tag === undefined || view.tags.includes(tag)) &&
    (project === undefined || view.project === project) &&
    (state === undefined || view.state === state) &&
    (fleet === undefined || view.fleet === fleet)
  )
}

/**
 * The names that words mean, sorted and each once.
 * @throws VpsError NO_SUCH_SERVER (exit 3) for a name or a pattern that no server has; BAD_NAME, BAD_PATTERN (exit 2)
 */
export function namesOf(words: readonly string[], known: readonly string[]): string[] {
  const all = new Set(known)
  const found = words.flatMap(word => {
    if (!isPattern(word)) {
      if (!all.has(serverName(word))) throw noSuchServer(word)
      return [word]
    }
    const matching = matches(word, known)
    if (matching.length === 0) throw noSuchPattern(word)
    return matching
  })
  return [...new Set(found)].sort()
}

/** Those of `known` that a pattern fits. @throws VpsError BAD_PATTERN (exit 2) */
function matches(pattern: string, known: readonly string[]): string[] {
  const expression = patternExpression(pattern)
  if (typeof expression === 'string')
    throw new VpsError('BAD_PATTERN', `${JSON.stringify(pattern)} is no pattern of names: ${expression}`, {
      exitCode: ExitCode.wrongUse,
      suggestions: ["write it as 'web*', 'web?' or 'lab-0[0-9]', in quotes"],
    })
  return known.filter(name => expression.test(name))
}

function noSuchPattern(pattern: string): VpsError {
  return new VpsError('NO_SUCH_SERVER', `no server's name fits the pattern ${JSON.stringify(pattern)}`, {
    suggestions: ['see which there are with `vps list`'],
    exitCode: ExitCode.noSuchServer,
  })
}
