import {access, readFile} from 'node:fs/promises'
import {release} from 'node:os'
import {dirname} from 'node:path'
import {errno, ifMissing} from './errno.ts'
import {type Mount, mountOf, readMounts} from './mounts.ts'
import type {HostPaths} from './paths.ts'
import {type Privilege, readPrivilege} from './privilege.ts'

/** The cgroup2 file system of this host. */
export interface Cgroup2 {
  readonly mount: string
  /** False when v1 controllers are mounted beside it: those are then out of reach. */
  readonly pure: boolean
  /** The controllers that servers can have. */
  readonly controllers: readonly string[]
  readonly writable: boolean
}

/** What this host's kernel and set-up offer, as far as servers need it. */
export interface HostFacts {
  readonly kernel: string
  readonly kernelVersion: readonly [major: number, minor: number]
  readonly privilege: Privilege
  readonly cgroup2: Cgroup2 | null
  /** /proc/sys/user/max_user_namespaces; 0 when the kernel has none. */
  readonly userNamespaces: number
  /** `loadable`: a module for this kernel is installed, and a mount loads it. */
  readonly overlay: 'yes' | 'loadable' | 'no'
  /** The actions of seccomp filters, empty when the kernel has no filters. */
  readonly seccomp: readonly string[]
  /** The file system of /var/lib/vps. */
  readonly varMount: Mount
  /** Whether that file system can be idmapped, as far as the kernel's version tells. */
  readonly idmap: boolean
  readonly systemd: boolean
}

/** The first kernel (major, minor) whose file system can be idmapped; see mount_setattr(2). */
const IDMAP_SINCE: Readonly<Record<string, readonly [number, number]>> = {
  ext4: [5, 12],
  xfs: [5, 12],
  vfat: [5, 12],
  btrfs: [5, 15],
  f2fs: [5, 18],
  erofs: [5, 19],
  squashfs: [6, 2],
  tmpfs: [6, 3],
  zfs: [5, 12],
  bcachefs: [6, 7],
}

export async function hostFacts(paths: HostPaths): Promise<HostFacts> {
  const mounts = await readMounts()
  const kernel = release()
  const kernelVersion = parseVersion(kernel)
  const [privilege, cgroup2, userNamespaces, overlay, seccomp, systemd, varMount] = await Promise.all([
    readPrivilege(),
    findCgroup2(mounts),
    readNumber('/proc/sys/user/max_user_namespaces'),
    overlaySupport(kernel),
    readWords('/proc/sys/kernel/seccomp/actions_avail'),
    exists('/run/systemd/system'),
    mountOfNearest(paths.var, mounts),
  ])
  const idmap = canIdmap(varMount.type, kernelVersion)
  return {
    kernel,
    kernelVersion,
    privilege,
    cgroup2,
    userNamespaces,
    overlay,
    seccomp,
    varMount,
    idmap,
    systemd,
  }
}

/** Where cgroup2 is mounted: the first mount of its root, else the first of all; `null` when it is nowhere. */
export async function findCgroup2(mounts: readonly Mount[]): Promise<Cgroup2 | null> {
  const all = mounts.filter(mount => mount.type === 'cgroup2')
  const found = all.find(mount => mount.directory === '/') ?? all[0]
  if (found === undefined) return null
  return {
    mount: found.target,
    pure: !mounts.some(mount => mount.type === 'cgroup'),
    controllers: await readWords(`${found.target}/cgroup.controllers`),
    writable: !found.options.includes('ro') && !found.superOptions.includes('ro'),
  }
}

/** Whether kernels from `version` on can idmap mounts of `type` (overlayfs over idmapped layers needs 5.19). */
export function canIdmap(type: string, version: readonly [number, number]): boolean {
  const since = IDMAP_SINCE[type]
  return since !== undefined && atLeast(version, since) && atLeast(version, [5, 19])
}

export function atLeast(version: readonly [number, number], wanted: readonly [number, number]): boolean {
  return version[0] > wanted[0] || (version[0] === wanted[0] && version[1] >= wanted[1])
}

export function parseVersion(kernel: string): [number, number] {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(kernel) ?? []
  return [Number(major), Number(minor)]
}

async function overlaySupport(kernel: string): Promise<HostFacts['overlay']> {
  const known = await readFile('/proc/filesystems', 'utf8')
  if (/\toverlay$/m.test(known)) return 'yes'
  const modules = await ifMissing(readFile(`/lib/modules/${kernel}/modules.dep`, 'utf8'), '')
  return /\/overlay\.ko/.test(modules) ? 'loadable' : 'no'
}

/** The mount of the nearest directory above `path` that exists and can be seen. */
async function mountOfNearest(path: string, mounts: readonly Mount[]): Promise<Mount> {
  try {
    return await mountOf(path, mounts)
  } catch (error) {
    if (path === '/' || !['ENOENT', 'ENOTDIR', 'EACCES'].includes(errno(error) ?? '')) throw error
    return await mountOfNearest(dirname(path), mounts)
  }
}

export async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if (errno(error) === undefined) throw error
    return false
  }
}

async function readWords(path: string): Promise<string[]> {
  return (await ifMissing(readFile(path, 'utf8'), '')).split(/\s+/).filter(word => word !== '')
}

async function readNumber(path: string): Promise<number> {
  return Number((await ifMissing(readFile(path, 'utf8'), '0')).trim())
}
