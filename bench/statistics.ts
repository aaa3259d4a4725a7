/** The middle one; of an even count the lower of the two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted[Math.floor((sorted.length - 1) / 2)]
  if (middle === undefined) throw new RangeError('no values')
  return middle
}

export function milliseconds(value: number): string {
  return `${value.toFixed(2)} ms`
}

/** One published figure: what was measured, what it is held against, and the most that their ratio may be. */
export interface Figure {
  readonly what: string
  readonly measured: string
  readonly against: string
  readonly ratio: number
  readonly atMost: number | null
}

/** Prints the figure; false when it misses its bound. */
export function publish({what, measured, against, ratio, atMost}: Figure): boolean {
  const held = atMost === null || ratio <= atMost
  const bound = atMost === null ? '' : `, at most ${atMost.toFixed(2)}: ${held ? 'held' : 'MISSED'}`
  console.log(`${what}\n  ${measured}, against ${against}: ratio ${ratio.toFixed(2)}${bound}`)
  return held
}
