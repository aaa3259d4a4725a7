import {closeSync, openSync, readSync} from 'node:fs'
import {basename} from 'node:path'
import {resolveInRoot} from './resolve.ts'
import type {HostTree, Init, InitKind} from './types.ts'

/** Where the kernel and distributions look for init; systemd's own path last, for roots without systemd-sysv. */
const CANDIDATES = [
  '/sbin/init',
  '/etc/init',
  '/bin/init',
  '/usr/lib/systemd/systemd',
  '/lib/systemd/systemd',
] as const

/** Enough of a sysvinit (50 KiB) to find its name in. */
const LOOK_AT_BYTES = 512 * 1024

/** What `init: auto` runs in `rootfs`, and in which way it wants to be stopped. Links are followed inside the root only. */
export function detectInit(rootfs: string, trees: readonly HostTree[] = []): Init {
  for (const path of CANDIDATES) {
    const {stat, onHost, path: real} = resolveInRoot(rootfs, path, {trees})
    if (stat?.isFile() && (stat.mode & 0o111) !== 0) return {kind: kindOf(real, onHost), path}
  }
  return {kind: 'none', path: null}
}

function kindOf(path: string, onHost: string): InitKind {
  const name = basename(path)
  if (name === 'systemd') return 'systemd'
  if (name.startsWith('openrc')) return 'openrc'
  if (name.startsWith('busybox')) return 'busybox'
  const start = readStart(onHost)
  if (start.includes('sysvinit') || start.includes('/dev/initctl')) return 'sysvinit'
  if (start.includes('libsystemd-shared')) return 'systemd'
  if (start.includes('openrc')) return 'openrc'
  return start.includes('BusyBox v') ? 'busybox' : 'other'
}

function readStart(path: string): Buffer {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.alloc(LOOK_AT_BYTES)
    return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, 0))
  } finally {
    closeSync(file)
  }
}
