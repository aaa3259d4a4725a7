import {statSync} from 'node:fs'
import {readdir, readFile} from 'node:fs/promises'
import {arch} from 'node:os'
import {join} from 'node:path'
import {Fresh, type HostPaths, ifMissing, readMounts} from '../host/index.ts'
import {type Backing, findBacking} from './block-device.ts'
import {type CgroupPlace, cgroupPlace} from './cgroup-place.ts'
import {type ControllerFacts, controllerFacts} from './controllers.ts'
import {readCpuList} from './cpu-list.ts'

/** CPUs that are close to the same memory. */
export interface NumaNode {
  readonly node: number
  readonly cpus: readonly number[]
}

/** What this host has to share out, and what its kernel can limit. */
export interface ResourceFacts {
  readonly cgroups: CgroupPlace
  readonly controllers: ControllerFacts
  /** CPUs that servers can be given, ascending. */
  readonly cpus: readonly number[]
  readonly nodes: readonly NumaNode[]
  readonly memoryBytes: number
  readonly pageSize: number
  /** The interface files that cgroups have here, as far as there are cgroups with these controllers. */
  readonly files: ReadonlySet<string>
  /** Interface files that a start of this server turned out to need and not to have. */
  readonly missing: ReadonlySet<string>
  /** The devices behind the server's storage, and those behind the paths that were asked about. */
  readonly storage: Backing
  readonly devices: ReadonlyMap<string, Backing>
  /** `MAJOR:MINOR` of the disks whose io.cost model is on. */
  readonly costModels: ReadonlySet<string>
  /** `MAJOR:MINOR` of those on which io.max was tried and had no effect; see `ineffectiveDevices`. */
  readonly ineffective: ReadonlySet<string>
  /** Sizes as the kernel spells them, with their bytes: `2MB`. */
  readonly hugepages: ReadonlyMap<string, number>
  readonly rdma: readonly string[]
  readonly misc: readonly string[]
}

/**
 * Reads them. Takes no root and changes nothing.
 * @param storage the directory with the server's files; `devices`: further paths of devices, from `resources.io.devices`
 */
export async function resourceFacts(
  paths: HostPaths,
  storage: string,
  devices: readonly string[] = [],
): Promise<ResourceFacts> {
  // Servers whose storage is on one file system have one backing.
  const device = statSync(storage, {throwIfNoEntry: false})?.dev
  if (device === undefined || devices.length > 0) return await readFacts(paths, storage, devices)
  const facts = await known.get(`${paths.root} ${device}`, () => readFacts(paths, storage, []))
  const {path, problem} = facts.storage
  return {
    ...facts,
    storage: {...facts.storage, path: storage, problem: problem?.replaceAll(path, storage) ?? null},
  }
}

const known = new Fresh<Promise<ResourceFacts>>()

async function readFacts(
  paths: HostPaths,
  storage: string,
  devices: readonly string[],
): Promise<ResourceFacts> {
  const mounts = await readMounts()
  const cgroups = await cgroupPlace(paths)
  const available = await words(join(cgroups.mount, 'cgroup.controllers'))
  const [controllers, cpus, nodes, memoryBytes, size, files, backing, others, cost, pages, rdma, misc] =
    await Promise.all([
      controllerFacts({controllers: available}, mounts),
      usableCpus(cgroups),
      numaNodes(),
      totalMemory(),
      pageSize(),
      groupFiles(cgroups),
      findBacking(storage, mounts),
      Promise.all(devices.map(async path => [path, await findBacking(path, mounts)] as const)),
      costModels(cgroups.mount),
      hugepageSizes(),
      ifMissing(readdir('/sys/class/infiniband'), []),
      lines(join(cgroups.mount, 'misc.capacity')),
    ])
  return {
    cgroups,
    controllers,
    cpus,
    nodes,
    memoryBytes,
    pageSize: size,
    files,
    missing: new Set(),
    storage: backing,
    devices: new Map(others),
    costModels: cost,
    ineffective: new Set(),
    hugepages: pages,
    rdma,
    misc: misc.map(line => line.split(' ')[0] ?? ''),
  }
}

/** The CPUs alone. */
export async function cpuFacts(place: CgroupPlace): Promise<Pick<ResourceFacts, 'cpus' | 'nodes'>> {
  const [cpus, nodes] = await Promise.all([usableCpus(place), numaNodes()])
  return {cpus, nodes}
}

/** Those of the tree that servers are in; where nothing narrows them, those that are online. */
async function usableCpus({mount, parent}: CgroupPlace): Promise<number[]> {
  for (const file of [`${parent}/cpuset.cpus.effective`, `${mount}/cpuset.cpus.effective`]) {
    const found = readCpuList(await text(file))
    if (found.length > 0) return found
  }
  return readCpuList(await text('/sys/devices/system/cpu/online'))
}

async function numaNodes(): Promise<NumaNode[]> {
  const root = '/sys/devices/system/node'
  const entries = (await ifMissing(readdir(root), [])).filter(entry => /^node\d+$/.test(entry))
  const nodes = await Promise.all(
    entries.map(async entry => ({
      node: Number(entry.slice('node'.length)),
      cpus: readCpuList(await text(join(root, entry, 'cpulist'))),
    })),
  )
  return nodes.sort((a, b) => a.node - b.node)
}

async function totalMemory(): Promise<number> {
  const [, kib = '0'] = /^MemTotal:\s+(\d+) kB$/m.exec(await readFile('/proc/meminfo', 'utf8')) ?? []
  return Number(kib) * 1024
}

/** AT_PAGESZ of our own auxiliary vector, see getauxval(3): pairs of 64-bit words. */
async function pageSize(): Promise<number> {
  const AT_PAGESZ = 6n
  const vector = await readFile('/proc/self/auxv')
  for (let at = 0; at + 16 <= vector.length; at += 16)
    if (vector.readBigUInt64LE(at) === AT_PAGESZ) return Number(vector.readBigUInt64LE(at + 8))
  throw new Error(`no page size in /proc/self/auxv (${arch()})`)
}

/**
 * A cgroup has the files of the controllers that its parent hands down. The tree of our servers tells first; before its first
 * server there are the cgroups that systemd always has.
 */
async function groupFiles({mount, parent}: CgroupPlace): Promise<ReadonlySet<string>> {
  const places = [parent, ...['system.slice', 'init.scope', 'user.slice'].map(name => join(mount, name))]
  const entries = await Promise.all(places.map(place => ifMissing(readdir(place), [])))
  return new Set(entries.flat().filter(entry => entry.includes('.') && !entry.endsWith('.scope')))
}

async function costModels(mount: string): Promise<ReadonlySet<string>> {
  const found = (await lines(join(mount, 'io.cost.qos'))).filter(line => / enable=1\b/.test(line))
  return new Set(found.map(line => line.split(' ')[0] ?? ''))
}

/** As the cgroup files are named: mem_fmt() in mm/hugetlb_cgroup.c. */
export function hugepageName(bytes: number): string {
  const [KB, MB, GB] = [1024, 1024 ** 2, 1024 ** 3]
  if (bytes >= GB) return `${Math.floor(bytes / GB)}GB`
  return bytes >= MB ? `${Math.floor(bytes / MB)}MB` : `${Math.floor(bytes / KB)}KB`
}

async function hugepageSizes(): Promise<ReadonlyMap<string, number>> {
  const entries = await ifMissing(readdir('/sys/kernel/mm/hugepages'), [])
  const sizes = entries.flatMap(entry => {
    const kib = /^hugepages-(\d+)kB$/.exec(entry)?.[1]
    return kib === undefined ? [] : [Number(kib) * 1024]
  })
  return new Map(sizes.sort((a, b) => a - b).map(bytes => [hugepageName(bytes), bytes]))
}

async function text(path: string): Promise<string> {
  return await ifMissing(readFile(path, 'utf8'), '')
}

async function lines(path: string): Promise<string[]> {
  return (await text(path)).split('\n').filter(line => line !== '')
}

async function words(path: string): Promise<string[]> {
  return (await text(path)).split(/\s+/).filter(word => word !== '')
}
