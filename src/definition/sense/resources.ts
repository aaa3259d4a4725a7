import {type Bytes, formatBytes, formatCpus, parseBytes} from '../../units.ts'
import {parseCpuList} from '../cpu-list.ts'
import type {Path} from '../problems.ts'
import {RLIMITS, type RlimitName, writeRlimit} from '../rlimits.ts'
import {sysctlPath} from '../sysctls.ts'
import type {Rule} from './rule.ts'

const CPU: Path = ['resources', 'cpu']
const MEMORY: Path = ['resources', 'memory']

/* Processors */

/** Three ways to say which processors: only one of them can count. */
export const processorsOneWay: Rule = ({definition, report}) => {
  const {cores, cpus, dedicated} = definition.resources.cpu
  if (cpus !== null && cores !== null) {
    const count = parseCpuList(cpus)?.length
    const says = `resources.cpu.cores ${cores} beside resources.cpu.cpus ${cpus}`
    if (count === cores)
      report('recommendation', [...CPU, 'cores'], `${says} says the same twice`, 'leave out one of them')
    else
      report(
        'error',
        [...CPU, 'cores'],
        `${says}, which are ${count}: only one of them can count`,
        'leave out cores to pin the server, or cpus to let vps choose',
      )
  }
  if (dedicated === null) return
  for (const [name, value] of Object.entries({cores, cpus})) {
    if (value === null) continue
    report(
      'error',
      [...CPU, 'dedicated'],
      `resources.cpu.dedicated ${dedicated} and resources.cpu.${name} ${value} exclude each other: dedicated processors are chosen by vps, and they are all that the server has`,
      `leave out ${name}`,
    )
  }
}

export const cpuLimitFits: Rule = ({definition, report}) => {
  const {cores, cpus, dedicated, limit, burst} = definition.resources.cpu
  const number = cpus === null ? (cores ?? dedicated) : (parseCpuList(cpus)?.length ?? null)
  if (limit !== null && number !== null && limit > number) {
    const has = `${number} processor${number === 1 ? '' : 's'}`
    report(
      'warning',
      [...CPU, 'limit'],
      `resources.cpu.limit ${limit} is more than the ${has} of the server can give`,
      `write at most ${number}, or leave it out`,
    )
  }
  if (limit !== null && limit >= 100)
    report(
      'warning',
      [...CPU, 'limit'],
      `resources.cpu.limit ${limit} is the time of ${formatCpus(limit)}`,
      `for percent of one write ${limit}%`,
    )
  if (burst === null) return
  if (limit === null)
    report(
      'error',
      [...CPU, 'burst'],
      'resources.cpu.burst has no limit to go beyond',
      'set resources.cpu.limit too',
    )
  else if (burst > limit)
    report(
      'error',
      [...CPU, 'burst'],
      `resources.cpu.burst ${burst} must not be more than resources.cpu.limit ${limit}`,
      'a burst comes on top of the limit',
    )
}

export const dedicatedNeedsNoWeight: Rule = ({definition, report}) => {
  const {dedicated, weight} = definition.resources.cpu
  if (dedicated === null || weight === null) return
  const message = `resources.cpu.weight ${weight} has no effect: a server with dedicated processors shares them with nobody`
  report('warning', [...CPU, 'weight'], message, 'leave it out')
}

/* Memory */

type Amount = 'limit' | 'high' | 'guarantee' | 'reserve'

/** Pairs of which the first must not be more than the second. */
const ORDER: readonly (readonly [Amount, Amount, string])[] = [
  ['high', 'limit', 'what slows the server down must come before its end'],
  ['guarantee', 'limit', 'more than the limit is never held'],
  ['guarantee', 'high', 'a server is not slowed down within what it is guaranteed'],
  ['reserve', 'limit', 'more than the limit is never held'],
  ['guarantee', 'reserve', 'the reserve includes the guarantee: raise it, or leave it out'],
]

export const memoryInOrder: Rule = ({definition, report}) => {
  const {memory} = definition.resources
  for (const [less, more, why] of ORDER) {
    const [small, large] = [memory[less], memory[more]]
    if (small === null || large === null || small <= large) continue
    // The key that is named is the one that is too small for what it should hold, for a reserve.
    const key = more === 'reserve' ? more : less
    const message =
      more === 'reserve'
        ? `resources.memory.reserve ${formatBytes(large)} is less than resources.memory.guarantee ${formatBytes(small)}`
        : `resources.memory.${less} ${formatBytes(small)} is more than resources.memory.${more} ${formatBytes(large)}`
    report('error', [...MEMORY, key], message, why)
  }
}

/** A step of the kernel's own size below which limits are rounded. */
const PAGE = 4096

export const memoryInPages: Rule = ({definition, report}) => {
  const {memory} = definition.resources
  for (const name of ['limit', 'high', 'guarantee', 'reserve', 'swap'] as const) {
    const value = memory[name]
    if (typeof value !== 'number' || value % PAGE === 0) continue
    const less = value - (value % PAGE)
    report(
      'recommendation',
      [...MEMORY, name],
      `resources.memory.${name} ${value} is no whole number of pages: the kernel makes ${less} of it`,
      less === 0 ? 'write a multiple of 4KiB' : `write ${pagesText(less)}`,
    )
  }
}

function pagesText(value: Bytes): string {
  return value % 1024 === 0 ? `${value / 1024}KiB` : `${value}`
}

export const memoryLimitHasSwap: Rule = ({definition, report}) => {
  const {limit, swap} = definition.resources.memory
  if (limit === null || swap !== null) return
  report(
    'recommendation',
    [...MEMORY, 'limit'],
    'resources.memory.limit without swap: at the limit the server goes on into all the swap of the host',
    'write swap: 0 for none, or how much it may take',
  )
}

const SMALL_MEMORY = 16 * 1024 ** 2

export const memoryIsEnough: Rule = ({definition, report}) => {
  for (const name of ['limit', 'high'] as const) {
    const value = definition.resources.memory[name]
    if (value === null || value >= SMALL_MEMORY) continue
    const message = `resources.memory.${name} ${formatBytes(value)} is hardly enough for any server to start`
    report(
      'warning',
      [...MEMORY, name],
      message,
      `${formatBytes(4 * SMALL_MEMORY)} is little, but works for most`,
    )
  }
}

export const oomGroupNeedsALimit: Rule = ({definition, report}) => {
  const {memory} = definition.resources
  if (!memory.oomGroup || memory.limit !== null) return
  report(
    'recommendation',
    [...MEMORY, 'oomGroup'],
    'resources.memory.oomGroup without a limit counts only when the whole host is out of memory',
    'set resources.memory.limit',
  )
}

/* Processes, disks, pages */

const FEW_PIDS = 20

export const pidsAreEnough: Rule = ({definition, report}) => {
  const {pids} = definition.resources
  if (pids === null || pids >= FEW_PIDS) return
  const message = `resources.pids ${pids} is hardly enough for any server to start: threads count too`
  report('warning', ['resources', 'pids'], message, 'systemd alone needs about 15, and 100 is little')
}

export const devicesOnce: Rule = ({definition, report}) => {
  const {devices} = definition.resources.io
  for (const [index, {device}] of devices.entries()) {
    const first = devices.findIndex(one => one.device === device)
    if (device === '' || first === index) continue
    const message = `resources.io.devices[${index}] is the device of resources.io.devices[${first}] again`
    report('error', ['resources', 'io', 'devices', index, 'device'], message, 'write both in one item')
  }
}

export const devicesHaveALimit: Rule = ({definition, report}) => {
  for (const [index, {device, read, write}] of definition.resources.io.devices.entries()) {
    const limits = [read.bps, read.iops, write.bps, write.iops]
    if (device === '' || limits.some(limit => limit !== null)) continue
    const path = ['resources', 'io', 'devices', index]
    report('warning', path, `resources.io.devices[${index}] limits nothing`, 'write {read: {bps: 50MiB}}')
  }
}

export const hugepagesAreWhole: Rule = ({definition, report}) => {
  for (const [size, amount] of Object.entries(definition.resources.hugepages)) {
    const page = parseBytes(size)
    if (page === undefined || amount % page === 0) continue
    const whole = Math.ceil(amount / page) * page
    report(
      'error',
      ['resources', 'hugepages', size],
      `resources.hugepages.${size} ${formatBytes(amount)} is no whole number of such pages`,
      `write ${formatBytes(whole)}`,
    )
  }
}

/* Rlimits */

export const softBelowHard: Rule = ({definition, report}) => {
  for (const [name, {soft, hard}] of Object.entries(definition.limits)) {
    if (number(soft) <= number(hard)) continue
    const [low, high] = [word(name, soft), word(name, hard)]
    const message = `limits.${name}: the soft limit ${low} is more than the hard limit ${high}`
    report('error', ['limits', name], message, 'the soft one is written first, as in 1024:65536')
  }
}

/** What the kernel takes at most: fs.nr_open unless the host has raised it (proc_sys_fs(5)), RLIMIT_NICE and RLIMIT_RTPRIO of setrlimit(2). */
const CEILINGS: Partial<Record<RlimitName, readonly [most: number, why: string]>> = {
  nofile: [1_048_576, 'the kernel refuses more than fs.nr_open of the host, 1048576 unless it was raised'],
  nice: [40, '40 stands for a nice value of -20, the best there is'],
  rtprio: [99, '99 is the best real-time priority there is'],
}

export const limitsAreWithinTheKernels: Rule = ({definition, report}) => {
  for (const [name, [most, why]] of Object.entries(CEILINGS)) {
    const hard = definition.limits[name]?.hard
    if (hard === undefined || number(hard) <= most) continue
    const grade = name === 'nofile' ? 'warning' : 'error'
    report(grade, ['limits', name], `limits.${name} ${word(name, hard)} is more than ${most}`, why)
  }
}

const IDLE: Partial<Record<RlimitName, string>> = {
  rss: 'use resources.memory.limit',
  locks: 'remove it',
}

export const limitsHaveAnEffect: Rule = ({definition, report}) => {
  for (const [name, instead] of Object.entries(IDLE)) {
    if (!Object.hasOwn(definition.limits, name)) continue
    report('warning', ['limits', name], `limits.${name} has no effect since Linux 2.4`, instead)
  }
}

export const nprocIsWithinPids: Rule = ({definition, report}) => {
  const {nproc} = definition.limits
  const {pids} = definition.resources
  if (nproc === undefined || pids === null || number(nproc.hard) <= pids) return
  if (nproc.hard === 'infinity') return
  const message = `limits.nproc ${nproc.hard} for one user is more than resources.pids ${pids} for the whole server`
  report('recommendation', ['limits', 'nproc'], message, 'leave it out, or write less')
}

function number(limit: string): number {
  return limit === 'infinity' ? Number.POSITIVE_INFINITY : Number(limit)
}

function word(name: string, limit: string): string {
  const unit = RLIMITS[name as RlimitName]?.is.unit ?? 'count'
  return writeRlimit({soft: limit, hard: limit}, unit)
}

/* Sysctls */

export const sysctlsOnce: Rule = ({definition, report}) => {
  const seen = new Map<string, string>()
  for (const name of Object.keys(definition.sysctl)) {
    const path = sysctlPath(name)
    const first = seen.get(path)
    seen.set(path, first ?? name)
    if (first !== undefined)
      report('error', ['sysctl', name], `sysctl: ${name} is the setting ${first} again`, 'remove one of them')
  }
}

export const sysctlsAreOfItsOwnNetwork: Rule = ({definition, report}) => {
  if (definition.network.mode !== 'host') return
  for (const name of Object.keys(definition.sysctl)) {
    if (!sysctlPath(name).startsWith('net/')) continue
    const message = `sysctl: ${name} belongs to the network, which is that of the host with network: host`
    report('error', ['sysctl', name], message, 'set it on the host, or choose another network')
  }
}
