import {type Family, parseRange} from '../../ip.ts'
import type {Rule as FirewallRule} from '../firewall.ts'
import type {Path} from '../problems.ts'
import type {Rule} from './rule.ts'

const RULES: Path = ['network', 'firewall', 'rules']

/** A packet has both its ends in one family. */
export const rulesAreOfOneFamily: Rule = ({definition, report}) => {
  for (const [index, {from, to}] of definition.network.firewall.rules.entries()) {
    const [senders, receivers] = [familiesOf(from), familiesOf(to)]
    if (senders === 'any' || receivers === 'any' || [...senders].some(family => receivers.has(family)))
      continue
    const [sender] = senders
    const [receiver] = receivers
    const message = `network.firewall.rules[${index}] fits no packet: from is IPv${sender}, and to is IPv${receiver}`
    report('error', [...RULES, index], message)
  }
}

function familiesOf(peers: readonly string[]): ReadonlySet<Family> | 'any' {
  const ranges = peers.map(peer => parseRange(peer)?.family)
  const known = ranges.filter(family => family !== undefined)
  return peers.length === 0 || known.length < peers.length ? 'any' : new Set(known)
}

/** The first rule that fits decides, so nothing comes after one that fits all. */
export const rulesAreReached: Rule = ({definition, report}) => {
  const {rules} = definition.network.firewall
  for (const [index, one] of rules.entries()) {
    if (isBlank(one)) continue
    const first = rules.findIndex(rule => rule.direction === one.direction && fitsAll(rule, one))
    if (first < 0 || first >= index) continue
    const message = `network.firewall.rules[${index}] never decides: rules[${first}] fits all that it fits, and comes first`
    report('warning', [...RULES, index], message, 'put it before that rule, or remove it')
  }
}

/** Only what is certain: the same ends, or none. */
function fitsAll(rule: FirewallRule, other: FirewallRule): boolean {
  const isWider =
    rule.protocol === 'any' || (rule.protocol === other.protocol && [null, other.ports].includes(rule.ports))
  const holds = (wide: readonly string[], narrow: readonly string[]): boolean =>
    wide.length === 0 || (narrow.length > 0 && narrow.every(peer => wide.includes(peer)))
  return isWider && holds(rule.from, other.from) && holds(rule.to, other.to)
}

/** A rule that was wrong by itself. */
function isBlank({from}: FirewallRule): boolean {
  return from.includes('')
}

export const peersOnce: Rule = ({definition, report}) => {
  for (const [index, rule] of definition.network.firewall.rules.entries()) {
    for (const end of ['from', 'to'] as const) {
      for (const [at, peer] of rule[end].entries()) {
        if (peer === '' || rule[end].indexOf(peer) === at) continue
        const message = `network.firewall.rules[${index}].${end}: ${peer} is written twice`
        report('warning', [...RULES, index, end, at], message)
      }
    }
  }
}
