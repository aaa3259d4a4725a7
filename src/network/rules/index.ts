/*
 * A server's part in the rules: elements, which are steps of its plan, and text for nft before the start where it needs chains or
 * sets of its own.
 */

import {elementStep} from '../nft/element.ts'
import type {NetworkStep} from '../step.ts'
import {bridgeText} from './bridge.ts'
import {firewallSteps, firewallText, type LinksOf, tagSetText} from './firewall.ts'
import type {RulesInput} from './input.ts'
import {connectionsChain, connectionsText, DEFAULT_CONNECTIONS, packetsChain, packetsText} from './limits.ts'
import {publishSteps} from './publish.ts'
import {CONNECTIONS_IN, CONNECTIONS_OUT, CONNECTIONS_OWN, PACKETS_IN, PACKETS_OUT, tagSet} from './sets.ts'

/** Everything but `links` and the project, which links.elements() of `steps.ts` has. */
export function rulesSteps(input: RulesInput): NetworkStep[] {
  return [
    ...tagSteps(input),
    ...connectionsSteps(input),
    ...packetsSteps(input),
    ...firewallSteps(input),
    ...publishSteps(input),
  ]
}

/** Commands for nft that must have been done before the steps are; done again they change nothing. Empty for most servers. */
export function rulesText(input: RulesInput, linksOf: LinksOf): string {
  const {table, loaded} = input
  const {network, tags} = loaded.definition
  if (network.mode !== 'links') return ''
  const rates = new Set(network.links.flatMap(({rate}) => rate.packets ?? []))
  return [
    ...tags.map(tag => `${tagSetText(table, tag)}\n`),
    network.connections === DEFAULT_CONNECTIONS ? '' : connectionsText(table, network.connections),
    ...[...rates].map(rate => packetsText(table, rate)),
    firewallText(input, linksOf),
    network.links.some(({mode}) => mode === 'bridge') ? bridgeText(table) : '',
  ].join('')
}

function tagSteps({table, loaded, hosts}: RulesInput): NetworkStep[] {
  const origin = loaded.origin(['tags'])
  return loaded.definition.tags.flatMap(tag =>
    [...hosts.values()].map(host => elementStep(table, tagSet(tag), {key: [host]}, origin)),
  )
}

function connectionsSteps({table, loaded, hosts}: RulesInput): NetworkStep[] {
  const {connections} = loaded.definition.network
  if (connections === DEFAULT_CONNECTIONS) return []
  const origin = loaded.origin(['network', 'connections'])
  const jump = (direction: 'in' | 'out') => ({jump: connectionsChain(connections, direction)})
  return [...hosts.values()].flatMap(host => [
    elementStep(table, CONNECTIONS_OWN, {key: [host]}, origin),
    elementStep(table, CONNECTIONS_IN, {key: [host], data: jump('in')}, origin),
    elementStep(table, CONNECTIONS_OUT, {key: [host], data: jump('out')}, origin),
  ])
}

function packetsSteps({table, loaded, hosts}: RulesInput): NetworkStep[] {
  return loaded.definition.network.links.flatMap(({name, rate}, index) => {
    const host = hosts.get(name)
    const {packets} = rate
    if (host === undefined || packets === null) return []
    const origin = loaded.origin(['network', 'links', index, 'rate', 'packets'])
    const jump = (direction: 'in' | 'out') => ({jump: packetsChain(packets, direction)})
    return [
      elementStep(table, PACKETS_IN, {key: [host], data: jump('in')}, origin),
      elementStep(table, PACKETS_OUT, {key: [host], data: jump('out')}, origin),
    ]
  })
}
