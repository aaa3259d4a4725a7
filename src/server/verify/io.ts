import {open, statfs} from 'node:fs/promises'
import {join} from 'node:path'
import type {Resources} from '../../definition/index.ts'
import {type Finding, judge, unproven} from './finding.ts'
import {startProbe} from './probe.ts'
import {type Lab, startSibling} from './sibling.ts'

type Way = 'read' | 'write'
type Rate = 'bps' | 'iops'

const TOLERANCE = 0.15
const KIB = 1024
const PAGE = 4 * KIB
const FILE = 'verify-data'
const FILE_BYTES = 32 * KIB * KIB
const SECONDS = 4

/** Reads and writes past the page cache, each ceiling in a sibling that has no other. */
export async function verifyIo(lab: Lab, io: Resources['io']): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const way of ['read', 'write'] as const)
    for (const rate of ['bps', 'iops'] as const) {
      const asked = io[way][rate]
      if (asked !== null) findings.push(await ceiling(lab, way, rate, asked))
    }
  return findings
}

async function ceiling(lab: Lab, way: Way, rate: Rate, asked: number): Promise<Finding> {
  const key = `resources.io.${way}.${rate}`
  const unit = rate === 'bps' ? 'bytes/s' : 'operations/s'
  const {context, signal} = lab
  const {bavail, bsize} = await statfs(context.paths.servers)
  if (bavail * bsize < 4 * FILE_BYTES)
    return unproven(key, unit, asked, `less than ${(4 * FILE_BYTES) / KIB / KIB} MiB are free on the disk`)
  await using sibling = await startSibling(lab, {resources: {io: {[way]: {[rate]: asked}}}}, prepare)
  const words = ['transfer', way, `/${FILE}`, FILE_BYTES, rate === 'bps' ? blockOf(asked) : PAGE, SECONDS]
  await using probe = await startProbe(context, sibling.name, 60, words, signal)
  await probe.said('wall_usec')
  const count = probe.last(rate === 'bps' ? 'bytes' : 'operations') ?? 0
  const measured = count / ((probe.last('wall_usec') ?? Number.NaN) / 1e6)
  return judge({
    key,
    unit,
    asked,
    measured,
    tolerance: TOLERANCE,
    short: 'the disk gave less than the ceiling',
  })
}

/** Small enough for many in the time of the experiment, large enough not to be a matter of operations. */
function blockOf(bytesPerSecond: number): number {
  return Math.min(KIB * KIB, Math.max(PAGE, Math.floor(bytesPerSecond / 20 / PAGE) * PAGE))
}

/** Written from outside: the ceiling of the sibling shall not be used up for it. Nothing of it is left to be allocated. */
async function prepare(upper: string): Promise<void> {
  const file = await open(join(upper, FILE), 'wx', 0o600)
  try {
    const block = Buffer.alloc(KIB * KIB, 'vps')
    for (let at = 0; at < FILE_BYTES; at += block.length) await file.write(block)
    await file.sync()
  } finally {
    await file.close()
  }
}
