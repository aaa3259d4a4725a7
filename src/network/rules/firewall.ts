/*
 * A server's firewall as chains of its own, one for each direction that says anything. Text for nft; pure.
 *
 * Packets of known connections never come here. A chain for what goes to the server accepts, drops or returns, and one for what
 * it sends drops or returns: then the receiver has its say.
 */
import type {Definition} from '../../definition/index.ts'
import {contains, type Prefix, parseRange} from '../../ip.ts'
import {elementStep} from '../nft/element.ts'
import type {NetworkStep} from '../step.ts'
import type {RulesInput} from './input.ts'
import {RULES_IN, RULES_OUT, setText, tagSet} from './sets.ts'

type Rule = Definition['network']['firewall']['rules'][number]
type Direction = Rule['direction']

export const DIRECTIONS = ['in', 'out'] as const

/** The hosts' ends of all links that a server has, or would have if it ran; none when there is no such server. */
export type LinksOf = (server: string) => readonly string[]

export function firewallChain(server: string, direction: Direction): string {
  return `server-${server}-${direction}`
}

/** Which directions need a chain: all is allowed where there is none. */
export function firewallDirections({network}: Pick<Definition, 'network'>): Direction[] {
  const {firewall} = network
  return DIRECTIONS.filter(
    direction => firewall[direction] === 'deny' || firewall.rules.some(rule => rule.direction === direction),
  )
}

/** The jumps into the chains, for each link; and the chains, which the supervisor removes with them. */
export function firewallSteps({table, loaded, hosts}: RulesInput): NetworkStep[] {
  const {definition} = loaded
  const origin = loaded.origin(['network', 'firewall'])
  return firewallDirections(definition).flatMap(direction => {
    const jump = firewallChain(definition.name, direction)
    const set = direction === 'in' ? RULES_IN : RULES_OUT
    return [
      ...[...hosts.values()].map(host => elementStep(table, set, {key: [host], data: {jump}}, origin)),
      {op: 'nft-chain', arguments: ['inet', table, jump], origin},
    ]
  })
}

/** Commands that make the chains, or make them anew in one transaction; and the sets of tags that they speak of. */
export function firewallText({table, loaded, hosts}: RulesInput, linksOf: LinksOf): string {
  const {definition} = loaded
  const {rules} = definition.network.firewall
  const directions = firewallDirections(definition)
  return [
    ...[...tagsIn(rules)].map(tag => tagSetText(table, tag)),
    ...directions.flatMap(direction => {
      const chain = firewallChain(definition.name, direction)
      const lines = [
        ...(direction === 'in' ? [fromItself([...hosts.values()])] : []),
        ...rules.flatMap((rule, index) =>
          rule.direction === direction ? ruleLines(rule, index, linksOf) : [],
        ),
        policyLine(definition, direction),
      ]
      return [
        `add chain inet ${table} ${chain}`,
        `flush chain inet ${table} ${chain}`,
        ...lines.map(line => `add rule inet ${table} ${chain} ${line}`),
      ]
    }),
  ]
    .map(line => `${line}\n`)
    .join('')
}

/** The command that makes the set of a tag, if it is not there. */
export function tagSetText(table: string, tag: string): string {
  return setText(tagSet(tag)).replace(/^set /, `add set inet ${table} `)
}

/** A server reaches itself by its published ports. */
function fromItself(hosts: readonly string[]): string {
  return `iifname ${oneOf(hosts.map(quoted))} accept`
}

/** The comment that a rule's lines are counted by. */
export function ruleComment(index: number): string {
  return `rule ${index}`
}
export const POLICY_COMMENT = 'policy'

function policyLine({network}: Pick<Definition, 'network'>, direction: Direction): string {
  const verdict = network.firewall[direction] === 'deny' ? 'drop ' : ''
  return `counter ${verdict}comment "${POLICY_COMMENT}"`
}

/** One line for each way in which its ends can fit: addresses of a family, or links. */
function ruleLines(rule: Rule, index: number, linksOf: LinksOf): string[] {
  const {action, direction} = rule
  const verdict = action === 'deny' ? 'drop' : direction === 'in' ? 'accept' : 'return'
  const senders = endMatches(rule.from, {address: 'saddr', link: 'iifname'}, linksOf)
  const receivers = endMatches(rule.to, {address: 'daddr', link: 'oifname'}, linksOf)
  return senders.flatMap(from =>
    receivers
      .filter(to => from.family === undefined || to.family === undefined || from.family === to.family)
      .map(to =>
        [from.text, to.text, protocolMatch(rule), `counter ${verdict} comment "${ruleComment(index)}"`]
          .filter(part => part !== '')
          .join(' '),
      ),
  )
}

interface EndMatch {
  readonly text: string
  readonly family?: 4 | 6
}

function endMatches(
  peers: readonly string[],
  {address, link}: {readonly address: string; readonly link: string},
  linksOf: LinksOf,
): EndMatch[] {
  if (peers.length === 0) return [{text: ''}]
  const ranges = ([4, 6] as const).flatMap(family => {
    const members = peers.filter(peer => parseRange(peer)?.family === family)
    const field = `${family === 4 ? 'ip' : 'ip6'} ${address}`
    return members.length === 0 ? [] : [{text: `${field} ${oneOf(merged(members))}`, family}]
  })
  const tags = named(peers, 'tag').map(tag => ({text: `${link} @${tagSet(tag).name}`}))
  const links = named(peers, 'server').flatMap(linksOf)
  return [...ranges, ...tags, ...(links.length === 0 ? [] : [{text: `${link} ${oneOf(links.map(quoted))}`}])]
}

/** Without those that another one holds: nft takes no overlaps. */
function merged(members: readonly string[]): string[] {
  return [...new Set(members)].filter(member => {
    const range = rangeOf(member)
    return !members.some(other => other !== member && contains(rangeOf(other), range))
  })
}

/** Of a text that was checked when it was read. */
function rangeOf(text: string): Prefix {
  const range = parseRange(text)
  if (range === undefined) throw new TypeError(`${text} is no range of addresses`)
  return range
}

function protocolMatch({protocol, ports}: Rule): string {
  if (protocol === 'any') return ''
  if (protocol === 'icmp') return 'meta l4proto { icmp, ipv6-icmp }'
  return ports === null ? `meta l4proto ${protocol}` : `${protocol} dport { ${ports.replaceAll(',', ', ')} }`
}

function named(peers: readonly string[], kind: 'tag' | 'server'): string[] {
  return peers.filter(peer => peer.startsWith(`${kind}:`)).map(peer => peer.slice(kind.length + 1))
}

function tagsIn(rules: readonly Rule[]): Set<string> {
  return new Set(rules.flatMap(({from, to}) => named([...from, ...to], 'tag')))
}

function oneOf(members: readonly string[]): string {
  return `{ ${members.join(', ')} }`
}

function quoted(name: string): string {
  return `"${name}"`
}
