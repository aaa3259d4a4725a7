/*
 * Rules of a server's firewall as they are written: `{allow: tcp/22, from: 198.51.100.0/24}`.
 */
import {
  contains,
  embedded,
  formatAddress,
  formatPrefix,
  formatRange,
  networkOf,
  parseRange,
  specialOf,
} from '../ip.ts'
import {nearest} from '../nearest.ts'
import {type Complaint, choice, key, list, optional, type Read, shaped, spelled, text} from './kinds.ts'
import {NAME_PATTERN} from './names.ts'
import {formatPorts, readPortList} from './ports.ts'
import {either, quote} from './words.ts'

export type Protocol = 'any' | 'tcp' | 'udp' | 'icmp'

/** What packets a rule is about, without their ends. */
export interface Match {
  protocol: Protocol
  /** Ports of the receiver: `22`, `80,443`, `1000-2000`; null: all. */
  ports: string | null
}

/** One rule; the first that fits a connection decides. */
export interface Rule extends Match {
  action: 'allow' | 'deny'
  /** `in`: to the server; `out`: from it. */
  direction: 'in' | 'out'
  /** Addresses, prefixes, `tag:NAME`, `server:NAME`; empty: any. */
  from: string[]
  to: string[]
}

const PROTOCOLS = ['any', 'tcp', 'udp', 'icmp'] as const
const EXPECTED = 'any, tcp, udp or icmp, with ports as in tcp/22 or udp/53,1000-2000'

const match = spelled<Match>({
  expected: EXPECTED,
  pattern: '^(any|icmp|(tcp|udp)(/[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?)$',
  read: readMatch,
  write: ({protocol, ports}) => (ports === null ? protocol : `${protocol}/${ports}`),
  blank: {protocol: 'any', ports: null},
})

function readMatch(written: string): Read<Match> {
  const [, word = '', ports] = /^([^/]*)(?:\/(.*))?$/.exec(written) ?? []
  const protocol = PROTOCOLS.find(name => name === word)
  if (protocol === undefined) return wrongMatch(written, word, ports)
  if (ports === undefined) return {value: {protocol, ports: null}}
  if (protocol === 'any' || protocol === 'icmp') {
    const suggestion = protocol === 'any' ? `write tcp/${ports} or udp/${ports}` : 'write icmp'
    return {says: `must have no ports with ${protocol}: only tcp and udp have them`, suggestion}
  }
  const read = readPortList(ports)
  return 'says' in read ? read : {value: {protocol, ports: read.value.map(formatPorts).join(',')}}
}

/** What else people call the protocols. */
const ALSO: Readonly<Record<string, Protocol>> = {
  all: 'any',
  ip: 'any',
  '*': 'any',
  true: 'any',
  icmpv6: 'icmp',
  icmp6: 'icmp',
  'ipv6-icmp': 'icmp',
  ping: 'icmp',
}

function wrongMatch(written: string, word: string, ports: string | undefined): Complaint {
  const says = `must be ${EXPECTED}, not ${quote(written)}`
  const suggestion = matchHint(word, ports)
  return suggestion === undefined ? {says} : {says, suggestion}
}

function matchHint(word: string, ports: string | undefined): string | undefined {
  const lower = word.toLowerCase()
  const isPorts = 'value' in readPortList(word)
  if (isPorts && (ports === 'tcp' || ports === 'udp')) return `write ${ports}/${word}`
  if (isPorts) return `write tcp/${word} or udp/${word}`
  const also = ALSO[lower] ?? PROTOCOLS.find(name => name === lower)
  if (also)
    return `write ${also}${ports === undefined || also === 'any' || also === 'icmp' ? '' : `/${ports}`}`
  const [, protocol, colon] = /^(tcp|udp):(.+)$/.exec(lower) ?? []
  if (protocol && colon && 'value' in readPortList(colon)) return `write ${protocol}/${colon}`
  const near = nearest(lower, PROTOCOLS)
  return near && `did you mean ${near}?`
}

const PEER = 'an address, a prefix, tag:NAME or server:NAME'
const KINDS = ['tag', 'server'] as const
const TAG = /^[a-z0-9][a-z0-9._-]{0,62}$/
const SERVER = new RegExp(NAME_PATTERN)

/** Ranges that no packet comes from or goes to, by the end. */
const SENSELESS = {
  from: [
    'unspecified',
    'this-network',
    'loopback',
    'multicast',
    'broadcast',
    'ipv4-mapped',
    'ipv4-compatible',
  ],
  to: ['unspecified', 'this-network', 'loopback', 'ipv4-mapped', 'ipv4-compatible'],
} as const

function peerCheck(end: 'from' | 'to'): (value: string) => Complaint | undefined {
  return value => {
    const [, kind, name = ''] = /^([a-z]+):(.*)$/.exec(value) ?? []
    if (kind === 'tag' || kind === 'server') return named(kind, name)
    const range = parseRange(value)
    return range ? senseless(end, value) : unknownPeer(value)
  }
}

function named(kind: 'tag' | 'server', name: string): Complaint | undefined {
  if ((kind === 'tag' ? TAG : SERVER).test(name)) return
  const lower = name.toLowerCase()
  const says = `must have the name of a ${kind} after ${kind}:, not ${quote(name)}`
  return lower !== name && (kind === 'tag' ? TAG : SERVER).test(lower)
    ? {says, suggestion: `did you mean ${kind}:${lower}?`}
    : {says}
}

function senseless(end: 'from' | 'to', value: string): Complaint | undefined {
  const range = parseRange(value)
  if (!range) return
  const network = networkOf(range)
  if (network.value !== range.value)
    return {
      says: `must be the beginning of its network, not ${value}`,
      suggestion: `write ${formatPrefix(network)}, or ${formatAddress(range)} for the one address`,
    }
  const special = specialOf(range)
  const names: readonly string[] = SENSELESS[end]
  if (!special || !names.includes(special.name) || !contains(special.range, range)) return
  const says = `must be ${PEER}: ${formatRange(range)} is ${special.says}`
  if (special.name === 'unspecified') return {says, suggestion: `for any address leave ${end} out`}
  return special.name === 'ipv4-mapped'
    ? {says, suggestion: `write ${formatAddress(embedded(range))}`}
    : {says}
}

function unknownPeer(value: string): Complaint {
  const says = `must be ${PEER}, not ${quote(value)}`
  if (/^(any|all|\*|anywhere|world|internet)$/i.test(value))
    return {says, suggestion: 'for any address leave it out'}
  const [, kind = '', name = ''] = /^([a-z]+):(.*)$/i.exec(value) ?? []
  const near = kind && nearest(kind.toLowerCase(), KINDS)
  if (near && !/^[0-9a-f]*$/i.test(kind)) return {says, suggestion: `did you mean ${near}:${name}?`}
  if (TAG.test(value) && !/^[0-9.]+$/.test(value))
    return {says, suggestion: `write server:${value} or tag:${value}`}
  return {says}
}

const peers = (end: 'from' | 'to') =>
  list(
    text({
      expected: PEER,
      check: peerCheck(end),
      normalise: value => {
        const range = parseRange(value)
        return range ? formatRange(range) : value
      },
    }),
    {single: true},
  )

export const rule = shaped(
  {
    allow: optional(match, {
      says: 'Let through what this says: `any`, `tcp`, `udp`, `icmp` (of IPv4 and IPv6), and for `tcp` and `udp` the ports of the receiver.',
      example: '"tcp/80,443"',
      change: 'live',
      defaultSays: 'none: a rule has `allow` or `deny`',
      aka: ['accept', 'permit', 'pass'],
    }),
    deny: optional(match, {
      says: 'Drop what this says, written as for `allow`.',
      example: 'any',
      change: 'live',
      defaultSays: 'none: a rule has `allow` or `deny`',
      aka: ['drop', 'reject', 'block', 'refuse'],
    }),
    direction: optional(
      choice(
        {
          in: 'Connections to the server.',
          out: 'Connections that the server makes.',
        },
        {
          instead: {
            ingress: 'write in',
            egress: 'write out',
            input: 'write in',
            output: 'write out',
            both: 'write two rules',
          },
        },
      ),
      {
        says: 'Which way a connection is opened; its answers are always let through.',
        example: 'out',
        change: 'live',
        defaultSays: '`out` if only `to` is written, otherwise `in`',
        aka: ['dir', 'chain', 'type'],
      },
    ),
    from: key(peers('from'), {
      says: 'Who sends: addresses, prefixes, `server:NAME` or all servers with a tag, `tag:NAME`.',
      example: '[198.51.100.0/24, "tag:web"]',
      change: 'live',
      default: [],
      defaultSays: 'anybody',
      aka: ['source', 'src', 'saddr', 'sources', 'source_addresses'],
    }),
    to: key(peers('to'), {
      says: 'Who receives, written as for `from`.',
      example: '10.0.0.0/8',
      change: 'live',
      default: [],
      defaultSays: 'anybody',
      aka: ['destination', 'dst', 'daddr', 'dest', 'destinations'],
    }),
  },
  {
    read: ({allow, deny, direction, from, to}): Read<Rule> => {
      if (allow !== null && deny !== null)
        return {
          says: 'must have allow or deny, not both',
          suggestion: 'write two rules, in the order they count',
        }
      const of = allow ?? deny
      if (of === null)
        return {
          says: 'must have allow or deny',
          suggestion: 'for example {allow: tcp/22, from: 198.51.100.0/24}',
        }
      const isOut = to.length > 0 && from.length === 0
      return {
        value: {
          action: allow === null ? 'deny' : 'allow',
          direction: direction ?? (isOut ? 'out' : 'in'),
          ...of,
          from,
          to,
        },
      }
    },
    write: ({action, direction, protocol, ports, from, to}) => {
      const isOut = to.length > 0 && from.length === 0
      const usual = isOut ? 'out' : 'in'
      return {[action]: {protocol, ports}, ...(direction === usual ? {} : {direction}), from, to}
    },
    // Says nothing about anything, so that no check of sense stumbles over it.
    blank: {action: 'allow', direction: 'in', protocol: 'any', ports: null, from: [''], to: ['']} as Rule,
  },
  {instead: ruleInstead, otherwise: portsOutside},
)

/** `allow tcp/22`, as other tools write a rule. */
function ruleInstead(written: string): string | undefined {
  const [, action, of = '', from] =
    /^(allow|deny)[ :]+(\S+)(?:\s+from\s+(\S+))?$/i.exec(written.trim().toLowerCase()) ?? []
  if (action === undefined)
    return `write a mapping such as {allow: tcp/22}, with ${either(['allow', 'deny'])}`
  const read = readMatch(of)
  const match = 'value' in read ? of : 'tcp/22'
  return `write {${action}: ${match}${from === undefined || from === 'any' ? '' : `, from: ${from}`}}`
}

/** `{allow: tcp/80,443}`: YAML takes the comma for the end of the value. */
function portsOutside(name: string): string | undefined {
  return 'value' in readPortList(name) ? `put ports with a comma in quotes: "tcp/80,${name}"` : undefined
}
