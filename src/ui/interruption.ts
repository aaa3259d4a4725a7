import process from 'node:process'
import {ExitCode} from '../errors.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Ctrl-C and the like as an AbortSignal, for commands that end in good order. */
export interface Interruption extends Disposable {
  readonly signal: AbortSignal
}

/** The first signal aborts and calls `told`; the second ends the process, which a verb must bear as it bears a kill -9. */
export function interruption(told: () => void): Interruption {
  const controller = new AbortController()
  const handler = (): void => {
    if (controller.signal.aborted) process.exit(ExitCode.interrupted)
    controller.abort()
    told()
  }
  for (const signal of SIGNALS) process.on(signal, handler)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const signal of SIGNALS) process.off(signal, handler)
    },
  }
}
