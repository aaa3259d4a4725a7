import type {Bound, IoDevice} from './cgroup-text.ts'
import type {Ledger} from './ledger.ts'
import type {Gauge, GroupReading} from './reading.ts'

/** One resource of a server, in the manner of /proc/user_beancounters. */
export interface ResourceUse {
  /** Of `held` and `maxheld`. Limits of a cumulative resource (cpu, io) are per second: CPUs, bytes a second. */
  readonly unit: 'bytes' | 'microseconds' | 'count'
  /** Now, or in all for what only grows; `null`: not known here. */
  readonly held: number | null
  /** The largest `held` since the accounts began. */
  readonly maxheld: number | null
  readonly guarantee: Bound
  readonly high: Bound
  readonly limit: Bound
  /** How often the kernel refused. */
  readonly failcnt: number | null
  /** False: this kernel keeps no peak; `maxheld` is the largest of samples, and what was between them is not seen. */
  readonly exact: boolean
}

/** Which peaks a kernel keeps itself. */
export interface KernelPeaks {
  readonly memory: boolean
  readonly swap: boolean
  readonly pids: boolean
}

/** What is known of a server's use. */
export interface Accounts {
  /** None before its first start. */
  readonly ledger: Ledger | undefined
  /** Only of a running server. */
  readonly reading: GroupReading | undefined
  /** How many CPUs it has for itself. */
  readonly dedicatedCpus: number | null
  readonly peaks: KernelPeaks
}

/** The resources of one server by name, in the order in which they are shown. */
export function resourceUses({ledger, reading, dedicatedCpus, peaks}: Accounts): Record<string, ResourceUse> {
  const count = (name: string): number | null => ledger?.totals.get(name) ?? null
  const gauge = (
    unit: ResourceUse['unit'],
    found: Gauge | undefined,
    peakName: string,
    failcnt: number | null,
    kept: boolean,
  ): ResourceUse => {
    // A server that does not run holds nothing, if anything is known of the resource at all.
    const held = found === undefined ? (count(peakName) === null ? null : 0) : found.current
    const recorded = count(peakName)
    const maxheld = recorded === null ? null : Math.max(recorded, held ?? 0)
    return {
      unit,
      held,
      maxheld,
      guarantee: found?.min ?? null,
      high: found?.high ?? null,
      limit: found?.max ?? null,
      failcnt,
      exact: maxheld === null || (kept && (found?.peak ?? 0) <= maxheld),
    }
  }
  const total = (unit: ResourceUse['unit'], name: string, limit: Bound = null): ResourceUse => ({
    ...NOTHING,
    unit,
    held: count(name),
    limit,
  })
  return {
    cpu: {
      ...total('microseconds', 'cpu_usec', reading?.cpuLimit ?? null),
      guarantee: dedicatedCpus,
      failcnt: count('cpu_throttled'),
    },
    cpuThrottled: total('microseconds', 'cpu_throttled_usec'),
    memory: gauge('bytes', reading?.memory, 'memory_peak', count('memory_max'), peaks.memory),
    swap: gauge('bytes', reading?.swap, 'swap_peak', count('swap_fail') ?? count('swap_max'), peaks.swap),
    pids: gauge('count', reading?.pids, 'pids_peak', count('pids_max'), peaks.pids),
    ioReadBytes: total('bytes', 'io_rbytes', lowest(reading, 'rbps')),
    ioWriteBytes: total('bytes', 'io_wbytes', lowest(reading, 'wbps')),
    ioReads: total('count', 'io_rios', lowest(reading, 'riops')),
    ioWrites: total('count', 'io_wios', lowest(reading, 'wiops')),
    ...hugepageUses(reading, ledger),
    oom: {...NOTHING, failcnt: count('memory_oom')},
    oomKills: {...NOTHING, failcnt: count('memory_oom_kill')},
  }
}

const NOTHING: ResourceUse = {
  unit: 'count',
  held: null,
  maxheld: null,
  guarantee: null,
  high: null,
  limit: null,
  failcnt: null,
  exact: true,
}

/** Limits are a device's; what is shown is the tightest. */
function lowest(reading: GroupReading | undefined, key: 'rbps' | 'wbps' | 'riops' | 'wiops'): Bound {
  const bounds = [...(reading?.io.values() ?? [])].map((device: IoDevice) => device[key])
  const numbers = bounds.filter(bound => typeof bound === 'number')
  if (numbers.length > 0) return Math.min(...numbers)
  return bounds.includes('max') ? 'max' : null
}

/** Of every size that the server's cgroup or its ledger knows. The kernel keeps no peak of them. */
function hugepageUses(
  reading: GroupReading | undefined,
  ledger: Ledger | undefined,
): Record<string, ResourceUse> {
  const counted = [...(ledger?.totals.keys() ?? [])].flatMap(
    name => /^hugetlb_(\w+)_max$/.exec(name)?.[1] ?? [],
  )
  const sizes = new Set([...(reading?.hugepages.keys() ?? []), ...counted])
  return Object.fromEntries(
    [...sizes].map(size => {
      const found = reading?.hugepages.get(size)
      const use: ResourceUse = {
        ...NOTHING,
        unit: 'bytes',
        held: reading === undefined ? 0 : (found?.current ?? null),
        limit: found?.max ?? null,
        failcnt: ledger?.totals.get(`hugetlb_${size}_max`) ?? null,
      }
      return [`hugepages${binarySize(size)}`, use]
    }),
  )
}

/** The kernel says 2MB and means 2 MiB. */
function binarySize(size: string): string {
  return size.replace(/B$/, 'iB')
}
