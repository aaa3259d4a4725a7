import {readdir, readFile, realpath, stat} from 'node:fs/promises'
import {basename, dirname, join} from 'node:path'
import {ifMissing, type Mount, mountOf, readMounts} from '../host/index.ts'

/** A whole disk, or a device that stands for one: io.max takes no partitions. */
export interface BlockDevice {
  /** `MAJOR:MINOR` */
  readonly number: string
  readonly name: string
}

/** A device that requests end at, where a scheduler or a cost model can weigh them. */
export interface Disk extends BlockDevice {
  /** `none`, `mq-deadline`, `bfq` … */
  readonly scheduler: string
}

/** The devices behind a path. */
export interface Backing {
  readonly path: string
  readonly fileSystem: string
  /** The devices that the file system writes to; several for a btrfs of several. */
  readonly devices: readonly BlockDevice[]
  /** What these consist of: dm, md and loop devices are followed down. */
  readonly disks: readonly Disk[]
  /** Why there is no device; null when there is. */
  readonly problem: string | null
}

/** Finds the devices behind a directory, or behind a device file. */
export async function findBacking(path: string, mounts?: readonly Mount[]): Promise<Backing> {
  const found = await ifMissing(stat(path), undefined)
  if (found === undefined) return nowhere(path, '', `${path} does not exist`)
  if (found.isBlockDevice()) return await backing(path, '', [numberOf(found.rdev)])
  const table = mounts ?? (await readMounts())
  const mount = await mountOf(path, table)
  const number = numberOf(found.dev)
  if (!number.startsWith('0:')) return await backing(path, mount.type, [number])
  if (mount.type === 'btrfs') return await backing(path, 'btrfs', await btrfsDevices(mount))
  const upper =
    mount.type === 'overlay' ? mount.superOptions.find(word => word.startsWith('upperdir=')) : undefined
  if (upper !== undefined) {
    const below = await findBacking(upper.slice('upperdir='.length), table)
    if (below.problem === null) return {...below, path}
  }
  return nowhere(path, mount.type, `${path} is on ${mount.type}, which has no block device`)
}

function nowhere(path: string, fileSystem: string, problem: string): Backing {
  return {path, fileSystem, devices: [], disks: [], problem}
}

async function backing(path: string, fileSystem: string, numbers: readonly string[]): Promise<Backing> {
  const devices = await Promise.all(numbers.map(wholeDevice))
  const known = devices.filter(device => device !== undefined)
  if (known.length === 0) return nowhere(path, fileSystem, `the device of ${path} is not in /sys`)
  const disks = (await Promise.all(known.map(({number}) => disksOf(number)))).flat()
  const unique = new Map(disks.map(disk => [disk.number, disk]))
  return {path, fileSystem, devices: known, disks: [...unique.values()], problem: null}
}

/** The disk that a partition is of; any other device is whole. */
async function wholeDevice(number: string): Promise<BlockDevice | undefined> {
  const directory = await ifMissing(realpath(`/sys/dev/block/${number}`), undefined)
  if (directory === undefined) return undefined
  const isPartition = (await textOf(join(directory, 'partition'))) !== ''
  const whole = isPartition ? dirname(directory) : directory
  return {number: await textOf(join(whole, 'dev')), name: basename(whole).replaceAll('!', '/')}
}

/** Down through dm and md (`slaves`) and loop (the file it shows), to devices with a queue of their own. */
async function disksOf(number: string): Promise<Disk[]> {
  const whole = await wholeDevice(number)
  if (whole === undefined) return []
  const directory = `/sys/dev/block/${whole.number}`
  const slaves = await ifMissing(readdir(join(directory, 'slaves')), [])
  const below = await Promise.all(
    slaves.map(async slave => await textOf(join(directory, 'slaves', slave, 'dev'))),
  )
  if (below.length > 0) return (await Promise.all(below.map(disksOf))).flat()
  const file = await textOf(join(directory, 'loop/backing_file'))
  if (file !== '') return [...(await findBacking(file)).disks]
  const schedulers = await textOf(join(directory, 'queue/scheduler'))
  return [{...whole, scheduler: /\[([^\]]+)\]/.exec(schedulers)?.[1] ?? 'none'}]
}

/** btrfs has a device number for each subvolume that is nobody's; its real devices are listed by its UUID. */
async function btrfsDevices({source}: Mount): Promise<string[]> {
  const member = await ifMissing(stat(source), undefined)
  const own = member?.isBlockDevice() ? numberOf(member.rdev) : ''
  for (const uuid of await ifMissing(readdir('/sys/fs/btrfs'), [])) {
    const directory = `/sys/fs/btrfs/${uuid}/devices`
    const names = await ifMissing(readdir(directory), [])
    const numbers = await Promise.all(names.map(name => textOf(join(directory, name, 'dev'))))
    if (numbers.includes(own)) return numbers
  }
  return own === '' ? [] : [own]
}

async function textOf(path: string): Promise<string> {
  return (await ifMissing(readFile(path, 'utf8'), '')).trim()
}

/** `MAJOR:MINOR` of a dev_t, see makedev(3). */
export function numberOf(device: number): string {
  const value = BigInt(device)
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n)
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffffff00n)
  return `${major}:${minor}`
}
