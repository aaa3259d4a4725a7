/** A span of time in milliseconds. */
export type Duration = number
/** An amount of data in bytes. */
export type Bytes = number
/** A rate of data in bits per second. */
export type BitsPerSecond = number

/** Milliseconds of each unit, largest first: the order in which a compound such as `1h30m` is written. */
const TIME: readonly (readonly [unit: string, milliseconds: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
]

/** Bytes of each unit. A bare `k`, `M` or `G` is missing on purpose: it means 1000 to some and 1024 to others. */
const DATA: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['kB', 1000],
  ['KiB', 1024],
  ['MB', 1000 ** 2],
  ['MiB', 1024 ** 2],
  ['GB', 1000 ** 3],
  ['GiB', 1024 ** 3],
  ['TB', 1000 ** 4],
  ['TiB', 1024 ** 4],
])

/** Bits per second of each unit, in steps of 1000 as networks count. */
const RATE: ReadonlyMap<string, number> = new Map([
  ['bit', 1],
  ['kbit', 1000],
  ['mbit', 1000 ** 2],
  ['gbit', 1000 ** 3],
  ['tbit', 1000 ** 4],
])

/** JSON Schema patterns, for editors; `parseDuration`, `parseBytes` and `parseRate` are the truth. */
export const DURATION_PATTERN = '^(0|(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$'
export const CPUS_PATTERN = '^[0-9]+(\\.[0-9]+)?%?$'
export const RATE_PATTERN = '^[0-9]+(\\.[0-9]+)?[kmgt]?bit$'
export const BYTES_PATTERN = '^[0-9]+(\\.[0-9]+)?(B|[kMGT]B|[KMGT]iB)?$'

/**
 * Reads `500ms`, `30s`, `10m`, `2h`, `1d`, compounds with the larger unit first such as `1h30m`, and `0`.
 * Undefined when the text is none of them; a plain number other than 0 has no unit and is refused.
 */
export function parseDuration(text: string): Duration | undefined {
  if (text === '0') return 0
  if (!/^([0-9]+(ms|[dhms]))+$/.test(text)) return undefined
  let total = 0
  let smallest = -1
  for (const [, amount, unit] of text.matchAll(/([0-9]+)(ms|[dhms])/g)) {
    const index = TIME.findIndex(([name]) => name === unit)
    if (index <= smallest) return undefined
    smallest = index
    total += Number(amount) * (TIME[index]?.[1] ?? 0)
  }
  return Number.isSafeInteger(total) ? total : undefined
}

/** Writes milliseconds as an admin would: 90000 is `1m30s`, 0 is `0s`. Fractions of a millisecond are rounded. */
export function formatDuration(duration: Duration): string {
  let rest = Math.round(Math.abs(duration))
  if (rest === 0) return '0s'
  let text = duration < 0 ? '-' : ''
  for (const [unit, milliseconds] of TIME) {
    const amount = Math.floor(rest / milliseconds)
    rest -= amount * milliseconds
    if (amount > 0) text += `${amount}${unit}`
  }
  return text
}

/** Reads `1MiB`, `1.5GiB`, `500kB`, `4096`; undefined when the text is no whole number of bytes with a known unit. */
export function parseBytes(text: string): Bytes | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)$/.exec(text)
  if (!match) return undefined
  const factor = match[2] === '' ? 1 : DATA.get(match[2] ?? '')
  const bytes = Number(match[1]) * (factor ?? Number.NaN)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/**
 * Reads a number of CPUs: `2`, `0.5`, or as percent of one, `150%`. Rounded to what the scheduler can count, a hundred
 * thousandth (1 us of a period of 100 ms). Undefined when the text is none.
 */
export function parseCpus(text: string): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)(%?)$/.exec(text)
  if (!match) return undefined
  const cpus = Number(match[1]) / (match[2] ? 100 : 1)
  return Math.round(cpus * 100_000) / 100_000
}

/** `1 CPU`, `1.5 CPUs`. */
export function formatCpus(cpus: number): string {
  return `${cpus} CPU${cpus === 1 ? '' : 's'}`
}

/** Bytes as the file may hold them: with a unit where that is exact, else the plain number. */
export function writeBytes(bytes: Bytes): string {
  const text = bytes === 0 ? '0' : formatBytes(bytes)
  return parseBytes(text) === bytes ? text : `${bytes}`
}

/**
 * Writes bytes as an admin would: exactly when they are a whole number of some unit (1048576 is `1MiB`, 500000 is
 * `500kB`), otherwise rounded to one decimal (`117.7MiB`).
 */
export function formatBytes(bytes: Bytes): string {
  const units = [...DATA].reverse()
  const binary = units.filter(([unit]) => unit.endsWith('iB'))
  const exactly = ([, factor]: [string, number]) => bytes >= factor && bytes % factor === 0
  const exact = binary.find(exactly) ?? units.find(unit => unit[1] >= 1000 && exactly(unit))
  if (exact) return `${bytes / exact[1]}${exact[0]}`
  const rounded = binary.find(([, factor]) => bytes >= factor)
  return rounded ? `${(bytes / rounded[1]).toFixed(1)}${rounded[0]}` : `${bytes}B`
}

/** Reads `100mbit`, `1.5gbit`, `64kbit`; undefined when the text is no whole number of bits with a unit. */
export function parseRate(text: string): BitsPerSecond | undefined {
  const [, amount = '', unit = ''] = /^([0-9]+(?:\.[0-9]+)?)([a-z]+)$/.exec(text) ?? []
  const rate = Math.round(Number(amount) * (RATE.get(unit) ?? Number.NaN) * 1000) / 1000
  return amount !== '' && Number.isSafeInteger(rate) ? rate : undefined
}

/** Writes a rate exactly, in the largest unit that needs no more than three decimals: 1500000 is `1.5mbit`. */
export function formatRate(rate: BitsPerSecond): string {
  const units = [...RATE].reverse()
  const [unit, factor] = units.find(([, size]) => rate >= size && (rate * 1000) % size === 0) ?? ['bit', 1]
  return `${rate / factor}${unit}`
}
