/*
 * What the kernel allows of things that all servers of a host take from one account, each with the sysctl that allows more. Pure.
 */
import {type CountedServer, linksOf, sumOf, type Use} from './demand.ts'
import type {FitRow} from './row.ts'

/** The values of files below /proc/sys, and a few counts, by the names in `KERNEL_NEEDS`; what this kernel does not have is missing. */
export type KernelFacts = ReadonlyMap<string, number>

interface Need {
  readonly sysctl: string
  /** Of one server. */
  readonly each: Use | ((server: CountedServer) => number)
  /** Of all of them, where that is no sum. */
  readonly together?: (servers: readonly CountedServer[]) => number
  /** Which of `KernelFacts` tells what is in use now, running servers included; else `base` is counted for the host itself. */
  readonly used?: string
  readonly base?: number
  /** Per server, and why the host's account is the one that counts. */
  readonly reason: string
  /** Further settings that have to grow with it: a part of the value for each. */
  readonly along?: Readonly<Record<string, number>>
}

/** A connection or two for each of some hundred clients; what a server may have at most is its `network.connections`. */
const USUAL_CONNECTIONS = 1024

const NEEDS: readonly Need[] = [
  {
    sysctl: 'fs.inotify.max_user_instances',
    each: () => 0,
    together: projectsOf,
    base: 32,
    reason:
      'one for the names of each project; what is used in a server is charged to that server, whose own root its user namespace belongs to',
  },
  {
    sysctl: 'kernel.keys.maxkeys',
    each: () => 0,
    base: 200,
    reason:
      'a keyring for each service of a server; every server has user ids of its own, so more servers need no more',
  },
  {
    sysctl: 'kernel.pid_max',
    each: tasksOf,
    used: 'tasks',
    reason:
      '`pids` of each server, else 100 for one with an init of its own, 8 for any other; and what runs now',
  },
  {
    sysctl: 'kernel.threads-max',
    each: tasksOf,
    used: 'tasks',
    reason: 'as kernel.pid_max',
  },
  {
    sysctl: 'net.ipv4.neigh.default.gc_thresh3',
    each: server => 4 * linksOf(server),
    used: 'neighbours4',
    reason: '4 entries for each link: one table holds those of the host and of all servers',
    along: {'net.ipv4.neigh.default.gc_thresh2': 1 / 2, 'net.ipv4.neigh.default.gc_thresh1': 1 / 4},
  },
  {
    sysctl: 'net.ipv6.neigh.default.gc_thresh3',
    each: server => 4 * linksOf(server),
    used: 'neighbours6',
    reason: '4 entries for each link: one table holds those of the host and of all servers',
    along: {'net.ipv6.neigh.default.gc_thresh2': 1 / 2, 'net.ipv6.neigh.default.gc_thresh1': 1 / 4},
  },
  {
    sysctl: 'net.ipv6.route.max_size',
    each: server => 8 * linksOf(server),
    base: 256,
    reason: '8 routes for each link; kernels before 6.3 have a low bound',
  },
  {
    sysctl: 'net.netfilter.nf_conntrack_max',
    each: ({definition: {network}}) =>
      network.mode === 'links' ? Math.min(network.connections, USUAL_CONNECTIONS) : 0,
    used: 'connections',
    reason: `${USUAL_CONNECTIONS} connections of each server with links, or its \`network.connections\` if that is less; the table is the host's`,
  },
  {
    sysctl: 'fs.file-max',
    each: {system: 2048, plain: 128},
    used: 'files',
    reason: '2048 open files of a server with an init of its own, 128 of any other; and what is open now',
  },
  {
    sysctl: 'kernel.pty.max',
    each: {system: 5, plain: 2},
    used: 'terminals',
    // kernel.pty.reserve is taken off for terminals of the host itself.
    base: 1024,
    reason: 'its console and a few logins; the kernel keeps 1024 for the host itself',
  },
]

/** How many projects have servers with links: each has a name server. */
function projectsOf(servers: readonly CountedServer[]): number {
  return new Set(servers.filter(linksOf).map(({definition}) => definition.project)).size
}

function tasksOf(server: CountedServer): number {
  return server.definition.resources.pids ?? sumOf([server], {system: 100, plain: 8})
}

/** Every file that is asked for, as sysctl(8) names it. */
export const KERNEL_NEEDS: readonly string[] = NEEDS.map(({sysctl}) => sysctl)

/** A row for each that this kernel has. @param servers all that are to be there, started ones included */
export function kernelRows(servers: readonly CountedServer[], facts: KernelFacts): FitRow[] {
  return NEEDS.flatMap(need => {
    const there = facts.get(need.sysctl)
    return there === undefined ? [] : [kernelRow(need, there, servers, facts)]
  })
}

function kernelRow(need: Need, there: number, servers: readonly CountedServer[], facts: KernelFacts): FitRow {
  const used = need.used === undefined ? undefined : facts.get(need.used)
  // What runs is in the count of what is in use.
  const counted = used === undefined ? servers : servers.filter(({running}) => !running)
  const {each} = need
  const ofServers =
    typeof each === 'function' ? counted.reduce((sum, server) => sum + each(server), 0) : sumOf(counted, each)
  const together = need.together?.(servers) ?? 0
  const needed = Math.ceil((need.base ?? 0) + (used ?? 0) + ofServers + together)
  const ok = needed <= there
  const value = roomy(needed)
  return {
    what: need.sysctl,
    unit: 'number',
    needed,
    there,
    ok,
    reason: need.reason,
    remedy: ok ? null : `sysctl -w ${settingsOf(need, value).join(' ')}`,
    sysctl: ok ? null : {name: need.sysctl, value},
  }
}

/** The settings that give `value` of a need, as `name=value`. */
function settingsOf({sysctl, along = {}}: Need, value: number): string[] {
  return [`${sysctl}=${value}`, ...Object.entries(along).map(([name, part]) => `${name}=${value * part}`)]
}

/** What goes along with a setting of `row.sysctl`. */
export function settingLines({name, value}: {readonly name: string; readonly value: number}): string[] {
  const need = NEEDS.find(({sysctl}) => sysctl === name)
  const all = need === undefined ? [`${name}=${value}`] : settingsOf(need, value)
  return all.map(text => text.replace('=', ' = '))
}

/** The next power of two that leaves a quarter free. */
function roomy(needed: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(needed, 64) * 1.25))
}
