import type {Glance} from './glance.ts'
import {withoutTime} from './run-state.ts'
import type {Summary} from './summaries.ts'
import type {ServerState, ServerView} from './types.ts'

/** One server as the lists show it. No lock is taken: a view may be a moment old. */
export function viewServer(name: string, summary: Summary, glance: Glance): ServerView {
  const {run} = glance
  const alive = run.kind === 'alive' ? run.state : undefined
  const since = run.kind === 'alive' || run.kind === 'dead' ? run.state.since : 0
  return {
    name,
    state: stateOf(glance, summary),
    ready: alive?.ready ?? false,
    pid: alive !== undefined && alive.init > 0 ? alive.init : null,
    since: since > 0 ? isoTime(since) : null,
    template: summary.template,
    image: summary.image,
    tags: summary.tags,
    autostart: summary.autostart,
    health: alive?.health ?? null,
    restarts: alive?.restarts ?? 0,
    lastExit: summary.exit === null ? null : withoutTime(summary.exit),
    hostname: summary.hostname,
    project: summary.project,
    links: [],
    pressure: null,
    unenforced: [],
    fleet: summary.fleet,
    problem: summary.problem,
  }
}

function stateOf({run, isPaused}: Glance, summary: Summary): ServerState {
  if (run.kind === 'dead') return 'crashed'
  if (run.kind === 'alive') {
    const {state} = run.state
    if (state === 'running') return isPaused ? 'paused' : 'running'
    return state === 'stopping' ? 'stopping' : 'starting'
  }
  if (summary.problem !== null) return 'invalid'
  return summary.image === null ? 'defined' : 'stopped'
}

/** @param seconds since the epoch */
export function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
