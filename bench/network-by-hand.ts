/*
 * The network of a server as an admin would make it by hand, from the steps of its plan: commands of ip and nft.
 */

import type {NetworkStep} from '../src/network/index.ts'
import {elementOf} from '../src/network/nft/element.ts'

/** Lines for `sh`, in this order: on the host, in the server's network, on the host. */
export interface ByHand {
  readonly link: readonly string[]
  readonly inside: readonly string[]
  readonly host: readonly string[]
}

/** @param pid a process in the server's network */
export function byHand(steps: readonly NetworkStep[], pid: number): ByHand {
  const made = steps.flatMap(step => commands(step, pid))
  const of = (wanted: keyof ByHand): string[] => made.filter(({at}) => at === wanted).map(({line}) => line)
  return {link: of('link'), inside: of('inside'), host: of('host')}
}

/** What removes it; the rest goes with the link. */
export function undone({link, host}: ByHand): string[] {
  const elements = host
    .filter(line => line.startsWith('nft add '))
    .map(line => line.replace(' add ', ' delete '))
  const links = link.flatMap(line => /^ip link add name (\S+)/.exec(line)?.[1] ?? [])
  return [...links.map(name => `ip link delete ${name}`), ...elements]
}

type Command = {readonly at: keyof ByHand; readonly line: string}

function commands(step: NetworkStep, pid: number): Command[] {
  const [a = '', b = '', c = '', d = '', e = ''] = step.arguments
  const on = (at: keyof ByHand, ...lines: string[]): Command[] => lines.map(line => ({at, line}))
  switch (step.op) {
    case 'link-veth':
      return [
        ...on(
          'link',
          `ip link add name ${b} address ${e} mtu ${c} type veth peer name ${a} address ${d} mtu ${c} netns ${pid}`,
          `ip link set dev ${b} up`,
        ),
        ...on('inside', `ip link set dev ${a} up`),
      ]
    case 'link-address':
      return on('inside', `ip address add ${b} dev ${a}${nodad(b)}`)
    case 'link-neighbour':
      return on('inside', `ip neighbour replace ${b} lladdr ${c} nud permanent dev ${a}`)
    case 'link-route':
      return on(
        'inside',
        `ip route add ${b} ${via(c)} dev ${a}${c === '' ? ' scope link' : ' onlink'}${from(d)}`,
      )
    case 'host-address':
      return on('host', `ip address add ${b} dev ${a}${nodad(b)}`)
    case 'host-neighbour':
      return on('host', `ip neighbour replace ${b} lladdr ${c} nud permanent dev ${a}`)
    case 'host-route':
      return on('host', `ip route add ${b} dev ${a}`)
    case 'host-localhost':
      return on('host', `ip route add local ::1 dev ${a} table local metric 4096`)
    case 'host-setting':
      return on('host', `echo ${d} > /proc/sys/net/${a}/conf/${b}/${c}`)
    case 'nft-element': {
      const element = elementOf(step)
      if (element === undefined) throw new Error(`no set for ${step.arguments.join(' ')}`)
      return on('host', `nft add element inet ${b} ${element.set.name} '{ ${element.text} }'`)
    }
    default:
      throw new Error(`nothing by hand for the step ${step.op}`)
  }
}

const nodad = (address: string): string => (address.includes(':') ? ' nodad' : '')
const via = (gateway: string): string => (gateway === '' ? '' : `via ${gateway}`)
const from = (source: string): string => (source === '' ? '' : ` src ${source}`)
