import type {Definition} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {programProblem, serverPaths} from '../host/index.ts'
import {happened} from './happened.ts'
import {hookEnvironment, hookFacts} from './hook-facts.ts'
import {readRun} from './run-state.ts'
import type {Context, HookFailure, HookName} from './types.ts'

export interface HookMoment {
  readonly hook: HookName
  readonly definition: Definition
  /** How init ended, once it has. */
  readonly exit?: string | undefined
  /** The hook has no longer than this, whatever the definition says; in milliseconds. */
  readonly mostMs?: number | undefined
}

/** The least that a hook is given where time is short. */
const LEAST_MS = 1_000

/**
 * Runs a hook of the server `name`, under its lock, if it has one. Returns how it failed; undefined when all went well. What it
 * says goes to `hooks.log` beside the console's log.
 */
export async function runHook(
  context: Context,
  name: string,
  {hook, definition, exit, mostMs = Number.POSITIVE_INFINITY}: HookMoment,
): Promise<HookFailure | undefined> {
  const argv = definition.hooks[hook]
  const [program] = argv
  if (program === undefined) return undefined
  const unfit = await programProblem(program)
  if (unfit !== undefined) return failure(context, name, hook, `${unfit}; it was not run`, '')
  context.progress(`running its ${hook} hook`)
  const {appendHookLog, lastLines, runProgram} = await import('./hook-run.ts') // few servers have hooks
  const run = readRun(context.paths, name)
  const facts = hookFacts(context, name, {hook, definition, exit, run})
  const begin = new Date()
  const {problem, output} = await runProgram({
    argv,
    environment: hookEnvironment(context, facts),
    input: `${JSON.stringify(facts)}\n`,
    signal: context.signal,
    timeoutMs: Math.min(definition.hooks.timeout, Math.max(LEAST_MS, mostMs)),
  })
  const heading = `${begin.toISOString().replace(/\.\d+/, '')} ${hook}: ${program}\n`
  const end = problem === undefined ? '' : `${problem}\n`
  const said = output === '' || output.endsWith('\n') ? output : `${output}\n`
  await appendHookLog(serverPaths(context.paths, name).log, heading + said + end)
  if (problem === undefined) return undefined
  return failure(context, name, hook, `${program} ${problem}`, lastLines(output).join('\n'))
}

/** The error of a verb that a failed hook keeps from being done, or that only reports it. */
export function hookError({server, hook, message, output}: HookFailure): VpsError {
  return new VpsError('HOOK_FAILED', `the ${hook} hook of server ${server} failed: ${message}`, {
    exitCode: ExitCode.failed,
    ...(output !== '' && {cause: new VpsError('HOOK_SAID', `it said: ${output}`)}),
    suggestions: [
      'see all that it said in hooks.log, beside the log of the console (`vps show` has the directory)',
    ],
  })
}

function failure(
  context: Context,
  server: string,
  hook: HookName,
  message: string,
  output: string,
): HookFailure {
  happened(context, 'hook-failed', server, {hook, reason: message})
  return {server, hook, message, output}
}
