import {mkdirSync, writeFileSync} from 'node:fs'
import {dirname} from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {tableName} from '../../src/network/index.ts'
import type {FirewallView} from '../../src/server/index.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {INTERNET, Place, PUBLIC, Topology} from '../helpers/network.ts'
import {createServers, stateNumber, type Wanted} from '../helpers/servers.ts'

/*
 * Firewalls of servers, seen from who wants to reach them and from what they want to reach. Every server has a public address, so
 * that the world knows it by that.
 */

let host: ScratchHost
let world: Topology

const ADDRESSES: Readonly<Record<string, {ipv4: string; ipv6: string}>> = Object.fromEntries(
  ['guarded', 'friend', 'tagged', 'stranger', 'late'].map((name, index) => [
    name,
    {ipv4: `203.0.113.${index + 10}`, ipv6: `2001:db8:7::${index + 10}`},
  ]),
)
const PORTS = [22, 80, 443, 1500, 2500]
/** A second host in the internet. */
const ENEMY = {ipv4: '198.51.100.66', ipv6: '2001:db8:f::66'}
/** Rules of somebody else. */
const FOREIGN = `table inet foreign {
  set addresses { type ipv4_addr; elements = { 192.0.2.99, 192.0.2.100 }; }
  chain input { type filter hook input priority filter; policy accept; ip saddr @addresses counter drop; }
  chain forward { type filter hook forward priority filter - 5; policy accept; ct state invalid counter; }
  chain nat { type nat hook postrouting priority srcnat + 5; policy accept; oifname "nowhere" masquerade; }
}`

const placeOf = (name: string): Place => Place.of(stateNumber(host, name, 'init'))
const addressOf = (name: string) => ADDRESSES[name] as {ipv4: string; ipv6: string}

function server(name: string, network: Wanted = {}, more: Wanted = {}): Record<string, Wanted> {
  const {ipv4, ipv6} = addressOf(name)
  return {[name]: {template: 'busybox', ...more, network: {links: [{addresses: [ipv4, ipv6]}], ...network}}}
}

/** What of the ports of `guarded` somebody reaches, both families alike: `tcp 22 80`. */
async function reached(from: Place, source?: {ipv4: string; ipv6: string}): Promise<string> {
  const {ipv4, ipv6} = addressOf('guarded')
  const asks = (['tcp', 'udp'] as const).map(async protocol => {
    const open = await Promise.all(
      PORTS.map(async port => {
        const [by4, by6] = await Promise.all([
          from.ask(protocol, ipv4, port, source?.ipv4),
          from.ask(protocol, ipv6, port, source?.ipv6),
        ])
        expect(by4.startsWith('guarded')).toBe(by6.startsWith('guarded'))
        return by4.startsWith('guarded') ? [port] : []
      }),
    )
    return open.flat().length === 0 ? [] : [`${protocol} ${open.flat().join(' ')}`]
  })
  return (await Promise.all(asks)).flat().join(', ')
}

async function firewall(wanted: Wanted): Promise<void> {
  await host.must(['set', 'guarded', `network.firewall=${JSON.stringify(wanted)}`])
}

const ALL = `tcp ${PORTS.join(' ')}, udp ${PORTS.join(' ')}`

beforeAll(async () => {
  if (requires('root').skip) return
  world = await Topology.build()
  world.internet.sh(
    `ip address add ${ENEMY.ipv4}/24 dev eth0; ip address add ${ENEMY.ipv6}/64 dev eth0 nodad preferred_lft 0`,
  )
  host = await scratchHost()
  mkdirSync(dirname(host.paths.hostConfig), {recursive: true})
  const pool = (range: string) => ({range, masquerade: false, default: false})
  const pools = {public: pool(PUBLIC.ipv4), public6: pool(PUBLIC.ipv6)}
  writeFileSync(host.paths.hostConfig, JSON.stringify({network: {pools}}))
})
afterAll(async () => {
  await host?.[Symbol.asyncDispose]()
  await world?.[Symbol.asyncDispose]()
})

describe.skipIf(requires('root').skip)('the firewall of a server', () => {
  let foreign: string
  let listening: AsyncDisposable

  const foreignNow = (): string =>
    world.host.sh('nft list table inet foreign').replaceAll(/packets \d+ bytes \d+/g, 'packets N')

  beforeAll(async () => {
    world.host.sh(`nft -f - <<'END'\n${FOREIGN}\nEND`)
    foreign = foreignNow()
    await createServers(host, {
      ...server('guarded'),
      ...server('friend'),
      ...server('tagged', {}, {tags: ['web', 'x.y-z']}),
      ...server('stranger', {}, {project: 'strangers'}),
    })
    await host.must(['start', 'guarded', 'friend', 'tagged', 'stranger', '--wait'])
    listening = await placeOf('guarded').serve('guarded', ...PORTS)
  })
  afterAll(async () => {
    world.host.sh('nft list table inet foreign >/dev/null 2>&1 && nft delete table inet foreign || true')
    await listening[Symbol.asyncDispose]()
  })

  test('lets all in and out by default, but servers of other projects', async () => {
    expect(await reached(world.internet)).toBe(ALL)
    expect(await reached(placeOf('friend'))).toBe(ALL)
    expect(await reached(placeOf('stranger'))).toBe('')
    expect(await placeOf('stranger').ask('tcp', addressOf('friend').ipv4, 80)).toBe('timeout')
  })

  test('denies what comes in, and lets answers through', async () => {
    await firewall({in: 'deny'})
    for (const place of [world.internet, world.router, placeOf('friend'), placeOf('stranger')])
      expect(await reached(place)).toBe('')
    await using _server = await world.internet.serve('world', 80)
    const {ipv4, ipv6} = addressOf('guarded')
    expect(await placeOf('guarded').ask('tcp', INTERNET.ipv4, 80)).toBe(`world ${ipv4}`)
    expect(await placeOf('guarded').ask('udp', INTERNET.ipv6, 80)).toBe(`world ${ipv6}`)
    expect(() => world.internet.sh(`busybox ping -c1 -W1 ${ipv4}`)).toThrow()
    expect(await reached(world.host)).toBe(ALL) // the host is the host
  })

  test('allows ports, lists and ranges of them, and protocols', async () => {
    await firewall({
      in: 'deny',
      rules: [{allow: 'tcp/22,80'}, {allow: 'tcp/1000-2000'}, {allow: 'udp/443'}, {allow: 'icmp'}],
    })
    expect(await reached(world.internet)).toBe('tcp 22 80 1500, udp 443')
    for (const address of Object.values(addressOf('guarded')))
      world.internet.sh(`busybox ping -c1 -W2 ${address}`)
    await firewall({in: 'deny', rules: [{allow: 'udp'}]})
    expect(await reached(world.internet)).toBe(`udp ${PORTS.join(' ')}`)
    await firewall({in: 'deny', rules: [{allow: 'any'}]})
    expect(await reached(world.internet)).toBe(ALL)
  })

  test('knows who sends: addresses, prefixes, servers, tags; and the first rule that fits decides', async () => {
    await firewall({
      in: 'deny',
      rules: [
        {deny: 'any', from: [ENEMY.ipv4, ENEMY.ipv6]},
        {allow: 'tcp/22', from: ['198.51.100.0/24', '198.51.100.0/25', '2001:db8:f::/64']},
        {allow: 'tcp/80', from: 'server:friend'},
        {allow: 'tcp/443', from: ['tag:web', 'tag:nobody']},
        {allow: 'udp/443', from: 'tag:x.y-z'},
      ],
    })
    expect(await reached(world.internet)).toBe('tcp 22')
    expect(await reached(world.internet, ENEMY)).toBe('')
    expect(await reached(world.router)).toBe('')
    expect(await reached(placeOf('friend'))).toBe('tcp 80')
    expect(await reached(placeOf('tagged'))).toBe('tcp 443, udp 443')
    expect(await reached(placeOf('stranger'))).toBe('')
  })

  test('opens a server to others of another project', async () => {
    await firewall({rules: [{allow: 'tcp/80', from: 'server:stranger'}]})
    expect(await reached(placeOf('stranger'))).toBe('tcp 80')
    expect(await reached(placeOf('friend'))).toBe(ALL)
  })

  test('learns of servers with a tag as they come and go', async () => {
    await firewall({in: 'deny', rules: [{allow: 'tcp/80', from: 'tag:late'}]})
    await createServers(host, server('late', {}, {tags: ['late'], project: 'strangers'}))
    await host.must(['start', 'late', '--wait'])
    expect(await reached(placeOf('late'))).toBe('tcp 80')
    await host.must(['stop', 'late', '--kill'])
    expect(world.host.sh(`nft list set inet ${tableName(host.paths)} tag-late`)).not.toContain('elements')
  })

  test('holds what goes out', async () => {
    await using _server = await world.internet.serve('world', 80, 443)
    const out = async (): Promise<string> => {
      const asks = [80, 443].flatMap(port =>
        [INTERNET.ipv4, INTERNET.ipv6, ENEMY.ipv4].map(async address =>
          (await placeOf('guarded').ask('tcp', address, port)).startsWith('world') ? '+' : '-',
        ),
      )
      return (await Promise.all(asks)).join('')
    }
    expect(await out()).toBe('++++++')
    await firewall({out: 'deny', rules: [{allow: 'tcp/80', to: [INTERNET.ipv4, INTERNET.ipv6]}]})
    expect(await out()).toBe('++----')
    expect(await reached(world.internet)).toBe(ALL)
    await firewall({
      rules: [
        {deny: 'tcp/443', direction: 'out'},
        {deny: 'any', to: `${ENEMY.ipv4}`},
      ],
    })
    expect(await out()).toBe('++----')
    await firewall({rules: [{deny: 'any', to: 'server:friend'}]})
    expect(await out()).toBe('++++++')
    await using _friend = await placeOf('friend').serve('friend', 80)
    expect(await placeOf('guarded').ask('tcp', addressOf('friend').ipv4, 80)).toBe('timeout')
    expect(await placeOf('tagged').ask('tcp', addressOf('friend').ipv4, 80)).toContain('friend')
  })

  test('counts how often each rule has fit', async () => {
    await firewall({
      in: 'deny',
      rules: [{allow: 'tcp/22', from: ['198.51.100.0/24', '2001:db8:f::/64']}, {deny: 'tcp/80'}],
    })
    const {ipv4, ipv6} = addressOf('guarded')
    await world.internet.ask('tcp', ipv4, 22)
    await world.internet.ask('tcp', ipv6, 22)
    await world.internet.ask('tcp', ipv4, 80)
    await world.internet.ask('udp', ipv4, 443)
    const view = await host.json<FirewallView>(['network', 'firewall', 'guarded'])
    expect(view.rules.map(({count}) => count?.packets)).toEqual([2, 1])
    expect(view.policy).toMatchObject({in: {packets: 1}, out: null})
    expect(await host.must(['network', 'firewall', 'guarded'])).toMatch(
      /^DIRECTION +RULE.*\nin +allow tcp\/22 +198\.51\.100\.0\/24 2001:db8:f::\/64 +- +2 .*\nin +deny tcp\/80 +- +- +1 .*\nin +deny the rest +- +- +1 .*\nout +allow the rest/,
    )
  })

  test('changes while a connection is open: that one stays', async () => {
    await firewall({in: 'deny', rules: [{allow: 'tcp/22'}]})
    await using connection = world.internet.hold(addressOf('guarded').ipv4, 22)
    expect(await connection.ask()).toBe(`guarded ${INTERNET.ipv4}`)
    await firewall({in: 'deny', rules: [{allow: 'tcp/80'}]})
    expect(await connection.ask()).toBe(`guarded ${INTERNET.ipv4}`)
    expect(await reached(world.internet)).toBe('tcp 80')
  })

  test('never touches what others have', () => {
    expect(foreignNow()).toBe(foreign)
  })

  test('is gone with its server, also when its supervisor was killed', async () => {
    const chains = (): string[] =>
      world.host
        .sh(`nft list table inet ${tableName(host.paths)}`)
        .split('\n')
        .filter(line => /chain server-/.test(line))
        .map(line => line.trim())
    await firewall({in: 'deny', out: 'deny'})
    expect(chains()).toEqual(['chain server-guarded-in {', 'chain server-guarded-out {'])
    await host.must(['stop', 'guarded', '--kill'])
    expect(chains()).toEqual([])
    await host.must(['start', 'guarded', '--wait'])
    expect(await placeOf('guarded').ask('tcp', INTERNET.ipv4, 80)).toBe('timeout')
    process.kill(stateNumber(host, 'guarded', 'supervisor'), 'SIGKILL')
    await host.must(['start', 'guarded', '--wait'])
    expect(chains()).toEqual(['chain server-guarded-in {', 'chain server-guarded-out {'])
    await host.must(['stop', '--all', '--kill'])
    expect(chains()).toEqual([])
    expect(foreignNow()).toBe(foreign)
  })
})
