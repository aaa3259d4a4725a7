import {nearest} from '../nearest.ts'

/** A mapping of the configuration, as YAML gives it. */
export type ConfigMap = Record<string, unknown>

export function isMap(value: unknown): value is ConfigMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function refuseUnknown(
  map: ConfigMap,
  known: readonly string[],
  prefix: string,
  problems: string[],
): void {
  for (const key of Object.keys(map)) {
    if (known.includes(key)) continue
    const near = nearest(key, known)
    problems.push(
      `unknown key ${prefix}${key} (${near === undefined ? `known: ${known.join(', ')}` : `did you mean ${near}?`})`,
    )
  }
}
