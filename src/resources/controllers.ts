import {readFile} from 'node:fs/promises'
import {type Cgroup2, ifMissing, type Mount} from '../host/index.ts'

/** Where the kernel's controllers are, as seen from cgroup2. */
export interface ControllerFacts {
  /** Those that our servers can have. */
  readonly available: readonly string[]
  /** Those that a v1 hierarchy holds, with its mount, or `''` when that is out of sight. */
  readonly v1: Readonly<Record<string, string>>
  /** Those that the boot parameter `cgroup_disable=` turned off. */
  readonly disabled: readonly string[]
  /** All that the kernel was built with, as far as /proc/cgroups lists them. */
  readonly built: readonly string[]
}

export interface Absence {
  readonly reason: string
  readonly remedy: string
}

/** v1 and /proc/cgroups call the io controller blkio. */
const OLD_NAMES: Readonly<Record<string, string>> = {blkio: 'io'}

const OPTIONS: Readonly<Record<string, string>> = {
  cpu: 'CONFIG_CGROUP_SCHED',
  cpuset: 'CONFIG_CPUSETS',
  memory: 'CONFIG_MEMCG',
  io: 'CONFIG_BLK_CGROUP',
  pids: 'CONFIG_CGROUP_PIDS',
  hugetlb: 'CONFIG_CGROUP_HUGETLB',
  rdma: 'CONFIG_CGROUP_RDMA',
  misc: 'CONFIG_CGROUP_MISC',
}

const PURE =
  'boot the host with `cgroup_no_v1=all systemd.unified_cgroup_hierarchy=1` on its kernel command line'

export async function controllerFacts(
  {controllers}: Pick<Cgroup2, 'controllers'>,
  mounts: readonly Mount[],
): Promise<ControllerFacts> {
  return parseControllers(controllers, mounts, await ifMissing(readFile('/proc/cgroups', 'utf8'), ''))
}

/** @param table the text of /proc/cgroups: name, hierarchy, number of cgroups, enabled */
export function parseControllers(
  available: readonly string[],
  mounts: readonly Mount[],
  table: string,
): ControllerFacts {
  const rows = table
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => line.split(/\s+/))
    .map(([name = '', hierarchy, , enabled]) => ({name: OLD_NAMES[name] ?? name, hierarchy, enabled}))
  const v1 = rows
    .filter(({name, hierarchy}) => hierarchy !== '0' && !available.includes(name))
    .map(({name}) => [name, mountOfV1(name, mounts)])
  return {
    available,
    v1: Object.fromEntries(v1),
    disabled: rows.filter(({enabled}) => enabled === '0').map(({name}) => name),
    built: rows.map(({name}) => name),
  }
}

function mountOfV1(controller: string, mounts: readonly Mount[]): string {
  const names = [
    controller,
    ...Object.entries(OLD_NAMES).flatMap(([old, name]) => (name === controller ? [old] : [])),
  ]
  const found = mounts.find(
    ({type, superOptions}) => type === 'cgroup' && names.some(name => superOptions.includes(name)),
  )
  return found?.target ?? ''
}

/** Why servers cannot have a controller, and how they could; `undefined` when they can. */
export function absence(controller: string, facts: ControllerFacts): Absence | undefined {
  if (facts.available.includes(controller)) return undefined
  const holder = facts.v1[controller]
  if (holder !== undefined)
    return {
      reason: `cgroup v1 holds the ${controller} controller${holder === '' ? '' : ` (${holder})`}`,
      remedy: PURE,
    }
  if (facts.disabled.includes(controller))
    return {
      reason: `the ${controller} controller is turned off`,
      remedy: `boot the host without \`cgroup_disable=${controller}\` on its kernel command line (on some boards: with \`cgroup_enable=${controller}\`)`,
    }
  if (facts.built.includes(controller))
    return {
      reason: `the cgroup2 that vps sees was not given the ${controller} controller`,
      remedy: `have it delegated by whoever made this cgroup, or run vps on the host itself`,
    }
  return {
    reason: `the kernel has no ${controller} controller`,
    remedy: `use a kernel built with ${OPTIONS[controller] ?? 'it'}`,
  }
}
