import {readFile} from 'node:fs/promises'
import {ExitCode, VpsError} from '../errors.ts'
import {ifMissing, requirePrivilege, serverPaths} from '../host/index.ts'
import type {LaunchPlan} from '../launch/index.ts'
import {runningState} from './freeze.ts'
import type {RunState} from './run-state.ts'
import {isPaused} from './run-state.ts'
import {wrongState} from './session.ts'
import type {Context} from './types.ts'

/** A command to run inside a server. */
export interface AttachOptions {
  /** Empty for the user's shell. */
  readonly argv: readonly string[]
  /** Name or number, or `uid:gid`, in the server; default root. */
  readonly user?: string | undefined
  /** `NAME=VALUE`, or a map. */
  readonly env?: readonly string[] | Readonly<Record<string, string>> | undefined
  /** Default: the user's home. */
  readonly cwd?: string | undefined
  /** A terminal of the server's own. */
  readonly tty?: boolean | undefined
  readonly login?: boolean | undefined
  /** The caller ignores SIGHUP, as nohup(1) makes it: the command goes on when the caller's terminal hangs up. */
  readonly ignoreHangup?: boolean | undefined
  /** A command that a signal ended: vps-attach ends by the same one, not with 128+n. */
  readonly asSignalled?: boolean | undefined
  /** The word of `argv` that becomes the path of the script at descriptor 4. */
  readonly scriptIndex?: number | undefined
}

/** What vps-attach is told to run a command in the running server `name`. Takes no lock: it checks init by a pidfd. */
export async function attachWords(
  context: Pick<Context, 'paths'>,
  name: string,
  {argv, user, env = {}, cwd, tty, login, ignoreHangup, asSignalled, scriptIndex}: AttachOptions,
): Promise<Buffer> {
  await requirePrivilege(`run a command in ${name}`)
  const state = attachable(context, name)
  const confinement = await readConfinement(context, name)
  const settings = {
    ...common(state),
    ...confinement,
    mode: 'exec',
    tty: tty ? '1' : '0',
    login: login ? '1' : '0',
    nohup: ignoreHangup ? '1' : '0',
    ...(asSignalled ? {'as-signalled': '1'} : {}),
    ...(scriptIndex === undefined ? {} : {script: String(scriptIndex)}),
    ...(user === undefined ? {} : {user}),
    ...(cwd === undefined ? {} : {cwd}),
  }
  const environment = Array.isArray(env)
    ? [...env]
    : Object.entries(env).map(([key, value]) => `${key}=${value}`)
  return encodeWords(settings, environment, argv)
}

/** What vps-attach is told to sit down at the console of the running server `name`. */
export async function consoleWords(context: Pick<Context, 'paths'>, name: string): Promise<Buffer> {
  await requirePrivilege(`reach the console of ${name}`)
  const state = runningState(context, name)
  const {socket} = serverPaths(context.paths, name)
  return encodeWords({...common(state), mode: 'console', socket}, [], [])
}

function attachable(context: Pick<Context, 'paths'>, name: string): RunState {
  const state = runningState(context, name)
  if (state.init <= 0) throw wrongState(`server ${name} is just starting`, 'try again in a moment')
  if (isPaused(state)) throw wrongState(`server ${name} is paused`, `wake it with \`vps resume ${name}\``)
  return state
}

function common(state: RunState): Record<string, string> {
  return {
    name: state.name,
    'init-pid': String(state.init),
    'init-start': state.initStart,
    cgroup: state.cgroup,
    'id-base': String(state.idBase),
  }
}

/** The bounding set and the filter that the running server was started with, whatever its definition says by now. */
async function readConfinement(
  {paths}: Pick<Context, 'paths'>,
  name: string,
): Promise<{caps: string; seccomp: string}> {
  const {planJson} = serverPaths(paths, name)
  const text = await ifMissing(readFile(planJson, 'utf8'), undefined)
  const plan = text === undefined ? undefined : (JSON.parse(text) as LaunchPlan) // our own file, only root can write it
  const argument = (op: string): string | undefined => plan?.steps.find(step => step.op === op)?.arguments[0]
  const [caps, seccomp] = [argument('capabilities'), argument('seccomp')]
  if (caps === undefined || seccomp === undefined)
    throw new VpsError(
      'NO_PLAN',
      `cannot enter server ${name}: the plan it was started with is missing (${planJson})`,
      {
        suggestions: [`restart it: \`vps restart ${name}\``],
      },
    )
  return {caps, seccomp}
}

/** NUL-terminated words, as plans are (`native/common/words.h`). */
function encodeWords(
  settings: Readonly<Record<string, string>>,
  environment: readonly string[],
  argv: readonly string[],
): Buffer {
  const words = [
    'vps-attach',
    '1',
    ...Object.entries(settings).flatMap(([key, value]) => ['set', key, value]),
    ...environment.flatMap(assignment => ['env', assignment]),
    ...argv.flatMap(word => ['arg', word]),
    'end',
  ]
  const bad = words.find(word => word.includes('\0'))
  if (bad !== undefined)
    throw new VpsError('WRONG_USE', 'a word of the command contains a NUL byte', {
      exitCode: ExitCode.wrongUse,
    })
  return Buffer.from(`${words.join('\0')}\0`)
}
