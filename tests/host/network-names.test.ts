import {existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {readHostConfig, silent} from '../../src/host/index.ts'
import {checkServerNames} from '../../src/server/network/names.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'
import {INTERNET, Place, Topology, UPLINK} from '../helpers/network.ts'
import {listProcesses} from '../helpers/processes.ts'
import {createServers, stateNumber} from '../helpers/servers.ts'

/*
 * Servers of one project know each other by name, those of another do not, and all know the world. Every question is asked from inside
 * a server, at its gateway.
 */

const LINKS = {template: 'busybox', network: 'links'}
const FAMILIES = [4, 6] as const
type Family = (typeof FAMILIES)[number]

/** By TCP, 23 bytes that ask for the address (1, 1) of b.vps. RFC 1035, 4.1 and 4.2.2 */
const QUERY = `0017${'0001'}${'0100'}${'0001000000000000'}${'01620376707300'}${'00010001'}`

let host: ScratchHost
let world: Topology

beforeAll(async () => {
  if (requires('root').skip) return
  world = await Topology.build()
  host = await scratchHost()
  mkdirSync(host.paths.etc, {recursive: true})
  writeFileSync(host.paths.hostConfig, `network: {dns: {upstream: [${INTERNET.ipv4}, "${INTERNET.ipv6}"]}}\n`)
  const resolver = world.internet.begin(
    'dnsmasq',
    ...[
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--log-facility=/dev/null',
      '--pid-file',
      '--user=root',
    ],
    ...[
      '--no-hosts',
      '--no-resolv',
      '--bind-interfaces',
      '--listen-address',
      `${INTERNET.ipv4},${INTERNET.ipv6}`,
    ],
    ...['--host-record=deb.example.org,198.51.100.80,2001:db8:f::80', '--host-record=a,198.51.100.66'],
    ...['--host-record=secret.vps,198.51.100.66', '--ptr-record=1.0.77.10.in-addr.arpa,wrong.example.org'],
  )
  resolver.once('exit', code => code && console.error(`the internet's dnsmasq ended with ${code}`))
  await createServers(host, {
    a: LINKS,
    b: {...LINKS, hostname: 'b.example.org'},
    c: {...LINKS, project: 'other'},
    d: {...LINKS, project: 'other'},
  })
  await host.must(['start', 'a', 'b', 'c', 'd', '--wait'])
})

afterAll(async () => {
  await host?.[Symbol.asyncDispose]()
  await world?.[Symbol.asyncDispose]()
})

/** Of IPv6, each link has its own. */
function gatewayOf(server: string, family: Family): string {
  const routes = Place.of(stateNumber(host, server, 'init')).sh(`ip -${family} route show default`)
  return `${/ via (\S+)/.exec(routes)?.[1] ?? ''}${family === 6 ? '%eth0' : ''}`
}

/** What `name` is, asked of the gateway by `server`: addresses, or names for an address; `none` where there is no such thing. */
async function lookUp(server: string, name: string, family: Family = 4, type = ''): Promise<string[]> {
  const [pid, option] = [String(stateNumber(host, server, 'init')), type === '' ? [] : [`-type=${type}`]]
  const {stdout} = await execa(
    'nsenter',
    ['-t', pid, '-n', '--', 'busybox', 'nslookup', ...option, name, gatewayOf(server, family)],
    {reject: false, stdin: 'ignore'},
  )
  const [, answer = ''] = stdout.split(/\n\n(.*)/s)
  const found = [...answer.matchAll(/^Address:\s+(\S+)$|name = (\S+)$/gm)].map(
    ([, address, text]) => address ?? text ?? '',
  )
  if (found.length > 0) return found.sort()
  return [/NXDOMAIN/.test(answer) ? 'none' : answer.trim() || 'silence']
}

async function isConnected(place: Place, address: string, port: number): Promise<boolean> {
  const script = `const socket = require('node:net').connect({host: process.argv[1], port: process.argv[2], timeout: 700})
    socket.on('connect', () => process.exit(0)).on('error', () => process.exit(1)).on('timeout', () => process.exit(1))`
  const [program, ...args] = place.words(process.execPath, '-e', script, address, String(port))
  return (await execa(program, args, {reject: false, stdin: 'ignore'})).exitCode === 0
}

const dnsmasqs = () =>
  listProcesses().filter(
    ({command}) => command.includes('dnsmasq') && command.includes(host.paths.runNetwork),
  )

const names = (): string[] => {
  const directory = join(host.paths.runNetwork, 'names')
  return existsSync(directory)
    ? readdirSync(directory).flatMap(project =>
        readdirSync(join(directory, project, 'hosts')).map(server => `${project}/${server}`),
      )
    : []
}

describe.skipIf(requires('root').skip)('names', () => {
  test.each(FAMILIES)('a server knows those of its project, asked by IPv%i', async family => {
    for (const name of ['b', 'b.vps', 'b.example.org', 'B.VPS'])
      expect(await lookUp('a', name, family), name).toEqual(['10.77.0.2', 'fd77:7073:7673::2'])
    expect(await lookUp('a', '10.77.0.2', family)).toEqual(['b.vps'])
    expect(await lookUp('a', 'fd77:7073:7673::2', family)).toEqual(['b.vps'])
    expect(await lookUp('d', 'c', family)).toEqual(['10.77.0.3', 'fd77:7073:7673::3'])
  })

  test.each(FAMILIES)('it does not know those of another, asked by IPv%i', async family => {
    for (const name of ['c', 'c.vps', '10.77.0.3', 'fd77:7073:7673::3'])
      expect(await lookUp('a', name, family), name).toEqual(['none'])
    for (const name of ['a', 'a.vps', '10.77.0.1'])
      expect(await lookUp('c', name, family), name).toEqual(['none'])
  })

  test('names of the world come from the name servers that the admin wrote; names of servers never do', async () => {
    for (const family of FAMILIES)
      expect(await lookUp('a', 'deb.example.org', family)).toEqual(['198.51.100.80', '2001:db8:f::80'])
    expect(await lookUp('c', 'secret.vps')).toEqual(['none'])
    expect(await lookUp('c', 'nothing.example.org', 4, 'a')).not.toEqual(['silence'])
  })

  test('TCP is answered as UDP is', async () => {
    const ask = `const socket = require('node:net').connect({host: process.argv[1], port: 53})
      socket.on('connect', () => socket.write(Buffer.from('${QUERY}', 'hex')))
      socket.on('data', answer => { console.log(answer.includes(Buffer.from([10, 77, 0, 2]))); socket.destroy() })`
    for (const family of FAMILIES) {
      const {stdout} = await execa('nsenter', [
        ...['-t', String(stateNumber(host, 'a', 'init')), '-n', '--', process.execPath, '-e', ask],
        gatewayOf('a', family),
      ])
      expect(stdout, `IPv${family}`).toBe('true')
    }
  })

  test("nobody gets at another project's names by its port", async () => {
    const [other] = dnsmasqs().filter(({command}) => command.includes('/names/other/'))
    const port = Number(/--port=(\d+)/.exec(other?.command ?? '')?.[1])
    expect(port).toBeGreaterThan(1024)
    const inA = Place.of(stateNumber(host, 'a', 'init'))
    for (const address of ['169.254.0.1', 'fd76:7073:6e61:6d65::53']) {
      expect(await isConnected(world.host, address, port), address).toBe(true)
      expect(await isConnected(inA, address, port), address).toBe(false)
    }
    world.router.sh(`ip route replace 169.254.0.1/32 via ${UPLINK.ipv4}
      ip route replace fd76:7073:6e61:6d65::53/128 via ${UPLINK.ipv6}`)
    for (const address of ['169.254.0.1', 'fd76:7073:6e61:6d65::53'])
      expect(await isConnected(world.router, address, port), address).toBe(false)
    // It would be, were it not for the rules.
    const table = `inet ${host.paths.cgroupName.replace('-', '_')}`
    const rule = world.host.sh(`nft -ae insert rule ${table} input meta l4proto tcp accept`)
    expect(await isConnected(world.router, '169.254.0.1', port)).toBe(true)
    world.host.sh(`nft delete rule ${table} input handle ${/handle (\d+)/.exec(rule)?.[1]}`)
  })

  test('a dnsmasq is no root, and is begun anew when it dies', async () => {
    const before = dnsmasqs().filter(
      ({command}) => command.includes('--keep-in-foreground') && !command.startsWith('/bin/sh'),
    )
    expect(before).toHaveLength(2)
    for (const {pid} of before) {
      expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/CapEff:\s+0+\n/)
      process.kill(pid, 'SIGKILL')
    }
    await expect
      .poll(async () => await lookUp('a', 'b.vps'), {timeout: 10_000})
      .toEqual(['10.77.0.2', 'fd77:7073:7673::2'])
  })

  test('a server that stopped is not known any more, one that starts is', async () => {
    await host.must(['stop', 'b'])
    for (const name of ['b', 'b.vps', '10.77.0.2']) expect(await lookUp('a', name), name).toEqual(['none'])
    expect(await lookUp('a', 'a')).toEqual(['10.77.0.1', 'fd77:7073:7673::1'])
    await host.must(['rename', 'b', 'e'])
    await host.must(['start', 'e'])
    expect(await lookUp('a', 'e.vps')).toEqual(['10.77.0.2', 'fd77:7073:7673::2'])
    expect(await lookUp('a', 'b.vps')).toEqual(['none'])
  })

  test('one that lost everything that answers names gets it back with the next start', async () => {
    for (const {pid} of dnsmasqs()) kill(pid)
    await expect.poll(dnsmasqs).toEqual([])
    await host.must(['restart', 'e'])
    expect(await lookUp('a', 'e')).toEqual(['10.77.0.2', 'fd77:7073:7673::2'])
    await host.must(['restart', 'd'])
    expect(await lookUp('c', 'd')).toEqual(['10.77.0.4', 'fd77:7073:7673::4'])
  })

  test('the names of one that is killed go with the next stop in its project', async () => {
    process.kill(stateNumber(host, 'c', 'supervisor'), 'SIGKILL')
    await expect.poll(() => readdirSync(host.paths.runServers)).toContain('c')
    await host.vps(['start', 'c'])
    expect(await lookUp('d', 'c')).toEqual(['10.77.0.3', 'fd77:7073:7673::3'])
    await host.must(['stop', 'c', 'd'])
    expect(names()).toEqual(['default/a', 'default/e'])
    expect(dnsmasqs().every(({command}) => command.includes('/names/default/'))).toBe(true)
  })

  test('what is not as it should be is found and mended', async () => {
    const context = {
      paths: host.paths,
      config: await readHostConfig(host.paths),
      progress: silent,
      notice: silent,
    }
    const check = async (repair: boolean) => (await checkServerNames(context, repair)).map(({what}) => what)
    expect(await check(true)).toEqual([])
    const hosts = join(host.paths.runNetwork, 'names/default/hosts')
    writeFileSync(join(hosts, 'e'), '10.77.0.9 e\n')
    writeFileSync(join(hosts, 'ghost'), '10.77.0.9 ghost\n')
    for (const {pid} of dnsmasqs()) kill(pid)
    await expect.poll(dnsmasqs).toEqual([])
    const problems = [
      'names of server ghost, which does not run, are still known in project default',
      'server e is not known by its names and addresses in project default',
      'the dnsmasq of project default does not run: its servers have no names',
    ]
    expect(await check(false)).toEqual(problems)
    expect(await check(true)).toEqual(problems)
    await expect.poll(() => check(false)).toEqual([])
    expect(await lookUp('a', 'e')).toEqual(['10.77.0.2', 'fd77:7073:7673::2'])
    expect(await lookUp('a', 'ghost')).toEqual(['none'])
  })

  test('a server that ends by itself is forgotten with the next verb on it', async () => {
    await host.must(['start', 'd'])
    expect(names()).toContain('other/d')
    await host.vps(['exec', 'd', '--', 'kill', '-TERM', '1'])
    await expect.poll(() => readdirSync(host.paths.runServers)).not.toContain('d')
    await host.vps(['stop', 'd'])
    expect(names()).toEqual(['default/a', 'default/e'])
    expect(dnsmasqs().every(({command}) => command.includes('/names/default/'))).toBe(true)
  })

  test('starts at once begin one, and nothing is left of it after the last stop', async () => {
    await host.must(['stop', 'a', 'e'])
    expect(names()).toEqual([])
    expect(dnsmasqs()).toEqual([])
    expect(existsSync(join(host.paths.runNetwork, 'names', 'default'))).toBe(false)
    await Promise.all(['a', 'c', 'd', 'e'].map(name => host.must(['start', name])))
    expect(dnsmasqs().filter(({command}) => !command.startsWith('/bin/sh'))).toHaveLength(2)
    expect(await lookUp('a', 'e')).toEqual(['10.77.0.2', 'fd77:7073:7673::2'])
    await Promise.all(['a', 'c', 'd', 'e'].map(name => host.must(['stop', name])))
    expect(dnsmasqs()).toEqual([])
    expect(names()).toEqual([])
  })

  test("without a word in host.yaml the host's own name servers are asked, also one at its localhost", async () => {
    writeFileSync(host.paths.hostConfig, '')
    const own = join(host.root, 'resolv.conf')
    writeFileSync(own, 'nameserver 127.0.0.53\n')
    world.host.sh(`mount --bind ${own} /etc/resolv.conf`)
    using _file = {[Symbol.dispose]: () => world.host.sh('umount /etc/resolv.conf')}
    world.host.begin(
      'dnsmasq',
      ...[
        '--keep-in-foreground',
        '--conf-file=/dev/null',
        '--log-facility=/dev/null',
        '--pid-file',
        '--user=root',
      ],
      ...[
        '--no-hosts',
        '--no-resolv',
        '--bind-interfaces',
        '--listen-address=127.0.0.53',
        '--host-record=stub.example.org,192.0.2.99',
      ],
    )
    await host.must(['start', 'a'])
    await expect.poll(async () => await lookUp('a', 'stub.example.org')).toEqual(['192.0.2.99'])
    await host.must(['stop', 'a'])
  })
})

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it ended with its keeper
  }
}
