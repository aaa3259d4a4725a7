import {nearest} from '../nearest.ts'

/**
 * Every capability of capabilities(7), in the order of its number in linux/capability.h: the index is the number.
 * Written in lower case and without `CAP_`, as in a definition.
 */
export const CAPABILITIES = [
  'chown',
  'dac_override',
  'dac_read_search',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'linux_immutable',
  'net_bind_service',
  'net_broadcast',
  'net_admin',
  'net_raw',
  'ipc_lock',
  'ipc_owner',
  'sys_module',
  'sys_rawio',
  'sys_chroot',
  'sys_ptrace',
  'sys_pacct',
  'sys_admin',
  'sys_boot',
  'sys_nice',
  'sys_resource',
  'sys_time',
  'sys_tty_config',
  'mknod',
  'lease',
  'audit_write',
  'audit_control',
  'setfcap',
  'mac_override',
  'mac_admin',
  'syslog',
  'wake_alarm',
  'block_suspend',
  'audit_read',
  'perfmon',
  'bpf',
  'checkpoint_restore',
] as const

export type CapabilityName = (typeof CAPABILITIES)[number]

/** The kernel's number of a capability (`net_raw` is 13); undefined when Linux has none of that name. */
export function capabilityNumber(name: string): number | undefined {
  const number = (CAPABILITIES as readonly string[]).indexOf(name)
  return number < 0 ? undefined : number
}

/** The name that was meant: `CAP_NET_RAW`, `NET_RAW` and `netraw` all mean `net_raw`. */
export function nearestCapability(name: string): string | undefined {
  return nearest(name.toLowerCase().replace(/^cap_/, ''), CAPABILITIES)
}
