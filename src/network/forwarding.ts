/*
 * Forwarding. IPv4 has a switch at each interface, which is that of packets that come in by it: the host's ends of links have it on
 * by a step of their plan, and the host's own interfaces need it for what comes back. IPv6 has one like it since Linux 6.17
 * (`force_forwarding`); before that there is only the one for all, and with it on, interfaces take no router advertisements, unless
 * `accept_ra` is 2.
 *
 * The host shall not become a router for strangers by that: the rules (`opened4`, `opened6`) drop what comes in by an interface
 * that was opened here and goes to no link. An interface at which forwarding was on already is somebody else's business.
 */
import {existsSync, readFileSync, writeFileSync} from 'node:fs'
import {errno} from '../host/index.ts'
import {interfaces, uplinks} from './host-links.ts'
import type {Opened} from './rules/skeleton.ts'

const NOTHING: Opened = {ipv4: [], ipv6: []}

/** Whether packets from the world can come back to servers, as far as two or three files tell. */
export function isForwarding(): boolean {
  return uplinks().every(name => isOn('ipv4', name) && isOn('ipv6', name))
}

/**
 * Switches it on for all interfaces of the host.
 * @param isOurs whether an interface is a link's end
 * @param before what was opened before
 * @returns what is open because of vps
 */
export function openForwarding(isOurs: (name: string) => boolean, before: Opened = NOTHING): Opened {
  const own = interfaces().filter(name => name !== 'lo' && !isOurs(name))
  // Whoever switched it on for all of IPv4 wants a router.
  const foreign4 = read(conf('ipv4', 'all', 'forwarding')) === '1'
  const wanted4 = own.filter(
    name => exists('ipv4', name) && (!isOn('ipv4', name) || before.ipv4.includes(name)),
  )
  const wanted6 = own.filter(
    name => exists('ipv6', name) && (!isOn('ipv6', name) || before.ipv6.includes(name)),
  )
  for (const name of wanted4) write(conf('ipv4', name, 'forwarding'), '1')
  if (wanted6.length > 0 || needsAll6()) open6(wanted6)
  return {ipv4: foreign4 ? [] : wanted4, ipv6: wanted6}
}

/** Switches off what was switched on. */
export function closeForwarding({ipv4, ipv6}: Opened): void {
  for (const name of ipv4)
    if (read(conf('ipv4', 'all', 'forwarding')) !== '1') write(conf('ipv4', name, 'forwarding'), '0')
  for (const name of ipv6) if (hasSwitch6(name)) write(conf('ipv6', name, 'force_forwarding'), '0')
  if (ipv6.some(name => exists('ipv6', name) && !hasSwitch6(name)))
    write(conf('ipv6', 'all', 'forwarding'), '0')
}

function open6(names: readonly string[]): void {
  const old = names.filter(name => !hasSwitch6(name))
  for (const name of names) if (hasSwitch6(name)) write(conf('ipv6', name, 'force_forwarding'), '1')
  if (old.length === 0 && !needsAll6()) return
  // First these, as the kernel forgets its default routes at interfaces that no longer listen to routers.
  for (const name of old)
    if (read(conf('ipv6', name, 'accept_ra')) === '1') write(conf('ipv6', name, 'accept_ra'), '2')
  write(conf('ipv6', 'all', 'forwarding'), '1')
}

/** Of an old kernel that forwards nothing yet. */
function needsAll6(): boolean {
  return exists('ipv6', 'all') && !hasSwitch6('lo') && read(conf('ipv6', 'all', 'forwarding')) !== '1'
}

function isOn(family: 'ipv4' | 'ipv6', name: string): boolean {
  if (!exists(family, name)) return true
  if (family === 'ipv4') return read(conf('ipv4', name, 'forwarding')) === '1'
  if (read(conf('ipv6', 'all', 'forwarding')) === '1') return true
  return hasSwitch6(name) && read(conf('ipv6', name, 'force_forwarding')) === '1'
}

function hasSwitch6(name: string): boolean {
  return existsSync(conf('ipv6', name, 'force_forwarding'))
}

function exists(family: string, name: string): boolean {
  return existsSync(`/proc/sys/net/${family}/conf/${name}`)
}

function conf(family: string, name: string, key: string): string {
  return `/proc/sys/net/${family}/conf/${name}/${key}`
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    throw error
  }
}

/** An interface may go at any time. */
function write(path: string, value: string): void {
  try {
    writeFileSync(path, value)
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error
  }
}
