/*
 * The dnsmasq of a project as a process: whether it is there, begun and ended. It is run by systemd where that is, else by a shell
 * that begins it anew whenever it ends. dnsmasq gives up root, so it could not read below run/vps: it has a mount namespace of its
 * own, where the names are at another place.
 */
import {spawn} from 'node:child_process'
import {existsSync, readFileSync, readlinkSync} from 'node:fs'
import {rm, writeFile} from 'node:fs/promises'
import {connect} from 'node:net'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {errno, type HostPaths} from '../../host/index.ts'
import {dnsmasqArguments, NAMES_MOUNT} from './dnsmasq.ts'
import {type NamesFiles, textOf} from './files.ts'
import {startUnit, stopUnit} from './unit.ts'

export interface Resolver {
  readonly files: NamesFiles
  readonly project: string
  readonly paths: Pick<HostPaths, 'cgroupName'>
  readonly port: number
  readonly addresses: readonly string[]
  readonly upstream: readonly string[]
  readonly program: string
}

/** How long it may take to answer, and to be gone. */
const PATIENCE_MS = 5_000

const PLACES = ['/usr/sbin', '/usr/local/sbin', '/usr/bin', '/usr/local/bin']

/**
 * $1 is the directory of names, $2 the file that tells who the keeper is, $3 that of problems. It says who it is before there is
 * anything to be ended, in whatever moment its starter dies.
 */
const KEEPER = `set -e
mount --bind "$1" ${NAMES_MOUNT}
echo "$$ $(cut -d ' ' -f 22 /proc/$$/stat)" >"$2.new"
mv "$2.new" "$2"
problem=$3
shift 3
while :; do "$@" 2>"$problem" || :; sleep 1; done`

/** The program, if this host has it. */
export function findDnsmasq(): string | undefined {
  return PLACES.map(place => `${place}/dnsmasq`).find(existsSync)
}

/** Whether the project's dnsmasq runs, and would be begun anew. */
export function isServing(files: NamesFiles): boolean {
  return servingPid(files) !== undefined && (hasSystemd() || keeperOf(files) !== undefined)
}

/** Begins it, and waits until it answers. @returns what keeps it from that; `undefined` when nothing does */
export async function startResolver(resolver: Resolver): Promise<string | undefined> {
  const {files} = resolver
  const command = [
    resolver.program,
    ...dnsmasqArguments({...resolver, pidFile: files.pid, user: userOf(readFileSync('/etc/passwd', 'utf8'))}),
  ]
  for (const stale of [files.problem, files.keeper, files.pid]) await rm(stale, {force: true})
  if (hasSystemd()) {
    await writeFile(files.keeper, 'systemd\n', {mode: 0o600})
    const problem = await startUnit(resolver, command)
    if (problem !== undefined) return problem
  } else await startKeeper(resolver, command)
  const deadline = performance.now() + PATIENCE_MS
  while (!(isServing(files) && (await answers(resolver)))) {
    const said = textOf(files.problem)?.trim()
    if (said !== undefined && said !== '') return said.split('\n')[0]
    if (performance.now() > deadline) return 'it does not answer'
    await sleep(2)
  }
  return undefined
}

/** Ends it and what runs it, whatever is left of both. */
export async function stopResolver({
  files,
  project,
  paths,
}: Pick<Resolver, 'files' | 'project' | 'paths'>): Promise<void> {
  if (hasSystemd() && existsSync(files.keeper)) await stopUnit({project, paths})
  const keeper = keeperOf(files)
  if (keeper !== undefined) kill(-keeper)
  const deadline = performance.now() + PATIENCE_MS
  // Its own children, one a connection of TCP, end with their next look at the pipe to it.
  for (let one = servingPid(files); one !== undefined; one = servingPid(files)) {
    kill(one)
    if (performance.now() > deadline) return
    await sleep(2)
  }
}

/** In a process group of its own, which is ended as a whole. */
async function startKeeper({files, project}: Resolver, command: readonly string[]): Promise<void> {
  const child = spawn(
    'unshare',
    [
      '--mount',
      '--propagation',
      'slave',
      '/bin/sh',
      '-c',
      KEEPER,
      `vps-names: ${project}`,
      files.hosts,
      files.keeper,
      files.problem,
      ...command,
    ],
    {detached: true, stdio: 'ignore', cwd: '/', env: {PATH: '/usr/sbin:/usr/bin:/sbin:/bin'}},
  )
  const {promise, resolve, reject} = Promise.withResolvers<void>()
  child.once('spawn', resolve).once('error', reject)
  await promise
  child.unref()
}

/** Over TCP, as a connection tells at once whether somebody listens. */
async function answers({addresses, port}: Resolver): Promise<boolean> {
  const {promise, resolve} = Promise.withResolvers<boolean>()
  const socket = connect({host: addresses[0] ?? '', port, timeout: 1000})
  for (const event of ['error', 'timeout']) socket.once(event, () => resolve(false))
  socket.once('connect', () => resolve(true))
  const connected = await promise
  socket.destroy()
  return connected
}

/** `dnsmasq` is a user of Debian's package; `nobody` is everywhere. */
function userOf(passwd: string): string {
  return /^dnsmasq:/m.test(passwd) ? 'dnsmasq' : 'nobody'
}

/** The shell that runs it, if that still is the process which wrote the file. */
function keeperOf({keeper}: Pick<NamesFiles, 'keeper'>): number | undefined {
  const [pid = '', start] = textOf(keeper)?.trim().split(' ') ?? []
  return start !== undefined && startOf(Number(pid)) === start ? Number(pid) : undefined
}

/** The pid is in its file; that it is the one which was begun with that file is looked at. */
function servingPid({pid: file}: Pick<NamesFiles, 'pid'>): number | undefined {
  const pid = Number(textOf(file))
  if (!Number.isInteger(pid) || pid <= 1) return undefined
  const words = textOf(`/proc/${pid}/cmdline`)?.split('\0') ?? []
  return words.includes(`--pid-file=${file}`) ? pid : undefined
}

/** Clock ticks since boot, field 22 of proc_pid_stat(5); `undefined` for one that is gone. */
function startOf(pid: number): string | undefined {
  const text = textOf(`/proc/${pid}/stat`)
  const [state, ...rest] = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? []
  return state === 'Z' || state === 'X' ? undefined : rest[18]
}

/** One that has the network which this process has. */
function hasSystemd(): boolean {
  return (
    existsSync('/run/systemd/system') && readlinkSync('/proc/1/ns/net') === readlinkSync('/proc/self/ns/net')
  )
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (errno(error) !== 'ESRCH') throw error
  }
}
