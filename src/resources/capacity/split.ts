import {ExitCode, VpsError} from '../../errors.ts'
import type {HostCapacity} from './host.ts'

/** An equal part of the host: what a server of the profile gets. Bytes, CPUs, numbers of tasks. */
export interface Share {
  readonly servers: number
  /** How much of the host stays with the host, 0 to 1. */
  readonly reserve: number
  readonly cpus: number
  readonly memory: number
  readonly guarantee: number
  readonly swap: number
  readonly pids: number
}

const MIB = 1024 ** 2

/** Below these a server starts, and does nothing of use. */
const LEAST = {cpus: 0.01, memory: 16 * MIB, pids: 32} as const

/** Half of a server's memory is its own also when the host is short; what it caches in the other half can be taken back. */
const GUARANTEED = 0.5

/**
 * Divides the host into `servers` equal parts after `reserve` of it; nothing is given twice. Rounded down to hundredths of a
 * CPU and whole MiB.
 * @throws VpsError HOST_TOO_SMALL (exit 2)
 */
export function splitHost(host: HostCapacity, servers: number, reserve: number): Share {
  const part = (amount: number, step: number): number =>
    Math.floor((amount * (1 - reserve)) / servers / step) * step
  const memory = part(host.memory, MIB)
  const share = {
    servers,
    reserve,
    cpus: Math.floor(((host.cpus * (1 - reserve)) / servers) * 100 + 1e-6) / 100,
    memory,
    guarantee: Math.floor((memory * GUARANTEED) / MIB) * MIB,
    swap: part(host.swap, MIB),
    pids: part(host.pids, 1),
  }
  for (const resource of ['cpus', 'memory', 'pids'] as const)
    if (share[resource] < LEAST[resource]) throw tooSmall(resource, host, servers)
  return share
}

function tooSmall(resource: keyof typeof LEAST, host: HostCapacity, servers: number): VpsError {
  const most = Math.floor(host[resource] / LEAST[resource])
  return new VpsError(
    'HOST_TOO_SMALL',
    `this host is too small for ${servers} servers: it has no ${resource} for more than ${most}`,
    {exitCode: ExitCode.wrongUse, suggestions: ['divide it into fewer servers']},
  )
}
