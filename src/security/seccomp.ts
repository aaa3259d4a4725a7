import {constants} from 'node:os'
import type {Definition} from '../definition/index.ts'

const {EPERM, ENOSYS, EAFNOSUPPORT} = constants.errno

/**
 * Refused with EPERM: what a server may know of and is not allowed to do. Programs expect EPERM from these when they lack
 * the capability.
 */
const NOT_PERMITTED = [
  // modules and other kernels
  'init_module',
  'finit_module',
  'delete_module',
  'kexec_load',
  'kexec_file_load',
  // a way to any file of a file system by number, past every directory: the "shocker" escape
  'open_by_handle_at',
  // the host's clocks
  'clock_settime',
  'clock_settime64',
  'clock_adjtime',
  'clock_adjtime64',
  'adjtimex',
  'settimeofday',
  'stime',
  // the host's swap, accounting, quotas, kernel log, ports
  'swapon',
  'swapoff',
  'acct',
  'quotactl',
  'quotactl_fd',
  'syslog',
  'iopl',
  'ioperm',
  // other processes' pages between nodes
  'move_pages',
  'migrate_pages',
  'lookup_dcookie',
]

/** Refused with ENOSYS: programs have another way for a kernel that was built without these. */
const NOT_THERE = [
  'create_module',
  'get_kernel_syms',
  'query_module',
  'nfsservctl',
  '_sysctl',
  'uselib',
  'ustat',
  'sysfs',
  'vm86',
  'vm86old',
  // its workers act outside of this filter
  'io_uring_setup',
  'io_uring_enter',
  'io_uring_register',
]

/** Closed until `allow` opens them. */
const GATED = {
  bpf: ['bpf'],
  perf: ['perf_event_open'],
  userfaultfd: ['userfaultfd'],
  keyctl: ['keyctl', 'add_key', 'request_key'],
} as const

const TIOCSTI = 0x5412
const TIOCLINUX = 0x541c
const AF_ALG = 38
const AF_VSOCK = 40

/** Types on which some of the 64 bits of the register are not looked at by the kernel: compare the low 32 only. */
function deny(errno: number, call: string, argument?: {index: number; value: number}): string {
  if (!argument) return `deny ${errno} ${call}`
  return `deny ${errno} ${call} ${argument.index} masked ${argument.value} 0xffffffff`
}

/**
 * The filter of a server as lines for `vps-supervisor seccomp`. What no line names is allowed: a server runs whole
 * distributions, and user namespaces, capabilities and cgroups are what confines them; the filter takes away what no guest
 * needs and what those do not cover.
 */
export function seccompRules({allow}: Definition['security']): string {
  const opened = new Set<string>(allow)
  const lines = [
    ...NOT_PERMITTED.map(call => deny(EPERM, call)),
    ...NOT_THERE.map(call => deny(ENOSYS, call)),
    ...Object.entries(GATED)
      .filter(([name]) => !opened.has(name))
      .flatMap(([, calls]) => calls.map(call => deny(ENOSYS, call))),
    // typing into a terminal that somebody else sits at
    deny(EPERM, 'ioctl', {index: 1, value: TIOCSTI}),
    deny(EPERM, 'ioctl', {index: 1, value: TIOCLINUX}),
    // neither belongs to a network namespace; in 32-bit programs the arguments of socketcall(2) are out of sight
    deny(EAFNOSUPPORT, 'socket', {index: 0, value: AF_VSOCK}),
    deny(EAFNOSUPPORT, 'socket', {index: 0, value: AF_ALG}),
  ]
  return `${lines.join('\n')}\n`
}
