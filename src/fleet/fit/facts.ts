/*
 * What this host has, for the question whether a fleet fits.
 */
import {readFile, statfs} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {errno, type HostPaths, ifMissing} from '../../host/index.ts'
import {cgroupPlace} from '../../resources/index.ts'
import {KERNEL_NEEDS, type KernelFacts} from './kernel.ts'

/** Free bytes and inodes of a file system. */
export interface DiskFacts {
  readonly bytes: number
  /** `Infinity` where the file system makes them as it needs them. */
  readonly inodes: number
}

/** The numbers of /proc that `KERNEL_NEEDS` and its counts are about. */
export async function readKernelFacts(): Promise<KernelFacts> {
  const facts = new Map<string, number>()
  const note = async (name: string, path: string, pick: (text: string) => number) => {
    const value = pick(await ifMissing(readFile(path, 'utf8'), ''))
    if (Number.isFinite(value)) facts.set(name, value)
  }
  const first = (text: string): number => Number.parseInt(text, 10)
  await Promise.all([
    ...KERNEL_NEEDS.map(name => note(name, `/proc/sys/${name.replaceAll('.', '/')}`, first)),
    note('tasks', '/proc/loadavg', text => Number(/\/(\d+)/.exec(text)?.[1] ?? Number.NaN)),
    note('neighbours4', '/proc/net/stat/arp_cache', entriesOf),
    note('neighbours6', '/proc/net/stat/ndisc_cache', entriesOf),
    note('connections', '/proc/sys/net/netfilter/nf_conntrack_count', first),
    note('files', '/proc/sys/fs/file-nr', first),
    note('terminals', '/proc/sys/kernel/pty/nr', first),
  ])
  return facts
}

/** The first column of the first row after the heading, in hexadecimal: entries of the whole table. */
function entriesOf(text: string): number {
  const [, row = ''] = text.split('\n')
  return Number.parseInt(row.trim().split(/\s+/)[0] ?? '', 16)
}

/** Of the file system that servers' files are on, or will be. */
export async function readDisk(path: string): Promise<DiskFacts> {
  try {
    const {bavail, bsize, files, ffree} = await statfs(path)
    return {bytes: bavail * bsize, inodes: files === 0 ? Number.POSITIVE_INFINITY : ffree}
  } catch (error) {
    if (errno(error) !== 'ENOENT' || path === '/') throw error
    return await readDisk(dirname(path))
  }
}

/** How many cgroups there may be below that of all servers, and how many there are; `undefined` when nothing bounds them. */
export async function readGroups(paths: HostPaths): Promise<{most: number; present: number} | undefined> {
  const {parent, mount} = await cgroupPlace(paths)
  const ways: string[] = []
  for (let at = parent; at.startsWith(mount) && at !== mount; at = dirname(at)) ways.push(at)
  let least: {most: number; present: number} | undefined
  for (const directory of [...ways, mount]) {
    const most = Number.parseInt(await text(join(directory, 'cgroup.max.descendants')), 10)
    const present = Number(
      /^nr_descendants (\d+)$/m.exec(await text(join(directory, 'cgroup.stat')))?.[1] ?? 0,
    )
    if (Number.isNaN(most)) continue // `max`, or a root, which has none
    if (least === undefined || most - present < least.most - least.present) least = {most, present}
  }
  return least
}

async function text(path: string): Promise<string> {
  return await ifMissing(readFile(path, 'utf8'), '')
}
