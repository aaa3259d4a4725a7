import {setTimeout as sleep} from 'node:timers/promises'
import {formatCpuList, type Resources} from '../../definition/index.ts'
import {compare, type Finding, judge, unproven} from './finding.ts'
import {type CpuSample, sampleCpu} from './group-files.ts'
import {startProbe} from './probe.ts'
import {type Lab, type Sibling, startSibling} from './sibling.ts'

type Cpu = Resources['cpu']

/** How long it burns before it is measured, and how long that lasts: many periods of the kernel's accounting, 100 ms each. */
const WARM_MS = 500
const WINDOW_MS = 3000
const WINDOWS = 3
const PERIOD_MS = 100

const TOLERANCE = 0.05
/** On a host with time to spare, who wants more than his ceiling is held back in every period. */
const MOSTLY = 0.9

/** Which processors a sibling sees; and how much it gets of them when it burns one thread more than there are. */
export async function verifyCpu(lab: Lab, cpu: Cpu): Promise<Finding[]> {
  const {limit, burst, cores, cpus, dedicated} = cpu
  const refused =
    dedicated === null
      ? []
      : [
          unproven(
            'resources.cpu.dedicated',
            'cpus',
            dedicated,
            'processors are not taken from others to try it',
          ),
        ]
  if (limit === null && cores === null && cpus === null) return refused
  await using sibling = await startSibling(lab, {resources: {cpu: {limit, burst, cpus, cores}}})
  await using look = await startProbe(lab.context, sibling.name, 30, ['look'], lab.signal)
  await look.status
  const seen = look.every('processor').map(Number)
  return [
    ...refused,
    ...(cpus === null ? [] : [compare('resources.cpu.cpus', 'text', cpus, formatCpuList(seen))]),
    ...(cores === null ? [] : [compare('resources.cpu.cores', 'cpus', cores, seen.length)]),
    ...(limit === null ? [] : [await ceiling(lab, sibling, limit, burst ?? 0, seen.length)]),
  ]
}

async function ceiling(
  {context, signal}: Lab,
  {name, group}: Sibling,
  limit: number,
  burst: number,
  processors: number,
): Promise<Finding> {
  const key = 'resources.cpu.limit'
  if (limit >= processors)
    return unproven(key, 'cpus', limit, `no ceiling below the ${processors} processors that it may use`)
  const seconds = Math.ceil((WARM_MS + WINDOWS * WINDOW_MS) / 1000) + 2
  await using probe = await startProbe(context, name, 4 * seconds, ['burn', processors + 1, seconds], signal)
  await probe.said('start')
  await sleep(WARM_MS, undefined, {signal})
  for (let window = 1; ; window++) {
    const before = sampleCpu(group)
    await sleep(WINDOW_MS, undefined, {signal})
    const finding = judgeWindow(limit, burst, before, sampleCpu(group))
    // Other work on the host, and timers that come late, disturb one window and then another: a wrong limit disturbs all.
    if (finding.state === 'held' || window === WINDOWS) return finding
  }
}

function judgeWindow(limit: number, burst: number, before: CpuSample, after: CpuSample): Finding {
  const wallMs = after.at - before.at
  const held = (after.throttled - before.throttled) / Math.max(1, after.periods - before.periods)
  // What was saved up may be used on top, once.
  const saved = (burst * PERIOD_MS) / wallMs / limit
  return judge({
    key: 'resources.cpu.limit',
    unit: 'cpus',
    asked: limit,
    measured: (after.usedUs - before.usedUs) / 1000 / wallMs,
    tolerance: TOLERANCE + saved,
    short: held < MOSTLY ? 'the host had not more to give: other work kept it below its ceiling' : undefined,
  })
}
