import {defaultOf} from './defaults.ts'
import {type Kind, tableKind} from './kinds.ts'
import {type Definition, definitionSchema} from './schema.ts'

/**
 * A definition that was kept as JSON, perhaps by an earlier vps: keys which that one did not know have their defaults, so an
 * upgrade is no change of what runs.
 */
export function storedDefinition(text: string): Definition {
  return filled(definitionSchema, JSON.parse(text)) as Definition // our own files, only root can write them
}

function filled(kind: Kind, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return kind.kind === 'list' ? value.map(item => filled(kind.of, item)) : value
  if (kind.kind === 'table')
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, filled(tableKind(kind, name), item)]),
    )
  if (kind.kind !== 'section' || kind.shape) return value
  const whole: Record<string, unknown> = {...value}
  for (const [name, key] of Object.entries(kind.keys))
    whole[name] = Object.hasOwn(value, name) ? filled(key.is, whole[name]) : defaultOf(key)
  return whole
}
