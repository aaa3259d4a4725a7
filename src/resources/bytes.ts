import {formatBytes} from '../units.ts'

/** For people: whole mebibytes, rounded up. */
export function inMiB(bytes: number): string {
  const MIB = 1024 ** 2
  return formatBytes(Math.ceil(bytes / MIB) * MIB)
}
