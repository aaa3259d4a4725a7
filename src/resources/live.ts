import {readFile, writeFile} from 'node:fs/promises'
import {basename, dirname, join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {formatBytes, formatCpuList, type Path} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {errno, ifMissing} from '../host/index.ts'
import {inMiB} from './bytes.ts'
import type {ResourceFacts} from './facts.ts'
import {awaitLimit, groupDirectory, notKept, readLimit, WRITTEN_MS} from './group-files.ts'
import {identityOf, type Limit, unlimited} from './limit.ts'
import {setUnitProperties} from './scope.ts'
import {unitProperty} from './unit.ts'

/** A running server's cgroup, and whether it is a unit of systemd. */
export interface LiveGroup {
  readonly directory: string
  readonly systemd: boolean
}

/** A value that was there before: written back when a change is undone, the last one first. */
export interface OldValue {
  /** The file, absolute. */
  readonly path: string
  readonly value: string
}

/** One write of a change. */
interface Step {
  readonly limit: Limit
  readonly old: string
}

/** How a change speaks of itself. */
export interface Telling {
  readonly progress: (line: string) => void
  /** Where a key of the definition is: `web1.yaml:14:5 resources.memory.limit` */
  readonly place: (key: Path) => string
}

/** How long memory may take to shrink before the change is given up. */
const SHRINK_MS = 5_000

/**
 * A kernel that is asked for two things may refuse the second because of the first: an idle cgroup takes no weight, a burst may
 * not exceed its quota. In this order nothing stands in the way of what follows.
 */
const ORDER = [
  'cpu.idle=0',
  'cpu.weight',
  'cpu.idle=1',
  'cpu.max.burst=0',
  'cpu.max',
  'cpu.max.burst',
  'memory.max',
]

/**
 * What has to be written so that a server that was started with `before` has `after`: only what the kernel does not have yet.
 * Limits that are no longer wanted go back to the kernel's default.
 * @param host for its CPUs
 */
export async function liveSteps(
  {directory}: LiveGroup,
  before: readonly Limit[],
  after: readonly Limit[],
  host: Pick<ResourceFacts, 'cpus'>,
): Promise<Step[]> {
  const wanted = new Map(after.map(limit => [identityOf(limit), limit]))
  const gone = before.filter(limit => !wanted.has(identityOf(limit))).map(limit => withoutLimit(limit, host))
  const steps: Step[] = []
  for (const limit of [...gone, ...after]) {
    const present = await readLimit(directory, limit)
    if (present === undefined && gone.includes(limit)) continue
    if (present === undefined) throw notKept(directory, limit, undefined)
    if (present !== limit.expect) steps.push({limit, old: present})
  }
  return await inOrder(directory, steps)
}

/** The limit's file as it is when nobody limits anything. A cpuset with processes in it cannot be made empty: it gets all CPUs. */
export function withoutLimit(limit: Limit, {cpus}: Pick<ResourceFacts, 'cpus'>): Limit {
  const value = limit.file === 'cpuset.cpus' ? formatCpuList(cpus) : unlimited(limit)
  return {...limit, value, expect: value}
}

/** What to write back, should the change fail, in the order of the change. */
export function oldValues({directory}: LiveGroup, steps: readonly Step[]): OldValue[] {
  return steps.map(({limit: {group, file}, old}) => ({
    path: join(groupDirectory(directory, group), file),
    value: old,
  }))
}

/** Makes the change. The caller undoes it when this throws. */
export async function applySteps(group: LiveGroup, steps: readonly Step[], telling: Telling): Promise<void> {
  for (const {limit} of steps) {
    if (limit.file === 'memory.max') await shrinkMemory(group, limit, telling)
    const path = join(groupDirectory(group.directory, limit.group), limit.file)
    await writeGroupFile(group, path, limit.value).catch(cause => {
      throw refusedByKernel(limit, telling.place(limit.key), path, cause)
    })
    await awaitLimit(group.directory, limit, group.systemd && limit.group === 'server' ? WRITTEN_MS : 0)
  }
}

/** Puts the old values back. Goes on after a failure, and throws the first one at the end. A cgroup that is gone has none. */
export async function undoSteps(group: LiveGroup, values: readonly OldValue[]): Promise<void> {
  const failures: unknown[] = []
  for (const {path, value} of values.toReversed()) {
    try {
      await writeGroupFile(group, path, value)
    } catch (error) {
      if (!['ENOENT', 'ENODEV'].includes(errno(error) ?? '')) failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

function refusedByKernel({value}: Limit, place: string, path: string, cause: unknown): unknown {
  if (errno(cause) === undefined) return cause
  return new VpsError('LIMIT_REFUSED', `${place}: the kernel refuses \`${value}\` for ${path}`, {
    cause,
  })
}

async function inOrder(directory: string, steps: readonly Step[]): Promise<Step[]> {
  const rank = ({limit: {file, value}}: Step): number => {
    const found = ORDER.findIndex(entry => entry === file || entry === `${file}=${value}`)
    return found < 0 ? ORDER.length : found
  }
  const all = [...steps]
  const weight = steps.find(({limit}) => limit.file === 'cpu.weight')
  // An idle cgroup says that its weight is 0, which nobody may write: what it had before is not known.
  if (weight?.old === '0') all[steps.indexOf(weight)] = {...weight, old: '100'}
  const burst = await withoutBurst(directory, steps)
  const rest = burst.length === 0 ? all : all.filter(({limit}) => limit.file !== 'cpu.max.burst')
  return [...rest, ...burst, ...(await throttled(directory, steps))].toSorted((a, b) => rank(a) - rank(b))
}

/** While cpu.max changes there is no burst; afterwards the one that is wanted, or the present one. */
async function withoutBurst(directory: string, steps: readonly Step[]): Promise<Step[]> {
  const quota = steps.find(({limit}) => limit.file === 'cpu.max')
  if (quota === undefined) return []
  const burst: Limit = {...quota.limit, file: 'cpu.max.burst', value: '0', expect: '0'}
  const old = await readLimit(directory, burst)
  if (old === undefined || old === '0') return []
  const changed = steps.find(({limit}) => limit.file === 'cpu.max.burst')
  const last = changed?.limit ?? {...burst, value: old, expect: old}
  return [
    {limit: burst, old},
    {limit: last, old: '0'},
  ]
}

/** memory.high is lowered while memory shrinks, so it is written again at the end. */
async function throttled(directory: string, steps: readonly Step[]): Promise<Step[]> {
  const ceiling = steps.find(({limit}) => limit.file === 'memory.max')
  if (ceiling === undefined || steps.some(({limit}) => limit.file === 'memory.high')) return []
  const high: Limit = {...ceiling.limit, file: 'memory.high', value: '', expect: ''}
  const old = await readLimit(directory, high)
  return old === undefined ? [] : [{limit: {...high, value: old, expect: old}, old}]
}

/**
 * A memory.max below what is held would kill at once. So the kernel is asked to take memory back first, and only what has been
 * reached becomes the ceiling.
 * @throws VpsError MEMORY_IN_USE (exit 4) with what is held
 */
async function shrinkMemory(
  {directory}: LiveGroup,
  {key, value, group}: Limit,
  {progress, place}: Telling,
): Promise<void> {
  const payload = groupDirectory(directory, group)
  const wanted = value === 'max' ? Number.POSITIVE_INFINITY : Number(value)
  const held = async (): Promise<number> => Number(await readFile(join(payload, 'memory.current'), 'utf8'))
  let present = await held()
  if (present <= wanted) return
  progress(`${inMiB(present)} are held: taking memory back down to ${formatBytes(wanted)}`)
  const [mark = 'max'] = (await readFile(join(payload, 'memory.high'), 'utf8')).split('\n')
  if (mark === 'max' || Number(mark) > wanted)
    await writeFile(join(payload, 'memory.high'), value, {flag: 'r+'})
  const deadline = performance.now() + SHRINK_MS
  for (let pause = 5; present > wanted && performance.now() < deadline; pause = Math.min(pause * 2, 200)) {
    await reclaim(payload, present - wanted)
    present = await held()
    if (present > wanted) await sleep(pause)
  }
  if (present <= wanted) return
  throw new VpsError(
    'MEMORY_IN_USE',
    `${place(key)}: memory cannot shrink to ${formatBytes(wanted)}: ${inMiB(present)} are in use, and the server gives no more back`,
    {suggestions: ['stop something in the server first, or allow more'], exitCode: ExitCode.wrongState},
  )
}

/** memory.reclaim came with Linux 5.19. EAGAIN: less than that could be taken back. */
async function reclaim(payload: string, bytes: number): Promise<void> {
  try {
    await ifMissing(writeFile(join(payload, 'memory.reclaim'), String(bytes), {flag: 'r+'}), undefined)
  } catch (error) {
    if (!['EAGAIN', 'EINTR'].includes(errno(error) ?? '')) throw error
  }
}

/** A unit's own files are systemd's to write. An empty line empties a list. */
async function writeGroupFile({directory, systemd}: LiveGroup, path: string, value: string): Promise<void> {
  if (systemd && dirname(path) === directory)
    await setUnitProperties(basename(directory), [unitProperty({file: basename(path), value})])
  else await writeFile(path, `${value}\n`, {flag: 'r+'})
}
