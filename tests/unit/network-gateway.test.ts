import {expect, test} from 'vitest'
import {parseDefinition} from '../../src/definition/index.ts'
import {DEFAULT_NETWORK} from '../../src/host/index.ts'
import {type Prefix, parseRange} from '../../src/ip.ts'
import {missingSteps} from '../../src/network/check/links.ts'
import {gatewaysIn, linkGateway} from '../../src/network/gateway.ts'
import {type NetworkInput, networkSteps} from '../../src/network/index.ts'

const loaded = parseDefinition('{name: a, template: host, network: {links: [{}, {addresses: [auto6]}]}}', {
  file: 'a.yaml',
})
const grant = (link: string, text: string) => ({link, range: parseRange(text) as Prefix, key: ['network']})
const input: NetworkInput = {
  paths: {cgroupName: 'vps'},
  loaded,
  server: {name: 'a', uuid: '00000000-0000-4000-8000-000000000001', slot: 0x1f},
  grants: [grant('eth0', '10.77.0.1'), grant('eth0', 'fd77::1'), grant('eth1', 'fd77::2')],
  project: 1,
  namesPort: null,
  gateway: DEFAULT_NETWORK.gateway,
  classes: {},
  facts: {mtuOf: () => 1500, ipv6: 'plain'},
}
const gatewaysOf = (steps: ReturnType<typeof networkSteps>) =>
  steps.flatMap(({op, arguments: [on, text, by]}) =>
    op === 'host-address' || (op === 'link-route' && by !== '')
      ? [`${on} ${op === 'host-address' ? text : by}`]
      : [],
  )

test('no two links have the same gateway of IPv6', () => {
  const all = [0, 1, 0xffff].flatMap(slot =>
    [0, 15].map(index => linkGateway(DEFAULT_NETWORK.gateway, {slot}, index).ipv6),
  )
  expect(all).toEqual(['fe80::1:0', 'fe80::10:0', 'fe80::1:1', 'fe80::10:1', 'fe80::1:ffff', 'fe80::10:ffff'])
})

test('unless host.yaml says one for all', () => {
  const gateway = {ipv4: '169.254.0.1', ipv6: 'fe80::53'}
  expect(linkGateway(gateway, {slot: 7}, 1)).toEqual(gateway)
})

test('the steps of a server have those of its links', () => {
  expect(gatewaysOf(networkSteps(input))).toEqual([
    'vps-a 169.254.0.1/32',
    'vps-a fe80::1:1f/64',
    'eth0 169.254.0.1',
    'eth0 fe80::1:1f',
    'vps-a.1 169.254.0.1/32',
    'vps-a.1 fe80::2:1f/64',
    'eth1 fe80::2:1f',
  ])
})

test('a running server keeps the gateway that it was started with', () => {
  const gateway = {ipv4: '169.254.7.7', ipv6: 'fe80::1'}
  const before = networkSteps({...input, gateway})
  const now = networkSteps({...input, gateways: gatewaysIn(before)})
  expect(gatewaysOf(now)).toEqual(gatewaysOf(before))
  expect(gatewaysOf(now)).toContain('eth0 fe80::1')
})

test('the network of a gateway is missed when its route is gone', () => {
  const step = {op: 'host-address', arguments: ['vps-a', 'fe80::1:1f/64'], origin: null}
  const host = {
    links: new Map(),
    addresses: new Set(['vps-a fe80::1:1f']),
    routes: new Set(['vps-a fe80::/64']),
    neighbours: new Set<string>(),
    shaped: new Set<string>(),
    vlans: new Map<string, string[]>(),
    filtering: new Set<string>(),
  }
  const whats = (with_: Partial<typeof host>) =>
    missingSteps([step], {...host, ...with_}).map(({what}) => what)
  expect(whats({})).toEqual([])
  expect(whats({routes: new Set()})).toEqual(['there is no route to fe80::/64 by vps-a'])
  expect(whats({addresses: new Set()})).toEqual(['vps-a lacks the address fe80::1:1f/64'])
})
