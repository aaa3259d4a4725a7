/*
 * The part of a start that is about the network.
 */
import {join} from 'node:path'
import type {Loaded} from '../../definition/index.ts'
import {Fresh, serverPaths} from '../../host/index.ts'
import {resolveInRoot} from '../../image/index.ts'
import {
  type Claimant,
  claimAddresses,
  gatewayOf,
  gatewaysIn,
  guestFiles,
  hostInterface,
  linkFacts,
  type NetworkInput,
  type NetworkStep,
  nameServers,
  namesPort,
  networkRules,
  networkSteps,
  previewAddresses,
  previewProject,
  projectNumber,
  takeNamesPort,
} from '../../network/index.ts'
import {readRecord, type ServerRecord} from '../record.ts'
import {readText} from '../run-state.ts'
import type {Context} from '../types.ts'
import {ensureCommon} from './common.ts'
import {refusePortsOfHost} from './ports.ts'
import {refuseUnheededVlans} from './vlans.ts'

/** Takes what the server's network needs, and makes what all have in common. */
export async function secureNetwork(context: Context, name: string, loaded: Loaded): Promise<void> {
  const {paths} = context
  if (readRecord(paths, name) === undefined) return // it was not created; the plan will say so
  const claim = await claimAddresses(context, claimantOf(context, name, loaded))
  await claim.settle()
  if (loaded.definition.network.mode !== 'links') return
  await refusePortsOfHost(context, name, loaded)
  await refuseUnheededVlans(loaded)
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
  /** Files in the server that say who it is and whom to ask for names. */
  readonly files: readonly NetworkStep[]
}

/**
 * What a start does about the network. Takes nothing.
 * @param running the steps of a server that runs, whose links are there already
 */
export function planNetwork(
  context: Context,
  record: ServerRecord,
  name: string,
  loaded: Loaded,
  running?: readonly NetworkStep[],
): PlannedNetwork {
  const {paths, config} = context
  if (loaded.definition.network.mode !== 'links') return {steps: [], rules: '', files: []}
  const {project} = loaded.definition
  const port = namesPort(paths, project)
  const input: NetworkInput = {
    paths,
    loaded,
    server: {name, uuid: record.uuid, slot: record.slot},
    grants: previewAddresses(context, claimantOf(context, name, loaded)),
    project: previewProject(paths, project),
    namesPort: port,
    gateway: config.network.gateway,
    gateways: running && gatewaysIn(running),
    classes: config.network.classes,
    facts: linkFacts(),
  }
  return {
    steps: networkSteps(input),
    rules: networkRules(input, server => linksOf(context, server)),
    files: filesOf(context, record, input),
  }
}

function filesOf({paths, config}: Context, {image}: ServerRecord, input: NetworkInput): NetworkStep[] {
  const {loaded, grants, namesPort} = input
  const {definition} = loaded
  // The gateway is at routed links.
  const {links} = definition.network
  const at = links.findIndex(({mode}) => mode === 'routed')
  const link = links[at]?.name ?? ''
  const port = at === -1 ? null : namesPort
  const rootfs = join(paths.images, image, 'rootfs')
  const servers = nameServers(config, {
    port,
    link,
    gateway: gatewayOf(input, link, at),
    families: new Set(grants.map(({range}) => range.family)),
    hostFile: readText('/etc/resolv.conf') ?? '',
  })
  return guestFiles({
    definition,
    grants,
    nameServers: servers,
    hasNames: port !== null,
    imageText: path => imageTexts.get(`${rootfs}${path}`, () => textInRoot(rootfs, path)),
  })
}

/** Of images that servers are started from: one after the other, many of the same. */
const imageTexts = new Fresh<string | undefined>()

/** A small file of an image. What stands behind a link is not the image's word on it. */
function textInRoot(rootfs: string, path: string): string | undefined {
  const {onHost, stat} = resolveInRoot(rootfs, path, {followLast: false})
  return stat?.isFile() && stat.size < MOST_BYTES ? readText(onHost) : undefined
}

const MOST_BYTES = 16_384

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
