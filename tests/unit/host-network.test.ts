/*
 * `network` of host.yaml: what an admin may say of pools, gateway, name servers and classes, and every way to get it wrong.
 */
import {describe, expect, test} from 'vitest'
import {DEFAULT_NETWORK, type NetworkConfig, parseHostConfig} from '../../src/host/index.ts'

async function read(yaml: string): Promise<NetworkConfig> {
  return (await parseHostConfig(`network: ${yaml}\n`, 'host.yaml')).network
}

describe('what is written', () => {
  test('is added to the pools that are there anyway', async () => {
    expect(
      await read(
        '{pools: {public: {range: 203.0.113.0/24, exclude: [203.0.113.1, 203.0.113.16/28], default: true}}}',
      ),
    ).toEqual({
      ...DEFAULT_NETWORK,
      pools: {
        ...DEFAULT_NETWORK.pools,
        public: {
          range: '203.0.113.0/24',
          exclude: ['203.0.113.1', '203.0.113.16/28'],
          masquerade: false,
          default: true,
        },
      },
    })
  })

  test('takes such a pool away, or changes it', async () => {
    const {pools} = await read('{pools: {private: null, private6: {default: false}}}')
    expect(pools).toEqual({private6: {...DEFAULT_NETWORK.pools.private6, default: false}})
  })

  test('masquerades private addresses only, unless it says so', async () => {
    const masquerades = async (range: string, more = '') =>
      (await read(`{pools: {private: null, private6: null, a: {range: "${range}"${more}}}}`)).pools.a
        ?.masquerade
    expect(await masquerades('192.168.7.0/24')).toBe(true)
    expect(await masquerades('100.64.0.0/16')).toBe(true)
    expect(await masquerades('fd00:1::/64')).toBe(true)
    expect(await masquerades('203.0.113.0/24')).toBe(false)
    expect(await masquerades('2001:db8::/64')).toBe(false)
    expect(await masquerades('10.1.0.0/16', ', masquerade: false')).toBe(false)
  })

  test('has one spelling', async () => {
    const config = await read(
      '{pools: {a: {range: "2001:DB8:0:0::/64", exclude: ["2001:db8::0/128"]}}, gateway: {ipv6: "FE80::0:1"}, dns: {upstream: ["2001:DB8::0:53", 127.0.0.53]}, classes: {office: ["2001:DB8:1::/48", 198.51.100.7]}}',
    )
    expect(config.pools.a).toMatchObject({range: '2001:db8::/64', exclude: ['2001:db8::']})
    expect(config.gateway).toEqual({ipv4: '169.254.0.1', ipv6: 'fe80::1'})
    expect(config.dns.upstream).toEqual(['2001:db8::53', '127.0.0.53'])
    expect(config.classes).toEqual({office: ['2001:db8:1::/48', '198.51.100.7']})
  })

  test('may be a pool of one address', async () => {
    expect((await read('{pools: {one: {range: 203.0.113.7/32}}}')).pools.one?.range).toBe('203.0.113.7/32')
  })
})

test.each([
  ['[]', 'network must be a map such as {pools: {public: {range: 203.0.113.0/24}}}'],
  ['{pool: {}}', 'unknown key network.pool (did you mean pools?)'],
  [
    '{pools: {Public: {range: 203.0.113.0/24}}}',
    'network.pools.Public: a name must be made of lower-case letters',
  ],
  [
    '{pools: {a: 203.0.113.0/24}}',
    'network.pools.a must be a map such as {range: 203.0.113.0/24}, or null for none',
  ],
  ['{pools: {a: {}}}', 'network.pools.a.range is missing: write a prefix such as 203.0.113.0/24'],
  ['{pools: {a: {rang: 203.0.113.0/24}}}', 'unknown key network.pools.a.rang (did you mean range?)'],
  [
    '{pools: {a: {range: 203.0.113.0}}}',
    'network.pools.a.range must be a prefix such as 203.0.113.0/24, not "203.0.113.0" (for this one address: 203.0.113.0/32)',
  ],
  [
    '{pools: {a: {range: 203.0.113.9/24}}}',
    'network.pools.a.range must be the beginning of its network: write 203.0.113.0/24',
  ],
  [
    '{pools: {a: {range: 127.0.0.0/16}}}',
    'network.pools.a.range 127.0.0.0/16 is in 127.0.0.0/8: no server can have a loopback address',
  ],
  [
    '{pools: {a: {range: 192.0.0.0/2}}}',
    'network.pools.a.range 192.0.0.0/2 holds 224.0.0.0/4: no server can have a multicast address',
  ],
  [
    '{pools: {a: {range: "::ffff:203.0.113.0/120"}}}',
    'is in ::ffff:0.0.0.0/96: no server can have an IPv4-mapped address',
  ],
  [
    '{pools: {a: {range: 10.77.3.0/24}}}',
    'network.pools.a.range 10.77.3.0/24 overlaps 10.77.0.0/16 of network.pools.private',
  ],
  [
    '{pools: {a: {range: 203.0.113.0/24}, b: {range: 203.0.113.128/25}}}',
    'network.pools.b.range 203.0.113.128/25 overlaps 203.0.113.0/24 of network.pools.a',
  ],
  [
    '{pools: {a: {range: 203.0.113.0/24, exclude: [203.0.114.1]}}}',
    'network.pools.a.exclude: 203.0.114.1 is not in 203.0.113.0/24',
  ],
  [
    '{pools: {a: {range: 203.0.113.0/24, exclude: [203.0.113.7/28]}}}',
    'network.pools.a.exclude[0] must be the beginning of its network: write 203.0.113.0/28',
  ],
  [
    '{pools: {a: {range: 203.0.113.0/24, exclude: 203.0.113.1}}}',
    'network.pools.a.exclude must be a list such as [198.51.100.0/24]',
  ],
  [
    '{pools: {a: {range: 203.0.113.0/24, exclude: [first]}}}',
    'network.pools.a.exclude[0] must be an address or a prefix, not "first"',
  ],
  [
    '{pools: {a: {range: 203.0.113.0/30, exclude: [203.0.113.1, 203.0.113.2]}}}',
    'network.pools.a.range is too small: nothing of 203.0.113.0/30 is left to give',
  ],
  [
    '{pools: {a: {range: 203.0.113.0/30, exclude: [203.0.113.0/31, 203.0.113.1, 203.0.113.2]}}}',
    'is too small',
  ],
  ['{pools: {a: {range: "2001:db8::/127", exclude: ["2001:db8::/127"]}}}', 'is too small'],
  [
    '{pools: {a: {range: 203.0.113.0/24, masquerade: maybe}}}',
    'network.pools.a.masquerade must be true or false, not "maybe"',
  ],
  [
    '{pools: {a: {range: 203.0.113.0/24, default: 1}}}',
    'network.pools.a.default must be true or false, not 1',
  ],
  ['{gateway: 10.0.0.1}', 'network.gateway must be a map such as {ipv4: 169.254.0.1, ipv6: fe80::1}'],
  ['{gateway: {ipv4: fe80::1}}', 'network.gateway.ipv4 must be an IPv4 address, not "fe80::1"'],
  [
    '{gateway: {ipv4: 0.0.0.0}}',
    'network.gateway.ipv4 must be the address of one host: 0.0.0.0 is the address that stands for none',
  ],
  [
    '{gateway: {ipv4: 10.77.0.1}}',
    'network.gateway.ipv4 10.77.0.1 is in 10.77.0.0/16 of network.pools.private: add it to its exclude',
  ],
  [
    '{gateway: {ipv6: "2001:db8::1"}}',
    'network.gateway.ipv6 must be auto, or a link-local address such as fe80::1, not 2001:db8::1: it is on links',
  ],
  ['{dns: [192.0.2.53]}', 'network.dns must be a map such as {upstream: [192.0.2.53]}'],
  [
    '{dns: {upstream: [dns.example.net]}}',
    'network.dns.upstream[0] must be an address, not "dns.example.net"',
  ],
  [
    '{dns: {upstream: [224.0.0.1]}}',
    'network.dns.upstream[0] must be the address of one host: 224.0.0.1 is a multicast address',
  ],
  [
    '{classes: {office: [198.51.100.0/24, 198.51.100.7]}}',
    'network.classes.office: 198.51.100.7 overlaps 198.51.100.0/24 of the same class',
  ],
  [
    '{classes: {office: [198.51.100.0/24], branch: [198.51.0.0/16]}}',
    'network.classes.branch: 198.51.0.0/16 overlaps 198.51.100.0/24 of network.classes.office',
  ],
])('%s is refused', async (yaml, message) => {
  await expect(read(yaml)).rejects.toMatchObject({
    code: 'BAD_HOST_CONFIG',
    exitCode: 2,
    message: expect.stringContaining(message),
  })
})

test('all that is wrong is said at once', async () => {
  const broken = '{pools: {a: {range: x}}, gateway: {ipv4: y}, dns: {upstream: z}, classes: {B: []}}'
  const error = await read(broken).catch((cause: unknown) => String(cause))
  for (const key of ['pools.a.range', 'gateway.ipv4', 'dns.upstream', 'classes.B'])
    expect(error).toContain(`network.${key}`)
})
