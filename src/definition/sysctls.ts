/*
 * The kernel's settings (sysctl) that a server has for itself, because one of its own namespaces holds them.
 */
import type {Complaint} from './kinds.ts'

/** Settings of the IPC namespace (ipc_namespaces(7)). */
const IPC = [
  'auto_msgmni',
  'msg_next_id',
  'msgmax',
  'msgmnb',
  'msgmni',
  'sem',
  'sem_next_id',
  'shm_next_id',
  'shm_rmid_forced',
  'shmall',
  'shmmax',
  'shmmni',
]

export const SYSCTL_PATTERN = '^[a-z0-9_]+([./][A-Za-z0-9_-][A-Za-z0-9_@:-]*)+$'

/**
 * The file of a setting below `/proc/sys`: `net.ipv4.ip_forward` is `net/ipv4/ip_forward`. As in sysctl.d(5) the first
 * separator decides: after a slash, dots are part of names; after a dot, slashes stand for dots.
 */
export function sysctlPath(name: string): string {
  const first = /[./]/.exec(name)?.[0]
  if (first !== '.') return name
  return name.replaceAll(/[./]/g, separator => (separator === '.' ? '/' : '.'))
}

/** What is wrong with the name of a setting, to be read after it. */
export function sysctlComplaint(name: string): Complaint | undefined {
  if (
    !new RegExp(SYSCTL_PATTERN).test(name) ||
    name.endsWith('\n') ||
    sysctlPath(name).split('/').includes('..')
  )
    return {says: 'is no name of a setting', suggestion: 'write it as in net.ipv4.ip_forward'}
  const path = sysctlPath(name)
  if (path === 'kernel/hostname')
    return {says: 'belongs to the key hostname', suggestion: 'write hostname instead'}
  if (path === 'kernel/domainname')
    return {
      says: 'belongs to the key hostname',
      suggestion: 'write a full name such as web1.example.net there',
    }
  if (isNamespaced(path)) return undefined
  const net = /^(ipv[46]|core|netfilter|unix)\//.test(path) ? `did you mean net.${name}?` : undefined
  return {
    says: 'is a setting of the whole host: a server has those of net.*, fs.mqueue.*, user.max_* and the kernel.{sem,shm*,msg*} of System V IPC for itself',
    suggestion: net ?? 'set it on the host, for all servers',
  }
}

function isNamespaced(path: string): boolean {
  if (/^(net|fs\/mqueue|user)\/./.test(path)) return !path.startsWith('user/') || path.startsWith('user/max_')
  return path.startsWith('kernel/') && IPC.includes(path.slice('kernel/'.length))
}
