import {readFile} from 'node:fs/promises'
import {ExitCode, VpsError} from '../errors.ts'
import {type Duration, formatDuration, parseDuration} from '../units.ts'
import {isMap, refuseUnknown} from './config-map.ts'
import {DEFAULT_NETWORK, type NetworkConfig, readNetwork} from './config-network.ts'
import {ifMissing} from './errno.ts'
import type {HostPaths} from './paths.ts'

/** How many user and group ids one server has. */
export const IDS_PER_SERVER = 65_536

/** A range of user and group ids on the host. */
export interface IdRange {
  readonly first: number
  readonly count: number
}

/** How many times what the host has may be promised to its servers; 1 is no overcommitment. */
export interface Overcommit {
  /** The sum of `resources.cpu.limit`, as a multiple of the processors. */
  readonly cpu: number
  /** The sum of `resources.memory.limit`, as a multiple of the memory. */
  readonly memory: number
  /** The sum of `resources.memory.guarantee`, as a multiple of the memory; above 1 not every guarantee can be kept. */
  readonly guarantee: number
  /** The sum of `resources.pids`, as a multiple of the processes the kernel allows. */
  readonly pids: number
}

export interface Accounting {
  /** How often a supervisor saves the accounts of its server; 0: only at the end of a run and at refusals. */
  readonly interval: Duration
}

/** What the admin may set in `host.yaml`; every key has a default. */
export interface HostConfig {
  /** The ids that servers get their ranges from. */
  readonly ids: IdRange
  readonly overcommit: Overcommit
  readonly accounting: Accounting
  readonly network: NetworkConfig
}

export const DEFAULT_CONFIG: HostConfig = {
  /* Above the container range that systemd documents (up to 0x6FFFFFFF), below its foreign range (0x7FFE0000). */
  ids: {first: 0x7000_0000, count: 0x0ffe_0000},
  overcommit: {cpu: 4, memory: 1, guarantee: 1, pids: 1},
  accounting: {interval: 300_000},
  network: DEFAULT_NETWORK,
}

/** Reads `host.yaml`; a missing file means the defaults. @throws VpsError BAD_HOST_CONFIG (exit 2) naming every problem */
export async function readHostConfig(paths: HostPaths): Promise<HostConfig> {
  const text = await ifMissing(readFile(paths.hostConfig, 'utf8'), undefined)
  return text === undefined ? DEFAULT_CONFIG : await parseHostConfig(text, paths.hostConfig)
}

/** @throws VpsError BAD_HOST_CONFIG (exit 2) */
export async function parseHostConfig(text: string, file: string): Promise<HostConfig> {
  const {parseDocument} = await import('../yaml.ts') // the file is rare, and the parser costs start-up time
  const document = parseDocument(text)
  const problems = document.errors.map(error => error.message.split('\n')[0] ?? '')
  const value: unknown = problems.length > 0 ? undefined : document.toJS()
  const top = topOf(value, file, problems)
  const section = <T extends object>(name: keyof HostConfig, defaults: T, example: string, read: Read): T =>
    readSection({name, value: top[name], defaults, example, read}, problems)
  const {ids, overcommit, accounting} = DEFAULT_CONFIG
  const config = {
    ids: section('ids', ids, '{first: 1879048192, count: 268304384}', wholeNumber),
    overcommit: section('overcommit', overcommit, '{cpu: 4, memory: 1.5}', factor),
    accounting: section('accounting', accounting, '{interval: 5m}', interval),
    network: readNetwork(top.network, problems),
  }
  checkRange(config.ids, problems)
  if (problems.length > 0) throw badConfig(file, problems)
  return config
}

/** A value of a key, or what it must be. */
type Read = (value: unknown) => number | string

const wholeNumber: Read = value =>
  typeof value === 'number' && Number.isSafeInteger(value) ? value : 'must be a whole number'

/** Less than 1 keeps a part of the host free. */
const factor: Read = value =>
  typeof value === 'number' && value >= 0.1 && value <= 1000
    ? value
    : `must be a factor from 0.1 to 1000, where 1 is all that the host has, not ${JSON.stringify(value)}`

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

const interval: Read = value => {
  const duration = parseDuration(typeof value === 'number' ? (value === 0 ? '0' : '') : String(value))
  if (duration === 0 || (duration !== undefined && duration >= MINUTE && duration <= DAY)) return duration
  const given = duration === undefined ? JSON.stringify(value) : formatDuration(duration)
  return `must be a span of time from 1m to 1d such as 5m, or 0 for none, not ${given}`
}

function topOf(value: unknown, file: string, problems: string[]): Record<string, unknown> {
  if (value === undefined || value === null) return {}
  if (isMap(value)) {
    refuseUnknown(value, Object.keys(DEFAULT_CONFIG), '', problems)
    return value
  }
  problems.push(`${file} must be a map of keys`)
  return {}
}

interface SectionSource<T> {
  readonly name: string
  readonly value: unknown
  readonly defaults: T
  readonly example: string
  readonly read: Read
}

/** A section with the defaults of the keys that are not written or wrong. */
function readSection<T extends object>(
  {name, value, defaults, example, read}: SectionSource<T>,
  problems: string[],
): T {
  const given = value ?? {}
  if (!isMap(given)) {
    problems.push(`${name} must be a map such as ${example}`)
    return defaults
  }
  const known = Object.keys(defaults)
  refuseUnknown(given, known, `${name}.`, problems)
  const found: Record<string, number> = {}
  for (const key of known) {
    if (given[key] === undefined) continue
    const result = read(given[key])
    if (typeof result === 'number') found[key] = result
    else problems.push(`${name}.${key} ${result}`)
  }
  return {...defaults, ...found}
}

function checkRange({first, count}: IdRange, problems: string[]): void {
  if (first < IDS_PER_SERVER)
    problems.push(`ids.first must be at least ${IDS_PER_SERVER}: lower ids are the host's own`)
  if (count < IDS_PER_SERVER)
    problems.push(`ids.count must be at least ${IDS_PER_SERVER}: one server needs that many`)
  if (first + count > 0xffff_ffff) problems.push('ids.first + ids.count must stay below 4294967295')
}

function badConfig(file: string, problems: readonly string[]): VpsError {
  return new VpsError(
    'BAD_HOST_CONFIG',
    `the host configuration ${file} is invalid: ${problems.join('; ')}`,
    {
      exitCode: ExitCode.wrongUse,
    },
  )
}
