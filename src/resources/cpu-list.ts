/** The kernel's lists of CPUs and nodes, such as `0-2,7`; see cpuset(7), "List format". An empty text is an empty list. */
export function parseCpuList(text: string): number[] {
  const found = text
    .trim()
    .split(',')
    .filter(part => part !== '')
    .flatMap(part => {
      const [first = 0, last = first] = part.split('-').map(Number)
      return Array.from({length: last - first + 1}, (_, index) => first + index)
    })
  return [...new Set(found)].sort((a, b) => a - b)
}

/** As the kernel writes it: ascending, neighbours as a range. */
export function formatCpuList(cpus: Iterable<number>): string {
  const sorted = [...new Set(cpus)].sort((a, b) => a - b)
  const ranges: [number, number][] = []
  for (const cpu of sorted) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === cpu - 1) last[1] = cpu
    else ranges.push([cpu, cpu])
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',')
}
