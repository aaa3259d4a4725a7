/*
 * What should be in the host's network, from the plans of the servers that run, against what is.
 */
import {networkInterfaces} from 'node:os'
import {ExitCode, VpsError} from '../../errors.ts'
import type {Check} from '../../host/index.ts'
import {
  compareTables,
  expectedRules,
  foreignDrops,
  interfacePrefix,
  isForwarding,
  isNetworkStep,
  type Missing,
  missingSteps,
  type NetworkStep,
  presentTable,
  raiseLink,
  readHostLinks,
  readOpened,
  removeLink,
  setPortVlan,
  speaksOfBridges,
  strayLinks,
  tableName,
  vlanFiltering,
  vlanOf,
  wantedTable,
} from '../../network/index.ts'
import {listDirectory} from '../journal.ts'
import {readRun} from '../run-state.ts'
import type {Context} from '../types.ts'
import {gatewayAddresses, remakeCommon} from './common.ts'
import {checkServerNames} from './names.ts'
import {runNetwork} from './native.ts'
import {storedPlan, storedRules} from './stored-plans.ts'

/** One thing that is not as it should be. */
export interface NetworkDifference {
  /** Whose network it is of; null: of all. */
  readonly server: string | null
  readonly what: string
  readonly mended: boolean
  /** What is left to do; empty when nothing is. */
  readonly fix: string
}

const REPAIR = 'vps network check --repair'

/** Looks, and with `repair` mends. Not under locks of servers: what a command is just at work on may be among it. */
export async function checkNetwork(context: Context, repair: boolean): Promise<NetworkDifference[]> {
  const {paths} = context
  const servers = runningServers(context)
  if (servers.length === 0 && readOpened(paths) === undefined) return []
  const common = await commonDifferences(context)
  const mend = repair && common.length > 0
  if (mend) await remakeCommon(context)
  const steps = servers.flatMap(server => server.steps)
  const host = await readHostLinks(steps)
  const strays = strayLinks(interfacePrefix(paths), steps, host)
  if (repair) for (const name of strays) await removeLink(name)
  const ofServers: NetworkDifference[] = []
  for (const server of servers)
    for (const missing of missingSteps(server.steps, host))
      ofServers.push(await mendMissing(server.name, missing, repair))
  const names = await checkServerNames(context, repair)
  return [
    ...common.map(what => difference(null, what, mend)),
    ...strays.map(name => difference(null, `the link ${name} is no running server's`, repair)),
    ...ofServers,
    ...names.map(({what, mended}) => difference(null, what, mended)),
  ]
}

/** For `vps doctor`. */
export async function networkChecks(context: Context): Promise<Check[]> {
  try {
    const differences = await checkNetwork(context, false)
    const drops = await foreignDrops(interfacePrefix(context.paths), tableName(context.paths))
    return [networkCheck(differences), forwardCheck(drops)]
  } catch (error) {
    if (!(error instanceof VpsError)) throw error
    const fix = error.exitCode === ExitCode.hostCannot ? error.suggestions.join('; ') : REPAIR
    return [{id: 'network', title: 'network of servers', state: 'warning', found: error.message, fix}]
  }
}

function networkCheck(differences: readonly NetworkDifference[]): Check {
  const [first] = differences
  const more = differences.length > 1 ? `, and ${differences.length - 1} more` : ''
  return {
    id: 'network',
    title: 'network of servers',
    state: first === undefined ? 'ok' : 'warning',
    found: first === undefined ? 'as it should be' : `${sentence(first)}${more}`,
    fix: first === undefined ? '' : REPAIR,
  }
}

function forwardCheck(drops: Awaited<ReturnType<typeof foreignDrops>>): Check {
  return {
    id: 'forward-policy',
    title: 'other firewalls',
    state: drops.length === 0 ? 'ok' : 'warning',
    found:
      drops.length === 0
        ? 'none is in the way'
        : `${drops.map(({where}) => where).join('; ')}: drops what goes to and from servers`,
    fix: drops.map(({fix}) => fix).join('; '),
  }
}

export function sentence({server, what}: Pick<NetworkDifference, 'server' | 'what'>): string {
  return server === null ? what : `server ${server}: ${what}`
}

interface RunningServer {
  readonly name: string
  readonly steps: readonly NetworkStep[]
}

function runningServers({paths}: Context): RunningServer[] {
  return listDirectory(paths.runServers).flatMap(name => {
    const run = readRun(paths, name)
    const steps = storedPlan(paths, name)?.steps.filter(isNetworkStep) ?? []
    // Between two boots the links are away.
    return run.kind === 'alive' && run.state.state !== 'restarting' && steps.length > 0 ? [{name, steps}] : []
  })
}

async function commonDifferences(context: Context): Promise<string[]> {
  const {paths} = context
  const table = tableName(paths)
  const text = expectedRules(context, storedRules(paths))
  const rules: string[] = []
  for (const family of speaksOfBridges(text) ? (['inet', 'bridge'] as const) : (['inet'] as const)) {
    const wanted = await wantedTable(family, table, text)
    rules.push(...compareTables(`${family} ${table}`, await presentTable(family, table), wanted))
  }
  const own = networkInterfaces().lo?.map(({address}) => address) ?? []
  const gateways = gatewayAddresses(context)
    .map(text => text.replace(/\/.*/, ''))
    .filter(address => !own.includes(address))
    .map(address => `lo lacks the address ${address}`)
  const forwarding = isForwarding() ? [] : ['packets from the world are not forwarded to servers']
  return [...rules, ...gateways, ...forwarding]
}

async function mendMissing(server: string, missing: Missing, repair: boolean): Promise<NetworkDifference> {
  const {step, what, needsRestart} = missing
  if (needsRestart) return {server, what, mended: false, fix: `vps restart ${server}`}
  if (!repair) return difference(server, what, false)
  if (step.op === 'link-veth') {
    await raiseLink(step.arguments[1] ?? '')
    return difference(server, what, true)
  }
  const vlan = vlanOf(step)
  if (vlan !== undefined) {
    // Whether a bridge filters is its owner's decision, about all its ports.
    const [port = '', bridge = ''] = step.arguments
    if ((await vlanFiltering(bridge)) !== 'on')
      return {server, what, mended: false, fix: `ip link set ${bridge} type bridge vlan_filtering 1`}
    await setPortVlan(port, vlan)
    return difference(server, what, true)
  }
  const fault = await runNetwork('network-apply', {settings: {}, steps: [{...step, op: `+${step.op}`}]})
  const mended = fault === undefined || fault.code === 'EEXIST'
  return {server, what, mended, fix: mended ? '' : `vps restart ${server}`}
}

function difference(server: string | null, what: string, mended: boolean): NetworkDifference {
  return {server, what, mended, fix: mended ? '' : REPAIR}
}
