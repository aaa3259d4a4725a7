import {describe, expect, test} from 'vitest'
import {parseDefinition} from '../../src/definition/index.ts'
import {DEFAULT_NETWORK} from '../../src/host/index.ts'
import {formatRange, parseAddress, parseRange} from '../../src/ip.ts'
import {type Assignment, assignAddresses} from '../../src/network/assign.ts'
import {changeSteps, reversed} from '../../src/network/changes.ts'
import {missingSteps, strayLinks} from '../../src/network/check/links.ts'
import {compareTables, parseTable} from '../../src/network/check/ruleset.ts'
import {guestFiles} from '../../src/network/guest-files.ts'
import type {Holding} from '../../src/network/holdings.ts'
import {hostInterface, macAddress, tableName} from '../../src/network/identity.ts'
import {elementOf, elementStep} from '../../src/network/nft/element.ts'
import {decodeFields, encodeFields} from '../../src/network/nft/fields.ts'
import {PROJECT_OF, PROJECT_PEERS, PUBLISH4, RULES_IN} from '../../src/network/rules/sets.ts'

const HOST = {cgroupName: 'vps'}

function range(text: string) {
  const found = parseRange(text)
  if (found === undefined) throw new Error(text)
  return found
}

const holding = (text: string, server: string, link = 'eth0'): Holding => ({range: range(text), server, link})

describe('names of interfaces', () => {
  test.each([
    ['web1', 0, 'vps-web1'],
    ['web1', 1, 'vps-web1.1'],
    ['abcdefghijk', 0, 'vps-abcdefghijk'],
    ['abcdefghijkl', 0, 'vps-abcdefgh_2a'],
    ['abcdefghijk', 1, 'vps-abcdef_2a.1'],
    ['a'.repeat(63), 12, 'vps-aaaaa_2a.12'],
  ])('%s, link %i', (name, index, wanted) => {
    expect(hostInterface(HOST, {name, slot: 82}, index)).toBe(wanted)
    expect(wanted.length).toBeLessThanOrEqual(15)
  })

  test('below a root of its own a host has names and a table of its own', () => {
    const host = {cgroupName: 'vps-0a1b2c3d'}
    expect(hostInterface(host, {name: 'web1', slot: 1}, 0)).toBe('v0a1b-web1')
    expect(hostInterface(host, {name: 'webserver1', slot: 1}, 0)).toBe('v0a1b-webserv_1')
    expect([tableName(HOST), tableName(host)]).toEqual(['vps', 'vps_0a1b2c3d'])
  })

  test('two long names that begin alike are two interfaces', () => {
    const names = [0, 1, 4095].map(slot => hostInterface(HOST, {name: 'customer-number-7', slot}, 0))
    expect(new Set(names).size).toBe(3)
  })
})

test('MAC addresses are local, of one interface, and always the same', () => {
  const macs = ['eth0', 'eth1'].flatMap(link =>
    (['guest', 'host'] as const).map(end => macAddress('0159244d', link, end)),
  )
  expect(new Set(macs).size).toBe(4)
  for (const mac of macs) expect(mac).toMatch(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/)
  expect(macAddress('0159244d', 'eth0', 'guest')).toBe(macs[0])
})

describe('keys of sets', () => {
  test('as the kernel has them', () => {
    expect(encodeFields(['inet_proto', 'inet_service'], ['tcp', 8080])).toBe('060000001f900000')
    expect(encodeFields(['inet_service'], [80])).toBe('0050')
    expect(encodeFields(['ipv4_addr'], ['10.77.0.5'])).toBe('0a4d0005')
    expect(encodeFields(['ifname'], ['vps-a'])).toBe(`7670732d61${'00'.repeat(11)}`)
  })

  test.each([
    [['ifname'], ['vps-web1']],
    [
      ['mark', 'ifname'],
      [7, 'vps-web1'],
    ],
    [
      ['ipv4_addr', 'inet_proto', 'inet_service'],
      ['192.0.2.1', 'udp', 53],
    ],
    [
      ['ipv6_addr', 'inet_proto', 'inet_service'],
      ['2001:db8::1', 'tcp', 443],
    ],
  ] as const)('%j and back', (types, values) => {
    expect(decodeFields(types, encodeFields(types, values))).toEqual(values)
  })

  test('elements as nft reads them', () => {
    const texts = [
      elementStep('vps', PROJECT_OF, {key: ['vps-a'], data: [3]}),
      elementStep('vps', PROJECT_PEERS, {key: [3, 'vps-a']}),
      elementStep('vps', PUBLISH4, {key: ['192.0.2.1', 'tcp', 80], data: ['10.77.0.5', 8080]}),
      elementStep('vps', RULES_IN, {key: ['vps-a'], data: {jump: 'server-a-in'}}),
    ].map(step => elementOf(step)?.text)
    expect(texts).toEqual([
      '"vps-a" : 3',
      '3 . "vps-a"',
      '192.0.2.1 . tcp . 80 : 10.77.0.5 . 8080',
      '"vps-a" : jump server-a-in',
    ])
  })
})

describe('which addresses a server gets', () => {
  const PUBLIC = {range: '203.0.113.0/28', exclude: ['203.0.113.4/30'], masquerade: false, default: false}
  const config = {...DEFAULT_NETWORK, pools: {...DEFAULT_NETWORK.pools, public: PUBLIC}}

  const assign = (
    links: unknown,
    holdings: readonly Holding[] = [],
    hostAddresses: string[] = [],
  ): Assignment => {
    const {definition, problems} = parseDefinition(JSON.stringify({name: 'a', network: {links}}), {
      file: 'a.yaml',
    })
    expect(problems.filter(({grade}) => grade === 'error')).toEqual([])
    const addresses = hostAddresses.flatMap(text => parseAddress(text) ?? [])
    return assignAddresses(definition, {server: 'a', config, holdings, hostAddresses: addresses})
  }
  const granted = ({grants}: Assignment) => grants.map(grant => `${grant.link} ${formatRange(grant.range)}`)
  const reasons = ({problems}: Assignment) => problems.map(({reason}) => reason)

  test('the lowest that are free, of each default pool', () => {
    expect(granted(assign([{}]))).toEqual(['eth0 10.77.0.1', 'eth0 fd77:7073:7673::1'])
    const others = [
      holding('10.77.0.1', 'b'),
      holding('10.77.0.2/31', 'b'),
      holding('fd77:7073:7673::/126', 'c'),
    ]
    expect(granted(assign([{}], others, ['10.77.0.4']))).toEqual(['eth0 10.77.0.5', 'eth0 fd77:7073:7673::4'])
  })

  test('not the ends of a pool, nor what is excluded', () => {
    const one = assign([{addresses: ['pool:public']}])
    expect(granted(one)).toEqual(['eth0 203.0.113.1'])
    const taken = [1, 2, 3].map(last => holding(`203.0.113.${last}`, 'b'))
    expect(granted(assign([{addresses: ['pool:public']}], taken))).toEqual(['eth0 203.0.113.8'])
  })

  test('what it has it keeps, in whatever order it is listed', () => {
    const own = [
      holding('fd77:7073:7673::9', 'a'),
      holding('10.77.0.9', 'a'),
      holding('10.77.0.7', 'a', 'eth1'),
    ]
    for (const listed of [own, own.toReversed()]) {
      const {take, move, release, ...rest} = assign([{}, {addresses: ['auto4']}], listed)
      expect(granted({take, move, release, ...rest})).toEqual([
        'eth0 10.77.0.9',
        'eth0 fd77:7073:7673::9',
        'eth1 10.77.0.7',
      ])
      expect([take, move, release]).toEqual([[], [], []])
    }
  })

  test('what it no longer asks for is given back, what another link asks for is moved', () => {
    const own = [holding('203.0.113.1', 'a'), holding('203.0.113.2', 'a')]
    const {take, move, release} = assign([{addresses: ['auto4']}, {addresses: ['203.0.113.2']}], own)
    expect(take.map(({range: one}) => formatRange(one))).toEqual(['10.77.0.1'])
    expect(move).toEqual([holding('203.0.113.2', 'a', 'eth1')])
    expect(release).toEqual([holding('203.0.113.1', 'a')])
  })

  test.each([
    ['203.0.113.1', 'b', /203\.0\.113\.1 is server b's \(link eth0\)/],
    ['203.0.113.0/29', 'b', /overlaps 203\.0\.113\.1, which is server b's/],
  ])('%s, which %s has', (text, server, says) => {
    const {problems, take} = assign([{addresses: [text]}], [holding('203.0.113.1', server)])
    expect(problems).toEqual([expect.objectContaining({taken: true, reason: expect.stringMatching(says)})])
    expect(take).toEqual([])
  })

  test.each([
    ['198.18.0.1', /is in no pool/],
    ['203.0.113.5', /203\.0\.113\.4\/30 is excluded from pool public/],
    ['203.0.113.15', /is the broadcast address of pool public/],
    ['203.0.113.0', /is the address of the network of pool public/],
    ['203.0.113.9', /is an address of the host itself/],
    ['pool:nowhere', /there is no pool nowhere/],
  ])('%s is refused', (text, says) => {
    expect(reasons(assign([{addresses: [text]}], [], ['203.0.113.9'])).join()).toMatch(says)
  })

  test('a pool that is used up', () => {
    const all = Array.from({length: 14}, (_, index) => holding(`203.0.113.${index + 1}`, 'b'))
    expect(reasons(assign([{addresses: ['pool:public']}], all))).toEqual([
      'no address of pool public (203.0.113.0/28) is free',
    ])
  })
})

describe('from one plan to another', () => {
  const step = (op: string, ...args: string[]) => ({op, arguments: args, origin: null})
  const link = step('link-veth', 'eth0', 'vps-a', '1500', '02:', '03:')
  const before = [
    link,
    step('link-address', 'eth0', '10.77.0.1/32'),
    step('host-route', 'vps-a', '10.77.0.1/32'),
    step('host-route', 'vps-a', '2001:db8::/64', '10.77.0.1'),
    step('link-route', 'eth0', '0.0.0.0/0', '169.254.0.1', '10.77.0.1'),
    step('host-setting', 'ipv4', 'vps-a', 'route_localnet', '1'),
  ]
  const after = [
    step('link-veth', 'eth0', 'vps-a', '9000', '02:', '03:'),
    step('link-address', 'eth0', '10.77.0.2/32'),
    step('host-route', 'vps-a', '10.77.0.2/32'),
    step('host-route', 'vps-a', '2001:db8::/64', '10.77.0.2'),
    step('link-route', 'eth0', '0.0.0.0/0', '169.254.0.1', '10.77.0.2'),
  ]

  test('new addresses before their routes, old ones after; the link stays as it is', () => {
    const {steps, signed} = changeSteps(before, after)
    expect(steps).toEqual([link, ...after.slice(1)])
    expect(signed.map(({op, arguments: args}) => [op, ...args].join(' '))).toEqual([
      '-host-route vps-a 2001:db8::/64 10.77.0.1',
      '+link-address eth0 10.77.0.2/32',
      '+host-route vps-a 10.77.0.2/32',
      '+host-route vps-a 2001:db8::/64 10.77.0.2',
      '-link-route eth0 0.0.0.0/0 169.254.0.1 10.77.0.1',
      '+link-route eth0 0.0.0.0/0 169.254.0.1 10.77.0.2',
      '-host-route vps-a 10.77.0.1/32',
      '-link-address eth0 10.77.0.1/32',
      '+host-setting ipv4 vps-a route_localnet 0',
    ])
  })

  test('nothing, from one to the same', () => {
    expect(changeSteps(before, before)).toEqual({steps: expect.arrayContaining(before), signed: []})
  })

  test('and back', () => {
    const {signed} = changeSteps(before, after)
    expect(reversed(signed)[0]?.op).toBe('-host-setting')
    expect(reversed(reversed(signed))).toEqual(signed)
  })
})

describe('what is against what should be', () => {
  const table = (elements: unknown[], rules: unknown[] = [{accept: null}]) =>
    parseTable({
      nftables: [
        {
          chain: {
            family: 'inet',
            table: 'vps',
            name: 'forward',
            handle: 7,
            hook: 'forward',
            prio: 0,
            policy: 'accept',
          },
        },
        ...rules.map(rule => ({
          rule: {chain: 'forward', handle: 9, expr: [{counter: {packets: 4, bytes: 9}}, rule]},
        })),
        {set: {name: 'links', type: 'ifname', handle: 3, elem: elements}},
      ] as never,
    })

  test('counters and handles say nothing', () => {
    expect(compareTables('vps', table(['vps-a']), table(['vps-a']))).toEqual([])
    const counted = table([{elem: {val: 'vps-a', counter: {packets: 1, bytes: 2}}}])
    expect(compareTables('vps', counted, table(['vps-a']))).toEqual([])
  })

  test('each difference has its words', () => {
    expect(compareTables('inet vps', undefined, table([]))).toEqual([
      'the rules of servers (table inet vps) are gone',
    ])
    expect(compareTables('vps', table(['vps-b'], [{drop: null}]), table(['vps-a']))).toEqual([
      'the rules of chain forward are others',
      'set links lacks vps-a',
      'set links has vps-b, which no running server asks for',
    ])
  })

  test('of a link that is gone only that is said', () => {
    const step = (op: string, ...args: string[]) => ({op, arguments: args, origin: null})
    const steps = [
      step('link-veth', 'eth0', 'vps-a', '1500', '02:', '03:'),
      step('host-route', 'vps-a', '10.77.0.1/32'),
    ]
    const none = {
      addresses: new Set<string>(),
      routes: new Set<string>(),
      neighbours: new Set<string>(),
      shaped: new Set<string>(),
      vlans: new Map<string, string[]>(),
      filtering: new Set<string>(),
    }
    const state = {mac: '03:', up: true, kind: 'veth', master: ''}
    expect(missingSteps(steps, {...none, links: new Map()}).map(({what}) => what)).toEqual([
      'its link vps-a is gone',
    ])
    const host = {
      ...none,
      links: new Map([
        ['vps-a', state],
        ['vps-old', state],
        ['vps0', {...state, kind: 'bridge'}],
      ]),
    }
    expect(missingSteps(steps, host).map(({what}) => what)).toEqual([
      'there is no route to 10.77.0.1 by vps-a',
    ])
    expect(strayLinks('vps-', steps, host)).toEqual(['vps-old'])
  })
})

describe('files that tell a server who it is', () => {
  const {definition} = parseDefinition('name: web1\nhostname: www.example.org\n', {file: 'web1.yaml'})
  const files = (imageText: string | undefined, nameServers: string[] = ['169.254.0.1']) =>
    guestFiles({
      definition,
      grants: [{link: 'eth0', range: range('10.77.0.5'), key: []}],
      nameServers,
      hasNames: true,
      imageText: () => imageText,
    }).map(({arguments: args}) => args)

  test('its names, and whom to ask', () => {
    const [hosts, resolver] = files(undefined)
    expect(hosts?.[2]).toContain('\n10.77.0.5\twww.example.org www\n')
    expect(resolver?.[2]).toMatch(/\nsearch vps\nnameserver 169\.254\.0\.1\n$/)
  })

  test('entries that an image has are kept, plain ones are not', () => {
    const plain = '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\nff02::1\tip6-allnodes\n'
    expect(files(plain)[0]?.[3]).toBe(plain)
    expect(files(`${plain}192.0.2.9\tlicense\n`)[0]?.[3]).toBe('')
  })

  test('three name servers at most', () => {
    expect(files(undefined, ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'])[1]?.[2]).not.toContain(
      '192.0.2.4',
    )
  })
})
