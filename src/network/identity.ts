/*
 * What the links of a server and the tables of a host are called. Pure.
 */
import {createHash} from 'node:crypto'
import type {HostPaths} from '../host/index.ts'

/** IFNAMSIZ of Linux without the final NUL. */
const LONGEST = 15

/** What makes a server one of its host: `slot` is its number among the servers that there are now. */
export interface ServerIdentity {
  readonly name: string
  readonly uuid: string
  readonly slot: number
}

type Root = Pick<HostPaths, 'cgroupName'>

/** `vps-`; below a `VPS_ROOT`, which has a host's kernel in common with others, `vHHHH-`. */
export function interfacePrefix({cgroupName}: Root): string {
  return cgroupName === 'vps' ? 'vps-' : `v${cgroupName.slice('vps-'.length, 'vps-'.length + 4)}-`
}

/**
 * The host's end of a server's link: `vps-web1`, its second link `vps-web1.1`. What is too long is cut, and the server's number
 * follows: `vps-customer_2a`. A server's name has no underscore, so two servers never get the same.
 */
export function hostInterface(
  root: Root,
  {name, slot}: Pick<ServerIdentity, 'name' | 'slot'>,
  index: number,
): string {
  const prefix = interfacePrefix(root)
  const behind = index === 0 ? '' : `.${index}`
  const whole = `${prefix}${name}${behind}`
  if (whole.length <= LONGEST) return whole
  const mark = `_${slot.toString(36)}${behind}`
  return `${prefix}${name.slice(0, LONGEST - prefix.length - mark.length)}${mark}`
}

/** Locally administered, of one interface, and always the same for an end of a server's link. */
export function macAddress(uuid: string, link: string, end: 'guest' | 'host'): string {
  const hash = createHash('sha256').update(`${uuid} ${link} ${end}`).digest()
  const bytes = [((hash[0] ?? 0) & 0xfc) | 0x02, ...hash.subarray(1, 6)]
  return bytes.map(byte => byte.toString(16).padStart(2, '0')).join(':')
}

/** `vps`; below a `VPS_ROOT` `vps_HASH`. */
export function tableName({cgroupName}: Root): string {
  return cgroupName.replace('-', '_')
}
