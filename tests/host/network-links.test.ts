import {existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {INTERNET, Place, Topology, UPLINK} from '../helpers/network.ts'
import {rounds} from '../helpers/random.ts'
import {createServers, stateNumber} from '../helpers/servers.ts'

/*
 * Servers with routed links on a host that is a network namespace: addresses, names of interfaces, who reaches whom, and what stays
 * on the host when they are gone.
 */

let host: ScratchHost
let world: Topology

/** The router of the tests leads these to the host. */
const HOST_YAML = `network:
  pools:
    public: {range: 203.0.113.0/24}
    public6: {range: "2001:db8:7::/48"}
`

const LINKS = {template: 'busybox', network: 'links'}

/** `10.77.0.1`, by the names of `vps network addresses`' directory. */
const holdings = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(host.paths.addresses)
      .sort()
      .map(name => [name, readlinkSync(join(host.paths.addresses, name))]),
  )

/** Whatever a server could leave on the host. */
const remains = (): string => world.host.sh('ip -o link; ip route; ip -6 route; ip rule; nft list ruleset')

const table = (): string => host.paths.cgroupName.replace('-', '_')

/** What servers have in the sets that all have in common. */
const elements = (): string[] => {
  return ['set links', 'map project_of', 'set project_peers'].flatMap(
    set =>
      world.host.sh(`nft list ${set.replace(' ', ` inet ${table()} `)}`).match(/elements = .*/s)?.[0] ?? [],
  )
}

/** What a server's packets of IPv6 go to. */
const gateway6 = (server: string): string =>
  / via (\S+)/.exec(placeOf(server).sh('ip -6 route show default'))?.[1] ?? ''

const ping = (address: string): string => `busybox ping -c1 -W2 ${address} >/dev/null`

beforeAll(async () => {
  if (requires('root').skip) return
  world = await Topology.build()
  host = await scratchHost()
  mkdirSync(host.paths.etc, {recursive: true})
  writeFileSync(host.paths.hostConfig, HOST_YAML)
})
afterAll(async () => {
  await host?.[Symbol.asyncDispose]()
  await world?.[Symbol.asyncDispose]()
})

describe.skipIf(requires('root').skip)('routed links', () => {
  beforeAll(async () => {
    await createServers(host, {a: LINKS, b: LINKS, c: {...LINKS, project: 'other'}})
  })

  test('a server has its addresses from its creation on', () => {
    expect(holdings()).toEqual({
      '10.77.0.1': 'a eth0',
      '10.77.0.2': 'b eth0',
      '10.77.0.3': 'c eth0',
      'fd77:7073:7673::1': 'a eth0',
      'fd77:7073:7673::2': 'b eth0',
      'fd77:7073:7673::3': 'c eth0',
    })
  })

  test('it reaches the host, others of its project, and the world as the host; IPv4 and IPv6', async () => {
    await host.must(['start', 'a', 'b', 'c', '--wait'])
    const reached = ['10.77.0.2', 'fd77:7073:7673::2', '169.254.0.1', UPLINK.ipv4, UPLINK.ipv6]
    for (const address of [...reached, INTERNET.ipv4, INTERNET.ipv6]) await host.inside('a', ping(address))
    for (const address of ['10.77.0.1', 'fd77:7073:7673::1']) world.host.sh(ping(address))
    await using _server = await world.internet.serve('world', 80)
    const inA: Place = placeOf('a')
    expect(await inA.ask('tcp', INTERNET.ipv4, 80)).toBe(`world ${UPLINK.ipv4}`)
    expect(await inA.ask('udp', INTERNET.ipv6, 80)).toBe(`world ${UPLINK.ipv6}`)
  })

  test('each link has a gateway of IPv6 of its own, which answers there and nowhere else', async () => {
    const [a, b] = [gateway6('a'), gateway6('b')]
    expect([a, b]).toEqual(['fe80::1:0', 'fe80::1:1'])
    await host.inside('a', ping(`${a}%eth0`))
    // As after `ip neighbour flush` in a server: who has forgotten its gateway finds it again.
    placeOf('b').sh(`ip neighbour del ${b} dev eth0; ${ping(`${b}%eth0`)}`)
    placeOf('a').sh(`! ${ping(`${b}%eth0`)}`)
  })

  test('servers of another project do not reach each other', async () => {
    const inC = placeOf('c')
    await using _server = await placeOf('a').serve('a', 80)
    expect(await placeOf('b').ask('tcp', '10.77.0.1', 80)).toBe('a 10.77.0.2')
    expect(await inC.ask('tcp', '10.77.0.1', 80)).toBe('timeout')
    expect(await inC.ask('tcp', 'fd77:7073:7673::1', 80)).toBe('timeout')
  })

  test('the host is no router for strangers', () => {
    world.router.sh('ip route add 10.99.0.0/16 via 192.0.2.2')
    world.host.sh(
      'ip link add elsewhere type veth peer name beyond; ip link set beyond up; ip address add 10.99.0.1/16 dev elsewhere; ip link set elsewhere up',
    )
    const dropped = (): string =>
      world.host.sh('nft list ruleset').match(/iifname @opened4 .*packets (\d+)/)?.[1] ?? 'no rule'
    const before = Number(dropped())
    try {
      world.router.sh(`! ${ping('10.99.0.2')}`)
      expect(Number(dropped())).toBeGreaterThan(before)
    } finally {
      world.host.sh('ip link delete elsewhere')
    }
  })

  test('a restart keeps the addresses, from outside and from inside', async () => {
    const before = holdings()
    await host.must(['restart', 'a', '--wait'])
    await host.inside('a', ping('10.77.0.2'))
    expect(holdings()).toEqual(before)
  })

  test('with all stopped, only what they have in common is there', async () => {
    await host.must(['stop', '--all', '--kill'])
    expect(world.host.sh('ip -o link')).not.toMatch(/v[0-9a-f]{4}-/)
    expect(elements()).toEqual([])
  })

  test('rules that somebody flushed are loaded again by the next start, with those of the servers that run', async () => {
    await host.must(['start', 'a'])
    world.host.sh('nft flush ruleset')
    await host.must(['start', 'b'])
    await host.inside('a', ping('10.77.0.2'))
    await host.inside('a', ping(INTERNET.ipv4))
    expect(await placeOf('a').ask('tcp', UPLINK.ipv4, 22)).toBe('timeout')
  })

  test('what a killed supervisor leaves is removed by the next command', async () => {
    await host.must(['start', 'c'])
    process.kill(stateNumber(host, 'c', 'supervisor'), 'SIGKILL')
    const {exitCode} = await host.vps(['start', 'c', '--wait'])
    expect(exitCode).toBe(0)
    await host.inside('c', ping(INTERNET.ipv6))
    process.kill(stateNumber(host, 'c', 'supervisor'), 'SIGKILL')
    await host.must(['doctor', '--repair'])
    const left = [world.host.sh('ip -o link'), ...elements()].join('\n')
    expect(left).not.toMatch(/v[0-9a-f]{4}-c\b/)
    expect(left).toMatch(/v[0-9a-f]{4}-a\b/)
  })

  test('a renamed server keeps its addresses', async () => {
    await host.must(['rename', 'c', 'd'])
    expect(holdings()).toMatchObject({'10.77.0.3': 'd eth0', 'fd77:7073:7673::3': 'd eth0'})
    await host.must(['start', 'd', '--wait'])
    expect(world.host.sh('ip -o link')).toMatch(/v[0-9a-f]{4}-d@/)
  })

  test('the addresses of a destroyed one are free', async () => {
    await host.must(['destroy', 'd', '--force', '--yes'])
    expect(Object.values(holdings()).filter(owner => owner.startsWith('d '))).toEqual([])
  })

  test('after the last one nothing of vps is in the network of the host', async () => {
    await host.must(['destroy', '--all', '--force', '--yes'])
    expect(remains()).not.toMatch(/vps|v[0-9a-f]{4}-|169\.254/)
    expect(readFileSync(`/proc/sys/net/ipv4/conf/${UPLINK.name}/forwarding`, 'utf8').trim()).toBe('0')
    expect(existsSync(host.paths.addresses) ? readdirSync(host.paths.addresses) : []).toEqual([])
  })
})

describe.skipIf(requires('root').skip)('addresses that cannot be had', () => {
  const create = async (name: string, ...addresses: readonly string[]) =>
    await host.vps(['create', name, '--file', '-'], {
      input: `name: ${name}\ntemplate: busybox\ninit: persist\nnetwork:\n  links:\n    - addresses: [${addresses.map(text => `"${text}"`).join(', ')}]\n`,
      stdin: 'pipe',
    })

  test.each([
    [
      '10.77.0.7',
      /x\.yaml:6:\d+ network\.links\[0\]\.addresses\[0\]: 10\.77\.0\.7 is server one's \(link eth0\)/,
      4,
    ],
    ['10.77.0.0/24', /overlaps 10\.77\.0\.7, which is server one's/, 4],
    [UPLINK.ipv4, /is an address of the host itself/, 2],
    ['198.18.0.1', /is in no pool of this host/, 2],
    ['10.77.255.255', /is the broadcast address of pool private/, 2],
    ['pool:nowhere', /there is no pool nowhere/, 2],
  ])('%s', async (address, says, code) => {
    if (!existsSync(join(host.paths.servers, 'one')))
      expect((await create('one', '10.77.0.7')).exitCode).toBe(0)
    const {exitCode, stderr} = await create('x', address)
    expect(String(stderr)).toMatch(says)
    expect(exitCode).toBe(code)
    expect(Object.values(holdings()).filter(owner => owner.startsWith('x '))).toEqual([])
  })
})

describe.skipIf(requires('root').skip)('a network that changes while the server runs', () => {
  beforeAll(async () => {
    await createServers(host, {l: LINKS, m: LINKS})
    await host.must(['start', 'l', 'm', '--wait'])
  })
  afterAll(async () => {
    await host.must(['destroy', 'l', 'm', '--force', '--yes'])
  })

  const PUBLIC4 = '203.0.113.7'

  test('an address is added, and taken away again', async () => {
    const {live, afterRestart} = await host.json<{live: string[]; afterRestart: string[]}>([
      'set',
      'l',
      `network.links[0].addresses=[auto, ${PUBLIC4}, "2001:db8:7:1::/64"]`,
    ])
    expect({live, afterRestart}).toEqual({live: ['network.links[0].addresses'], afterRestart: []})
    expect(holdings()).toMatchObject({[PUBLIC4]: 'l eth0', '2001:db8:7:1::_64': 'l eth0'})
    world.internet.sh(ping(PUBLIC4))
    expect(await host.inside('l', 'ip -o address show dev eth0')).toContain(`${PUBLIC4}/32`)
    await host.must(['restart', 'l', '--wait'])
    world.internet.sh(ping(PUBLIC4))
    await host.must(['set', 'l', 'network.links[0].addresses=[auto]'])
    expect(Object.keys(holdings())).not.toContain(PUBLIC4)
    expect(await host.inside('l', 'ip -o address show dev eth0')).not.toContain(PUBLIC4)
    expect(world.host.sh('ip route; ip -6 route')).not.toMatch(/203\.0\.113\.7|2001:db8:7:1/)
    await host.inside('l', ping(INTERNET.ipv4))
  })

  test('the first address changes, and what comes from the server has the new one', async () => {
    await host.must(['set', 'l', `network.links[0].addresses=[${PUBLIC4}, auto6]`])
    await using _server = await world.internet.serve('world', 80)
    expect(await placeOf('l').ask('tcp', INTERNET.ipv4, 80)).toBe(`world ${PUBLIC4}`)
    await host.must(['set', 'l', 'network.links[0].addresses=[auto]'])
    expect(await placeOf('l').ask('tcp', INTERNET.ipv4, 80)).toBe(`world ${UPLINK.ipv4}`)
  })

  test('what the supervisor tells its own restart is the new plan', async () => {
    await host.must(['set', 'l', `network.links[0].addresses=[auto, ${PUBLIC4}]`])
    const before = stateNumber(host, 'l', 'init')
    await host.vps(['exec', 'l', '--', 'reboot', '-f'])
    for (let tries = 0; tries < 100 && stateNumber(host, 'l', 'init') === before; tries++)
      await new Promise(resolve => setTimeout(resolve, 50))
    world.internet.sh(`for i in 1 2 3 4 5; do ${ping(PUBLIC4)} && exit 0; sleep 0.2; done; exit 1`)
    await host.must(['set', 'l', 'network.links[0].addresses=[auto]'])
  })

  test('one that another has is refused, and nothing changes', async () => {
    const before = [holdings(), readFileSync(join(host.paths.definitions, 'l.yaml'), 'utf8')]
    const {exitCode, stderr} = await host.vps(['set', 'l', 'network.links[0].addresses=[10.77.0.2]'])
    expect([exitCode, String(stderr)]).toEqual([
      4,
      expect.stringContaining("10.77.0.2 is server m's (link eth0)"),
    ])
    expect([holdings(), readFileSync(join(host.paths.definitions, 'l.yaml'), 'utf8')]).toEqual(before)
  })

  test('a fault in the kernel leaves everything as it was', async () => {
    const before = [holdings(), readFileSync(join(host.paths.definitions, 'l.yaml'), 'utf8')]
    world.host.sh(`ip route add ${PUBLIC4} dev lo`) // somebody else's
    const {exitCode, stderr} = await host.vps(['set', 'l', `network.links[0].addresses=[auto, ${PUBLIC4}]`])
    world.host.sh(`ip route delete ${PUBLIC4} dev lo`)
    expect([exitCode, String(stderr)]).toEqual([
      1,
      expect.stringMatching(/l\.yaml:\d+:\d+ network\.links.*203\.0\.113\.7/),
    ])
    expect([holdings(), readFileSync(join(host.paths.definitions, 'l.yaml'), 'utf8')]).toEqual(before)
    expect(await host.inside('l', 'ip -o address show dev eth0')).not.toContain(PUBLIC4)
  })

  test('published ports and the firewall change', async () => {
    await using _server = await placeOf('l').serve('l', 80)
    await host.must(['set', 'l', 'network.publish=["8080:80"]'])
    expect(await world.internet.ask('tcp', UPLINK.ipv4, 8080)).toBe(`l ${INTERNET.ipv4}`)
    await host.must(['set', 'l', 'network.publish=["8081:80"]', 'network.firewall.in=deny'])
    expect(await world.internet.ask('tcp', UPLINK.ipv4, 8080)).not.toBe(`l ${INTERNET.ipv4}`)
    expect(await world.internet.ask('tcp', UPLINK.ipv4, 8081)).toBe('timeout')
    await host.must(['set', 'l', 'network.firewall.rules=[{allow: tcp/80}]'])
    expect(await world.internet.ask('tcp', UPLINK.ipv4, 8081)).toBe(`l ${INTERNET.ipv4}`)
    await host.must(['set', 'l', 'network.firewall-', 'network.publish-'])
  })

  test('killed at any moment of a change, the next command makes it whole', async () => {
    const key = 'network.links[0].addresses'
    const definition = () => readFileSync(join(host.paths.definitions, 'l.yaml'), 'utf8')
    for (let delay = 60; delay < 460; delay += Math.round(400 / rounds(16))) {
      const address = `203.0.113.${20 + Math.round(delay / 5)}`
      await host.vps(['set', 'l', `${key}=[auto, ${address}]`], {timeout: delay, killSignal: 'SIGKILL'})
      await host.must(['set', 'l', 'description=x']) // any verb on it
      const wanted = definition().includes(address)
      expect([delay, address in holdings()]).toEqual([delay, wanted])
      expect((await host.inside('l', 'ip -o address show dev eth0')).includes(address)).toBe(wanted)
      expect(await host.json(['network', 'check'])).toEqual({ok: true, differences: []})
      await host.must(['set', 'l', `${key}=[auto]`])
      expect(Object.values(holdings()).filter(owner => owner === 'l eth0')).toHaveLength(2)
    }
  })

  test('the addresses of a stopped one change too', async () => {
    await host.must(['stop', 'm', '--kill'])
    await host.must(['set', 'm', 'network.links[0].addresses=[auto4]'])
    expect(Object.entries(holdings()).filter(([, owner]) => owner === 'm eth0')).toEqual([
      ['10.77.0.2', 'm eth0'],
    ])
  })
})

describe.skipIf(requires('root').skip)('vps network check', () => {
  interface Report {
    ok: boolean
    differences: {server: string | null; what: string; mended: boolean; fix: string}[]
  }
  const check = async (...flags: string[]): Promise<Report> => {
    const {stdout} = await host.vps(['network', 'check', ...flags, '--json'])
    return JSON.parse(String(stdout)) as Report
  }
  let end: string

  beforeAll(async () => {
    await createServers(host, {
      k1: {
        ...LINKS,
        network: {
          links: [{rate: {in: '100mbit', out: '50mbit'}}],
          publish: ['8080:80'],
          firewall: {in: 'deny', rules: [{allow: 'tcp/80', from: 'tag:web'}]},
        },
        tags: ['web'],
      },
      k2: LINKS,
    })
    await host.must(['start', 'k1', 'k2', '--wait'])
    const [{links}] = await host.json<[{links: {interface: string}[]}]>(['list', 'k1'])
    end = links[0]?.interface ?? ''
  })
  afterAll(async () => {
    await host.must(['destroy', 'k1', 'k2', '--force', '--yes'])
  })

  test('finds nothing while all is well, and doctor says so', async () => {
    expect(await check()).toEqual({ok: true, differences: []})
    const checks = await host.json<{id: string; state: string}[]>(['doctor'])
    expect(
      checks.filter(({id}) => id === 'network' || id === 'forward-policy').map(({state}) => state),
    ).toEqual(['ok', 'ok'])
  })

  test.each([
    ['the ruleset flushed', () => 'nft flush ruleset', /table inet .* are gone/],
    [
      'an element taken away',
      () => `nft delete element inet ${table()} links '{ "${end}" }'`,
      /set links lacks v.*-k1/,
    ],
    [
      'an element added',
      () => `nft add element inet ${table()} links '{ "eth7" }'`,
      /set links has eth7, which no running server asks for/,
    ],
    [
      'a rule added',
      () => `nft insert rule inet ${table()} forward accept`,
      /the rules of chain forward are others/,
    ],
    ['a route gone', () => `ip route delete 10.77.0.1 dev ${end}`, /there is no route to 10\.77\.0\.1 by/],
    [
      'a neighbour gone',
      () => `ip neighbour delete 10.77.0.1 dev ${end}`,
      /does not know that 10\.77\.0\.1 is/,
    ],
    [
      'the gateway gone',
      () => 'ip address delete 169.254.0.1/32 dev lo',
      /lo lacks the address 169\.254\.0\.1/,
    ],
    [
      'a setting changed',
      () => `echo 1 > /proc/sys/net/ipv4/conf/${end}/accept_redirects`,
      /ipv4 accept_redirects of .* is 1, not 0/,
    ],
    ['forwarding off', () => `echo 0 > /proc/sys/net/ipv4/conf/${UPLINK.name}/forwarding`, /not forwarded/],
    ['a link down', () => `ip link set ${end} down`, /link .* is down/],
    ['a rate gone', () => `tc qdisc delete dev ${end} root`, /has no rate/],
    [
      'a stray link',
      () => `ip link add ${end.replace('-k1', '-zz')} type veth peer name beyond`,
      /-zz is no running server's/,
    ],
  ])('%s', async (_what, damage, says) => {
    world.host.sh(damage())
    const found = await check()
    expect(found.ok).toBe(false)
    expect(found.differences.map(({what}) => what).join('\n')).toMatch(says)
    const checks = await host.json<{id: string; state: string; fix: string}[]>(['doctor'])
    expect(checks.find(({id}) => id === 'network')).toMatchObject({
      state: 'warning',
      fix: 'vps network check --repair',
    })
    const mended = await check('--repair')
    expect(mended).toMatchObject({ok: true})
    expect(await check()).toEqual({ok: true, differences: []})
    for (const server of ['k1', 'k2']) await host.inside(server, ping(INTERNET.ipv4))
  })

  test('a link that is gone takes a restart of its server', async () => {
    world.host.sh(`ip link delete ${end}`)
    const {ok, differences} = await check('--repair')
    expect([ok, differences]).toEqual([
      false,
      [{server: 'k1', what: `its link ${end} is gone`, mended: false, fix: 'vps restart k1'}],
    ])
    await host.must(['restart', 'k1', '--wait'])
    expect(await check()).toEqual({ok: true, differences: []})
  })

  test('doctor names a firewall in the way, and how to open it', async () => {
    world.host.sh(
      "nft add table ip filter; nft add chain ip filter FORWARD '{ type filter hook forward priority 0; policy drop; }'",
    )
    try {
      const checks = await host.json<{id: string; state: string; found: string; fix: string}[]>(['doctor'])
      const found = checks.find(({id}) => id === 'forward-policy')
      expect(found).toMatchObject({
        state: 'warning',
        found: expect.stringContaining('table ip filter, chain FORWARD'),
      })
      expect(found?.fix).toMatch(/^iptables -I FORWARD -i v[0-9a-f]{4}-\+ -j ACCEPT; /)
    } finally {
      world.host.sh('nft delete table ip filter')
    }
  })

  test('the lists say who has what', async () => {
    expect(await host.json(['network', 'addresses'])).toContainEqual({
      address: '10.77.0.1',
      server: 'k1',
      link: 'eth0',
      pool: 'private',
    })
    expect(await host.json(['network', 'list'])).toContainEqual({
      name: 'k2',
      state: 'running',
      project: 'default',
      link: {
        name: 'eth0',
        mode: 'routed',
        interface: end.replace('k1', 'k2'),
        addresses: ['10.77.0.2', 'fd77:7073:7673::2'],
      },
    })
    expect(await host.json(['network', 'show'])).toContainEqual({
      name: 'private',
      range: '10.77.0.0/16',
      exclude: [],
      masquerade: true,
      default: true,
      used: expect.any(Number),
      size: 65_536,
    })
    expect(String((await host.vps(['network', 'list'])).stdout)).toContain('10.77.0.2')
  })
})

describe.skipIf(requires('root').skip)('what a server is told in files', () => {
  const MARK = '# Written by vps at each start.'

  beforeAll(async () => {
    await createServers(host, {f: {...LINKS, hostname: 'f.example.org'}})
    await host.must(['start', 'f', '--wait'])
  })
  afterAll(async () => {
    await host.must(['destroy', 'f', '--force', '--yes'])
  })

  const restarted = async (script: string): Promise<void> => {
    await host.inside('f', script)
    await host.must(['restart', 'f', '--wait'])
  }

  test('its own names and whom to ask are there before its init', async () => {
    const hosts = await host.inside('f', 'cat /etc/hosts')
    expect(hosts).toContain(MARK)
    expect(hosts).toMatch(/^127\.0\.0\.1\tlocalhost$/m)
    expect(hosts).toMatch(/^10\.77\.\d+\.\d+\tf\.example\.org f$/m)
    expect(hosts).toMatch(/^fd77:7073:7673::\w+\tf\.example\.org f$/m)
    expect(await host.inside('f', 'cat /etc/resolv.conf')).toMatch(/^nameserver /m)
  })

  test('they follow the definition', async () => {
    await host.must(['set', 'f', 'network.dns=[192.0.2.53]'])
    await host.must(['restart', 'f', '--wait'])
    expect(await host.inside('f', 'grep nameserver /etc/resolv.conf')).toBe('nameserver 192.0.2.53')
  })

  test('a file that somebody wrote in the server stays', async () => {
    await restarted('echo "# mine" > /etc/hosts; echo "nameserver 9.9.9.9" > /etc/resolv.conf')
    expect(await host.inside('f', 'cat /etc/hosts /etc/resolv.conf')).toBe('# mine\nnameserver 9.9.9.9')
  })

  test('a link to a file that is there stays; one to nowhere is replaced', async () => {
    await restarted('echo mine > /etc/mine; ln -sf mine /etc/hosts; ln -sf /run/nowhere /etc/resolv.conf')
    expect(await host.inside('f', 'readlink /etc/hosts; cat /etc/hosts')).toBe('mine\nmine')
    expect(await host.inside('f', 'readlink /etc/resolv.conf || head -1 /etc/resolv.conf')).toContain(MARK)
  })

  test('what was removed comes back', async () => {
    await restarted('rm /etc/hosts /etc/resolv.conf')
    expect(await host.inside('f', 'head -qn1 /etc/hosts /etc/resolv.conf')).toContain(`${MARK}`)
  })
})

describe.skipIf(requires('root').skip)('links to networks that are there', () => {
  beforeAll(() => {
    world.host.sh(`ip link add br7 type bridge; ip link set br7 up; ip address add 192.0.2.129/25 dev br7
      ip link add wire0 address 02:00:00:00:00:aa type veth peer name wire1; ip link set wire0 up; ip link set wire1 up
      ip address add 192.168.7.1/24 dev wire1`)
  })
  afterAll(async () => {
    await host.must(['destroy', '--all', '--force', '--yes'])
    world.host.sh('ip link delete br7; ip link delete wire0')
  })

  const started = async (name: string, link: Record<string, unknown>): Promise<void> => {
    await createServers(host, {[name]: {template: 'busybox', network: {links: [link]}}})
    await host.must(['start', name, '--wait'])
  }

  test('a port of a bridge', async () => {
    await started('g1', {
      mode: 'bridge',
      bridge: 'br7',
      addresses: ['192.0.2.130/25'],
      gateway: ['192.0.2.129'],
    })
    await host.inside('g1', ping('192.0.2.129'))
    expect(await host.inside('g1', 'ip route')).toContain('default via 192.0.2.129 dev eth0')
    expect(await host.inside('g1', 'cat /etc/hosts')).toMatch(/^192\.0\.2\.130\tg1$/m)
    expect(await host.json(['network', 'check'])).toMatchObject({ok: true})
    await host.must(['restart', 'g1', '--wait'])
    await host.inside('g1', ping('192.0.2.129'))
    await host.must(['set', 'g1', 'network.links[0].addresses=[192.0.2.131/25]'])
    world.host.sh(ping('192.0.2.131'))
    await host.must(['stop', 'g1', '--kill'])
    expect(world.host.sh('ip -o link show master br7')).toBe('')
  })

  test('a macvlan', async () => {
    await started('g2', {
      mode: 'macvlan',
      parent: 'wire0',
      addresses: ['192.168.7.2/24'],
      mac: '02:00:00:00:00:bb',
    })
    world.host.sh(ping('192.168.7.2'))
    expect(await host.inside('g2', 'ip link show eth0')).toContain('02:00:00:00:00:bb')
    await host.must(['stop', 'g2', '--kill'])
  })

  test('an interface of the host, given back', async () => {
    await started('g3', {mode: 'physical', parent: 'wire0', name: 'lan0', addresses: ['192.168.7.3/24']})
    world.host.sh(`! ip link show wire0 2>/dev/null; ${ping('192.168.7.3')}`)
    await host.must(['stop', 'g3', '--kill'])
    expect(world.host.sh('ip -o link show wire0')).toContain('02:00:00:00:00:aa')
  })

  test('a bridge that is not there is named, with its line', async () => {
    await createServers(host, {
      g4: {template: 'busybox', network: {links: [{mode: 'bridge', bridge: 'br8'}]}},
    })
    const {exitCode, stderr} = await host.vps(['start', 'g4'])
    expect([exitCode, String(stderr)]).toEqual([
      1,
      expect.stringMatching(/g4\.yaml:\d+:\d+ network\.links\[0\]\.bridge: .*br8/),
    ])
  })

  test('a prefix is led to the server by its address', async () => {
    await started('g5', {addresses: ['auto', '2001:db8:7:5::/64']})
    await host.inside('g5', 'ip -6 address add 2001:db8:7:5::9/128 dev lo')
    world.internet.sh(ping('2001:db8:7:5::9').replace('ping', 'ping6'))
  })

  test('two routed links: both are reached from the world', async () => {
    await createServers(host, {
      g6: {
        template: 'busybox',
        network: {links: [{addresses: ['203.0.113.61']}, {addresses: ['203.0.113.62']}]},
      },
    })
    await host.must(['start', 'g6', '--wait'])
    for (const address of ['203.0.113.61', '203.0.113.62']) world.internet.sh(ping(address))
  })
})

/** The network of a running server. */
function placeOf(server: string): Place {
  return Place.of(stateNumber(host, server, 'init'))
}
