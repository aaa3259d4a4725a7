import {type Bound, parseBound, parseFlat, parseIoDevices, parseKeyed, parseQuota} from './cgroup-text.ts'
import {readIfThere} from './files.ts'
import {type RecentPressure, readRecentPressure} from './pressure.ts'

/** One look at a running server: what `vps top` compares with the next. */
export interface Sample {
  /** Milliseconds of a clock that only goes forward. */
  readonly at: number
  readonly cpuUsec: number | null
  readonly cpuLimit: Bound
  readonly memory: number | null
  readonly memoryLimit: Bound
  readonly pids: number | null
  readonly pidsLimit: Bound
  /** In all so far; `null` without the io controller. */
  readonly ioReadBytes: number | null
  readonly ioWriteBytes: number | null
  readonly pressure: RecentPressure | null
}

/** How fast two looks say it went, per second of the time between them. */
export interface Rates {
  /** 100 is one processor kept busy. */
  readonly cpuPercent: number | null
  readonly ioReadBytesPerSecond: number | null
  readonly ioWriteBytesPerSecond: number | null
}

/** Ten small files of the cgroup that the server's processes are in; no directory is listed. */
export function takeSample(group: string, at = performance.now()): Sample {
  const text = (file: string) => readIfThere(`${group}/${file}`)
  const stat = text('io.stat')
  const devices = [...parseIoDevices(stat, undefined).values()]
  const sum = (key: 'rbytes' | 'wbytes') =>
    stat === undefined ? null : devices.reduce((total, device) => total + device[key], 0)
  return {
    at,
    cpuUsec: parseKeyed(text('cpu.stat')).get('usage_usec') ?? null,
    cpuLimit: parseQuota(text('cpu.max')),
    memory: parseFlat(text('memory.current')),
    memoryLimit: parseBound(text('memory.max')),
    pids: parseFlat(text('pids.current')),
    pidsLimit: parseBound(text('pids.max')),
    ioReadBytes: sum('rbytes'),
    ioWriteBytes: sum('wbytes'),
    pressure: readRecentPressure(group),
  }
}

/** Nothing is known without an earlier look, or when the counters began anew in between (the server was started again). */
export function ratesBetween(earlier: Sample | undefined, later: Sample): Rates {
  const perSecond = (key: 'cpuUsec' | 'ioReadBytes' | 'ioWriteBytes'): number | null => {
    const before = earlier?.[key] ?? null
    const after = later[key]
    if (earlier === undefined || before === null || after === null || after < before) return null
    return later.at > earlier.at ? ((after - before) * 1000) / (later.at - earlier.at) : null
  }
  const usec = perSecond('cpuUsec')
  return {
    cpuPercent: usec === null ? null : usec / 1e4,
    ioReadBytesPerSecond: perSecond('ioReadBytes'),
    ioWriteBytesPerSecond: perSecond('ioWriteBytes'),
  }
}
