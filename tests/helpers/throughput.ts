/** What `load work` had done at a time, in microseconds of the monotonic clock. */
interface Sample {
  readonly rounds: number
  readonly at: number
}

/** A span of time, in the same clock. */
export interface Phase {
  readonly begin: number
  readonly end: number
}

/** The lines `worked ROUNDS MICROSECONDS` that load.c has written. */
export function workSamples(stdout: string): Sample[] {
  return stdout
    .split('\n')
    .filter(line => line.startsWith('worked '))
    .map(line => line.split(' ').map(Number))
    .map(([, rounds = 0, at = 0]) => ({rounds, at}))
}

/** Rounds in a second of `phase`. */
export function rateIn(samples: readonly Sample[], {begin, end}: Phase): number {
  return (roundsAt(samples, end) - roundsAt(samples, begin)) / ((end - begin) / 1e6)
}

/** As if it had worked evenly between two samples. */
function roundsAt(samples: readonly Sample[], time: number): number {
  const next = samples.findIndex(({at}) => at > time)
  const [before, after] = [samples[next - 1], samples[next]]
  if (before === undefined || after === undefined) throw new RangeError(`no work was done around ${time}`)
  const part = (time - before.at) / (after.at - before.at)
  return before.rounds + part * (after.rounds - before.rounds)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2
}
