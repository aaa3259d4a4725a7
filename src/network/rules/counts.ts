/*
 * How often each rule of a server's firewall has fit, as the kernel counts it.
 */
import type {Definition} from '../../definition/index.ts'
import {nft} from '../nft/run.ts'
import {firewallChain, firewallDirections, POLICY_COMMENT, ruleComment} from './firewall.ts'

/** Packets that opened a connection, or tried to, and their bytes. */
export interface RuleCount {
  readonly packets: number
  readonly bytes: number
}

/** Counts of the rules, by their place in the definition, and of what no rule fitted. */
export interface FirewallCounts {
  readonly rules: readonly RuleCount[]
  /** Null: the direction has no chain, so that nothing is counted. */
  readonly policy: Readonly<Record<'in' | 'out', RuleCount | null>>
}

/** @throws VpsError NFT_FAILED when the chains are not there */
export async function firewallCounts(
  table: string,
  definition: Pick<Definition, 'name' | 'network'>,
): Promise<FirewallCounts> {
  const directions = firewallDirections(definition)
  const chains = await Promise.all(
    directions.map(async direction =>
      commentCounts(
        await nft(['-j', 'list', 'chain', 'inet', table, firewallChain(definition.name, direction)]),
      ),
    ),
  )
  const policyOf = (direction: 'in' | 'out'): RuleCount | null =>
    chains[directions.indexOf(direction)]?.get(POLICY_COMMENT) ?? null
  return {
    rules: definition.network.firewall.rules.map(
      ({direction}, index) =>
        chains[directions.indexOf(direction)]?.get(ruleComment(index)) ?? {packets: 0, bytes: 0},
    ),
    policy: {in: policyOf('in'), out: policyOf('out')},
  }
}

/** A rule of a definition is several of the kernel's where its ends are of both families. */
export function commentCounts(json: string): Map<string, RuleCount> {
  const counts = new Map<string, RuleCount>()
  const {nftables} = JSON.parse(json) as {nftables: readonly {rule?: KernelRule}[]}
  for (const {rule} of nftables) {
    const counter = rule?.expr.find(expression => expression.counter !== undefined)?.counter
    if (rule?.comment === undefined || counter === undefined) continue
    const before = counts.get(rule.comment) ?? {packets: 0, bytes: 0}
    counts.set(rule.comment, {
      packets: before.packets + counter.packets,
      bytes: before.bytes + counter.bytes,
    })
  }
  return counts
}

/** As nft's JSON has it, see libnftables-json(5). */
interface KernelRule {
  readonly comment?: string
  readonly expr: readonly {readonly counter?: RuleCount}[]
}
