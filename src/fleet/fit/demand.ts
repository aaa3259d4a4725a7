/*
 * What servers need of a host, as a list of numbers. Pure.
 */
import type {Definition} from '../../definition/index.ts'

/** A server that there is to be. */
export interface ServerToFit {
  readonly name: string
  readonly definition: Definition
}

/** A server that is to be there, and what there is of it already. */
export interface CountedServer extends ServerToFit {
  readonly created: boolean
  readonly running: boolean
}

/**
 * How many of the kernel's things one server takes: `system` with an init of its own that runs services, `plain` with a program
 * or two.
 */
export interface Use {
  readonly system: number
  readonly plain: number
}

export function isSystem({definition}: ServerToFit): boolean {
  return (
    definition.init === 'auto' || (typeof definition.init === 'string' && definition.init.startsWith('/'))
  )
}

/** The sum over `servers`. */
export function sumOf(servers: readonly ServerToFit[], {system, plain}: Use): number {
  return servers.reduce((sum, server) => sum + (isSystem(server) ? system : plain), 0)
}

/** How many addresses servers that have none yet want of each pool. @param defaults the pools that `auto` means, by family */
export function addressesWanted(
  servers: readonly CountedServer[],
  defaults: {readonly 4: readonly string[]; readonly 6: readonly string[]},
): Map<string, number> {
  const wanted = new Map<string, number>()
  const add = (pool: string) => wanted.set(pool, (wanted.get(pool) ?? 0) + 1)
  for (const {definition, created} of servers) {
    if (created || definition.network.mode !== 'links') continue
    for (const {mode, addresses} of definition.network.links)
      if (mode === 'routed')
        for (const word of addresses) for (const pool of poolsOf(word, defaults)) add(pool)
  }
  return wanted
}

function poolsOf(word: string, defaults: Parameters<typeof addressesWanted>[1]): readonly string[] {
  if (word.startsWith('pool:')) return [word.slice('pool:'.length)]
  if (word === 'auto') return [...defaults[4], ...defaults[6]]
  if (word === 'auto4') return defaults[4]
  return word === 'auto6' ? defaults[6] : []
}

/** The network links whose ends the host has. */
export function linksOf({definition: {network}}: ServerToFit): number {
  return network.mode === 'links' ? network.links.length : 0
}
