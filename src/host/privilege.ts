import {readFileSync} from 'node:fs'
import process from 'node:process'
import {ExitCode, VpsError} from '../errors.ts'
import {Fresh} from './fresh.ts'

/** What this process may do. */
export interface Privilege {
  readonly euid: number
  /** Capabilities that servers need and this process has not, e.g. `CAP_SYS_ADMIN`. */
  readonly missing: readonly string[]
}

/** Numbers from <linux/capability.h> of what a start needs. */
const NEEDED: Readonly<Record<string, number>> = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_FOWNER: 3,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SETPCAP: 8,
  CAP_SYS_ADMIN: 21,
}

export async function readPrivilege(): Promise<Privilege> {
  return {
    euid: process.geteuid?.() ?? -1,
    missing: missingCapabilities(readFileSync('/proc/self/status', 'utf8')),
  }
}

/** The needed capabilities that the `CapEff` line of /proc/PID/status lacks. */
export function missingCapabilities(status: string): string[] {
  const [, hex = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? []
  const effective = BigInt(`0x${hex}`)
  return Object.entries(NEEDED)
    .filter(([, bit]) => (effective & (1n << BigInt(bit))) === 0n)
    .map(([name]) => name)
}

const known = new Fresh<Promise<string | undefined>>()

/** @throws VpsError HOST_CANNOT (exit 5) naming what is missing, when this process can't run servers */
export async function requirePrivilege(verb: string): Promise<void> {
  const problem = await known.get('', async () => privilegeProblem(await readPrivilege()))
  if (problem !== undefined)
    throw new VpsError('HOST_CANNOT', `cannot ${verb}: ${problem}`, {
      suggestions: ['run it as root of the host, for instance with sudo'],
      exitCode: ExitCode.hostCannot,
    })
}

/** What `privilege` lacks, as words, or `undefined`. */
export function privilegeProblem({euid, missing}: Privilege): string | undefined {
  if (euid !== 0) return `this needs root, and this is user id ${euid}`
  if (missing.length === 0) return undefined
  return `this root has not ${missing.join(', ')} (it may be inside a container)`
}
