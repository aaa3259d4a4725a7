import {bytes} from './format.ts'

const DIGITS = 100

/** A number in the unit that it counts, as an admin writes it: `1.5`, `512MiB`, `48.2MiB/s`, `2000/s`. */
export function amount(value: number | string | null, unit: string): string {
  if (value === null) return ''
  if (typeof value === 'string') return value
  if (unit === 'bytes') return bytes(value)
  if (unit === 'bytes/s') return `${bytes(value)}/s`
  if (unit === 'operations/s') return `${Math.round(value)}/s`
  return String(Math.round(value * DIGITS) / DIGITS)
}

/** `+1.2%` */
export function deviation(part: number | null): string {
  if (part === null) return ''
  const text = (part * 100).toFixed(1)
  return `${part > 0 ? '+' : ''}${text === '-0.0' ? '0.0' : text}%`
}
