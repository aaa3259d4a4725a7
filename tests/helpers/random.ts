import process from 'node:process'

/** Random numbers that can be had again: a run prints its seed, and `VPS_TEST_SEED` repeats it. */
export interface Random {
  readonly seed: number
  /** At least 0, below 1. */
  next(): number
  /** A whole number at least 0, below `limit`. */
  below(limit: number): number
  pick<Value>(values: readonly [Value, ...Value[]]): Value
  bytes(length: number): Buffer
}

/**
 * How often something is to be tried at random moments, where more would find more: a part of `full`, as rings have to end in time;
 * `VPS_TEST_THOROUGH=1` is all of it.
 */
export function rounds(full: number): number {
  return Math.ceil(full * Number(process.env.VPS_TEST_THOROUGH ?? 0.25))
}

/** The seed is that of `VPS_TEST_SEED`, else one of its own; it is printed with `what` it is for. */
export function seededRandom(what: string): Random {
  const seed = Number(process.env.VPS_TEST_SEED ?? Date.now() % 1_000_000_000)
  console.log(`${what}: VPS_TEST_SEED=${seed}`)
  return randomFrom(seed)
}

/** mulberry32: tiny, and good enough to choose moments and bytes. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    seed,
    next,
    below,
    pick: values => values[below(values.length)] ?? values[0],
    bytes: length => Buffer.from(Array.from({length}, () => below(256))),
  }
}
