import {execFileSync} from 'node:child_process'
import {encode} from '../../src/launch/index.ts'
import {nativeFile} from '../../src/native/index.ts'
import {parseReport, type Report} from '../../src/server/report.ts'
import {collect, spawnWithWords} from './bare-server.ts'
import {toStep, type Words} from './hand-made.ts'

/*
 * Steps of a server's network written by hand, and what a "host" has for them. All of it is for a network namespace that the
 * suite runs in.
 */

export const GUEST_MAC = '02:76:70:00:00:01'
export const HOST_MAC = '02:76:70:00:00:02'

/** Runs a shell script on the "host"; its standard output. */
export const sh = (script: string): string =>
  execFileSync('/bin/sh', ['-ec', script], {encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']}).trim()

const hex = (bytes: readonly number[]): string => Buffer.from(bytes).toString('hex')
/** Keys and values of nftables as the kernel has them: every part of a concatenation takes whole words of four bytes. */
export const ifname = (name: string): string => Buffer.from(name).toString('hex').padEnd(32, '0')
export const ipv4 = (address: string): string => hex(address.split('.').map(Number))
export const port = (number: number): string => hex([number >> 8, number & 255, 0, 0])
export const TCP = '06000000'

export const element = (set: string, key: string, data = '', end = ''): Words => [
  'nft-element',
  'inet',
  'test',
  set,
  key,
  end,
  data,
]

/** The sets and maps that the elements go into, as a stand-in for those of vps. */
export const TABLE = `table inet test {
  set links { type ifname; }
  map project_of { type ifname : mark; }
  map publish { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map chains { type ifname : verdict; }
  set ranges { type inet_proto . inet_service; flags interval; }
  set networks { type ipv4_addr; flags interval; }
  chain one-in { counter; }
}`

export const VETH: Words = ['link-veth', 'eth0', 'vps-one', '1500', GUEST_MAC, HOST_MAC]

/** A routed link with an address of each family, as `vps` means to make it. */
export const ROUTED: readonly Words[] = [
  VETH,
  ['host-setting', 'ipv6', 'vps-one', 'addr_gen_mode', '1'],
  ['host-setting', 'ipv4', 'vps-one', 'rp_filter', '1'],
  ['link-address', 'eth0', '10.77.0.5/32'],
  ['link-address', 'eth0', 'fd77::5/128'],
  ['link-neighbour', 'eth0', '169.254.0.1', HOST_MAC],
  ['link-neighbour', 'eth0', 'fe80::1', HOST_MAC],
  ['link-route', 'eth0', '169.254.0.1/32', '', ''],
  ['link-route', 'eth0', '0.0.0.0/0', '169.254.0.1', '10.77.0.5'],
  ['link-route', 'eth0', '::/0', 'fe80::1', 'fd77::5'],
  ['host-address', 'vps-one', 'fe80::1/64'],
  ['host-neighbour', 'vps-one', '10.77.0.5', GUEST_MAC],
  ['host-neighbour', 'vps-one', 'fd77::5', GUEST_MAC],
  ['host-route', 'vps-one', '10.77.0.5/32'],
  ['host-route', 'vps-one', 'fd77::5/128'],
]

export const ELEMENTS: readonly Words[] = [
  element('links', ifname('vps-one')),
  element('project_of', ifname('vps-one'), 'value:07000000'),
  element('publish', `${TCP}${port(8080)}`, `value:${ipv4('10.77.0.5')}${port(80)}`),
  element('chains', ifname('vps-one'), 'jump:one-in'),
  element('ranges', `${TCP}${port(20_000)}`, '', `${TCP}${port(20_100)}`),
  element('networks', ipv4('10.78.0.0'), '', `until:${ipv4('10.79.0.0')}`),
]

/** Whatever a server could leave on the host. */
export const remains = (): string =>
  sh(`ip -o link | cut -d' ' -f2- | grep -v '^lo:' || :
      ip route; ip -6 route show table all | grep -v 'dev lo' || :
      ip neigh show nud all | grep -v 'dev lo' || :
      tc qdisc | grep -v 'dev lo' || :
      nft list ruleset`)

/** `vps-supervisor network-apply` or `network-undo` with a plan; its fault, if it says one. */
export async function networkProgram(
  verb: 'network-apply' | 'network-undo',
  steps: readonly Words[],
  settings: Readonly<Record<string, string>> = {},
): Promise<Report['fault']> {
  const words = encode({settings, steps: steps.map(toStep)})
  const {code, stdout, stderr} = await collect(
    spawnWithWords([nativeFile('vps-supervisor'), verb], words, ['ignore', 'pipe', 'pipe']),
  )
  const {fault} = parseReport(stdout.split('\n'))
  if (stderr !== '' || code !== (fault === undefined ? 0 : 1))
    throw new Error(`${verb} ended with ${code}: ${stdout}${stderr}`)
  return fault
}
