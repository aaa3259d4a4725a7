/*
 * Files in a server that say who it is and whom to ask for names. They are vps's to write as long as nobody in the server has
 * written others: `own-file` of native/supervisor/own_file.c.
 */
import type {Definition} from '../definition/index.ts'
import {BITS, formatAddress} from '../ip.ts'
import type {Grant} from './assign.ts'
import {type NetworkStep, own} from './step.ts'

/** First line of what vps writes; as long as it stands there, the file is vps's. */
const MARK = '# Written by vps at each start. To keep a version of your own, remove this line.'

export interface GuestFilesInput {
  readonly definition: Pick<Definition, 'name' | 'hostname' | 'network'>
  readonly grants: readonly Grant[]
  /** Whom to ask for names, without what the definition says. */
  readonly nameServers: readonly string[]
  /** A name that ends in `.vps` can be asked for without that. */
  readonly hasNames: boolean
  /** The image's text of a file, `undefined` when it has none. */
  readonly imageText: (path: string) => string | undefined
}

/** Pure but for `imageText`. */
export function guestFiles(input: GuestFilesInput): NetworkStep[] {
  return [
    file('/etc/hosts', hostsText(input), plainHosts(input.imageText('/etc/hosts'))),
    file('/etc/resolv.conf', resolverText(input), input.imageText('/etc/resolv.conf') ?? ''),
  ]
}

function file(path: string, text: string, pristine: string): NetworkStep {
  return own('own-file', path, '644', text, pristine)
}

/** The server's own names lead to the addresses that others know it by. */
function hostsText({definition, grants}: GuestFilesInput): string {
  const {hostname} = definition
  const short = hostname.split('.')[0] ?? hostname
  const names = [...new Set([hostname, short])].join(' ')
  const addresses = definition.network.links.flatMap(link =>
    link.mode === 'routed'
      ? grants
          .filter(({link: name, range}) => name === link.name && range.length === BITS[range.family])
          .map(({range}) => formatAddress(range))
      : link.addresses.map(text => text.replace(/\/.*/, '')),
  )
  const own = addresses.length > 0 ? addresses : ['127.0.1.1'] // as Debian has it
  const lines = [
    MARK,
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    ...own.map(address => `${address}\t${names}`),
  ]
  return `${lines.join('\n')}\n`
}

function resolverText({definition, nameServers, hasNames}: GuestFilesInput): string {
  const {dns} = definition.network
  const servers = (dns.length > 0 ? dns : nameServers).slice(0, MOST_SERVERS)
  const search = hasNames && dns.length === 0 ? ['search vps'] : []
  return `${[MARK, ...search, ...servers.map(address => `nameserver ${address}`)].join('\n')}\n`
}

/** MAXNS of resolv.conf(5). */
const MOST_SERVERS = 3

/** The text of an image's hosts file if that only says what every one does, else nothing: the admin wants his entries kept. */
function plainHosts(text: string | undefined): string {
  const lines = (text ?? '').split('\n').map(line => line.replace(/#.*/, '').trim())
  const isPlain = lines.every(line => line === '' || /^(127\.\S+|::1|f[ef]0\d::\S*)\s+[\w\s.-]*$/.test(line))
  return isPlain ? (text ?? '') : ''
}
