import {networkInterfaces} from 'node:os'
import type {LaunchPlan} from '../../launch/index.ts'
import {isCommonMade, linkFacts, lockCommon, makeCommon, NAMES6, removeCommon} from '../../network/index.ts'
import {serverNames} from '../list.ts'
import type {Context} from '../types.ts'
import {saveAccounts} from '../usage.ts'
import {runNetwork} from './native.ts'
import {storedRules} from './stored-plans.ts'

/** Makes what servers with links have in common, unless it is there as far as a few files tell. */
export async function ensureCommon(context: Context): Promise<void> {
  if (!isCommonMade(context)) await remakeCommon(context, () => isCommonMade(context))
}

/**
 * Makes it anew, with the elements of all servers that run.
 * @param isDone asked once the lock is held: another may have done it meanwhile
 */
export async function remakeCommon(context: Context, isDone: () => boolean = () => false): Promise<void> {
  await using _lock = await lockCommon(context.paths, 'start', context.progress)
  if (isDone()) return
  // The counters of traffic begin at 0 with the rules.
  await saveAccounts(context, serverNames(context.paths))
  await makeCommon(context, () => storedRules(context.paths))
  await addGateway(context)
}

/** After the last server: as if vps had never been there. */
export async function forgetCommon(context: Context): Promise<void> {
  await using _lock = await lockCommon(context.paths, 'destroy', context.progress)
  if (!(await removeCommon(context))) return
  for (const address of gatewayAddresses(context))
    await runNetwork('network-apply', gatewayPlan('-host-address', address))
}

/** The gateway is an address of the host even when no link is there, so that a name server can listen on it. */
async function addGateway(context: Context): Promise<void> {
  const present = networkInterfaces().lo?.map(({address}) => address)
  for (const address of gatewayAddresses(context).filter(
    one => !present?.includes(one.replace(/\/.*/, '')),
  )) {
    const fault = await runNetwork('network-apply', gatewayPlan('+host-address', address))
    if (fault !== undefined && fault.code !== 'EEXIST') throw fault
  }
}

/** That of IPv6 is on every link; names are answered at another address. */
export function gatewayAddresses({config}: Context): string[] {
  const {ipv4} = config.network.gateway
  return [`${ipv4}/32`, ...(linkFacts().ipv6 === 'none' ? [] : [`${NAMES6}/128`])]
}

function gatewayPlan(op: string, address: string): LaunchPlan {
  return {settings: {}, steps: [{op, arguments: ['lo', address], origin: null}]}
}
