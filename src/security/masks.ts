import type {Definition} from '../definition/index.ts'

/**
 * What /proc and /sys show of the host although the server has namespaces of its own. Writing is refused by ownership
 * already, as host root's id does not exist in the server; these are about reading.
 */
const MASKED = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kallsyms',
  '/proc/kcore',
  '/proc/key-users',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
  '/sys/fs/pstore',
  '/sys/kernel/debug',
  '/sys/kernel/security',
  '/sys/kernel/tracing',
]

const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sysrq-trigger']

/**
 * The paths to hide and to write-protect. With `allow: [nesting]` none: the kernel lets a nested user namespace mount its
 * own proc and sysfs only where those of its parent are unobstructed (mount_namespaces(7), "fully visible").
 */
export function masks({allow}: Definition['security']): {
  masked: readonly string[]
  readOnly: readonly string[]
} {
  return allow.includes('nesting') ? {masked: [], readOnly: []} : {masked: MASKED, readOnly: READ_ONLY}
}
