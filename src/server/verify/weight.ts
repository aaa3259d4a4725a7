import {setTimeout as sleep} from 'node:timers/promises'
import type {Resources} from '../../definition/index.ts'
import {type Finding, judge} from './finding.ts'
import {sampleCpu} from './group-files.ts'
import {type Probe, startProbe} from './probe.ts'
import {type Lab, type Sibling, startSibling} from './sibling.ts'

const WARM_MS = 500
const WINDOW_MS = 4000
const SECONDS = 8

const TOLERANCE = 0.1
/** What an idle server may get of a processor that somebody else wants, as a part of the other's. */
const IDLE_SHARE = 0.02

/** Two siblings burn on one processor; the other one has half the weight, so that both get enough to be measured. */
export async function verifyWeight(
  lab: Lab,
  weight: NonNullable<Resources['cpu']['weight']>,
  processor: number,
): Promise<Finding> {
  const other = weight === 'idle' ? 100 : Math.max(1, Math.round(weight / 2)) + (weight === 1 ? 1 : 0)
  const on = (value: number | 'idle') => ({resources: {cpu: {cpus: String(processor), weight: value}}})
  await using ours = await startSibling(lab, on(weight))
  await using theirs = await startSibling(lab, on(other))
  await using first = await burn(lab, ours)
  await using second = await burn(lab, theirs)
  await Promise.all([first.said('start'), second.said('start')])
  await sleep(WARM_MS, undefined, {signal: lab.signal})
  const before = [ours, theirs].map(({group}) => sampleCpu(group).usedUs)
  await sleep(WINDOW_MS, undefined, {signal: lab.signal})
  const after = [ours, theirs].map(({group}) => sampleCpu(group).usedUs)
  const [used = 0, beside = 0] = after.map((value, index) => value - (before[index] ?? 0))
  const share = used / Math.max(1, beside)
  const key = 'resources.cpu.weight'
  if (weight !== 'idle')
    return judge({
      key,
      unit: 'share',
      asked: weight / other,
      measured: share,
      tolerance: TOLERANCE,
      note: `the time of a server of weight ${other} on the same processor, in parts of which it was measured`,
    })
  return {
    key,
    unit: 'share',
    asked: 'idle',
    measured: share,
    deviation: null,
    tolerance: IDLE_SHARE,
    state: share <= IDLE_SHARE ? 'held' : 'broken',
    note: 'in parts of the time of a server of weight 100 on the same processor',
  }
}

async function burn({context, signal}: Lab, {name}: Sibling): Promise<Probe> {
  return await startProbe(context, name, 4 * SECONDS, ['burn', 1, SECONDS], signal)
}
