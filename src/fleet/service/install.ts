import {execFile} from 'node:child_process'
import {existsSync} from 'node:fs'
import {chmod, mkdir, readdir, rm, symlink} from 'node:fs/promises'
import {dirname, join, relative} from 'node:path'
import {promisify} from 'node:util'
import {ExitCode, VpsError} from '../../errors.ts'
import {type HostPaths, ifMissing, writeFileAtomic} from '../../host/index.ts'
import {vpsProgram} from '../../native/index.ts'
import {initScript, systemdUnit} from './units.ts'

const run = promisify(execFile)

export interface ServiceOptions {
  /** Default: what this host, or the tree at `target`, has. */
  readonly kind?: ServiceKind | undefined
  readonly remove?: boolean | undefined
  /** Starts it, too (and so the servers that are to run): only a service that runs is stopped when the host goes down. */
  readonly now?: boolean | undefined
  /** The root directory of another system, such as an image: files are written below it, and nothing of this host is told. */
  readonly target?: string | undefined
  /** Milliseconds; default: five minutes. */
  readonly bootDeadlineMs?: number | undefined
  /** Milliseconds; default: 90 seconds. */
  readonly shutdownDeadlineMs?: number | undefined
}

export type ServiceKind = 'systemd' | 'sysv'

export interface ServiceReport {
  readonly kind: ServiceKind
  /** Written or removed. */
  readonly file: string
  readonly removed: boolean
  readonly enabled: boolean
  readonly started: boolean
}

const UNIT = 'vps.service'
const BOOT_MS = 5 * 60_000
const SHUTDOWN_MS = 90_000

/** Run levels of the LSB header, with the place that comes after and before what servers need. */
const LINKS = [
  ...['2', '3', '4', '5'].map(level => `rc${level}.d/S90vps`),
  ...['0', '1', '6'].map(level => `rc${level}.d/K10vps`),
]

/** `vps install-service`: writes the service that boots and shuts down, and enables it; or takes it away. */
export async function installService(paths: HostPaths, options: ServiceOptions): Promise<ServiceReport> {
  const target = options.target ?? ''
  const kind = options.kind ?? ((await isSystemd(target)) ? 'systemd' : 'sysv')
  const file = join(
    target === '' ? '/' : target,
    kind === 'systemd' ? `etc/systemd/system/${UNIT}` : 'etc/init.d/vps',
  )
  const removed = options.remove === true
  if (removed) await remove(kind, file, target)
  else await install(kind, file, target, paths, options)
  const started = !removed && target === '' && options.now === true
  if (started) await start(kind, file)
  return {kind, file, removed, enabled: !removed, started}
}

async function install(
  kind: ServiceKind,
  file: string,
  target: string,
  paths: HostPaths,
  {bootDeadlineMs = BOOT_MS, shutdownDeadlineMs = SHUTDOWN_MS}: ServiceOptions,
): Promise<void> {
  const facts = {program: vpsProgram(), root: paths.root, bootDeadlineMs, shutdownDeadlineMs}
  await mkdir(dirname(file), {recursive: true})
  if (kind === 'systemd') {
    await writeFileAtomic(file, systemdUnit(facts))
    if (target === '') await tell('systemctl', ['daemon-reload'])
    await link(join(dirname(file), 'multi-user.target.wants', UNIT), file)
    if (target === '') await tell('systemctl', ['daemon-reload'])
    return
  }
  await writeFileAtomic(file, initScript(facts))
  await chmod(file, 0o755)
  if (target === '' && existsSync('/usr/sbin/update-rc.d'))
    return await tell('update-rc.d', ['vps', 'defaults'])
  if (target === '' && existsSync('/sbin/chkconfig')) return await tell('chkconfig', ['--add', 'vps'])
  const etc = dirname(dirname(file))
  for (const name of LINKS) await link(join(etc, name), file)
}

/** What runs goes on: the servers are nobody's business here. */
async function remove(kind: ServiceKind, file: string, target: string): Promise<void> {
  if (kind === 'systemd') {
    await rm(join(dirname(file), 'multi-user.target.wants', UNIT), {force: true})
    await rm(file, {force: true})
    if (target === '') await tell('systemctl', ['daemon-reload'])
    return
  }
  await rm(file, {force: true})
  const etc = dirname(dirname(file))
  for (const level of ['0', '1', '2', '3', '4', '5', '6', 'S'])
    for (const name of await ifMissing(readdir(join(etc, `rc${level}.d`)), []))
      if (/^[SK]\d\dvps$/.test(name)) await rm(join(etc, `rc${level}.d`, name))
}

async function link(path: string, file: string): Promise<void> {
  await mkdir(dirname(path), {recursive: true})
  await rm(path, {force: true})
  await symlink(relative(dirname(path), file), path)
}

async function start(kind: ServiceKind, file: string): Promise<void> {
  if (kind === 'systemd') await tell('systemctl', ['start', UNIT])
  else await tell(file, ['start'])
}

/** As sd_booted(3) asks; an image does not run, so there the program counts. */
async function isSystemd(target: string): Promise<boolean> {
  if (target === '') return existsSync('/run/systemd/system')
  return ['lib/systemd/systemd', 'usr/lib/systemd/systemd'].some(path => existsSync(join(target, path)))
}

async function tell(program: string, words: readonly string[]): Promise<void> {
  try {
    await run(program, words)
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error)
    throw new VpsError('SERVICE_FAILED', `${[program, ...words].join(' ')} failed: ${said.split('\n')[0]}`, {
      exitCode: ExitCode.failed,
      cause: error,
      suggestions: ['the file of the service is written; enable it by hand'],
    })
  }
}
