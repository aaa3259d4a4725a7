import {parseCpuList} from '../definition/index.ts'

/** The CPUs (or nodes) of a file of the kernel: cpuset(7), "List format". An empty file is an empty list. */
export function readCpuList(text: string | undefined): number[] {
  const list = (text ?? '').trim()
  return list === '' ? [] : (parseCpuList(list) ?? [])
}
