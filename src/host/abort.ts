import {setTimeout as sleep} from 'node:timers/promises'
import {VpsError} from '../errors.ts'

/**
 * The place between two steps at which a verb can be called off.
 * @param what `start web1`
 * @throws VpsError ABORTED with the signal's reason as its cause
 */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw aborted(signal, what)
}

export function aborted(signal: AbortSignal, what: string): VpsError {
  return new VpsError('ABORTED', `${what}: called off`, {cause: signal.reason})
}

/** Waits; for less, when the signal calls it off. @throws VpsError ABORTED */
export async function pause(
  milliseconds: number,
  signal: AbortSignal | undefined,
  what: string,
): Promise<void> {
  try {
    await sleep(milliseconds, undefined, {signal})
  } catch (error) {
    throwIfAborted(signal, what)
    throw error
  }
}
