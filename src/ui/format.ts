const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** A time span in its two largest units, `3d 4h`, `12m 5s`, `850ms`; the input is milliseconds. */
export function duration(milliseconds: number): string {
  const whole = Math.max(0, Math.round(milliseconds))
  if (whole < 1000) return `${whole}ms`
  const parts: string[] = []
  let rest = whole
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count}${unit}`)
    else if (parts.length > 0) break
    if (parts.length === 2) break
  }
  return parts.join(' ')
}

/** How long ago an ISO time was; empty without one. */
export function since(iso: string | null | undefined, now = Date.now()): string {
  if (iso === null || iso === undefined) return ''
  const then = Date.parse(iso)
  return Number.isNaN(then) ? '' : duration(now - then)
}

/** `512MiB`, as an admin writes it. */
export function bytes(count: number): string {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = count
  let index = 0
  while (value >= 1024 && index < names.length - 1) {
    value /= 1024
    index++
  }
  return `${index === 0 || value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)}${names[index]}`
}

/** A quantity, or `max` for one without an end, or `-` for one that is not known. */
export function bound(
  value: number | 'max' | null | undefined,
  text: (value: number) => string = String,
): string {
  if (value === null || value === undefined) return '-'
  return value === 'max' ? value : text(value)
}

/** `12.5%`; `-` when it is not known. */
export function percent(value: number | null | undefined): string {
  return bound(value, share => `${share.toFixed(1)}%`)
}
