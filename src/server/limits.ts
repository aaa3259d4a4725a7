import {existsSync} from 'node:fs'
import {basename} from 'node:path'
import {type Definition, keyText, type Loaded} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {serverPaths} from '../host/index.ts'
import {type LaunchControllers, originText} from '../launch/index.ts'
import {
  assignCpus,
  type CpuAssignment,
  type CpuClaim,
  desiredLimits,
  ineffectiveDevices,
  type Limit,
  NoCpus,
  type ResourceFacts,
  requireMemory,
  resourceFacts,
  type Unenforceable,
} from '../resources/index.ts'
import {dedicationMark, neighbours} from './neighbours.ts'
import type {Context, Unenforced} from './types.ts'

export interface LimitOptions {
  /** Starts without the limits that this host cannot keep, and remembers which. */
  readonly allowUnenforced?: boolean | undefined
  /** What a start before this one found missing: files of cgroups, and `DEVICES`. */
  readonly lacking?: ReadonlySet<string> | undefined
  /** Tries nothing out on the host: what is not known yet counts as fine. */
  readonly dryRun?: boolean | undefined
}

/** What a start makes of `resources`. */
export interface StartLimits {
  /** Steps of the plan. */
  readonly limits: readonly Limit[]
  /** What systemd is asked for, where the server's cgroup is its. */
  readonly ofUnit: readonly Limit[]
  readonly controllers: LaunchControllers
  readonly guardDevices: boolean
  /** All that must be handed down to the server's cgroup. */
  readonly required: readonly string[]
  readonly unenforced: readonly Unenforced[]
  /** The CPUs that nobody else may use. */
  readonly dedicated: string | null
}

/** The guard of devices, among what a host may lack. */
export const DEVICES = 'devices'

const NO_GUARD: Unenforced = {
  key: DEVICES,
  controller: DEVICES,
  reason: 'the kernel takes no program that guards devices',
  remedy: 'use Linux 5.1 or newer with CONFIG_CGROUP_BPF',
}

/** Whether a server of this definition may be started without what the host cannot keep. */
export function mayLack({enforce}: Pick<Definition, 'enforce'>, {allowUnenforced}: LimitOptions): boolean {
  return allowUnenforced === true || enforce === 'best-effort'
}

/** Whether a start has to hold `lockSharing`: it takes something that others then do not have. */
export function sharesWithOthers({paths}: Pick<Context, 'paths'>, {resources}: Definition): boolean {
  const {cpu, memory} = resources
  const asks = [cpu.cores, cpu.cpus, cpu.dedicated, memory.guarantee, memory.reserve]
  return asks.some(value => value !== null) || existsSync(dedicationMark(paths))
}

/** @throws VpsError UNENFORCEABLE (exit 5), NO_CPUS and NO_MEMORY (exit 4) */
export async function planLimits(
  context: Context,
  name: string,
  loaded: Loaded,
  options: LimitOptions,
): Promise<StartLimits> {
  const {definition} = loaded
  const {lacking = new Set(), dryRun} = options
  const found = {...(await factsFor(context, name, definition)), missing: lacking}
  const facts = await triedFacts(context, found, definition, !dryRun)
  const {limits, unenforceable} = desiredLimits(
    definition,
    facts,
    chooseCpus(context, name, loaded, definition, facts),
  )
  if (unenforceable.length > 0 && !mayLack(definition, options))
    throw cannotEnforce(name, loaded, unenforceable)
  await requireMemory(facts, limits, basename(facts.cgroups.directory(name)))
  const {systemd, pure} = facts.cgroups
  const required = [
    ...new Set(limits.filter(({group}) => group === 'payload').map(limit => limit.controller)),
  ]
  const wanted = pure ? facts.controllers.available.filter(controller => !required.includes(controller)) : []
  return {
    limits: systemd ? limits.filter(({group}) => group === 'payload') : limits,
    ofUnit: systemd ? limits.filter(({group}) => group === 'server') : [],
    controllers: {required, wanted},
    required: [...new Set(limits.map(({controller}) => controller))],
    guardDevices: !lacking.has(DEVICES),
    unenforced: [...unenforceable.map(toUnenforced), ...(lacking.has(DEVICES) ? [NO_GUARD] : [])],
    dedicated: limits.find(isDedicated)?.value ?? null,
  }
}

/** `facts`, and on which of the devices that `definition` puts ceilings on these have no effect. */
export async function triedFacts(
  {paths, progress}: Pick<Context, 'paths' | 'progress'>,
  facts: ResourceFacts,
  {resources: {io}}: Definition,
  experiment: boolean,
): Promise<ResourceFacts> {
  const backings = [
    ...(hasCeiling(io) ? [facts.storage] : []),
    ...io.devices.filter(hasCeiling).map(({device}) => facts.devices.get(device)),
  ]
  const devices = backings.flatMap(backing => backing?.devices ?? [])
  if (devices.length === 0 || !facts.controllers.available.includes('io')) return facts
  const options = {experiment, progress}
  return {...facts, ineffective: await ineffectiveDevices(paths, facts.cgroups, devices, options)}
}

function hasCeiling({read, write}: Pick<Definition['resources']['io'], 'read' | 'write'>): boolean {
  return [read.bps, read.iops, write.bps, write.iops].some(rate => rate !== null)
}

/** The facts of the host, as far as these definitions need them. */
export async function factsFor(
  {paths}: Pick<Context, 'paths'>,
  name: string,
  ...definitions: readonly Definition[]
): Promise<ResourceFacts> {
  const devices = definitions.flatMap(({resources}) => resources.io.devices.map(({device}) => device))
  return await resourceFacts(paths, serverPaths(paths, name).storage, devices)
}

/**
 * @param loaded for the place of the key that asks too much
 * @param own what the server has already, when it runs
 * @throws VpsError NO_CPUS (exit 4)
 */
export function chooseCpus(
  {paths}: Pick<Context, 'paths'>,
  name: string,
  loaded: Pick<Loaded, 'origin'>,
  {resources: {cpu}}: Pick<Definition, 'resources'>,
  facts: ResourceFacts,
  own?: CpuClaim,
): CpuAssignment | undefined {
  if (!facts.controllers.available.includes('cpuset')) return undefined
  const asks = cpu.cores !== null || cpu.cpus !== null || cpu.dedicated !== null
  if (!asks && !existsSync(dedicationMark(paths))) return undefined
  // More than there are at all is refused as what the host cannot do.
  if (Math.max(cpu.cores ?? 0, cpu.dedicated ?? 0) > facts.cpus.length) return undefined
  try {
    const others = neighbours(paths, name).map(({claim}) => claim)
    return assignCpus(cpu, facts, others, own)
  } catch (error) {
    if (!(error instanceof NoCpus)) throw error
    const key = (['dedicated', 'cpus', 'cores'] as const).find(one => cpu[one] !== null) ?? 'cores'
    const place = originText(loaded.origin(['resources', 'cpu', key]))
    throw new VpsError('NO_CPUS', `server ${name} cannot have the CPUs of ${place}: ${error.message}`, {
      suggestions: ['stop a server that has CPUs for itself (`cpu.dedicated`), or ask for fewer'],
      exitCode: ExitCode.wrongState,
    })
  }
}

function isDedicated({key, file}: Limit): boolean {
  return key.at(-1) === 'dedicated' && file === 'cpuset.cpus'
}

export function toUnenforced({key, controller, reason, remedy}: Unenforceable): Unenforced {
  return {key: keyText(key), controller, reason, remedy}
}

/** All at once: each with its place, what is missing, and the ways out. */
export function cannotEnforce(
  name: string,
  loaded: Loaded,
  unenforceable: readonly Unenforceable[],
  wayOut = '`--allow-unenforced`, or `enforce: best-effort` in the definition',
): VpsError {
  const count = unenforceable.length
  const lines = unenforceable.map(
    ({key, controller, reason}) =>
      `\n  ${originText(loaded.origin(key))}: ${reason}${reason.includes(` ${controller} `) ? '' : ` (${controller} controller)`}`,
  )
  return new VpsError(
    'UNENFORCEABLE',
    `this host cannot enforce ${count === 1 ? 'a limit' : `${count} limits`} of server ${name}${lines.join('')}`,
    {
      suggestions: [
        ...new Set(unenforceable.map(({remedy}) => remedy)),
        `go without ${count === 1 ? 'it' : 'them'}: ${wayOut}`,
      ],
      exitCode: ExitCode.hostCannot,
    },
  )
}
