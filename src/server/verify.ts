import {type Definition, keyText, loadDefinition, requireValid} from '../definition/index.ts'
import {VpsError} from '../errors.ts'
import {reservedTrees, serverPaths, throwIfAborted} from '../host/index.ts'
import {desiredLimits, type ResourceFacts, resourceFacts, type Unenforceable} from '../resources/index.ts'
import {StartFault} from './fault.ts'
import type {Context} from './types.ts'
import {verifyCpu} from './verify/cpu.ts'
import {type Finding, isHeld, type Unit, unproven} from './verify/finding.ts'
import {verifyIo} from './verify/io.ts'
import {verifyMemory} from './verify/memory.ts'
import {verifyPids} from './verify/pids.ts'
import {verifyRlimits} from './verify/rlimits.ts'
import type {Lab} from './verify/sibling.ts'
import {verifyWeight} from './verify/weight.ts'
import {type WrittenLimit, withoutKeys, writtenLimits} from './verify/written-limits.ts'

/** What can be verified apart from the rest. */
export const VERIFY_PARTS = ['cpu', 'memory', 'pids', 'io', 'limits'] as const
export type VerifyPart = (typeof VERIFY_PARTS)[number]

export interface VerifyOptions {
  /** Default: everything that the definition limits. */
  readonly only?: readonly VerifyPart[] | undefined
}

export interface VerifyReport {
  readonly name: string
  /** Nothing that was measured is other than asked for, and this host can enforce it all. */
  readonly ok: boolean
  /** One for every limit of the definition. */
  readonly findings: readonly Finding[]
}

/**
 * Proves the limits of the server `name` by experiment: for each a server is made that has this limit, on the same file
 * system, and what it can get is measured from outside. The server itself, running or not, is not touched.
 */
export async function verify(
  context: Context,
  name: string,
  {only = VERIFY_PARTS}: VerifyOptions = {},
): Promise<VerifyReport> {
  const {paths, signal} = context
  const {definition: file, storage} = serverPaths(paths, name)
  const loaded = await loadDefinition(file, {name, reserved: reservedTrees(paths), profiles: paths.profiles})
  const definition = requireValid(loaded)
  const devices = definition.resources.io.devices.map(({device}) => device)
  const facts = await resourceFacts(paths, storage, devices)
  const {unenforceable} = desiredLimits(definition, facts)
  const resources = withoutKeys(
    definition.resources,
    unenforceable.map(({key}) => key),
  )
  const lab = {context, subject: name, signal}
  const measured: Finding[] = []
  for (const part of VERIFY_PARTS.filter(one => only.includes(one))) {
    context.progress(`measuring ${part}`)
    measured.push(...(await experiment(lab, part, {...definition, resources}, facts)))
  }
  const written = writtenLimits(definition).filter(({key}) => only.includes(partOf(key)))
  const findings = inOrder(written, unenforceable, measured)
  return {name, ok: isHeld(findings), findings}
}

type Tried = Pick<Definition, 'resources' | 'limits'>

const EXPERIMENTS: Readonly<
  Record<VerifyPart, (lab: Lab, tried: Tried, facts: ResourceFacts) => Promise<Finding[]>>
> = {
  async cpu(lab, {resources: {cpu}}, facts) {
    const findings = await verifyCpu(lab, cpu)
    if (cpu.weight !== null) findings.push(await verifyWeight(lab, cpu.weight, facts.cpus.at(-1) ?? 0))
    return findings
  },
  memory: async (lab, {resources}) => await verifyMemory(lab, resources.memory),
  pids: async (lab, {resources: {pids}}) => (pids === null ? [] : [await verifyPids(lab, pids)]),
  io: async (lab, {resources}) => await verifyIo(lab, resources.io),
  limits: async (lab, {limits}) => await verifyRlimits(lab, limits),
}

/** What keeps an experiment from being made is a finding too: of a fault at the start it is that the limit is not kept. */
async function experiment(
  lab: Lab,
  part: VerifyPart,
  tried: Tried,
  facts: ResourceFacts,
): Promise<Finding[]> {
  try {
    return await EXPERIMENTS[part](lab, tried, facts)
  } catch (error) {
    throwIfAborted(lab.signal, `verify ${lab.subject}`)
    if (!(error instanceof VpsError)) throw error
    const note = `the experiment failed: ${reasons(error)}`
    const state = error.cause instanceof StartFault ? 'broken' : 'unproven'
    return [{...unproven(part === 'limits' ? part : `resources.${part}`, 'text', '', note), state}]
  }
}

function reasons(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${reasons(error.cause)}`
}

/** One finding for every limit that is written, in that order. */
function inOrder(
  written: readonly WrittenLimit[],
  unenforceable: readonly Unenforceable[],
  measured: readonly Finding[],
): Finding[] {
  const failed = measured.filter(({key}) => !written.some(limit => limit.key === key))
  return written.map(({key, value}) => {
    const refused = unenforceable.find(one => isWithin(key, keyText(one.key)))
    if (refused !== undefined)
      return {
        ...unproven(key, unitOf(key), value, `${refused.reason}; ${refused.remedy}`),
        state: 'unenforced' as const,
      }
    const found = measured.find(one => one.key === key)
    const blocked = failed.find(one => isWithin(key, one.key))
    return (
      found ??
      (blocked === undefined ? notTried(key, value) : {...blocked, key, asked: value, unit: unitOf(key)})
    )
  })
}

function isWithin(key: string, outer: string): boolean {
  return key === outer || key.startsWith(`${outer}.`) || key.startsWith(`${outer}[`)
}

const NOT_TRIED: readonly (readonly [RegExp, string])[] = [
  [
    /^resources\.memory\.(guarantee|reserve)$/,
    'shows only when the whole host is short of memory, which is not tried',
  ],
  [/^resources\.cpu\.burst$/, 'part of what is measured for the limit'],
  [/^resources\.io\.(weight|latency)$/, 'shows only when others keep the same disk busy, which is not tried'],
  [/^resources\.io\.devices/, 'only the device behind the storage of servers is tried'],
]

function notTried(key: string, value: number | string): Finding {
  const note = NOT_TRIED.find(([pattern]) => pattern.test(key))?.[1] ?? 'there is no experiment for it'
  return unproven(key, unitOf(key), value, `${note}; it is read back from the kernel when the server starts`)
}

function unitOf(key: string): Unit {
  if (/^resources\.(memory\.|hugepages)/.test(key)) return 'bytes'
  if (/^resources\.cpu\.(limit|burst|cores|dedicated)$/.test(key)) return 'cpus'
  if (/\.bps$/.test(key)) return 'bytes/s'
  if (/\.iops$/.test(key)) return 'operations/s'
  return key === 'resources.pids' ? 'tasks' : 'text'
}

function partOf(key: string): VerifyPart {
  if (key.startsWith('limits.')) return 'limits'
  const part = /^resources\.(cpu|memory|pids|io)\b/.exec(key)?.[1] ?? 'memory' // hugepages, rdma, misc
  return part as VerifyPart
}
