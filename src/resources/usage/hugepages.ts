import {readdir} from 'node:fs/promises'
import {ifMissing} from '../../host/index.ts'

/** The sizes of huge pages that this kernel has, as cgroup files spell them: 2MB, 1GB. */
export async function hugepageSizes(directory = '/sys/kernel/mm/hugepages'): Promise<string[]> {
  const entries = await ifMissing(readdir(directory), [])
  return entries
    .map(entry => Number(/^hugepages-(\d+)kB$/.exec(entry)?.[1] ?? 0))
    .filter(kibibytes => kibibytes > 0)
    .sort((a, b) => a - b)
    .map(spelled)
}

/** As the kernel's mem_fmt() does. */
function spelled(kibibytes: number): string {
  if (kibibytes >= 1024 * 1024) return `${kibibytes / 1024 / 1024}GB`
  return kibibytes >= 1024 ? `${kibibytes / 1024}MB` : `${kibibytes}KB`
}
