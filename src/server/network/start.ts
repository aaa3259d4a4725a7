/*
 * The part of a start that is about the network.
 */
import type {Loaded} from '../../definition/index.ts'
import {serverPaths} from '../../host/index.ts'
import {
  type Claimant,
  claimAddresses,
  hostInterface,
  linkFacts,
  type NetworkInput,
  type NetworkStep,
  namesPort,
  networkRules,
  networkSteps,
  previewAddresses,
  previewProject,
  projectNumber,
  takeNamesPort,
} from '../../network/index.ts'
import {readRecord, type ServerRecord} from '../record.ts'
import type {Context} from '../types.ts'
import {ensureCommon} from './common.ts'
import {refusePortsOfHost} from './ports.ts'

/** Takes what the server's network needs, and makes what all have in common. */
export async function secureNetwork(context: Context, name: string, loaded: Loaded): Promise<void> {
  const {paths} = context
  const claim = await claimAddresses(context, claimantOf(context, name, loaded))
  await claim.settle()
  if (loaded.definition.network.mode !== 'links') return
  await refusePortsOfHost(context, name, loaded)
  await projectNumber(paths, loaded.definition.project)
  await ensureCommon(context)
  if ((await takeNamesPort(context, loaded.definition.project)) === null)
    context.progress('servers have no names on this host: it has no dnsmasq (apt-get install dnsmasq-base)')
}

/** A server's network, as it is planned. */
export interface PlannedNetwork {
  readonly steps: readonly NetworkStep[]
  /** Commands for nft that come before them; mostly none. */
  readonly rules: string
}

/** What a start does about the network. Takes nothing. */
export function planNetwork(
  context: Context,
  record: ServerRecord,
  name: string,
  loaded: Loaded,
): PlannedNetwork {
  const {paths, config} = context
  if (loaded.definition.network.mode !== 'links') return {steps: [], rules: ''}
  const input: NetworkInput = {
    paths,
    loaded,
    server: {name, uuid: record.uuid, slot: record.slot},
    grants: previewAddresses(context, claimantOf(context, name, loaded)),
    project: previewProject(paths, loaded.definition.project),
    namesPort: namesPort(paths, loaded.definition.project),
    gateway: config.network.gateway,
    classes: config.network.classes,
    facts: linkFacts(),
  }
  return {steps: networkSteps(input), rules: networkRules(input, server => linksOf(context, server))}
}

/** As many links as a server can have: what is none matches nothing. */
const MOST_LINKS = 16

/** The host's ends of links that `name` has, or would have. Those of long names are told only once the server is created. */
function linksOf({paths}: Context, name: string): string[] {
  const slot = readRecord(paths, name)?.slot
  const ends = Array.from({length: MOST_LINKS}, (_, index) =>
    hostInterface(paths, {name, slot: slot ?? 0}, index),
  )
  return slot === undefined ? ends.filter(end => !end.includes('_')) : ends
}

export function claimantOf({paths}: Pick<Context, 'paths'>, name: string, loaded: Loaded): Claimant {
  return {name, storage: serverPaths(paths, name).storage, loaded}
}
