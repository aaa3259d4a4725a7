import {readFile} from 'node:fs/promises'
import {meminfoBytes} from '../../resources/capacity/index.ts'
import {type Finding, judge, unproven} from './finding.ts'
import {groupNumber} from './group-files.ts'
import {startProbe} from './probe.ts'
import {type Lab, startSibling} from './sibling.ts'

/** What the kernel takes for a process that does nothing, generously. */
const BYTES_EACH = 256 * 1024
const MORE = 16
const SECONDS = 120
/** The init of a server, the probe, and one that it makes. */
const LEAST = 3

/** Forks until the kernel refuses, and counts from outside what lives then. */
export async function verifyPids({context, signal, ...lab}: Lab, pids: number): Promise<Finding> {
  const key = 'resources.pids'
  if (pids < LEAST) return unproven(key, 'tasks', pids, 'too few for a server and a probe in it')
  const free = meminfoBytes(await readFile('/proc/meminfo', 'utf8'), 'MemAvailable')
  if (pids * BYTES_EACH > free / 2)
    return unproven(key, 'tasks', pids, 'the host has not the memory for so many processes')
  await using sibling = await startSibling({context, signal, ...lab}, {resources: {pids}})
  await using probe = await startProbe(context, sibling.name, SECONDS, ['breed', pids + MORE], signal)
  await probe.said('children')
  const measured = (await groupNumber(sibling.group, 'pids.current')) ?? 0
  const [refused] = probe.every('refused')
  const finding = judge({key, unit: 'tasks', asked: pids, measured, tolerance: 0})
  probe.release()
  return {
    ...finding,
    note: refused === undefined ? 'nothing was refused' : `the next one was refused (${refused})`,
  }
}
