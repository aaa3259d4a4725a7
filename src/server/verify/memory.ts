import {readFile} from 'node:fs/promises'
import {setTimeout as sleep} from 'node:timers/promises'
import type {Resources} from '../../definition/index.ts'
import {meminfoBytes} from '../../resources/capacity/index.ts'
import {readRun} from '../run-state.ts'
import {compare, type Finding, judge, unproven} from './finding.ts'
import {groupCount, groupNumber, largestWhile} from './group-files.ts'
import {startProbe} from './probe.ts'
import {type Lab, type Sibling, startSibling} from './sibling.ts'

type Memory = Resources['memory']

const MIB = 1024 ** 2
/** How much more than its limit it tries to hold. */
const BEYOND = 64 * MIB
const TOLERANCE = 0.02
/** `high` forbids nothing: what goes on above it is made to wait longer the further above it is. */
const HIGH_TOLERANCE = 0.25
const SECONDS = 120
/** Above `high` a process is made to wait longer and longer: it need not come far. */
const HIGH_SECONDS = 10
/** Of the memory that the host has to give, the most that an experiment takes. */
const SAFE = 0.8
const GROUP_END_MS = 15_000

/** Holds more and more until it is killed, or until what it may swap is full as well. */
export async function verifyMemory(lab: Lab, memory: Memory): Promise<Finding[]> {
  return [
    ...(memory.limit === null ? [] : await limit(lab, memory, memory.limit)),
    ...(memory.high === null ? [] : [await high(lab, memory.high)]),
    ...(memory.oomGroup && memory.limit !== null ? [await oomGroup(lab, memory.limit)] : []),
  ]
}

async function limit(lab: Lab, {swap}: Memory, bytes: number): Promise<Finding[]> {
  const key = 'resources.memory.limit'
  const host = await hostMemory()
  const swapped = swapWanted(swap, host.swap)
  const danger = tooMuch(bytes + BEYOND, host.free)
  if (danger !== undefined) return [unproven(key, 'bytes', bytes, danger)]
  await using sibling = await startSibling(lab, {resources: {memory: {limit: bytes, swap}}})
  await using probe = await hoard(lab, sibling, bytes + (swapped ?? 0) + BEYOND)
  const watched = largestWhile(whenSettled(probe), sibling.group, 'memory.swap.current')
  const status = await whenSettled(probe)
  const measured = (await groupNumber(sibling.group, 'memory.peak')) ?? probe.last('held') ?? 0
  const killed = await groupCount(sibling.group, 'memory.events', 'oom_kill')
  const refused = await groupCount(sibling.group, 'memory.events', 'max')
  const ended = killed > 0 ? 'killed there' : refused > 0 ? 'went on in swap' : 'nothing stopped it there'
  const finding = judge({
    key,
    unit: 'bytes',
    asked: bytes,
    measured,
    tolerance: TOLERANCE,
    short: status === undefined ? `not reached within ${SECONDS} s` : undefined,
  })
  const wrong = finding.state === 'held' && (swapped === null ? refused === 0 : killed === 0)
  return [
    {...finding, state: wrong ? 'broken' : finding.state, note: finding.note ?? ended},
    ...(await swapFinding(sibling, swap, swapped, host.swap, await watched)),
  ]
}

/** Whatever the definition asks for, nobody gets more than the host has; null: no bound but that. */
function swapWanted(swap: Memory['swap'], hostSwap: number): number | null {
  if (hostSwap === 0 || swap === 'none') return 0
  return typeof swap === 'number' ? swap : null
}

async function swapFinding(
  {group}: Sibling,
  swap: Memory['swap'],
  wanted: number | null,
  host: number,
  sampled: number,
): Promise<Finding[]> {
  const key = 'resources.memory.swap'
  if (swap === null) return []
  if (host === 0) return [unproven(key, 'bytes', swap, 'the host has no swap')]
  if (wanted === null) return [unproven(key, 'bytes', swap, 'no limit but the swap that the host has')]
  if (wanted > host / 2)
    return [unproven(key, 'bytes', swap, 'it would take more than half of the swap that the host has')]
  if (wanted === 0) return [compare(key, 'bytes', 0, sampled)]
  const peak = await groupNumber(group, 'memory.swap.peak') // Linux 6.5
  const finding = judge({key, unit: 'bytes', asked: wanted, measured: peak ?? sampled, tolerance: TOLERANCE})
  const refused = (await groupCount(group, 'memory.swap.events', 'max')) > 0
  if (peak !== undefined || finding.state === 'held' || sampled > wanted || !refused) return [finding]
  return [
    {
      ...finding,
      state: 'held',
      note: 'refused more; this kernel keeps no peak, so the largest sample is told',
    },
  ]
}

async function high(lab: Lab, bytes: number): Promise<Finding> {
  const key = 'resources.memory.high'
  const host = await hostMemory()
  const danger = tooMuch(bytes + BEYOND, host.free)
  if (danger !== undefined) return unproven(key, 'bytes', bytes, danger)
  await using sibling = await startSibling(lab, {resources: {memory: {high: bytes, swap: 'none'}}})
  const words = ['hoard', bytes + BEYOND]
  await using probe = await startProbe(lab.context, sibling.name, SECONDS, words, lab.signal)
  const reached = await whenHigh(lab, sibling, whenSettled(probe))
  if (!reached) return unproven(key, 'bytes', bytes, `not reached within ${SECONDS} s`)
  // It is let go on for a while: held back, it does not come far.
  await Promise.race([whenSettled(probe), sleep(HIGH_SECONDS * 1000, undefined, {signal: lab.signal})])
  const measured = (await groupNumber(sibling.group, 'memory.peak')) ?? probe.last('held') ?? 0
  const note = `slowed down from there on, for ${HIGH_SECONDS} s`
  return {...judge({key, unit: 'bytes', asked: bytes, measured, tolerance: HIGH_TOLERANCE}), note}
}

async function whenHigh({signal}: Lab, {group}: Sibling, end: Promise<unknown>): Promise<boolean> {
  let ended = false
  void end.then(() => (ended = true))
  while (!ended) {
    if ((await groupCount(group, 'memory.events', 'high')) > 0) return true
    await sleep(20, undefined, {signal})
  }
  return (await groupCount(group, 'memory.events', 'high')) > 0
}

/** The server shall die whole: its init, which holds nothing, too. */
async function oomGroup(lab: Lab, bytes: number): Promise<Finding> {
  const key = 'resources.memory.oomGroup'
  const host = await hostMemory()
  const danger = tooMuch(bytes + BEYOND, host.free)
  if (danger !== undefined) return unproven(key, 'text', 'whole', danger)
  const resources = {memory: {limit: bytes, swap: 'none', oomGroup: true}}
  await using sibling = await startSibling(lab, {resources})
  await using probe = await hoard(lab, sibling, bytes + BEYOND)
  await whenSettled(probe)
  const deadline = performance.now() + GROUP_END_MS
  const runs = (): boolean => readRun(lab.context.paths, sibling.name).kind === 'alive'
  while (runs() && performance.now() < deadline) await sleep(20, undefined, {signal: lab.signal})
  return compare(key, 'text', 'the server ends', runs() ? 'one process ends' : 'the server ends')
}

type Probing = Awaited<ReturnType<typeof startProbe>>

async function hoard(lab: Lab, {name}: Sibling, bytes: number): Promise<Probing> {
  return await startProbe(lab.context, name, SECONDS, ['hoard', bytes], lab.signal)
}

/** Its status when it was killed, 0 when it holds what it wanted; undefined when its time was over. */
async function whenSettled(probe: Probing): Promise<number | undefined> {
  const ALARM = 142
  const status = await Promise.race([
    probe.status,
    probe.said('end').then(
      () => 0,
      () => probe.status,
    ),
  ])
  return status === ALARM ? undefined : status
}

async function hostMemory(): Promise<{free: number; swap: number}> {
  const text = await readFile('/proc/meminfo', 'utf8')
  return {free: meminfoBytes(text, 'MemAvailable'), swap: meminfoBytes(text, 'SwapFree')}
}

function tooMuch(bytes: number, free: number): string | undefined {
  if (bytes <= free * SAFE) return undefined
  return `the host has not so much memory to spare (${Math.floor(free / MIB)} MiB are free)`
}
