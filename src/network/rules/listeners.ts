/*
 * Programs of the host that listen at a port which a server publishes: they would never again see a connection from outside.
 */
import {readFileSync} from 'node:fs'
import {readdir, readFile, readlink} from 'node:fs/promises'
import {join} from 'node:path'
import type {Definition} from '../../definition/index.ts'
import {errno} from '../../host/index.ts'
import {type Address, addressOfBytes, embedded, formatAddress, parseAddress, specialOf} from '../../ip.ts'

type Publish = Definition['network']['publish'][number]
type Protocol = Publish['protocol']

/** A socket of the host's that takes what comes to a port. */
export interface Listener {
  readonly protocol: Protocol
  readonly address: Address
  readonly port: number
  readonly inode: string
}

/** As proc(5) has them: of TCP those that listen, of UDP those that are connected to nobody. */
const STATES: Readonly<Record<Protocol, string>> = {tcp: '0A', udp: '07'}

export function hostListeners(): Listener[] {
  return (['tcp', 'udp'] as const).flatMap(protocol =>
    ['', '6'].flatMap(suffix => parseListeners(protocol, readTable(`/proc/net/${protocol}${suffix}`))),
  )
}

/** A kernel without IPv6 has no such table. */
function readTable(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (errno(error) === 'ENOENT') return ''
    throw error
  }
}

export function parseListeners(protocol: Protocol, table: string): Listener[] {
  return table
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/))
    .flatMap(([, local = '', remote = '', state, , , , , , inode = '']) => {
      const [address = '', port = ''] = local.split(':')
      if (state !== STATES[protocol] || !remote.endsWith(':0000')) return []
      return [{protocol, address: addressOfWords(address), port: Number.parseInt(port, 16), inode}]
    })
}

/** Words of 32 bits in the order of the machine, which is little-endian wherever vps runs. */
function addressOfWords(hex: string): Address {
  const bytes = Buffer.from(hex, 'hex')
  for (let offset = 0; offset < bytes.length; offset += 4) bytes.subarray(offset, offset + 4).reverse()
  return addressOfBytes(bytes)
}

/**
 * The first of `listeners` that would lose its port. At the gateway, and at addresses of one link, nothing is published.
 * @param ignored addresses as text
 */
export function listenerAt(
  {address, hostPort, count, protocol}: Publish,
  listeners: readonly Listener[],
  ignored: readonly string[],
): Listener | undefined {
  const wanted = address === null ? undefined : parseAddress(address)
  return listeners.find(listener => {
    const at = listener.address
    const isOfPort =
      listener.protocol === protocol && listener.port >= hostPort && listener.port < hostPort + count
    if (!isOfPort || ignored.includes(formatAddress(at)) || specialOf(at)?.name === 'link-local') return false
    if (wanted === undefined) return true
    // A socket of IPv6 at no address usually takes IPv4 as well.
    if (at.value === 0n) return at.family === 6 || wanted.family === 4
    const plain = specialOf(at)?.name === 'ipv4-mapped' ? embedded(at) : at
    return plain.family === wanted.family && plain.value === wanted.value
  })
}

/** `nginx (pid 812)`; `undefined` when no process of this host has it, as far as we may look. */
export async function processOf({inode}: Listener): Promise<string | undefined> {
  const target = `socket:[${inode}]`
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    const directory = `/proc/${pid}/fd`
    const fds = await readdir(directory).catch(() => [])
    for (const fd of fds)
      if ((await readlink(join(directory, fd)).catch(() => '')) === target)
        return `${(await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'a process')).trim()} (pid ${pid})`
  }
  return undefined
}

/** `tcp port 80`, `tcp port 80 of 127.0.0.1` */
export function portText({protocol, address, port}: Pick<Listener, 'protocol' | 'address' | 'port'>): string {
  return `${protocol} port ${port}${address.value === 0n ? '' : ` of ${formatAddress(address)}`}`
}
