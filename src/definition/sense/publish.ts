import {parseAddress, parseRange} from '../../ip.ts'
import {formatPorts} from '../ports.ts'
import {type Publish, writePublish} from '../publish.ts'
import type {Network} from '../schema.ts'
import type {Rule} from './rule.ts'

/** A port of the host leads to one place. */
export const publishedOnce: Rule = ({definition, report}) => {
  const {publish} = definition.network
  for (const [index, one] of publish.entries()) {
    const first = publish.slice(0, index).findIndex(other => isClash(other, one))
    const other = publish[first]
    if (other === undefined) continue
    const from = Math.max(one.hostPort, other.hostPort)
    const to = Math.min(lastOf(one), lastOf(other))
    const ports = `${from === to ? 'port' : 'ports'} ${formatPorts({first: from, last: to})}`
    const message = `network.publish[${index}] takes ${ports} of ${one.protocol} that network.publish[${first}] ${writePublish(other)} has`
    report(
      'error',
      ['network', 'publish', index],
      message,
      'choose another port of the host, or an address for each',
    )
  }
}

/** Without an address it is all of them. */
function isClash(one: Publish, other: Publish): boolean {
  const isSamePlace = one.address === null || other.address === null || one.address === other.address
  return (
    one.protocol === other.protocol &&
    isSamePlace &&
    one.hostPort <= lastOf(other) &&
    other.hostPort <= lastOf(one)
  )
}

function lastOf({hostPort, count}: Publish): number {
  return hostPort + count - 1
}

/** Published ports lead to an address that the host routes to. */
export const publishedHasAnAddress: Rule = ({definition, report}) => {
  const {mode, links, publish} = definition.network
  const [first] = publish
  if (mode !== 'links' || first === undefined || links.length === 0) return
  const path = ['network', 'publish']
  const families = routedFamilies(links)
  if (families.size === 0) {
    const message = 'network.publish has no address to lead to: the host routes to no link of the server'
    report('error', path, message, 'add a link of mode routed')
    return
  }
  for (const [index, {address}] of publish.entries()) {
    const family = address === null ? undefined : parseAddress(address)?.family
    if (family === undefined || families.has(family)) continue
    const message = `network.publish[${index}] is about IPv${family}, and no routed link of the server has an address of it`
    report('error', [...path, index], message, `add auto${family} to the addresses of a link`)
  }
}

/** Of the addresses there are or may be: a pool may be of either. A prefix that is routed is nothing to lead to. */
function routedFamilies(links: Network['links']): Set<4 | 6> {
  const all = links.filter(({mode}) => mode === 'routed').flatMap(({addresses}) => addresses)
  const families = new Set<4 | 6>()
  for (const text of all) {
    const range = parseRange(text)
    if (range) {
      if (range.length === (range.family === 4 ? 32 : 128)) families.add(range.family)
    } else {
      if (text !== 'auto6') families.add(4)
      if (text !== 'auto4') families.add(6)
    }
  }
  return families
}
