import type {LaunchPlan} from '../launch/index.ts'
import {describeErrno} from './fault.ts'
import {DEVICES} from './limits.ts'
import type {Report} from './report.ts'

/** What a start found this kernel not to have: the file of a limit, or the guard of devices. */
export function lackOf(
  {fault, missing}: Pick<Report, 'fault' | 'missing'>,
  {steps}: Pick<LaunchPlan, 'steps'>,
): string | undefined {
  if (fault === undefined) return missing
  if (fault.op === 'devices' && fault.syscall.startsWith('bpf ')) return DEVICES
  const step = steps[fault.step]
  // What no key asks for is not a limit that anybody could do without.
  if (fault.op !== 'cgroup-write' || step === undefined || step.origin === null) return undefined
  return describeErrno(fault.errno).name === 'ENOENT' ? step.arguments[1] : undefined
}
