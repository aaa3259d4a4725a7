import {availableParallelism} from 'node:os'
import {throwIfAborted} from '../host/index.ts'

/** How one of many servers fared. */
export type BulkOutcome<Value> =
  | {readonly name: string; readonly ok: true; readonly value: Value}
  | {readonly name: string; readonly ok: false; readonly error: unknown}

export interface BulkOptions<Value> {
  /** How many at once; default: two for each processor, at most 16. */
  readonly parallel?: number | undefined
  /** No further one is begun. */
  readonly signal?: AbortSignal | undefined
  /** Told of each the moment it is done; the next waits for it. */
  readonly onDone?: ((outcome: BulkOutcome<Value>) => void | Promise<void>) | undefined
}

/**
 * Does the same for every name, several at a time; one that fails does not keep the others from being done. Outcomes are in the
 * order of the names.
 * @throws VpsError ABORTED
 */
export async function forEachServer<Value>(
  names: readonly string[],
  work: (name: string) => Promise<Value>,
  {parallel = defaultParallel(), signal, onDone}: BulkOptions<Value> = {},
): Promise<BulkOutcome<Value>[]> {
  const outcomes = new Array<BulkOutcome<Value>>(names.length)
  const queue = names.entries()
  const worker = async () => {
    for (const [index, name] of queue) {
      if (signal?.aborted) return
      const outcome = await attempt(name, work)
      outcomes[index] = outcome
      await onDone?.(outcome)
    }
  }
  await Promise.all(Array.from({length: Math.max(1, Math.min(parallel, names.length))}, worker))
  throwIfAborted(signal, `${names.length} servers`)
  return outcomes
}

async function attempt<Value>(
  name: string,
  work: (name: string) => Promise<Value>,
): Promise<BulkOutcome<Value>> {
  try {
    return {name, ok: true, value: await work(name)}
  } catch (error) {
    return {name, ok: false, error}
  }
}

/** While one waits for the kernel, another has the processor. */
function defaultParallel(): number {
  return Math.min(16, 2 * availableParallelism())
}
