/*
 * Addresses and prefixes: reading, the one spelling, and arithmetic. The kernel's own idea of them is asked through Node.
 */
import {isIP, SocketAddress} from 'node:net'
import {describe, expect, test} from 'vitest'
import * as ip from '../../src/ip.ts'

const address = (text: string): ip.Address => {
  const parsed = ip.parseAddress(text)
  if (!parsed) throw new Error(`${text} is no address`)
  return parsed
}

const range = (text: string): ip.Prefix => {
  const parsed = ip.parseRange(text)
  if (!parsed) throw new Error(`${text} is no range`)
  return parsed
}

describe('spelling', () => {
  test.each([
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['1::', '1::'],
    // RFC 5952: section 4.2.2 (one zero is no run), 4.2.3 (the longest, then the first), 4.3 (lower case), 5 (mapped)
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8::ABCD', '2001:db8::abcd'],
    ['::ffff:c000:0201', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ])('%s is %s', (text, spelled) => {
    expect(ip.formatAddress(address(text))).toBe(spelled)
  })

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '010.0.0.1',
    ':::',
    '1::2::3',
    '12345::',
    'fe80::1%eth0',
    '[::1]',
    '::1/64',
    ' ::1',
    '::g',
  ])('%j is no address', text => {
    expect(ip.parseAddress(text)).toBeUndefined()
  })

  test.each([
    '10.0.0.0',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/08',
    '10.0.0.0/',
    '/8',
    '10.0.0.0/255.0.0.0',
    '10.0.0.0/-1',
    '1/8',
  ])('%j is no prefix', text => {
    expect(ip.parsePrefix(text)).toBeUndefined()
  })

  test('any number is written so that Node and we read it back', () => {
    let seed = 7n
    for (let round = 0; round < 2000; round++) {
      seed = (seed * 6_364_136_223_846_793_005n + 1n) % 2n ** 64n
      // Runs of zeros are what is hard about it.
      const words = Array.from({length: 8}, (_, index) =>
        (seed >> BigInt(index * 3)) % 3n === 0n ? 0n : (seed >> BigInt(index * 5)) & 0xffffn,
      )
      const value = words.reduce((sum, word) => (sum << 16n) | word, 0n)
      const text = ip.formatAddress({family: 6, value})
      expect(isIP(text)).toBe(6)
      expect(address(text).value).toBe(value)
      expect(ip.addressOfBytes(ip.addressBytes({family: 6, value})).value).toBe(value)
      // inet_ntop(3) of the C library, which writes embedded IPv4 addresses in more cases
      if (value >> 48n !== 0n) expect(new SocketAddress({address: text, family: 'ipv6'}).address).toBe(text)
    }
  })
})

describe('arithmetic', () => {
  test('networks begin and end', () => {
    const prefix = range('192.0.2.130/25')
    expect(ip.formatPrefix(ip.networkOf(prefix))).toBe('192.0.2.128/25')
    expect([ip.firstOf(prefix), ip.lastOf(prefix)].map(ip.formatAddress)).toEqual([
      '192.0.2.128',
      '192.0.2.255',
    ])
    expect(ip.sizeOf(prefix)).toBe(128n)
    expect(ip.formatAddress(ip.lastOf(range('2001:db8::/32')))).toBe('2001:db8:ffff:ffff:ffff:ffff:ffff:ffff')
    expect(ip.sizeOf(range('::/0'))).toBe(2n ** 128n)
  })

  test('what is in what', () => {
    expect(ip.contains(range('10.0.0.0/8'), address('10.255.0.1'))).toBe(true)
    expect(ip.contains(range('10.0.0.0/8'), address('11.0.0.0'))).toBe(false)
    expect(ip.contains(range('10.0.0.0/8'), range('10.1.0.0/16'))).toBe(true)
    expect(ip.contains(range('10.1.0.0/16'), range('10.0.0.0/8'))).toBe(false)
    expect(ip.contains(range('0.0.0.0/0'), address('::1'))).toBe(false)
    expect(ip.overlaps(range('10.1.0.0/16'), range('10.0.0.0/8'))).toBe(true)
    expect(ip.overlaps(range('10.1.0.0/16'), range('10.2.0.0/16'))).toBe(false)
    expect(ip.overlaps(range('192.0.2.1'), range('192.0.2.1/24'))).toBe(true)
  })

  test('a range of one address is written as that', () => {
    expect(ip.formatRange(range('192.0.2.1/32'))).toBe('192.0.2.1')
    expect(ip.formatRange(range('2001:DB8::1/128'))).toBe('2001:db8::1')
    expect(ip.formatRange(range('192.0.2.1/24'))).toBe('192.0.2.1/24')
  })
})

describe('special ranges', () => {
  test.each([
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'this-network'],
    ['127.3.2.1', 'loopback'],
    ['169.254.169.254', 'link-local'],
    ['239.1.1.1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['250.0.0.1', 'reserved'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::ffff:10.0.0.1', 'ipv4-mapped'],
    ['::10.0.0.1', 'ipv4-compatible'],
    ['fe80::1', 'link-local'],
    ['febf::1', 'link-local'],
    ['ff02::1', 'multicast'],
    ['126.0.0.0/7', 'loopback'],
  ])('%s is %s', (text, name) => {
    expect(ip.specialOf(range(text))?.name).toBe(name)
  })

  test.each([
    '10.0.0.1',
    '192.168.0.0/16',
    '100.64.0.1',
    '203.0.113.7',
    '8.8.8.8',
    '2001:db8::1',
    'fd00::1',
    'fec0::1',
    '64:ff9b::1',
  ])('%s is ordinary', text => {
    expect(ip.specialOf(range(text))).toBeUndefined()
  })
})
