import {type ChildProcess, execFileSync, spawn} from 'node:child_process'
import {once} from 'node:events'
import {readlinkSync} from 'node:fs'
import process from 'node:process'
import {execa} from 'execa'
import {STATIC, testProgram} from './programs.ts'

/*
 * A little world for tests of the network, all of it in network namespaces:
 *
 *   internet ---------------- router ---------------- host, where the test runs
 *   198.51.100.10      .1 ("wan")  192.0.2.1 ("lan")    192.0.2.2 ("uplink")
 *   2001:db8:f::10    ::1         2001:db8:1::1         2001:db8:1::2
 *
 * The router leads the public ranges of the host's servers to it, and knows nothing of private ones.
 */

export const INTERNET = {ipv4: '198.51.100.10', ipv6: '2001:db8:f::10'} as const
export const UPLINK = {name: 'uplink', ipv4: '192.0.2.2', ipv6: '2001:db8:1::2'} as const
/** Routed to the host, for its servers. */
export const PUBLIC = {ipv4: '203.0.113.0/24', ipv6: '2001:db8:7::/48'} as const
export const LOCALHOST = {ipv4: '127.0.0.1', ipv6: '::1'} as const

export type Protocol = 'tcp' | 'udp'

/** @throws unless scripts/in-own-namespaces made this namespace: nothing here may touch links and rules of the machine */
export function refuseOwnNetwork(): void {
  const outside = process.env.VPS_NETWORK_OUTSIDE
  if (outside === undefined || readlinkSync('/proc/self/ns/net') === outside)
    throw new Error('this would change the network of the machine: run it by scripts/in-own-namespaces')
}

/** The program that asks and answers, network-talk.c; it runs in any server. */
export function talkProgram(): string {
  return testProgram('network-talk', STATIC)
}

/** Somewhere that programs can run: a network namespace, given by a process in it. */
export class Place implements AsyncDisposable {
  readonly #enter: readonly string[]
  readonly #keeper: ChildProcess | undefined
  readonly #running: ChildProcess[] = []

  constructor(enter: readonly string[] = [], keeper?: ChildProcess) {
    this.#enter = enter
    this.#keeper = keeper
  }

  /** Where the test itself is. */
  static here(): Place {
    refuseOwnNetwork()
    return new Place()
  }

  /** A new namespace with nothing in it but `lo`. */
  static async make(): Promise<Place> {
    refuseOwnNetwork()
    const keeper = spawn(
      'unshare',
      ['--net', 'sh', '-ec', 'ip link set lo up; echo ready; exec sleep infinity'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    await once(keeper.stdout, 'data')
    return new Place(['nsenter', '-t', String(keeper.pid), '-n', '--'], keeper)
  }

  /** The network of a running process, such as a server's init. */
  static of(pid: number): Place {
    return new Place(['nsenter', '-t', String(pid), '-n', '--'])
  }

  /** For `ip link set … netns`. */
  get pid(): number {
    return this.#keeper?.pid ?? process.pid
  }

  words(...argv: readonly string[]): [string, ...string[]] {
    return [...this.#enter, ...argv] as unknown as [string, ...string[]]
  }

  /** Runs a shell script; what it printed, trimmed. */
  sh(script: string): string {
    const [program, ...args] = this.words('/bin/sh', '-ec', script)
    return execFileSync(program, args, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']}).trim()
  }

  /** Answers at these ports, TCP and UDP of both families, with `word` and who asked. */
  async serve(word: string, ...ports: readonly number[]): Promise<AsyncDisposable> {
    const child = this.begin(talkProgram(), 'serve', word, ...ports.map(String))
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    return {[Symbol.asyncDispose]: async () => end(child)}
  }

  /** What `serve` answers: `web1 192.0.2.1`; or `refused`, `timeout`, `unreachable`. */
  async ask(protocol: Protocol, address: string, port: number, source?: string): Promise<string> {
    const more = source === undefined ? [] : [source]
    const [program, ...args] = this.words(talkProgram(), 'ask', protocol, address, String(port), ...more)
    const {stdout, stderr} = await execa(program, args, {reject: false, stdin: 'ignore'})
    return stdout === '' ? stderr : stdout
  }

  /** One connection that stays. */
  hold(address: string, port: number): Conversation {
    return new Conversation(this.begin(talkProgram(), 'hold', address, String(port)))
  }

  /** Runs a program until it is ended, at the latest with this. */
  begin(...argv: readonly string[]): ChildProcess {
    const [program, ...args] = this.words(...argv)
    const child = spawn(program, args, {stdio: ['pipe', 'pipe', 'inherit']})
    this.#running.push(child)
    return child
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#running) await end(child)
    if (this.#keeper) await end(this.#keeper)
  }
}

/** An open connection of TCP. */
export class Conversation implements AsyncDisposable {
  readonly #child: ChildProcess

  constructor(child: ChildProcess) {
    this.#child = child
  }

  async ask(): Promise<string> {
    this.#child.stdin?.write('\n')
    const [data] = await once(this.#child.stdout as NodeJS.ReadableStream, 'data')
    return String(data).trim()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child)
  }
}

/** No search for duplicates of the link's own address either: its first packets would wait for that. */
function undetected(link: string): string {
  return `echo 0 > /proc/sys/net/ipv6/conf/${link}/accept_dad`
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

export class Topology implements AsyncDisposable {
  readonly host: Place
  readonly router: Place
  readonly internet: Place

  private constructor(host: Place, router: Place, internet: Place) {
    this.host = host
    this.router = router
    this.internet = internet
  }

  static async build(): Promise<Topology> {
    const topology = new Topology(Place.here(), await Place.make(), await Place.make())
    try {
      topology.#wire()
      topology.#warmUp()
      return topology
    } catch (error) {
      await topology[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Addresses are there at once: none of them is looked for first (nodad). */
  #wire(): void {
    const {host, router, internet} = this
    host.sh(
      `ip link add ${UPLINK.name} type veth peer name lan netns ${router.pid}; ${undetected(UPLINK.name)}`,
    )
    router.sh(`ip link add wan type veth peer name eth0 netns ${internet.pid}; ${undetected('lan')}; ${undetected('wan')}
      for family in ipv4 ipv6; do echo 1 > /proc/sys/net/$family/conf/all/forwarding; done
      ip address add 192.0.2.1/24 dev lan; ip address add 2001:db8:1::1/64 dev lan nodad
      ip address add 198.51.100.1/24 dev wan; ip address add 2001:db8:f::1/64 dev wan nodad
      ip link set lan up; ip link set wan up
      ip route add ${PUBLIC.ipv4} via ${UPLINK.ipv4}; ip route add ${PUBLIC.ipv6} via ${UPLINK.ipv6}`)
    internet.sh(`${undetected('eth0')}; ip address add ${INTERNET.ipv4}/24 dev eth0; ip address add ${INTERNET.ipv6}/64 dev eth0 nodad
      ip link set eth0 up; ip route add default via 198.51.100.1; ip route add default via 2001:db8:f::1`)
    host.sh(`ip address add ${UPLINK.ipv4}/24 dev ${UPLINK.name}
      ip address add ${UPLINK.ipv6}/64 dev ${UPLINK.name} nodad; ip link set ${UPLINK.name} up
      ip route add default via 192.0.2.1; ip route add default via 2001:db8:1::1`)
  }

  /** Neighbours have found each other: no test waits for a packet that is sent again. */
  #warmUp(): void {
    for (const address of Object.values(INTERNET)) this.host.sh(`busybox ping -c1 -w3 ${address}`)
    for (const address of [UPLINK.ipv4, UPLINK.ipv6]) this.internet.sh(`busybox ping -c1 -w3 ${address}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.router[Symbol.asyncDispose]()
    await this.internet[Symbol.asyncDispose]()
    await this.host[Symbol.asyncDispose]()
    // Gone with its peer's namespace; but the kernel takes its time for that.
    try {
      this.host.sh(`ip link delete ${UPLINK.name}`)
    } catch {
      // it was quick
    }
  }
}
