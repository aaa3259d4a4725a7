import {join} from 'node:path'
import {ExitCode, VpsError} from '../errors.ts'
import {exists, Fresh, findCgroup2, type HostPaths, readMounts} from '../host/index.ts'

/** Where this host's servers have their cgroups. */
export interface CgroupPlace {
  /** Where cgroup2 is mounted. */
  readonly mount: string
  /** The directory that the servers' cgroups are in. */
  readonly parent: string
  /** No v1 controllers are mounted beside it. */
  readonly pure: boolean
  /** A systemd that owns the tree, so that a server's cgroup has to be asked of it. */
  readonly systemd: boolean
  /** The cgroup of a server. */
  directory(name: string): string
  /** The server that a directory of `parent` belongs to; `undefined` for any other directory. */
  serverOf(entry: string): string | undefined
}

/** A scope of systemd: a unit around processes that others started. */
export interface Scope {
  readonly unit: string
  readonly slice: string
}

/**
 * Finds the place. On a host that systemd runs, with all of cgroup2 at its disposal, it is the slice `vps.slice` and a server
 * has a delegated scope in it (https://systemd.io/CGROUP_DELEGATION); elsewhere it is a directory `vps` of our own.
 * @throws VpsError HOST_CANNOT (exit 5) without a writable cgroup2
 */
export async function cgroupPlace(paths: HostPaths): Promise<CgroupPlace> {
  return await places.get(paths.root, () => findPlace(paths))
}

const places = new Fresh<Promise<CgroupPlace>>()

async function findPlace(paths: HostPaths): Promise<CgroupPlace> {
  const found = await findCgroup2(await readMounts())
  if (!found?.writable) throw noCgroup2(found === null)
  const {mount, pure} = found
  return pure && (await exists('/run/systemd/system')) ? slice(mount, paths) : tree(mount, pure, paths)
}

function tree(mount: string, pure: boolean, {cgroupName}: HostPaths): CgroupPlace {
  const parent = join(mount, cgroupName)
  return {
    mount,
    parent,
    pure,
    systemd: false,
    directory: name => join(parent, name),
    serverOf: entry => entry,
  }
}

function slice(mount: string, paths: HostPaths): CgroupPlace {
  const {slice: name} = serverScope(paths, '')
  // A dash in a slice's name means a slice within a slice: vps-1a2b3c4d.slice is in vps.slice. See systemd.slice(5).
  const parent = join(mount, ...(name === 'vps.slice' ? [name] : ['vps.slice', name]))
  const prefix = scopePrefix(paths)
  return {
    mount,
    parent,
    pure: true,
    systemd: true,
    directory: server => join(parent, serverScope(paths, server).unit),
    serverOf: entry =>
      entry.startsWith(prefix) && entry.endsWith('.scope')
        ? entry.slice(prefix.length, -'.scope'.length)
        : undefined,
  }
}

/** The scope of the server `name`. Units are one name space for all hosts of a machine (`VPS_ROOT`), hence the prefix. */
export function serverScope(paths: HostPaths, name: string): Scope {
  return {unit: `${scopePrefix(paths)}${name}.scope`, slice: `${paths.cgroupName}.slice`}
}

function scopePrefix({cgroupName}: HostPaths): string {
  return cgroupName === 'vps' ? 'vps-' : `${cgroupName}:`
}

function noCgroup2(missing: boolean): VpsError {
  return new VpsError('HOST_CANNOT', `cgroup v2 is ${missing ? 'not mounted' : 'mounted read-only'}`, {
    suggestions: ['mount it with `mount -t cgroup2 none /sys/fs/cgroup`', 'see `vps doctor`'],
    exitCode: ExitCode.hostCannot,
  })
}
