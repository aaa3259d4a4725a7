import {join, resolve} from 'node:path'
import process from 'node:process'

/** Where everything of one host is. All paths are absolute and have no trailing slash. */
export interface HostPaths {
  /** The directory that prefixes all three trees, `''` for the host itself. */
  readonly root: string
  readonly etc: string
  readonly var: string
  readonly run: string
  /** `etc/vps/host.yaml` */
  readonly hostConfig: string
  /** `etc/vps/servers`, one NAME.yaml per server */
  readonly definitions: string
  /** `etc/vps/profiles`, one NAME.yaml per profile; need not exist */
  readonly profiles: string
  /** `etc/vps/templates`, the admin's own templates */
  readonly templates: string
  /** `var/lib/vps/images` */
  readonly images: string
  /** `var/lib/vps/servers` */
  readonly servers: string
  /** `var/lib/vps/ids`, one symbolic link per id range in use */
  readonly ids: string
  /** `var/lib/vps/addresses`, one symbolic link per address or prefix that a server has */
  readonly addresses: string
  /** `var/lib/vps/projects`, one symbolic link per number of a project */
  readonly projects: string
  /** `var/lib/vps/events`, the log of what happened on this host; bounded */
  readonly events: string
  /** `var/lib/vps/history`, one NAME.jsonl per server: its earlier definitions; bounded, kept when the server is destroyed */
  readonly history: string
  /** `var/lib/vps/fleets`, one NAME.json per fleet: how far an apply has come */
  readonly fleets: string
  /** `var/lib/vps/cache` */
  readonly cache: string
  /** `var/lib/vps/cache/seccomp` */
  readonly seccompCache: string
  /** `run/vps/locks` */
  readonly locks: string
  /** `run/vps/servers` */
  readonly runServers: string
  /** `run/vps/network`: what was done to the host's network for all servers together. */
  readonly runNetwork: string
  /** Name of the directory below the cgroup2 mount that holds this host's servers. */
  readonly cgroupName: string
}

/** The files of one server, see `serverPaths`. */
export interface ServerPaths {
  readonly definition: string
  readonly storage: string
  /** `storage/server.json` */
  readonly record: string
  readonly upper: string
  readonly work: string
  readonly log: string
  readonly console: string
  /** How init ended last; text. */
  readonly exit: string
  /** There while the server is wanted up, see src/server/wanted.ts; empty. */
  readonly up: string
  /** The addresses that the server has, by link; JSON. A copy of its part of `HostPaths.addresses`. */
  readonly addresses: string
  readonly run: string
  readonly state: string
  readonly socket: string
  readonly plan: string
  readonly planJson: string
  readonly lock: string
  /** The definition as the server was started with it, after profiles and defaults and with live changes; JSON. */
  readonly startedDefinition: string
  /** Commands for nft that make what the server has in the rules of its own, see src/network/rules. Only if there is any. */
  readonly rules: string
  /** JSON: the limits that this host does not keep. */
  readonly unenforced: string
  /** The CPUs that the server has for itself. */
  readonly cpus: string
  /** There while a change of how the server is looked after is not yet its supervisor's. */
  readonly careUndo: string
  /** The journal of a live change. */
  readonly limitsUndo: string
  /** The journal of a live change of the network. */
  readonly networkUndo: string
}

/** The paths of the host below `root` (default: `VPS_ROOT`, else the real host). Reads nothing but the environment. */
export function hostPaths(root: string = process.env.VPS_ROOT ?? ''): HostPaths {
  const base = root === '' || resolve(root) === '/' ? '' : resolve(root)
  const etc = `${base}/etc/vps`
  const lib = `${base}/var/lib/vps`
  const run = `${base}/run/vps`
  return {
    root: base,
    etc,
    var: lib,
    run,
    hostConfig: join(etc, 'host.yaml'),
    definitions: join(etc, 'servers'),
    profiles: join(etc, 'profiles'),
    templates: join(etc, 'templates'),
    images: join(lib, 'images'),
    servers: join(lib, 'servers'),
    ids: join(lib, 'ids'),
    addresses: join(lib, 'addresses'),
    projects: join(lib, 'projects'),
    events: join(lib, 'events'),
    history: join(lib, 'history'),
    fleets: join(lib, 'fleets'),
    cache: join(lib, 'cache'),
    seccompCache: join(lib, 'cache', 'seccomp'),
    locks: join(run, 'locks'),
    runServers: join(run, 'servers'),
    runNetwork: join(run, 'network'),
    cgroupName: base === '' ? 'vps' : `vps-${shortHash(base)}`,
  }
}

/** The paths of the server `name`, which the caller has checked with `serverName`. */
export function serverPaths(paths: HostPaths, name: string): ServerPaths {
  const run = `${paths.runServers}/${name}` // no path.join: a list of a thousand servers makes tens of thousands of these
  return {
    ...storagePaths(`${paths.servers}/${name}`),
    definition: `${paths.definitions}/${name}.yaml`,
    run,
    state: `${run}/state`,
    socket: `${run}/control.sock`,
    plan: `${run}/plan`,
    planJson: `${run}/plan.json`,
    lock: `${paths.locks}/${name}.lock`,
    startedDefinition: `${run}/definition`,
    rules: `${run}/rules`,
    unenforced: `${run}/unenforced`,
    cpus: `${run}/cpus`,
    careUndo: `${run}/care.undo`,
    limitsUndo: `${run}/limits.undo`,
    networkUndo: `${run}/network.undo`,
  }
}

/** The parts of a server's storage directory, wherever it stands (a journal has the same parts). */
export function storagePaths(
  storage: string,
): Pick<
  ServerPaths,
  'storage' | 'record' | 'upper' | 'work' | 'log' | 'console' | 'exit' | 'up' | 'addresses'
> {
  return {
    storage,
    record: `${storage}/server.json`,
    upper: `${storage}/layer/upper`,
    work: `${storage}/layer/work`,
    log: `${storage}/log`,
    console: `${storage}/log/console.log`,
    exit: `${storage}/exit`,
    up: `${storage}/up`,
    addresses: `${storage}/addresses`,
  }
}

/** The trees of vps itself, which no server may be shown. */
export function reservedTrees(paths: HostPaths): string[] {
  return [paths.etc, paths.var, paths.run]
}

/** FNV-1a of 32 bits, as eight hex digits: to load a library of hashes takes longer than all else that a short command does. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}
