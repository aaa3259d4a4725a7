import {readFile} from 'node:fs/promises'
import {ExitCode, VpsError} from '../errors.ts'
import {ifMissing} from './errno.ts'
import type {HostPaths} from './paths.ts'

/** How many user and group ids one server has. */
export const IDS_PER_SERVER = 65_536

/** A range of user and group ids on the host. */
export interface IdRange {
  readonly first: number
  readonly count: number
}

/** What the admin may set in `host.yaml`; every key has a default. */
export interface HostConfig {
  /** The ids that servers get their ranges from. */
  readonly ids: IdRange
}

/** Above the container range that systemd documents (up to 0x6FFFFFFF), below its foreign range (0x7FFE0000). */
export const DEFAULT_CONFIG: HostConfig = {ids: {first: 0x7000_0000, count: 0x0ffe_0000}}

/** Reads `host.yaml`; a missing file means the defaults. @throws VpsError BAD_HOST_CONFIG (exit 2) naming every problem */
export async function readHostConfig(paths: HostPaths): Promise<HostConfig> {
  const text = await ifMissing(readFile(paths.hostConfig, 'utf8'), undefined)
  return text === undefined ? DEFAULT_CONFIG : await parseHostConfig(text, paths.hostConfig)
}

/** @throws VpsError BAD_HOST_CONFIG (exit 2) */
export async function parseHostConfig(text: string, file: string): Promise<HostConfig> {
  const {parseDocument} = await import('yaml') // the file is rare, and the parser costs start-up time
  const document = parseDocument(text)
  const problems = document.errors.map(error => error.message.split('\n')[0] ?? '')
  const value: unknown = problems.length > 0 ? undefined : document.toJS()
  const ids = {...DEFAULT_CONFIG.ids, ...readKeys(value, file, problems)}
  checkRange(ids, problems)
  if (problems.length > 0) throw badConfig(file, problems)
  return {ids}
}

function readKeys(value: unknown, file: string, problems: string[]): Partial<IdRange> {
  if (value === undefined || value === null) return {}
  if (!isMap(value)) {
    problems.push(`${file} must be a map of keys`)
    return {}
  }
  refuseUnknown(value, ['ids'], '', problems)
  const ids = value.ids ?? {}
  if (!isMap(ids)) {
    problems.push('ids must be a map such as {first: 1879048192, count: 268304384}')
    return {}
  }
  refuseUnknown(ids, ['first', 'count'], 'ids.', problems)
  const found: {first?: number; count?: number} = {}
  for (const key of ['first', 'count'] as const) {
    const number = ids[key]
    if (number === undefined) continue
    if (typeof number === 'number' && Number.isSafeInteger(number)) found[key] = number
    else problems.push(`ids.${key} must be a whole number`)
  }
  return found
}

function checkRange({first, count}: IdRange, problems: string[]): void {
  if (first < IDS_PER_SERVER)
    problems.push(`ids.first must be at least ${IDS_PER_SERVER}: lower ids are the host's own`)
  if (count < IDS_PER_SERVER)
    problems.push(`ids.count must be at least ${IDS_PER_SERVER}: one server needs that many`)
  if (first + count > 0xffff_ffff) problems.push('ids.first + ids.count must stay below 4294967295')
}

function refuseUnknown(
  map: Record<string, unknown>,
  known: readonly string[],
  prefix: string,
  problems: string[],
): void {
  for (const key of Object.keys(map))
    if (!known.includes(key)) problems.push(`unknown key ${prefix}${key} (known: ${known.join(', ')})`)
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
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
