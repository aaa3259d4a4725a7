import {expect, test} from 'vitest'
import {DEFAULT_CONFIG} from '../../src/host/index.ts'
import {namedServer, nameServers} from '../../src/network/index.ts'
import {dnsmasqArguments} from '../../src/network/names/dnsmasq.ts'
import {hostsText} from '../../src/network/names/hosts-file.ts'

const step = (op: string, ...args: string[]) => ({op, arguments: args})
const LED = step('nft-element', 'inet', 'vps', 'names', '00', '', 'value:4e55')

const named = (hostname: string) =>
  namedServer('web1', {project: 'shop', hostname}, [
    LED,
    step('link-address', 'eth0', '10.77.0.2/32'),
    step('link-address', 'eth0', 'fd77::2/128'),
    step('link-address', 'eth1', '192.168.1.5/24'),
    step('host-route', 'vps-web1', '2001:db8:7::/64'),
  ])

test('a server is known by its name at every address that it has', () => {
  expect(named('web1')).toEqual({
    server: 'web1',
    project: 'shop',
    hostname: 'web1',
    addresses: ['10.77.0.2', 'fd77::2', '192.168.1.5'],
  })
})

test('one whose links are led to no names is not', () => {
  expect(
    namedServer('web1', {project: 'shop', hostname: 'web1'}, [step('link-address', 'eth0', '10.77.0.2/32')]),
  ).toBeUndefined()
})

test.each([
  ['web1', '10.77.0.2 web1.vps web1'],
  ['www.example.org', '10.77.0.2 web1.vps web1 www.example.org'],
  ['db1.vps', '10.77.0.2 web1.vps web1'],
  ['DB1.VPS', '10.77.0.2 web1.vps web1'],
])('with hostname %s the line is: %s', (hostname, line) => {
  expect(hostsText({server: 'web1', project: 'shop', hostname, addresses: ['10.77.0.2']})).toBe(`${line}\n`)
})

test('dnsmasq asks whom the admin wrote, else whom the host asks', () => {
  const base = {addresses: ['169.254.0.1'], port: 20054, pidFile: '/run/pid', user: 'nobody'}
  expect(dnsmasqArguments({...base, upstream: []})).toContain('--resolv-file=/etc/resolv.conf')
  const written = dnsmasqArguments({...base, upstream: ['192.0.2.53', '2001:db8::53']})
  expect(written.slice(-3)).toEqual(['--no-resolv', '--server=192.0.2.53', '--server=2001:db8::53'])
  expect(written.join(' ')).not.toContain('/etc/resolv.conf')
})

const hostFile =
  'search example.org\nnameserver 127.0.0.53\nnameserver 192.0.2.1\n nameserver ::1\nnameserver 2001:db8::1\n'

test.each([
  [20_054, [4, 6], ['169.254.0.1', 'fe80::1:5%eth0']],
  [20_054, [6], ['fe80::1:5%eth0']],
  [null, [4, 6], ['192.0.2.1', '2001:db8::1']],
] as const)('with port %s and families %j a server asks %j', (port, families, servers) => {
  const gateway = {ipv4: '169.254.0.1', ipv6: 'fe80::1:5'}
  const of = {port, link: 'eth0', gateway, families: new Set<4 | 6>(families), hostFile}
  expect(nameServers(DEFAULT_CONFIG, of)).toEqual(servers)
})
