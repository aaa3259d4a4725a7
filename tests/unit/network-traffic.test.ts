/* The rules that count traffic, as text, and the supervisor's account of it, read. */
import {describe, expect, test} from 'vitest'
import {emptiedTraffic, parseTraffic, parseTrafficMonth} from '../../src/network/index.ts'
import {elementOf} from '../../src/network/nft/element.ts'
import {traffic} from '../../src/network/traffic/rules.ts'
import {trafficSets} from '../../src/network/traffic/sets.ts'
import {trafficSteps} from '../../src/network/traffic/steps.ts'

const ACCOUNT = `vps-traffic 1
since 1793700002
saved 1794241211
world_in4_bytes 1000 24
world_in4_packets 10 2
world_in6_bytes 500 0
world_in6_packets 5 0
office-2_out4_bytes -60 60
office-2_out4_packets -1 1
local_out6_bytes 7 8
local_out6_packets 1 1
something of a later version
`
const none = {bytes: 0, packets: 0}

describe('an account', () => {
  test('has each class once, local first and world last, with the families together and apart', () => {
    const {since, saved, classes} = parseTraffic(ACCOUNT, 'traffic')
    expect([since, saved]).toEqual([1793700002, 1794241211])
    expect(Object.keys(classes)).toEqual(['local', 'office-2', 'world'])
    expect(classes.world?.in).toEqual({
      bytes: 1524,
      packets: 17,
      ipv4: {bytes: 1024, packets: 12},
      ipv6: {bytes: 500, packets: 5},
    })
    expect(classes.world?.out).toEqual({...none, ipv4: none, ipv6: none})
    expect(classes['office-2']?.out).toEqual({...none, ipv4: none, ipv6: none})
    expect(classes.local?.out.ipv6).toEqual({bytes: 15, packets: 2})
  })

  test('emptied, it has the same lines with nothing counted', () => {
    const text = emptiedTraffic(ACCOUNT, 'traffic', 1800000000)
    expect(text).toMatch(/^vps-traffic 1\nsince 1800000000\nsaved 1800000000\nworld_in4_bytes 0 0\n/)
    expect(text.match(/ 0 0$/gm)).toHaveLength(8)
    expect(text.endsWith('\n')).toBe(true)
  })

  test.each(['', 'vps-traffic 2\nsince 1\n', 'vps-usage 1\nsince 1\n'])('%j is none', text => {
    expect(() => parseTraffic(text, '/x/traffic')).toThrow('/x/traffic is no account')
  })

  test('a month has its lines among others', () => {
    const month = 'seconds 600\ncpu_usec 5\nio_rbytes 1\nworld_out4_bytes 90\nworld_out4_packets 3\n'
    expect(Object.keys(parseTrafficMonth(month))).toEqual(['world'])
    expect(parseTrafficMonth(month).world?.out).toEqual({
      bytes: 90,
      packets: 3,
      ipv4: {bytes: 90, packets: 3},
      ipv6: none,
    })
    expect(parseTrafficMonth('seconds 600\n')).toEqual({})
  })
})

describe('rules', () => {
  const classes = {office: ['198.51.100.0/24', '2001:db8::/32'], six: ['2001:dead::/32']}

  test('without classes there is nothing to look up', () => {
    expect(traffic({})).not.toContain('vmap')
  })

  test('each prefix leads to its class, by family and direction', () => {
    const text = traffic(classes)
    expect(text).toContain('ip saddr vmap { 198.51.100.0/24 : goto traffic_in_office }')
    expect(text).toContain('ip daddr vmap { 198.51.100.0/24 : goto traffic_out_office }')
    expect(text).toContain(
      'ip6 saddr vmap { 2001:db8::/32 : goto traffic_in_office, 2001:dead::/32 : goto traffic_in_six }',
    )
  })

  test('every chain that is gone to is there, and every set', () => {
    const text = traffic(classes)
    const chains = new Set([...text.matchAll(/chain (\S+) \{/g)].map(([, name]) => name))
    for (const [, name] of text.matchAll(/goto (traffic\w+)/g)) expect(chains).toContain(name)
    const sets = new Set(trafficSets(classes).map(({name}) => name))
    const used = new Set([...text.matchAll(/@(traffic\S+)/g)].map(([, name]) => name))
    expect(used).toEqual(sets)
  })

  test('a link has an element in each set, which can be read back also when its class is gone', () => {
    const steps = trafficSteps('vps', 'vps-web1', classes)
    expect(steps.map(step => elementOf(step)?.set.name)).toEqual(trafficSets(classes).map(({name}) => name))
    expect(steps.every(step => elementOf(step)?.text === '"vps-web1"')).toBe(true)
  })
})
