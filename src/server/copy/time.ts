import {VpsError} from '../../errors.ts'
import {throwIfAborted} from '../../host/index.ts'

/** The error of a copy that took longer than it may. */
export function tooLong(name: string): VpsError {
  return new VpsError('TIMED_OUT', `${name}: copying took longer than it may`)
}

/** To be called between steps. @throws VpsError TIMED_OUT, ABORTED */
export function noMoreThan(
  timeoutMs: number | undefined,
  name: string,
  signal: AbortSignal | undefined,
): () => void {
  const until = performance.now() + (timeoutMs ?? Number.POSITIVE_INFINITY)
  return () => {
    throwIfAborted(signal, `copy of ${name}`)
    if (performance.now() > until) throw tooLong(name)
  }
}
