import type {Readable} from 'node:stream'
import type {ExecaError} from 'execa'
import {ExitCode, VpsError} from '../errors.ts'

/*
 * Foreign programs run here in namespaces of their own, and die with this process, however it dies: pdeathsig kills `unshare`,
 * which kills the first process of the pid namespace, which is the end of all others and of all mounts.
 *
 * A private pid and mount namespace is what every build gets. Confined programs, which read what strangers made, moreover see
 * nothing but read-only programs and one directory, have no network and a handful of capabilities.
 */

/** What unpacking needs: owners, modes, special files, file capabilities. No mounting, no tracing, no network. */
const UNPACK_CAPABILITIES = ['chown', 'dac_override', 'fowner', 'fsetid', 'mknod', 'setfcap'] as const

/** Programs of the host and what the dynamic linker needs. */
const PROGRAMS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'] as const

export interface Run {
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Called with every line on standard error. */
  readonly onLine?: (line: string) => void
  /** Kills it, and with it all that it has started. */
  readonly signal?: AbortSignal | undefined
}

/** Runs `command` in mount and pid namespaces of its own. @throws VpsError PROGRAM_FAILED with the last lines it wrote */
export async function runIsolated({command, env = {}, onLine, signal}: Run): Promise<void> {
  const [file, args] = isolated(
    ['--mount-proc', '--'],
    ['sh', '-c', 'umask 022; exec "$@"', 'sh', ...command],
  )
  const {execa} = await import('execa')
  const program = execa(file, args, {...quiet(env), ...killedBy(signal), stdin: 'ignore'})
  await finished(program, command[0] ?? '', onLine)
}

export interface ConfinedRun extends Run {
  /** What the program reads from standard input. */
  readonly input: string
  /** The only place it can write to; seen as /target. Nowhere, if missing. */
  readonly target?: string | undefined
}

/** Runs a program that nothing is trusted of. @throws VpsError PROGRAM_FAILED */
export async function runConfined(run: ConfinedRun): Promise<void> {
  const {execa} = await import('execa')
  const [file, args] = confined(run)
  await finished(
    execa(file, args, {...quiet(run.env), ...killedBy(run.signal), stdin: {file: run.input}}),
    run.command[0] ?? '',
    run.onLine,
  )
}

/** What a confined program writes to standard output. @throws VpsError PROGRAM_FAILED after the last of it */
export async function* readConfined(run: ConfinedRun): AsyncGenerator<Uint8Array> {
  const [file, args] = confined(run)
  const {execa} = await import('execa')
  const program = execa(file, args, {...quiet(run.env), stdin: {file: run.input}, buffer: {stdout: false}})
  const end = finished(program, run.command[0] ?? '', run.onLine)
  end.catch(() => undefined) // looked at below, or not at all when the reader has had enough
  yield* program.stdout as AsyncIterable<Uint8Array>
  await end
}

/** @throws VpsError MISSING_PROGRAM (exit 5) with the package that has it */
export async function requireProgram(program: string, debianPackage: string, why: string): Promise<void> {
  const {execa} = await import('execa')
  const {exitCode} = await execa('sh', ['-c', 'command -v "$1"', 'sh', program], {...quiet(), reject: false})
  if (exitCode === 0) return
  throw new VpsError('MISSING_PROGRAM', `${program} is not installed; it is needed ${why}`, {
    exitCode: ExitCode.hostCannot,
    suggestions: [`apt-get install ${debianPackage}`],
  })
}

function isolated(namespaces: readonly string[], command: readonly string[]): [string, string[]] {
  const unshare = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private']
  return ['setpriv', ['--pdeathsig', 'KILL', ...unshare, ...namespaces, ...command]]
}

/**
 * Situation: root of the host in new namespaces, all host mounts seen. Builds a root in memory of read-only binds and moves into
 * it; after `umount -l /old` nothing of the host can be reached, and then the capabilities to change that are dropped.
 */
const CONFINE = `
set -eu
target=$1 capabilities=$2
shift 2
umask 022
root=/mnt
mount -t tmpfs -o size=256k,mode=755,nosuid,nodev vps-sandbox "$root"
for path in ${PROGRAMS.join(' ')}; do
  if [ -L "$path" ]; then
    cp -P "$path" "$root$path"
  elif [ -d "$path" ]; then
    mkdir "$root$path"
    mount --bind "$path" "$root$path"
    mount -o remount,bind,ro,nosuid,nodev "$root$path"
  fi
done
mkdir "$root/etc" "$root/old" "$root/proc" "$root/target" "$root/dev"
mount -t proc vps-sandbox "$root/proc"
[ ! -f /etc/ld.so.cache ] || cp /etc/ld.so.cache "$root/etc/"
if [ -n "$target" ]; then
  mount --bind "$target" "$root/target"
  mount -o remount,bind,nosuid,nodev,noexec "$root/target"
fi
cd "$root"
pivot_root . old
umount -l /old
mount -o remount,ro /
umount -l /proc
cd /target
exec setpriv --no-new-privs --inh-caps=-all --bounding-set="$capabilities" -- "$@"
`

function confined({command, target = ''}: ConfinedRun): [string, string[]] {
  const capabilities =
    target === '' ? '-all' : `-all,${UNPACK_CAPABILITIES.map(name => `+${name}`).join(',')}`
  const script = ['sh', '-c', CONFINE, 'sh', target, capabilities, ...command]
  return isolated(['--net', '--ipc', '--uts', '--'], script)
}

/** Nothing of the admin's shell gets in. The programs' words stay as they are, whatever the language. */
function quiet(env: Readonly<Record<string, string>> = {}) {
  return {
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      LC_ALL: 'C.UTF-8',
      HOME: '/root',
      ...env,
    },
    extendEnv: false,
    cwd: '/',
  } as const
}

interface Program extends Promise<unknown> {
  readonly stderr: Readable
}

function killedBy(signal: AbortSignal | undefined) {
  return signal === undefined ? {} : ({cancelSignal: signal, killSignal: 'SIGKILL'} as const)
}

const KEPT_LINES = 20

async function finished(
  program: Program,
  name: string,
  onLine: ((line: string) => void) | undefined,
): Promise<void> {
  const last: string[] = []
  const reading = readLines(program.stderr, line => {
    last.push(line)
    if (last.length > KEPT_LINES) last.shift()
    onLine?.(line)
  })
  try {
    await program
  } catch (error) {
    await reading
    throw new VpsError(
      'PROGRAM_FAILED',
      `${name} ${howEnded(error)}${last.length > 0 ? `:\n${last.join('\n')}` : ''}`,
    )
  }
}

/** Of execa's error only how the program ended: its text repeats the whole sandbox. */
function howEnded(error: unknown): string {
  if (!isExecaError(error)) return `could not be run (${String(error)})`
  return error.signal === undefined ? `failed with status ${error.exitCode}` : `was ended by ${error.signal}`
}

function isExecaError(error: unknown): error is ExecaError {
  return error instanceof Error && error.name === 'ExecaError'
}

async function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const {createInterface} = await import('node:readline')
  for await (const line of createInterface({input: stream})) if (line.trim() !== '') onLine(line)
}
