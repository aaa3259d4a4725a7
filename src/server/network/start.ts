/*
 * The part of a start that is about the network.
 */
import type {Loaded} from '../../definition/index.ts'
import {serverPaths} from '../../host/index.ts'
import {
  type Claimant,
  claimAddresses,
  linkFacts,
  type NetworkStep,
  networkSteps,
  previewAddresses,
  previewProject,
  projectNumber,
} from '../../network/index.ts'
import type {ServerRecord} from '../record.ts'
import type {Context} from '../types.ts'
import {ensureCommon} from './common.ts'

/** Takes what the server's network needs, and makes what all have in common. */
export async function secureNetwork(context: Context, name: string, loaded: Loaded): Promise<void> {
  const {paths} = context
  const claim = await claimAddresses(context, claimantOf(context, name, loaded))
  await claim.settle()
  if (loaded.definition.network.mode !== 'links') return
  await projectNumber(paths, loaded.definition.project)
  await ensureCommon(context)
}

/** The steps of a start's plan that are about the network. Takes nothing. */
export function planNetwork(
  context: Context,
  record: ServerRecord,
  name: string,
  loaded: Loaded,
): NetworkStep[] {
  const {paths, config} = context
  if (loaded.definition.network.mode !== 'links') return []
  return networkSteps({
    paths,
    loaded,
    server: {name, uuid: record.uuid, slot: record.slot},
    grants: previewAddresses(context, claimantOf(context, name, loaded)),
    project: previewProject(paths, loaded.definition.project),
    gateway: config.network.gateway,
    classes: config.network.classes,
    facts: linkFacts(),
  })
}

export function claimantOf({paths}: Pick<Context, 'paths'>, name: string, loaded: Loaded): Claimant {
  return {name, storage: serverPaths(paths, name).storage, loaded}
}
