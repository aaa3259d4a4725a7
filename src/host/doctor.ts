import {stat} from 'node:fs/promises'
import process from 'node:process'
import {nativeFile} from '../native/index.ts'
import {type HostConfig, readHostConfig} from './config.ts'
import {errno, ifMissing} from './errno.ts'
import {atLeast, exists, type HostFacts, hostFacts} from './facts.ts'
import {conflicts, foreignIdRanges} from './foreign-ids.ts'
import {slotCount} from './ids.ts'
import type {HostPaths} from './paths.ts'
import {privilegeProblem} from './privilege.ts'

/** One thing that the host needs. */
export interface Check {
  /** Stable, for programs: `cgroup2`. */
  readonly id: string
  readonly title: string
  /** `missing`: servers can't start; `warning`: something is less than it could be. */
  readonly state: 'ok' | 'missing' | 'warning'
  readonly found: string
  /** How to repair it; empty when all is well. */
  readonly fix: string
}

/** CLONE_INTO_CGROUP 5.7, cgroup.kill 5.14, overlayfs over idmapped layers 5.19. */
const OLDEST_KERNEL = [5, 19] as const

/** Examines the host. Changes nothing; needs no root, though it sees less without. */
export async function checkHost(paths: HostPaths): Promise<Check[]> {
  const facts = await hostFacts(paths)
  const checks = [
    kernel(facts),
    privilege(facts),
    userNamespaces(facts),
    cgroup2(facts),
    controllers(facts),
    overlay(facts),
    idmap(facts, paths),
    seccomp(facts),
  ]
  return [...checks, await configuration(paths), await storageMode(paths), ...programs(), ...(await tools())]
}

function check(
  id: string,
  title: string,
  good: boolean,
  found: string,
  fix: string,
  grade?: 'warning',
): Check {
  return {id, title, state: good ? 'ok' : (grade ?? 'missing'), found, fix: good ? '' : fix}
}

function kernel({kernel: found, kernelVersion}: HostFacts): Check {
  const fix = `boot a kernel ${OLDEST_KERNEL.join('.')} or newer`
  return check('kernel', 'kernel', atLeast(kernelVersion, OLDEST_KERNEL), found, fix)
}

function privilege(facts: HostFacts): Check {
  const problem = privilegeProblem(facts.privilege)
  const fix = 'run vps as root of the host, for instance with sudo'
  return check('privilege', 'privilege', problem === undefined, problem ?? 'root', fix)
}

function userNamespaces({userNamespaces: limit}: HostFacts): Check {
  const fix = 'raise it: sysctl user.max_user_namespaces=65536'
  return check('user-namespaces', 'user namespaces', limit > 0, `at most ${limit}`, fix)
}

function cgroup2({cgroup2: found}: HostFacts): Check {
  const fix =
    'mount it: mount -t cgroup2 none /sys/fs/cgroup (or boot with systemd.unified_cgroup_hierarchy=1)'
  const words = found === null ? 'not mounted' : `${found.mount}${found.writable ? '' : ', read-only'}`
  return check('cgroup2', 'cgroup v2', found?.writable === true, words, fix)
}

function controllers({cgroup2: found}: HostFacts): Check {
  const wanted = ['cpu', 'cpuset', 'io', 'memory', 'pids']
  const absent = wanted.filter(name => found?.controllers.includes(name) !== true)
  const fix = found?.pure
    ? 'use a kernel built with these controllers, and not disabled by cgroup_disable='
    : 'v1 holds them: boot with cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1'
  const words =
    absent.length === 0 ? wanted.join(' ') : `without ${absent.join(', ')}: limits on these can't be kept`
  return check('cgroup-controllers', 'cgroup controllers', absent.length === 0, words, fix, 'warning')
}

function overlay({overlay: found}: HostFacts): Check {
  const fix = 'load it: modprobe overlay'
  return check('overlay', 'overlay file system', found !== 'no', found === 'no' ? 'not there' : found, fix)
}

function idmap({idmap: good, varMount}: HostFacts, paths: HostPaths): Check {
  const fix = `put ${paths.var} on ext4, xfs or btrfs`
  const words = `${varMount.type} on ${varMount.target}`
  return check('idmapped-mounts', 'idmapped mounts', good, words, fix)
}

function seccomp({seccomp: actions}: HostFacts): Check {
  const fix = 'use a kernel built with CONFIG_SECCOMP_FILTER'
  const words = actions.length > 0 ? 'filters' : 'no filters'
  return check('seccomp', 'seccomp', actions.includes('errno'), words, fix)
}

async function configuration(paths: HostPaths): Promise<Check> {
  try {
    return await idRange(await readHostConfig(paths))
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    return check('id-range', 'id range', false, words, `correct ${paths.hostConfig}`)
  }
}

async function idRange(config: HostConfig): Promise<Check> {
  const {first, count} = config.ids
  const others = conflicts(config.ids, await foreignIdRanges())
  const shown = others.slice(0, 3).map(other => `${other.where} (${other.owner})`)
  const words = `${first}..${first + count - 1}, room for ${slotCount(config)} servers`
  const found = others.length === 0 ? words : `${words}; shares ids with ${shown.join(', ')}`
  const fix =
    'set ids.first and ids.count in host.yaml to a range of their own; until then servers keep clear of these ids'
  return check('id-range', 'id range', others.length === 0, found, fix, 'warning')
}

async function storageMode(paths: HostPaths): Promise<Check> {
  const found = await ifMissing(stat(paths.var), undefined).catch(unseen)
  if (found === null)
    return check('storage', 'storage', false, `${paths.var} can't be seen`, 'run it as root', 'warning')
  if (found === undefined) return check('storage', 'storage', true, `${paths.var} will be made`, '')
  const mode = found.mode & 0o7777
  const closed = found.uid === 0 && (mode & 0o077) === 0
  const words = `${paths.var} is ${mode.toString(8)}, owner ${found.uid}`
  return check('storage', 'storage', closed, words, `chown root: ${paths.var} && chmod 700 ${paths.var}`)
}

/** `null` where a directory above is closed to us. */
function unseen(error: unknown): null {
  if (errno(error) === 'EACCES') return null
  throw error
}

function programs(): Check[] {
  const names = ['vps-supervisor', 'vps-attach', 'vps-init'] as const
  const absent: string[] = []
  for (const name of names) {
    try {
      nativeFile(name)
    } catch {
      absent.push(name)
    }
  }
  const words = absent.length === 0 ? names.join(' ') : `without ${absent.join(', ')}`
  return [
    check('programs', 'programs of vps', absent.length === 0, words, 'install vps again, or run make build'),
  ]
}

/** Programs of others, each for one thing that can be done without. */
async function tools(): Promise<Check[]> {
  const wanted = [
    ['tar', 'the tarball template', 'apt-get install tar'],
    ['mmdebstrap', 'the debian template', 'apt-get install mmdebstrap'],
    ['busybox', 'the busybox template', 'apt-get install busybox-static'],
    ['dnsmasq', 'names', 'apt-get install dnsmasq-base; without it servers do not know each other by name'],
  ] as const
  return await Promise.all(
    wanted.map(async ([name, use, fix]) => {
      const found = await which(name)
      return check(name, `${name}, for ${use}`, found !== undefined, found ?? 'not there', fix, 'warning')
    }),
  )
}

async function which(name: string): Promise<string | undefined> {
  for (const directory of (process.env.PATH ?? '').split(':'))
    if (directory.startsWith('/') && (await exists(`${directory}/${name}`))) return `${directory}/${name}`
  return undefined
}
