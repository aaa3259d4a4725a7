import type {Definition} from '../../definition/index.ts'
import {firewallCounts, type RuleCount, tableName} from '../../network/index.ts'
import {startedDefinition} from '../neighbours.ts'
import {loadValid} from '../plan.ts'
import {readRun} from '../run-state.ts'
import type {Context} from '../types.ts'

type Rule = Definition['network']['firewall']['rules'][number]

/** A rule and how often it has fit; null: the server does not run, or the kernel counts nothing there. */
export interface FirewallRule extends Rule {
  readonly count: RuleCount | null
}

export interface FirewallView {
  readonly name: string
  readonly in: 'allow' | 'deny'
  readonly out: 'allow' | 'deny'
  /** In the order in which they are asked. */
  readonly rules: readonly FirewallRule[]
  /** Of what no rule fitted. */
  readonly policy: Readonly<Record<'in' | 'out', RuleCount | null>>
}

/** The firewall of a server as it is now, or as it will be at its start. */
export async function firewall(context: Context, name: string): Promise<FirewallView> {
  const {paths} = context
  const isRunning = readRun(paths, name).kind === 'alive'
  const started = isRunning ? startedDefinition(paths, name) : undefined
  const definition = started ?? (await loadValid(context, name)).definition
  const {network} = definition
  const counts =
    started === undefined || network.mode !== 'links'
      ? undefined
      : await firewallCounts(tableName(paths), {...definition, name})
  return {
    name,
    in: network.firewall.in,
    out: network.firewall.out,
    rules: network.firewall.rules.map((rule, index) => ({...rule, count: counts?.rules[index] ?? null})),
    policy: counts?.policy ?? {in: null, out: null},
  }
}
