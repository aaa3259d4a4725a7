import {ExitCode, VpsError} from '../../errors.ts'
import {readIfThere} from './files.ts'

/** What a server used in one month (UTC), for a bill. `null`: this host did not count it, for lack of a controller. */
export interface MonthUse {
  /** How long it ran. */
  readonly runningSeconds: number
  readonly cpuSeconds: number
  /** Memory held, times the hours it was held; a GiB for a day is 24 GiB hours. */
  readonly memoryByteHours: number | null
  readonly ioReadBytes: number | null
  readonly ioWriteBytes: number | null
}

/** Whether a file of a month can have this name: YYYY-MM. */
export function isMonth(text: string): boolean {
  return /^\d{4}-(0[1-9]|1[0-2])$/.test(text)
}

/**
 * The month that the admin means: `2026-11`, `now`, or `last`, which is the one before.
 * @throws VpsError WRONG_USE
 */
export function monthName(text: string, now = new Date()): string {
  if (text === 'now') return now.toISOString().slice(0, 7)
  if (text === 'last')
    return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1)).toISOString().slice(0, 7)
  if (isMonth(text)) return text
  throw new VpsError('WRONG_USE', `${JSON.stringify(text)} is no month`, {
    exitCode: ExitCode.wrongUse,
    suggestions: ['write it as 2026-11, `now`, or `last`'],
  })
}

/** @param directory of a server's months @returns `undefined` when nothing was used in that month */
export function readMonth(directory: string, month: string): MonthUse | undefined {
  const text = readIfThere(`${directory}/${month}`)
  return text === undefined ? undefined : parseMonth(text)
}

export function parseMonth(text: string): MonthUse {
  const values = new Map(text.split('\n').map(line => line.split(' ', 2) as [string, string | undefined]))
  const value = (name: string): bigint | null => {
    const digits = values.get(name) ?? ''
    return /^\d+$/.test(digits) ? BigInt(digits) : null
  }
  const counted = (name: string): number | null => {
    const found = value(name)
    return found === null ? null : Number(found)
  }
  const byteSeconds = value('memory_byte_seconds')
  return {
    runningSeconds: counted('seconds') ?? 0,
    cpuSeconds: (counted('cpu_usec') ?? 0) / 1e6,
    // Byte seconds of a month outgrow what a double holds exactly; byte hours do not.
    memoryByteHours: byteSeconds === null ? null : Number((byteSeconds + 1800n) / 3600n),
    ioReadBytes: counted('io_rbytes'),
    ioWriteBytes: counted('io_wbytes'),
  }
}
