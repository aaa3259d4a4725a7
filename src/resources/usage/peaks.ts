import {atLeast} from '../../host/index.ts'
import type {GroupReading} from './reading.ts'
import type {KernelPeaks} from './resources.ts'

/** The first kernel that keeps each peak; a distribution may have brought one to an older kernel, hence files before versions. */
const SINCE = {memory: [5, 19], swap: [6, 5], pids: [6, 11]} as const

/** Which peaks this kernel keeps: as the cgroup's files tell, else by its version. */
export function kernelPeaks(
  kernel: readonly [major: number, minor: number],
  reading: GroupReading | undefined,
): KernelPeaks {
  const kept = (resource: keyof KernelPeaks): boolean => {
    const found = reading?.[resource]
    return found === undefined || found.current === null
      ? atLeast(kernel, SINCE[resource])
      : found.peak !== null
  }
  return {memory: kept('memory'), swap: kept('swap'), pids: kept('pids')}
}
