import {type CAPABILITIES, capabilityNumber, type Definition} from '../definition/index.ts'

/**
 * What a system container needs of capabilities(7). In a user namespace each counts only for what that namespace owns:
 * `sys_admin` mounts inside the server, `net_admin` configures the server's own links, `sys_boot` reboots the server.
 * Left out: what has no namespace (modules, raw I/O, clocks, kernel log, MAC, audit, power) and what eases attacks on the
 * kernel without being of use to a server (bpf, perfmon).
 */
const DEFAULT = [
  'audit_write',
  'chown',
  'dac_override',
  'dac_read_search',
  'fowner',
  'fsetid',
  'ipc_lock',
  'ipc_owner',
  'kill',
  'lease',
  'linux_immutable',
  'mknod',
  'net_admin',
  'net_bind_service',
  'net_broadcast',
  'net_raw',
  'setfcap',
  'setgid',
  'setpcap',
  'setuid',
  'sys_admin',
  'sys_boot',
  'sys_chroot',
  'sys_nice',
  'sys_ptrace',
  'sys_resource',
  'sys_tty_config',
] as const satisfies readonly (typeof CAPABILITIES)[number][]

/** The capabilities that stay in a server's bounding set, by name, sorted: the default, what is added, less what is dropped. */
export function boundingSet({capabilities, allow}: Definition['security']): readonly string[] {
  const set = new Set<string>([...DEFAULT, ...capabilities.add])
  if (allow.includes('bpf')) set.add('bpf')
  if (allow.includes('perf')) set.add('perfmon')
  for (const name of capabilities.drop) set.delete(name)
  return [...set].sort()
}

/** The same as the kernel's numbers, ascending. */
export function boundingNumbers(security: Definition['security']): readonly number[] {
  return boundingSet(security)
    .map(name => capabilityNumber(name))
    .filter(number => number !== undefined)
    .sort((a, b) => a - b)
}
