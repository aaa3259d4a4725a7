import {readFile} from 'node:fs/promises'
import {readCpuList} from '../cpu-list.ts'
import type {ResourceName} from './promises.ts'

/** What this host has of each resource: processors online, bytes of memory and of swap, tasks. */
export type HostCapacity = Readonly<Record<ResourceName, number>>

export async function hostCapacity(): Promise<HostCapacity> {
  const [online, meminfo, most, threads] = await Promise.all(
    [
      '/sys/devices/system/cpu/online',
      '/proc/meminfo',
      '/proc/sys/kernel/pid_max',
      '/proc/sys/kernel/threads-max',
    ].map(path => readFile(path, 'utf8')),
  )
  return {
    cpus: readCpuList(String(online)).length,
    memory: meminfoBytes(String(meminfo), 'MemTotal'),
    swap: meminfoBytes(String(meminfo), 'SwapTotal'),
    pids: Math.min(Number(most), Number(threads)),
  }
}

/** A line of proc_meminfo(5), in bytes. */
export function meminfoBytes(text: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)
  if (found === null) throw new Error(`no ${name} in /proc/meminfo`)
  return Number(found[1]) * 1024
}
