import {type Definition, keyText, type Path, type Resources} from '../../definition/index.ts'

/** One key that limits a server, and what it says. */
export interface WrittenLimit {
  readonly key: string
  readonly value: number | string
}

export type Limiting = Pick<Definition, 'resources' | 'limits'>

/** Every limit that a definition sets, in the order of the schema. */
export function writtenLimits({resources, limits}: Limiting): WrittenLimit[] {
  const rlimits = Object.fromEntries(
    Object.entries(limits).map(([name, {soft, hard}]) => [name, `${soft}:${hard}`]),
  )
  return [...leaves(resources, ['resources']), ...leaves(rlimits, ['limits'])]
}

/** What is not set is null, and a flag that is off limits nothing; `device` only names what the others are about. */
function leaves(value: unknown, path: Path): WrittenLimit[] {
  if (value === null || value === undefined || value === false || path.at(-1) === 'device') return []
  if (Array.isArray(value)) return value.flatMap((item: unknown, index) => leaves(item, [...path, index]))
  if (typeof value === 'object')
    return Object.entries(value).flatMap(([name, item]) => leaves(item, [...path, name]))
  return [{key: keyText(path), value: typeof value === 'number' ? value : String(value)}]
}

/** The same without the keys in `gone`. */
export function withoutKeys(resources: Resources, gone: readonly Path[]): Resources {
  const copy = structuredClone(resources)
  for (const path of gone) clear(copy, path.slice(1))
  return copy
}

function clear(target: unknown, [name, ...rest]: Path): void {
  if (typeof target !== 'object' || target === null || name === undefined || !(name in target)) return
  const section = target as Record<string | number, unknown>
  if (rest.length > 0) clear(section[name], rest)
  else section[name] = name === 'oomGroup' ? false : null
}
