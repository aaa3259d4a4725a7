import {BYTES_PATTERN, CPUS_PATTERN, DURATION_PATTERN, formatBytes, formatDuration} from '../units.ts'
import type {Key, Kind, Section, TableName} from './kinds.ts'
import {definitionSchema} from './schema.ts'

type JsonSchema = Record<string, unknown>

/** How a schema is written. */
interface Style {
  /** A value may be a text with variables instead: `${name}`. */
  readonly variables: boolean
  /** Keys that are described once, by name in `$defs`. */
  readonly shared: ReadonlyMap<Key, string>
}

const PLAIN: Style = {variables: false, shared: new Map()}

/** `${` in a text, which is not `$${`. */
const VARIABLE = {type: 'string', pattern: '(^|[^$])[$][{]'}

/**
 * The JSON Schema (draft 2020-12) of a definition, for editors: completion, documentation on hover, most mistakes. What
 * it cannot say (paths without `..`, mounts that hide each other) only `vps validate` knows.
 */
export function jsonSchema(): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:vps:definition',
    title: 'Definition of a private server (vps)',
    ...sectionSchema(definitionSchema, PLAIN),
  }
}

/** The JSON Schema of a language that definitions are a part of and that fills variables into values. Keys of a definition are in `$defs`. */
export function jsonSchemaWithVariables(
  section: Section,
  head: {readonly $id: string; readonly title: string},
): object {
  const keys = Object.entries(definitionSchema.keys)
  const style: Style = {variables: true, shared: new Map(keys.map(([name, key]) => [key, name]))}
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...head,
    ...sectionSchema(section, style),
    $defs: Object.fromEntries(keys.map(([name, key]) => [name, describedKey(key, style)])),
  }
}

function sectionSchema(section: Section, style: Style): JsonSchema {
  const required = Object.keys(section.keys).filter(name => section.keys[name]?.required)
  return {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(section.keys).map(([name, key]) => [name, keySchema(key, style)]),
    ),
    ...(required.length > 0 ? {required} : {}),
    additionalProperties: section.open ?? false,
  }
}

function keySchema(key: Key, style: Style): JsonSchema {
  const shared = style.shared.get(key)
  return shared === undefined ? describedKey(key, style) : {$ref: `#/$defs/${shared}`}
}

function describedKey(key: Key, style: Style): JsonSchema {
  const isComputed = key.defaultSays !== undefined || key.default === undefined
  const kind = kindSchema(key.is, style, mayBeEmpty(key.is))
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

/** Whether a value of a kind is a single one, in whose place a text with variables may stand. */
function isSingle(kind: Kind): boolean {
  return !['list', 'table', 'section', 'either'].includes(kind.kind) && !isFreeText(kind)
}

/** Any text is one with variables as well. */
function isFreeText(kind: Kind): boolean {
  return kind.kind === 'text' && kind.pattern === undefined && !kind.closed
}

function kindSchema(kind: Kind, style: Style, empty = false): JsonSchema {
  const written = writtenSchema(kind, style, empty)
  return style.variables && isSingle(kind) ? {anyOf: [written, VARIABLE]} : written
}

function writtenSchema(kind: Kind, style: Style, empty: boolean): JsonSchema {
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
      return {anyOf: [...wordSchemas(kind.words), kindSchema(kind.of, style)]}
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
      const items = kindSchema(kind.of, style)
      const all = {
        type: orNull('array'),
        items,
        ...(kind.min === undefined ? {} : {minItems: kind.min}),
      }
      return kind.single ? {anyOf: [items, all]} : all
    }
    case 'either':
      return {anyOf: [kindSchema(kind.text, style), kindSchema(kind.list, style)]}
    case 'table':
      return {
        type: orNull('object'),
        propertyNames: {pattern: kind.namePattern},
        ...(kind.names ? {properties: tableSchemas(kind.names, style)} : {}),
        additionalProperties: kind.names ? false : kindSchema(kind.of, style),
      }
    case 'section': {
      const mapping = {...sectionSchema(kind, style), type: orNull('object')}
      const short = kind.short === undefined ? undefined : kind.keys[kind.short]
      return short ? {anyOf: [kindSchema(short.is, style), mapping]} : mapping
    }
  }
}

function wordSchemas(words: Readonly<Record<string, string>>): JsonSchema[] {
  return Object.entries(words).map(([word, says]) => ({const: word, description: says}))
}

function tableSchemas(names: Readonly<Record<string, TableName>>, style: Style): JsonSchema {
  return Object.fromEntries(
    Object.entries(names).map(([name, {is, says}]) => [name, {description: says, ...kindSchema(is, style)}]),
  )
}

function textSchema(kind: Extract<Kind, {kind: 'text'}>): JsonSchema {
  const type = kind.anyScalar ? ['string', 'number', 'boolean'] : 'string'
  return {
    type,
    ...(kind.pattern ? {pattern: kind.pattern} : {}),
    ...(kind.words ? {[kind.closed ? 'enum' : 'examples']: wordsOf(kind)} : {}),
    ...(kind.maxLength ? {maxLength: kind.maxLength} : {}),
  }
}

/** The words, also as YAML reads them: where any scalar may stand, `true` without quotes is no text. */
function wordsOf({words = [], anyScalar}: Extract<Kind, {kind: 'text'}>): (string | boolean)[] {
  const flags = anyScalar ? ['true', 'false'].filter(word => words.includes(word)) : []
  return [...words, ...flags.map(word => word === 'true')]
}
