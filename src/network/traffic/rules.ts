/*
 * The chains that count. Each packet is looked at once for the server that sends it and once for the one that gets it, behind all
 * filters, so that nobody pays for what was dropped: what a server sends when it is forwarded or delivered to the host, what it
 * receives when it leaves the host, before its source address is changed. By then it is one packet again if it came in fragments.
 *
 * To look an element up counts the packet. A server that runs since before a class was made has no element in its sets: it counts
 * as `world`.
 */
import {parseRange} from '../../ip.ts'
import {type Classes, DIRECTIONS, type Direction, FAMILIES, LOCAL, trafficSet, WORLD} from './sets.ts'

/** The server's link, and where its peer's address is, by direction. */
const END = {in: 'oifname', out: 'iifname'} as const
const PEER = {in: 'saddr', out: 'daddr'} as const

/**
 * Late priorities: other programs' filters have had their say. Not behind the change of source addresses, though. Multicast to a link
 * comes from the kernel of the host alone: its talk with neighbours is not the server's traffic.
 */
export function traffic(classes: Classes): string {
  return `${DIRECTIONS.map(direction => countingChains(direction, classes)).join('')}
  chain traffic_forwarded {
    type filter hook forward priority filter + 250; policy accept;
    iifname @links goto traffic_out
  }
  chain traffic_delivered {
    type filter hook input priority filter + 250; policy accept;
    iifname @links goto traffic_out_${LOCAL}
  }
  chain traffic_leaving {
    type filter hook postrouting priority srcnat - 1; policy accept;
    oifname @links goto traffic_in
  }
  chain traffic_out {
    oifname @links goto traffic_out_${LOCAL}
    ${byClass('out', classes)}
  }
  chain traffic_in {
    ip daddr 224.0.0.0/4 return
    ip6 daddr ff00::/8 return
    iifname @links goto traffic_in_${LOCAL}
    fib saddr type local goto traffic_in_${LOCAL}
    ip6 saddr fe80::/10 goto traffic_in_${LOCAL}
    ${byClass('in', classes)}
  }`
}

function countingChains(direction: Direction, classes: Classes): string {
  const names = [LOCAL, ...Object.keys(classes), WORLD]
  return names.map(name => countingChain(direction, name)).join('')
}

function countingChain(direction: Direction, name: string): string {
  const counted = FAMILIES.map(
    family =>
      `    meta nfproto ipv${family} ${END[direction]} @${trafficSet(direction, family, name).name} return`,
  )
  const otherwise = name === LOCAL || name === WORLD ? [] : [`    goto ${chainOf(direction, WORLD)}`]
  return `
  chain ${chainOf(direction, name)} {
${[...counted, ...otherwise].join('\n')}
  }`
}

function byClass(direction: Direction, classes: Classes): string {
  return [
    ...FAMILIES.flatMap(family => {
      const elements = Object.entries(classes).flatMap(([name, ranges]) =>
        ranges
          .filter(range => parseRange(range)?.family === family)
          .map(range => `${range} : goto ${chainOf(direction, name)}`),
      )
      if (elements.length === 0) return []
      return [`${family === 4 ? 'ip' : 'ip6'} ${PEER[direction]} vmap { ${elements.join(', ')} }`]
    }),
    `goto ${chainOf(direction, WORLD)}`,
  ].join('\n    ')
}

function chainOf(direction: Direction, name: string): string {
  return `traffic_${direction}_${name}`
}
