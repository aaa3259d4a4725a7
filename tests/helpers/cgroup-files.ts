import {globSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import type {ScratchHost} from './host.ts'

/** `server`: what counts among neighbours; `payload`: all but the supervisor. */
export type Group = 'server' | 'payload'

/** The text of a file of a server's cgroup, trimmed. */
export function groupFile(host: ScratchHost, server: string, file: string, group: Group = 'payload'): string {
  const directory = host.cgroup(server)
  return readFileSync(join(directory, group === 'payload' ? 'payload' : '', file), 'utf8').trim()
}

/** A line `KEY NUMBER` of a flat keyed file, such as cpu.stat or memory.events. */
export function groupNumber(
  host: ScratchHost,
  server: string,
  file: string,
  key?: string,
  group: Group = 'payload',
): number {
  const text = groupFile(host, server, file, group)
  const line = key === undefined ? text : new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1]
  if (line === undefined) throw new Error(`no ${key} in ${file} of ${server}: ${text}`)
  return line === 'max' ? Number.POSITIVE_INFINITY : Number(line)
}

/** How many CPUs' time each of `servers` took, on average, in the next `seconds`. */
export async function cpuShares(
  host: ScratchHost,
  servers: readonly string[],
  seconds: number,
): Promise<number[]> {
  const read = (): {at: number; used: number}[] =>
    servers.map(server => ({
      at: performance.now(),
      used: groupNumber(host, server, 'cpu.stat', 'usage_usec'),
    }))
  const before = read()
  await new Promise(resolve => setTimeout(resolve, seconds * 1000))
  const after = read()
  return before.map(({at, used}, index) => {
    const end = after[index] ?? {at: 0, used: 0}
    return (end.used - used) / 1000 / (end.at - at)
  })
}

/** Kills the commands that run in a server, with all that they have begun. */
export function killCommands(host: ScratchHost, server: string): void {
  for (const file of globSync(join(host.cgroup(server), 'payload/vps-attach-*/cgroup.kill')))
    writeFileSync(file, '1')
}
