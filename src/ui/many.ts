import {type ErrorJson, errorJson, exitCodeOf} from './errors.ts'

/** How one of several servers fared. */
export type Outcome<Value> =
  | {readonly name: string; readonly ok: true; readonly value: Value}
  | {readonly name: string; readonly ok: false; readonly error: unknown}

/** How many verbs run at once: enough to hide waiting, few enough not to storm the host. */
const PARALLEL = 4

/**
 * Does the same for every name, a few at a time; one that fails does not keep the others from being done.
 * @param done told about each the moment it is finished
 */
export async function forEachName<Value>(
  names: readonly string[],
  work: (name: string) => Promise<Value>,
  done: (outcome: Outcome<Value>) => void | Promise<void>,
  parallel = PARALLEL,
): Promise<Outcome<Value>[]> {
  const outcomes = new Array<Outcome<Value>>(names.length)
  const queue = names.entries()
  const worker = async () => {
    for (const [index, name] of queue) {
      const outcome = await attempt(name, work)
      outcomes[index] = outcome
      await done(outcome)
    }
  }
  await Promise.all(Array.from({length: Math.min(parallel, names.length)}, worker))
  return outcomes
}

async function attempt<Value>(name: string, work: (name: string) => Promise<Value>): Promise<Outcome<Value>> {
  try {
    return {name, ok: true, value: await work(name)}
  } catch (error) {
    return {name, ok: false, error}
  }
}

/** The exit code of the first that failed, 0 when none did. */
export function exitCodeOfMany(outcomes: readonly Outcome<unknown>[]): number {
  const failed = outcomes.find(outcome => !outcome.ok)
  return failed === undefined || failed.ok ? 0 : exitCodeOf(failed.error)
}

/** The `--json` shape: `{name, ok: true, …}` or `{name, ok: false, error}` for each. */
export function manyJson(outcomes: readonly Outcome<object>[]): (object | {error: ErrorJson})[] {
  return outcomes.map(outcome =>
    outcome.ok
      ? {...outcome.value, name: outcome.name, ok: true}
      : {name: outcome.name, ok: false, error: errorJson(outcome.error)},
  )
}
