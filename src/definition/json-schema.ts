import {BYTES_PATTERN, CPUS_PATTERN, DURATION_PATTERN, formatBytes, formatDuration} from '../units.ts'
import type {Key, Kind, Section, TableName} from './kinds.ts'
import {definitionSchema} from './schema.ts'

type JsonSchema = Record<string, unknown>

/**
 * The JSON Schema (draft 2020-12) of a definition, for editors: completion, documentation on hover, most mistakes. What
 * it cannot say (paths without `..`, mounts that hide each other) only `vps validate` knows.
 */
export function jsonSchema(): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:vps:definition',
    title: 'Definition of a private server (vps)',
    ...sectionSchema(definitionSchema),
  }
}

function sectionSchema(section: Section): JsonSchema {
  const required = Object.keys(section.keys).filter(name => section.keys[name]?.required)
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(section.keys).map(([name, key]) => [name, keySchema(key)])),
    ...(required.length > 0 ? {required} : {}),
    additionalProperties: section.open ?? false,
  }
}

function keySchema(key: Key): JsonSchema {
  const isComputed = key.defaultSays !== undefined || key.default === undefined
  const kind = kindSchema(key.is, mayBeEmpty(key.is))
  const after = key.defaultSays ? ` Default: ${key.defaultSays}.` : ''
  return {
    description: `${key.says}${after}`,
    ...(key.default === null ? {anyOf: [kind, {type: 'null'}]} : kind),
    ...(isComputed ? {} : {default: shownDefault(key)}),
  }
}

/** As in the file: `30s`, not 30000. */
function shownDefault({is, default: value}: Key): unknown {
  if (is.kind === 'duration') return formatDuration(Number(value))
  return is.kind === 'bytes' ? formatBytes(Number(value)) : value
}

/** `mounts:` with nothing behind it is as good as not written. */
function mayBeEmpty(kind: Kind): boolean {
  return kind.kind === 'list' || kind.kind === 'table' || kind.kind === 'section'
}

function kindSchema(kind: Kind, empty = false): JsonSchema {
  const orNull = (type: string) => (empty ? [type, 'null'] : type)
  switch (kind.kind) {
    case 'text':
      return textSchema(kind)
    case 'flag':
      return {type: 'boolean'}
    case 'whole':
      return {type: 'integer', minimum: kind.min, maximum: kind.max}
    case 'duration':
      return {anyOf: [{type: 'string', pattern: DURATION_PATTERN}, {const: 0}]}
    case 'bytes':
      return {
        anyOf: [
          {type: 'string', pattern: BYTES_PATTERN},
          {type: 'integer', minimum: kind.min, maximum: kind.max},
        ],
      }
    case 'cpus':
      return {
        anyOf: [
          {type: 'number', minimum: kind.min, maximum: kind.max},
          {type: 'string', pattern: CPUS_PATTERN},
        ],
      }
    case 'worded':
      return {anyOf: [...wordSchemas(kind.words), kindSchema(kind.of)]}
    case 'rlimit':
      return {
        anyOf: [
          {type: 'integer', minimum: 0},
          {type: 'string', pattern: '^[0-9a-zA-Z.]+(:[0-9a-zA-Z.]+)?$'},
        ],
      }
    case 'choice':
      return {oneOf: wordSchemas(kind.values)}
    case 'spelled':
      return {type: ['string', 'integer'], pattern: kind.pattern}
    case 'list': {
      const items = kindSchema(kind.of)
      const all = {
        type: orNull('array'),
        items,
        ...(kind.min === undefined ? {} : {minItems: kind.min}),
      }
      return kind.single ? {anyOf: [items, all]} : all
    }
    case 'either':
      return {anyOf: [kindSchema(kind.text), kindSchema(kind.list)]}
    case 'table':
      return {
        type: orNull('object'),
        propertyNames: {pattern: kind.namePattern},
        ...(kind.names ? {properties: tableSchemas(kind.names)} : {}),
        additionalProperties: kind.names ? false : kindSchema(kind.of),
      }
    case 'section': {
      const mapping = {...sectionSchema(kind), type: orNull('object')}
      const short = kind.short === undefined ? undefined : kind.keys[kind.short]
      return short ? {anyOf: [kindSchema(short.is), mapping]} : mapping
    }
  }
}

function wordSchemas(words: Readonly<Record<string, string>>): JsonSchema[] {
  return Object.entries(words).map(([word, says]) => ({const: word, description: says}))
}

function tableSchemas(names: Readonly<Record<string, TableName>>): JsonSchema {
  return Object.fromEntries(
    Object.entries(names).map(([name, {is, says}]) => [name, {description: says, ...kindSchema(is)}]),
  )
}

function textSchema(kind: Extract<Kind, {kind: 'text'}>): JsonSchema {
  const type = kind.anyScalar ? ['string', 'number', 'boolean'] : 'string'
  return {
    type,
    ...(kind.pattern ? {pattern: kind.pattern} : {}),
    ...(kind.words ? {[kind.closed ? 'enum' : 'examples']: kind.words} : {}),
    ...(kind.maxLength ? {maxLength: kind.maxLength} : {}),
  }
}
