import {constants} from 'node:os'
import {nearest} from '../nearest.ts'

/** SIGRTMIN and SIGRTMAX as programs see them: glibc keeps the first two real-time signals of the kernel (signal(7)). */
const RTMIN = 34
const RTMAX = 64

/** The number of a signal written as `SIGTERM`, `TERM` or `SIGRTMIN+3`; undefined when there is none of that name. */
export function signalNumber(name: string): number | undefined {
  const full = name.startsWith('SIG') ? name : `SIG${name}`
  if (Object.hasOwn(constants.signals, full)) return constants.signals[full as NodeJS.Signals]
  const realTime = /^SIGRT(MIN|MAX)(?:([+-])([0-9]{1,2}))?$/.exec(full)
  if (!realTime) return undefined
  const offset = Number(realTime[3] ?? 0) * (realTime[2] === '-' ? -1 : 1)
  const number = (realTime[1] === 'MIN' ? RTMIN : RTMAX) + offset
  return number >= RTMIN && number <= RTMAX ? number : undefined
}

/** The signal that was meant, always in its full spelling. */
export function nearestSignal(name: string): string | undefined {
  const byNumber = Object.entries(constants.signals).find(([, number]) => `${number}` === name)
  if (byNumber) return byNumber[0]
  const upper = name.toUpperCase()
  const full = upper.startsWith('SIG') ? upper : `SIG${upper}`
  return nearest(full, [...Object.keys(constants.signals), 'SIGRTMIN', 'SIGRTMIN+3'])
}
