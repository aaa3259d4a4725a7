import type {Definition, Path} from '../definition/index.ts'
import type {Backing, Disk} from './block-device.ts'
import type {Wishes} from './wishes.ts'

type Io = Definition['resources']['io']
type Rates = Io['read']

/** File systems that tell which cgroup a page of their cache belongs to when it is written (SB_I_CGROUPWB). */
const WRITEBACK: ReadonlySet<string> = new Set(['ext2', 'ext4', 'xfs', 'btrfs', 'f2fs'])
/** io.bfq.weight knows 1 to 1000. */
const LARGEST_BFQ = 1000

export function ioLimits(wishes: Wishes, io: Io): void {
  const {facts} = wishes
  const lines = new Map<string, DeviceLine>()
  ceilings(wishes, lines, ['resources', 'io'], facts.storage, io)
  for (const [index, entry] of io.devices.entries()) {
    const key = ['resources', 'io', 'devices', index]
    const backing = facts.devices.get(entry.device)
    if (backing === undefined || backing.problem !== null)
      wishes.refuse(
        [...key, 'device'],
        'io',
        backing?.problem ?? `${entry.device} was not looked at`,
        'name a block device, or a directory on one',
      )
    else ceilings(wishes, lines, key, backing, entry)
  }
  for (const [number, {key, words}] of lines) {
    const value = ['rbps', 'wbps', 'riops', 'wiops'].map(word => `${word}=${words[word] ?? 'max'}`)
    wishes.want(key, 'payload', 'io.max', `${number} ${value.join(' ')}`)
  }
  if (io.latency !== null) latency(wishes, io.latency)
  if (io.weight !== null) weight(wishes, io.weight)
}

/** One line of io.max. */
interface DeviceLine {
  /** The first key that asked for a part of it. */
  readonly key: Path
  readonly words: Record<string, string>
}

function ceilings(
  wishes: Wishes,
  lines: Map<string, DeviceLine>,
  base: Path,
  backing: Backing,
  {read, write}: {readonly read: Rates; readonly write: Rates},
): void {
  const rates = [
    ['read', 'bps', 'rbps', read.bps],
    ['write', 'bps', 'wbps', write.bps],
    ['read', 'iops', 'riops', read.iops],
    ['write', 'iops', 'wiops', write.iops],
  ] as const
  for (const [way, unit, word, amount] of rates) {
    const key = [...base, way, unit]
    if (amount === null || !isEnforceable(wishes, key, backing, way)) continue
    for (const {number} of backing.devices) {
      const line = lines.get(number) ?? {key, words: {}}
      line.words[word] = String(amount)
      lines.set(number, line)
    }
  }
}

function isEnforceable(wishes: Wishes, key: Path, backing: Backing, way: 'read' | 'write'): boolean {
  if (!wishes.allows(key, 'io') || !hasDevice(wishes, key, backing)) return false
  const idle = backing.devices.filter(({number}) => wishes.facts.ineffective.has(number))
  if (idle.length > 0) {
    const names = idle.map(({name}) => name).join(', ')
    wishes.refuse(
      key,
      'io',
      `io.max has no effect on ${names}: a ceiling was tried and did not hold`,
      'use a disk on which it has',
    )
    return false
  }
  if (way === 'read') return true
  if (backing.fileSystem !== '' && !WRITEBACK.has(backing.fileSystem)) {
    wishes.refuse(
      key,
      'io',
      `${backing.fileSystem} does not say whose pages it writes, so writes through the page cache would not count`,
      'put the servers on ext4, xfs, btrfs or f2fs',
    )
    return false
  }
  // Without memory's cgroups nobody knows whose a page in the cache is.
  return wishes.allows(key, 'memory')
}

function hasDevice(wishes: Wishes, key: Path, {problem}: Backing): boolean {
  if (problem !== null)
    wishes.refuse(key, 'io', problem, 'put the servers on a file system that is on a disk')
  return problem === null
}

/** Counts among the servers, as a weight does: the kernel slows down the neighbours of the one that waits too long. */
function latency(wishes: Wishes, milliseconds: number): void {
  const key = ['resources', 'io', 'latency']
  const {storage} = wishes.facts
  if (!wishes.allows(key, 'io') || !hasDevice(wishes, key, storage)) return
  for (const {number} of storage.devices)
    wishes.want(key, 'server', 'io.latency', `${number} target=${Math.round(milliseconds * 1000)}`)
}

/** Weights need somebody who weighs: the BFQ scheduler or the io.cost model, on every disk below. */
function weight(wishes: Wishes, amount: number): void {
  const key = ['resources', 'io', 'weight']
  const {storage, costModels} = wishes.facts
  if (!wishes.allows(key, 'io') || !hasDevice(wishes, key, storage)) return
  const text = `default ${amount}`
  const {disks} = storage
  if (disks.length > 0 && disks.every(({scheduler}) => scheduler === 'bfq')) {
    if (amount <= LARGEST_BFQ) wishes.want(key, 'server', 'io.bfq.weight', String(amount), text)
    else
      wishes.refuse(
        key,
        'io',
        `the bfq scheduler knows weights up to ${LARGEST_BFQ}`,
        'ask for a smaller one',
      )
  } else if (disks.length > 0 && disks.every(({number}) => costModels.has(number)))
    wishes.want(key, 'server', 'io.weight', text)
  else refuseWeight(wishes, disks, costModels)
}

function refuseWeight(wishes: Wishes, disks: readonly Disk[], costModels: ReadonlySet<string>): void {
  const key = ['resources', 'io', 'weight']
  const idle = disks.filter(({number, scheduler}) => scheduler !== 'bfq' && !costModels.has(number))
  const named = idle.length > 0 ? idle : disks
  const example = named[0] ?? {name: 'DISK', number: 'MAJOR:MINOR'}
  wishes.refuse(
    key,
    'io',
    `nothing weighs requests on ${named.map(({name, scheduler}) => `${name} (scheduler ${scheduler})`).join(', ')}`,
    `\`echo bfq > /sys/block/${example.name}/queue/scheduler\`, or \`echo "${example.number} enable=1" > ${wishes.facts.cgroups.mount}/io.cost.qos\``,
  )
}
