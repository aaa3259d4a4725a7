/** More processors than any kernel for these machines is built for (NR_CPUS is at most 8192). */
export const MAX_CPUS = 8192

/** Reads the kernel's format of a list, `0-3,8`; sorted, each once. Undefined when the text is none. */
export function parseCpuList(text: string): number[] | undefined {
  const cpus = new Set<number>()
  for (const part of text.split(',')) {
    const match = /^\s*([0-9]{1,5})(?:-([0-9]{1,5}))?\s*$/.exec(part)
    if (!match) return undefined
    const first = Number(match[1])
    const last = Number(match[2] ?? match[1])
    if (last < first || last >= MAX_CPUS) return undefined
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu)
  }
  return [...cpus].sort((a, b) => a - b)
}

/** Writes numbers as the kernel does: `0-3,8`. */
export function formatCpuList(cpus: Iterable<number>): string {
  const sorted = [...new Set(cpus)].sort((a, b) => a - b)
  const runs: [first: number, last: number][] = []
  for (const cpu of sorted) {
    const run = runs.at(-1)
    if (run && cpu === run[1] + 1) run[1] = cpu
    else runs.push([cpu, cpu])
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',')
}
