import type {LimitOptions} from './limits.ts'
import {planStart} from './plan.ts'
import {readRun} from './run-state.ts'
import {type StartOptions, start} from './start.ts'
import {type StopOptions, stop} from './stop.ts'
import type {Context, StartReport} from './types.ts'

/** Stops the server `name` if it runs, and starts it from its present definition, under its lock. */
export async function restart(
  context: Context,
  name: string,
  {timeoutMs, ...options}: Pick<StopOptions, 'timeoutMs'> & Pick<StartOptions, 'wait'> & LimitOptions = {},
): Promise<StartReport> {
  if (readRun(context.paths, name).kind !== 'alive') return await start(context, name, options)
  await planStart(context, name, options) // a definition that can't be started shall not stop what runs
  const stopped = await stop(context, name, {timeoutMs, stayWanted: true})
  const started = await start(context, name, options)
  return {...started, hookFailures: [...stopped.hookFailures, ...started.hookFailures]}
}
