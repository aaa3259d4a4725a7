/*
 * How dnsmasq is run, see dnsmasq(8). Pure.
 */
import {DOMAIN} from './hosts-file.ts'

/** Where the process, in a mount namespace of its own, sees the directory of names; every host has this one to mount on. */
export const NAMES_MOUNT = '/mnt'

/** Names that are kept for a while, of the world. */
const CACHED = 1000

export interface Dnsmasq {
  readonly addresses: readonly string[]
  readonly port: number
  readonly pidFile: string
  readonly user: string
  /** Name servers of the world; none: those of the host. */
  readonly upstream: readonly string[]
}

/** No DHCP, no file of the host but the one that says whom to ask, no log that a tenant could fill. */
export function dnsmasqArguments({addresses, port, pidFile, user, upstream}: Dnsmasq): string[] {
  return [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--log-facility=/dev/null',
    `--pid-file=${pidFile}`,
    `--user=${user}`,
    '--group=nogroup',
    '--bind-interfaces',
    ...addresses.map(address => `--listen-address=${address}`),
    `--port=${port}`,
    '--no-hosts',
    // Read when something in it changes; the names of a server that is not in it any more are gone.
    `--hostsdir=${NAMES_MOUNT}`,
    `--local=/${DOMAIN}/`,
    // What has no domain is a server's name or nobody's, and a private address is a server's or nobody's: no other project's either.
    '--domain-needed',
    '--bogus-priv',
    '--no-ident',
    '--dns-loop-detect',
    `--cache-size=${CACHED}`,
    // The host's list is followed when it changes.
    ...(upstream.length === 0
      ? ['--resolv-file=/etc/resolv.conf']
      : ['--no-resolv', ...upstream.map(address => `--server=${address}`)]),
  ]
}
