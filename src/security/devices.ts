import type {Definition} from '../definition/index.ts'

/** A character device below a server's `/dev`. */
export interface Device {
  readonly path: string
  readonly major: number
  readonly minor: number
  /** Permission bits. */
  readonly mode: number
}

/** Numbers from the kernel's admin-guide/devices.txt. */
const ALWAYS: readonly Device[] = [
  {path: '/dev/null', major: 1, minor: 3, mode: 0o666},
  {path: '/dev/zero', major: 1, minor: 5, mode: 0o666},
  {path: '/dev/full', major: 1, minor: 7, mode: 0o666},
  {path: '/dev/random', major: 1, minor: 8, mode: 0o666},
  {path: '/dev/urandom', major: 1, minor: 9, mode: 0o666},
  {path: '/dev/tty', major: 5, minor: 0, mode: 0o666},
]

const FUSE: Device = {path: '/dev/fuse', major: 10, minor: 229, mode: 0o666}
const TUN: Device = {path: '/dev/net/tun', major: 10, minor: 200, mode: 0o666}

/** The device nodes of a server; the pty devices are a file system of its own. */
export function devices({allow}: Definition['security']): readonly Device[] {
  return [...ALWAYS, ...(allow.includes('fuse') ? [FUSE] : []), ...(allow.includes('tun') ? [TUN] : [])]
}

/** `/dev/ptmx`, and the slaves that it makes: of all the majors for those, devpts uses the first. */
const PTYS = ['c:5:2', 'c:136:*']

/**
 * What may be opened in a server, wherever the node comes from: the nodes of its `/dev` and its ptys, as `c:MAJOR:MINOR` or
 * `c:MAJOR:*`. Its `/dev/console` is a pty; c 5:1 would be the host's.
 */
export function deviceRules(security: Definition['security']): string[] {
  return [...devices(security).map(({major, minor}) => `c:${major}:${minor}`), ...PTYS]
}
