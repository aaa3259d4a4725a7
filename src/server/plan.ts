import {existsSync} from 'node:fs'
import {dirname} from 'node:path'
import {type Definition, type Loaded, loadDefinition, requireValid} from '../definition/index.ts'
import {VpsError} from '../errors.ts'
import {IDS_PER_SERVER, reservedTrees, serverPaths} from '../host/index.ts'
import {showImage} from '../image/index.ts'
import {compile, type LaunchPlan} from '../launch/index.ts'
import {nativeFile} from '../native/index.ts'
import {cgroupPlace} from '../resources/index.ts'
import {seccompFilter} from '../security/index.ts'
import {type LimitOptions, planLimits, type StartLimits} from './limits.ts'
import {planNetwork} from './network/start.ts'
import {readRecord, type ServerRecord} from './record.ts'
import {wrongState} from './session.ts'
import type {Context} from './types.ts'

/** The supervisor waits for a byte from its starter, who asks systemd for a scope meanwhile. */
export const AWAIT_SCOPE = 'await-scope'

/** A start, worked out. */
export interface Start {
  readonly plan: LaunchPlan
  readonly definition: Definition
  readonly limits: StartLimits
  /** Commands for nft that come before it. */
  readonly rules: string
}

/** Reads what `name` shall be. @throws VpsError INVALID_DEFINITION (exit 2) */
export async function loadValid({paths}: Pick<Context, 'paths'>, name: string): Promise<Loaded> {
  const loaded = await loadDefinition(serverPaths(paths, name).definition, {
    name,
    reserved: reservedTrees(paths),
    profiles: paths.profiles,
  })
  requireValid(loaded)
  return loaded
}

/**
 * What a start of `name` would do. Changes nothing; a server that is not created yet has none.
 * @throws VpsError UNENFORCEABLE (exit 5) when this host cannot keep the limits
 */
export async function planStart(context: Context, name: string, options: LimitOptions = {}): Promise<Start> {
  return await planLoaded(context, name, await loadValid(context, name), options)
}

/** As `planStart`, of a definition that is read already. */
export async function planLoaded(
  context: Context,
  name: string,
  loaded: Loaded,
  options: LimitOptions,
): Promise<Start> {
  const {paths, config, progress} = context
  const files = serverPaths(paths, name)
  const {definition} = loaded
  const record = requireRecord(context, name)
  const image = await showImage(record.image, {paths})
  if (image.template !== definition.template.name)
    progress(
      `server ${name} keeps its image ${image.id}; template ${definition.template.name} is for a server created anew`,
    )
  const place = await cgroupPlace(paths)
  const limits = await planLimits(context, name, loaded, options)
  const network = planNetwork(context, record, name, loaded)
  const plan = compile({
    loaded,
    image,
    seccomp: await seccompFilter(paths, definition.security),
    root: paths.root,
    vpsInit: nativeFile('vps-init'),
    server: {
      name,
      uuid: record.uuid,
      idBase: config.ids.first + record.slot * IDS_PER_SERVER,
      layer: dirname(files.upper),
      storageDir: files.storage,
      runDir: files.run,
      cgroup: place.directory(name),
      cgroupRoot: place.mount,
    },
    limits: limits.limits,
    controllers: limits.controllers,
    guardDevices: limits.guardDevices,
    network: network.steps,
    networkFiles: network.files,
    accountingSeconds: Math.round(config.accounting.interval / 1000),
  })
  const settings = {
    ...plan.settings,
    ...(context.unrecorded ? {} : {events: paths.events}),
    'attach-program': nativeFile('vps-attach'),
    ...(place.systemd ? {[AWAIT_SCOPE]: '1'} : {}),
  }
  return {plan: {...plan, settings}, definition, limits, rules: network.rules}
}

function requireRecord({paths}: Context, name: string): ServerRecord {
  const record = readRecord(paths, name)
  if (record !== undefined) return record
  const {record: file, storage, definition} = serverPaths(paths, name)
  if (existsSync(storage)) throw new VpsError('BROKEN_SERVER', `${file} is missing or damaged`)
  throw wrongState(
    `server ${name} is not created yet`,
    `create it from ${definition} with \`vps create ${name}\``,
  )
}
