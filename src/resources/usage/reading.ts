import {type Bound, type IoDevice, parseBound, parseFlat, parseIoDevices, parseQuota} from './cgroup-text.ts'
import {readIfThere} from './files.ts'
import {type Pressures, readPressures} from './pressure.ts'

/** What a cgroup's files say of memory, swap, or pids. `null`: no such file, so no such controller. */
export interface Gauge {
  readonly current: number | null
  /** The largest `current` there has been, where the kernel keeps it. */
  readonly peak: number | null
  readonly min: Bound
  readonly high: Bound
  readonly max: Bound
}

/** A running server's cgroup, read once. */
export interface GroupReading {
  /** In CPUs. */
  readonly cpuLimit: Bound
  readonly memory: Gauge
  readonly swap: Gauge
  readonly pids: Gauge
  /** By the kernel's device number, 8:0. */
  readonly io: ReadonlyMap<string, IoDevice>
  /** By the kernel's size word, 2MB. */
  readonly hugepages: ReadonlyMap<string, Gauge>
  readonly pressure: Pressures | null
}

/**
 * Reads what `vps usage` shows of a cgroup.
 * @param group the directory that the server's processes are in
 * @param hugepageSizes as the kernel spells them in file names, 2MB
 */
export function readGroup(group: string, hugepageSizes: readonly string[]): GroupReading {
  const text = (file: string) => readIfThere(`${group}/${file}`)
  const gauge = (prefix: string): Gauge => ({
    current: parseFlat(text(`${prefix}.current`)),
    peak: parseFlat(text(`${prefix}.peak`)),
    min: parseBound(text(`${prefix}.min`)),
    high: parseBound(text(`${prefix}.high`)),
    max: parseBound(text(`${prefix}.max`)),
  })
  return {
    cpuLimit: parseQuota(text('cpu.max')),
    memory: gauge('memory'),
    swap: gauge('memory.swap'),
    pids: gauge('pids'),
    io: parseIoDevices(text('io.stat'), text('io.max')),
    hugepages: new Map(
      hugepageSizes
        .map(size => [size, gauge(`hugetlb.${size}`)] as const)
        .filter(([, {current}]) => current !== null),
    ),
    pressure: readPressures(group),
  }
}
