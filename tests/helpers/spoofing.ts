import type {ChildProcess} from 'node:child_process'
import {once} from 'node:events'
import {readFileSync, writeFileSync} from 'node:fs'

import {createInterface} from 'node:readline'
import {CAPABILITIES} from '../../src/definition/index.ts'
import {Workshop} from './bare-server.ts'
import {address, type Ends} from './frames.ts'
import {type ScratchHost, scratchHost} from './host.ts'
import {Inside} from './inside.ts'
import {Place, Topology} from './network.ts'
import {probesMount, STATIC, startServers, stateNumber, type Wanted} from './servers.ts'

/*
 * Where attacks take place: four servers in a little world, with somebody who records what arrives at each of them, at the host, at
 * the router and in the internet. Protections are switched off one by one, so that every attack is seen to do harm without its own.
 */

export const SERVERS = ['mallory', 'alice', 'bob', 'carol'] as const
export type Server = (typeof SERVERS)[number]

/** Mallory attacks; Alice and Bob are of his project, Carol of another one. */
export const AT: Readonly<Record<Server, {readonly ipv4: string; readonly ipv6: string}>> = {
  mallory: {ipv4: '10.77.0.1', ipv6: 'fd77:7073:7673::1'},
  alice: {ipv4: '10.77.0.2', ipv6: 'fd77:7073:7673::2'},
  bob: {ipv4: '10.77.0.3', ipv6: 'fd77:7073:7673::3'},
  carol: {ipv4: '10.77.0.4', ipv6: 'fd77:7073:7673::4'},
}
/** Of Mallory's second link. */
export const SECOND = {ipv4: '10.77.0.11', ipv6: 'fd77:7073:7673::11'}
/** Of Mallory's first link; he is the first server of his host. */
export const GATEWAY = {ipv4: '169.254.0.1', ipv6: 'fe80::1:0'}
export const ROUTER = {ipv4: '192.0.2.1', ipv6: '2001:db8:1::1'}
/** What Alice lets nobody use. */
export const DENIED_PORT = 9999
export const CONNECTIONS = 200
/** What machines of a cloud ask; here the router answers. */
export const METADATA = ['169.254.169.254', '100.100.100.200', 'fd00:ec2::254'] as const

function wanted(server: Server, workshop: Workshop): Wanted {
  const {ipv4, ipv6} = AT[server]
  const link = (name: string, ...addresses: string[]) => ({name, addresses})
  const links = [link('eth0', ipv4, ipv6)]
  const common = {template: 'busybox', mounts: [probesMount(workshop)]}
  if (server === 'mallory') {
    return {
      ...common,
      security: {capabilities: {add: CAPABILITIES}},
      // With a port at the host's localhost, its end of the link takes packets for 127.0.0.1.
      network: {
        links: [...links, link('eth1', SECOND.ipv4, SECOND.ipv6)],
        connections: CONNECTIONS,
        publish: ['127.0.0.1:5000:5000'],
      },
    }
  }
  if (server === 'alice')
    return {...common, network: {links, firewall: {rules: [{deny: `udp/${DENIED_PORT}`}]}}}
  return {...common, ...(server === 'carol' ? {project: 'other'} : {}), network: {links}}
}

/** What came in somewhere, from the beginning on. */
export class Witness implements AsyncDisposable {
  readonly packets: Buffer[] = []
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async begin(place: Place, ...argv: readonly string[]): Promise<Witness> {
    const child = place.begin(...argv)
    const record = new Witness(child)
    const lines = createInterface({input: child.stdout as NodeJS.ReadableStream})
    await once(lines, 'line')
    lines.on('line', line => record.packets.push(Buffer.from(line, 'hex')))
    return record
  }

  has(part: Buffer | string): boolean {
    return this.packets.some(packet => packet.includes(part))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}

export type Victim = Exclude<Server, 'mallory'> | 'host' | 'router' | 'internet'

/** Takes a protection away; it comes back when disposed of. */
export type Switch = (scene: Scene) => Disposable

export class Scene implements AsyncDisposable {
  readonly world: Topology
  readonly host: ScratchHost
  readonly #inside: Inside
  readonly #stack: AsyncDisposableStack
  readonly #records = new Map<Victim | 'mallory', Witness>()
  readonly #macs = new Map<string, string>()
  readonly table: string
  readonly #prefix: string

  private constructor(stack: AsyncDisposableStack, world: Topology, host: ScratchHost, inside: Inside) {
    this.#stack = stack
    this.world = world
    this.host = host
    this.#inside = inside
    this.table = /^table inet (vps_\w+)$/m.exec(world.host.sh('nft list tables'))?.[1] ?? ''
    this.#prefix = /\b(v[0-9a-f]{4}-)mallory@/.exec(world.host.sh('ip -o link'))?.[1] ?? ''
    if (this.table === '' || this.#prefix === '') throw new Error('there are no rules, or no link of mallory')
  }

  static async open(): Promise<Scene> {
    await using stack = new AsyncDisposableStack()
    const workshop = stack.use(new Workshop())
    const forge = workshop.compile('network-forge', STATIC)
    workshop.compile('network-talk', STATIC)
    const world = stack.use(await Topology.build())
    const host = stack.use(await scratchHost())
    await startServers(host, Object.fromEntries(SERVERS.map(server => [server, wanted(server, workshop)])))
    const scene = new Scene(stack.move(), world, host, await Inside.open(host))
    try {
      await scene.#prepare(forge)
    } catch (error) {
      await scene[Symbol.asyncDispose]()
      throw error
    }
    return scene
  }

  async #prepare(forge: string): Promise<void> {
    const {router, internet, host} = this.world
    for (const metadata of METADATA)
      router.sh(`ip address add ${metadata}/${metadata.includes(':') ? 128 : 32} dev lo`)
    // Bridges, which some attacks need to succeed, shall not be filtered as if they were routers.
    for (const family of ['ip', 'ip6', 'arp'])
      host.sh(`! test -e /proc/sys/net/bridge/bridge-nf-call-${family}tables ||
        echo 0 > /proc/sys/net/bridge/bridge-nf-call-${family}tables`)
    host.sh(`nft -f - <<'END'
table inet witness {
  set ipv4 { type ipv4_addr; size 1000; flags dynamic; }
  set ipv6 { type ipv6_addr; size 1000; flags dynamic; }
  chain past_the_rules {
    type filter hook prerouting priority -290; policy accept;
    iifname "${this.end('mallory')}" add @ipv4 { ip saddr }
    iifname "${this.end('mallory')}" add @ipv6 { ip6 saddr }
  }
}
END`)
    const places = {router, internet, ...Object.fromEntries(SERVERS.map(name => [name, this.place(name)]))}
    for (const [name, place] of Object.entries(places) as [Victim | 'mallory', Place][]) {
      const link = name === 'router' ? 'lan' : 'eth0'
      this.#macs.set(name, place.sh(`ip -o link show ${link}`).match(MAC)?.[1] ?? '')
      this.#records.set(name, this.#stack.use(await Witness.begin(place, forge, 'watch', link)))
    }
    this.#records.set('host', this.#stack.use(await Witness.begin(host, forge, 'hear')))
    this.#stack.use(await router.serve('metadata', 80))
    this.#stack.use(await host.serve('host', 2222))
  }

  /** The host's end of a server's link. */
  end(server: Server, index = 0): string {
    return `${this.#prefix}${server}${index === 0 ? '' : `.${index}`}`
  }

  mac(whose: Server | 'router'): string {
    return this.#macs.get(whose) ?? ''
  }

  /** Where a server's packets go, whatever is in them: to the host's end. */
  hop(server: Server = 'mallory'): Ends {
    const text = this.world.host.sh(`ip -o link show ${this.end(server)}`)
    return {from: this.mac(server), to: text.match(MAC)?.[1] ?? ''}
  }

  record(victim: Victim | 'mallory'): Witness {
    const record = this.#records.get(victim)
    if (record === undefined) throw new TypeError(victim)
    return record
  }

  place(server: Server): Place {
    return Place.of(stateNumber(this.host, server, 'init'))
  }

  /** A server's root sends frames by its link. */
  async send(frames: readonly Buffer[], server: Server = 'mallory'): Promise<void> {
    const input = frames.map(one => `${one.toString('hex')}\n`).join('')
    const {code, stderr} = await this.#inside.run(server, ['/probes/network-forge', 'send', 'eth0'], input)
    if (code !== 0) throw new Error(`${server} cannot send: ${stderr}`)
  }

  /** A script of Mallory's root. */
  async mallory(script: string): Promise<string> {
    return await this.#inside.sh('mallory', script)
  }

  /** What somebody answers to Mallory. */
  async ask(protocol: 'tcp' | 'udp', to: string, port: number, source = ''): Promise<string> {
    return await this.mallory(`/probes/network-talk ask ${protocol} ${to} ${port} ${source} || true`)
  }

  /** Whether a packet from this address went past what is dropped before anything else. */
  passed(source: string): boolean {
    const set = this.world.host.sh(`nft list set inet witness ${source.includes(':') ? 'ipv6' : 'ipv4'}`)
    return set.split(/[\s,{}]+/).includes(source)
  }

  forgetPassed(): void {
    this.world.host.sh('nft flush set inet witness ipv4; nft flush set inet witness ipv6')
  }

  switchOff(switches: readonly Switch[]): Disposable {
    using stack = new DisposableStack()
    for (const one of switches) stack.use(one(this))
    return stack.move()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.world.host.sh('nft delete table inet witness 2>/dev/null || true')
    await this.#stack[Symbol.asyncDispose]()
  }
}

const MAC = /link\/ether (\S+)/

/** Without the rule of a chain that begins with, or has, this text. */
export function withoutRule(chain: string, text: string): Switch {
  return ({world, table}) => {
    const listing = world.host.sh(`nft -a list chain inet ${table} ${chain}`).replaceAll(/,\s*\n\s*/g, ', ')
    const rules = [...listing.matchAll(/^\t\t(.*) # handle (\d+)$/gm)].map(([, rule = '', handle = '']) => ({
      rule,
      handle,
    }))
    const at = rules.findIndex(({rule}) => rule.replaceAll(/packets \d+ bytes \d+ ?/g, '').includes(text))
    const found = rules[at]
    if (found === undefined) throw new Error(`no rule of ${chain} has ${text}:\n${listing}`)
    world.host.sh(`nft delete rule inet ${table} ${chain} handle ${found.handle}`)
    const before = rules[at - 1]?.handle
    const place = `inet ${table} ${chain}`
    const rule = found.rule.replaceAll(/counter packets \d+ bytes \d+/g, 'counter')
    const text4nft =
      before === undefined ? `insert rule ${place} ${rule}` : `add rule ${place} handle ${before} ${rule}`
    return {[Symbol.dispose]: () => void world.host.sh(`nft -f - <<'END'\n${text4nft}\nEND`)}
  }
}

type Interface = (scene: Scene) => string
export const ALL: Interface = () => 'all'
export const MALLORYS: Interface = scene => scene.end('mallory')

/** With a setting of the host's that is not ours. */
export function setting(family: 'ipv4' | 'ipv6', of: Interface, name: string, value: string): Switch {
  return scene => {
    const path = `/proc/sys/net/${family}/conf/${of(scene)}/${name}`
    const before = readFileSync(path, 'utf8')
    writeFileSync(path, value)
    return {[Symbol.dispose]: () => writeFileSync(path, before)}
  }
}

/** With these ends on one bridge: a network as it is where servers share a segment. */
export function onOneSegment(...others: readonly Interface[]): Switch {
  return scene => {
    const ends = [MALLORYS, ...others].map(of => of(scene))
    scene.world.host.sh(`ip link add segment type bridge; ip link set segment up
      ${ends.map(end => `ip link set ${end} master segment`).join('\n')}`)
    return {[Symbol.dispose]: () => void scene.world.host.sh('ip link delete segment')}
  }
}

/** After a command on the host, until another one. */
export function command(on: (scene: Scene) => string, off: (scene: Scene) => string): Switch {
  return scene => {
    scene.world.host.sh(on(scene))
    return {[Symbol.dispose]: () => void scene.world.host.sh(off(scene))}
  }
}

/** The beginning of a packet's addresses: the one after the other in both families. */
export function between({from, to}: Ends): Buffer {
  return Buffer.concat([address(from), address(to)])
}
