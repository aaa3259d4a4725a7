import type {Node} from 'yaml'
import {didYouMean} from '../nearest.ts'
import {type Field, TemplateReader} from './template-reader.ts'
import type {
  BuilderName,
  FileSpec,
  GroupSpec,
  Owned,
  ParameterSpec,
  ParameterType,
  UserSpec,
} from './types.ts'

/** One template file as it is written: nothing inherited yet. `null` takes an inherited entry away. */
export interface TemplateFile {
  readonly description: string | undefined
  readonly extends: string | undefined
  readonly builder: BuilderName | undefined
  readonly parameters: Readonly<Record<string, Partial<ParameterSpec>>>
  readonly directories: Overlay<Owned>
  readonly files: Overlay<FileSpec>
  readonly links: Overlay<string>
  readonly users: Overlay<UserSpec>
  readonly groups: Overlay<GroupSpec>
  readonly mask: Overlay<string>
  readonly enable: Overlay<string>
  readonly copy: readonly string[]
  readonly trees: readonly string[]
  readonly packages: readonly string[]
  readonly run: readonly string[]
}

export type Overlay<Value> = Readonly<Record<string, Value | null>>

const BUILDERS: readonly BuilderName[] = ['host', 'mmdebstrap', 'busybox', 'tarball']
const TYPES: readonly ParameterType[] = ['string', 'integer', 'boolean', 'strings', 'file']
const KEYS = [
  'description',
  'extends',
  'builder',
  'parameters',
  'directories',
  'files',
  'links',
  'users',
  'groups',
  'units',
  'copy',
  'trees',
  'packages',
  'run',
] as const

/** @throws VpsError INVALID_TEMPLATE (exit 2) with every problem of the file, each with line and column */
export function parseTemplate(text: string, file: string): TemplateFile {
  const reader = new TemplateReader(text, file)
  reader.finish() // of a text that is no YAML nothing more can be said
  const fields = known(reader, reader.root, 'a template', KEYS)
  const units = known(reader, fields.get('units'), 'units', ['mask', 'enable'])
  const template: TemplateFile = {
    description: optional(fields.get('description'), node => reader.string(node, 'description')),
    extends: optional(fields.get('extends'), node => reader.string(node, 'extends')),
    builder: optional(fields.get('builder'), node => oneOf(reader, node, 'builder', BUILDERS)),
    parameters: readParameters(reader, fields.get('parameters')),
    directories: overlay(reader, fields.get('directories'), 'directories', readDirectory, isPath),
    files: overlay(reader, fields.get('files'), 'files', readFile, isPath),
    links: overlay(reader, fields.get('links'), 'links', readText, isPath),
    users: overlay(reader, fields.get('users'), 'users', readUser, isAccount),
    groups: overlay(reader, fields.get('groups'), 'groups', readGroup, isAccount),
    mask: overlay(reader, units.get('mask'), 'units.mask', readText, isUnit),
    enable: overlay(reader, units.get('enable'), 'units.enable', readUnit, isUnit),
    copy: texts(reader, fields.get('copy'), 'copy', isPath),
    trees: texts(reader, fields.get('trees'), 'trees', isPath),
    packages: texts(reader, fields.get('packages'), 'packages', isPackage),
    run: texts(reader, fields.get('run'), 'run', () => undefined),
  }
  if (!fields.has('builder') && !fields.has('extends'))
    reader.problem(reader.root, 'a template needs builder: or extends:')
  reader.finish()
  return template
}

type Check = (text: string) => string | undefined

const isPath: Check = text =>
  /^(\/[^/\0]+)+$/.test(text) && !text.split('/').some(part => part === '..' || part === '.')
    ? undefined
    : 'must be an absolute path without . and ..'
const isAccount: Check = text =>
  /^[a-z_][a-z0-9_-]{0,31}$/.test(text) ? undefined : 'is not an account name'
const isUnit: Check = text =>
  /^[\w@:.\\-]+\.(service|socket|target|mount|automount|timer|path|device|swap|slice)$/.test(text)
    ? undefined
    : 'is not the name of a systemd unit'
const isPackage: Check = text =>
  /^[a-z0-9][a-z0-9+.:-]*(=[\w.+:~-]+|\/[\w-]+)?$/.test(text) ? undefined : 'is not the name of a package'

function known(
  reader: TemplateReader,
  node: Node | undefined,
  what: string,
  keys: readonly string[],
): Map<string, Node> {
  const found = new Map<string, Node>()
  for (const {key, keyNode, value} of reader.fields(node, what)) {
    if (!keys.includes(key)) reader.problem(keyNode, `unknown key ${key} in ${what}${didYouMean(key, keys)}`)
    else if (value !== undefined) found.set(key, value)
  }
  return found
}

function overlay<Value>(
  reader: TemplateReader,
  node: Node | undefined,
  what: string,
  read: (reader: TemplateReader, field: Field, what: string) => Value | null | undefined,
  check: Check,
): Overlay<Value> {
  const found: Record<string, Value | null> = {}
  for (const field of reader.fields(node, what)) {
    const wrong = check(field.key)
    if (wrong !== undefined) {
      reader.problem(field.keyNode, `${field.key} ${wrong}`)
      continue
    }
    const value = read(reader, field, `${what}: ${field.key}`)
    if (value !== undefined) found[field.key] = value
  }
  return found
}

/** `/path:` alone, or `/path: {mode: 0700, owner: root:adm}`. `false` takes an inherited one away. */
function readDirectory(reader: TemplateReader, {value}: Field, what: string): Owned | null {
  if (reader.plain(value) === false) return null
  return readOwned(reader, known(reader, value, what, ['mode', 'owner']), what, 0o755)
}

/** `/path: text`, or `/path: {content: text, mode: 0600, owner: root:adm}`. */
function readFile(reader: TemplateReader, {value}: Field, what: string): FileSpec | null | undefined {
  if (reader.isNull(value)) return null
  const plain = reader.plain(value)
  if (typeof plain === 'string') return {content: plain, mode: 0o644, user: 'root', group: 'root'}
  const fields = known(reader, value, what, ['content', 'mode', 'owner'])
  const content = optional(fields.get('content'), node => reader.string(node, `${what}: content`)) ?? ''
  return {content, ...readOwned(reader, fields, what, 0o644)}
}

function readOwned(reader: TemplateReader, fields: Map<string, Node>, what: string, mode: number): Owned {
  const owner = optional(fields.get('owner'), node => reader.string(node, `${what}: owner`)) ?? 'root:root'
  if (!/^[a-z0-9_-]+(:[a-z0-9_-]+)?$/.test(owner))
    reader.problem(fields.get('owner'), `${what}: owner must be USER or USER:GROUP`)
  const [user = 'root', group = user] = owner.split(':')
  return {mode: optional(fields.get('mode'), node => reader.mode(node, `${what}: mode`)) ?? mode, user, group}
}

function readText(reader: TemplateReader, {value}: Field, what: string): string | null | undefined {
  return reader.isNull(value) ? null : reader.string(value, what)
}

function readUnit(reader: TemplateReader, field: Field, what: string): string | null | undefined {
  const unit = readText(reader, field, what)
  if (typeof unit === 'string' && isUnit(unit) !== undefined)
    reader.problem(field.value, `${unit} ${isUnit(unit)}`)
  return unit
}

/** `NAME: ID` is a short form of `NAME: {id: ID}`. */
function readUser(reader: TemplateReader, {key, value}: Field, what: string): UserSpec | null | undefined {
  if (reader.plain(value) === false) return null
  const fields = known(reader, value, what, ['id', 'group', 'gecos', 'home', 'shell'])
  const text = (name: string): string | undefined => {
    const found = optional(fields.get(name), node => reader.string(node, `${what}: ${name}`))
    if (found !== undefined && /[:\n]/.test(found))
      reader.problem(fields.get(name), `${what}: ${name} must not have a colon or a line end in it`)
    return found
  }
  return {
    id: optional(fields.get('id'), node => accountId(reader, node, what)),
    group: text('group') ?? key,
    gecos: text('gecos') ?? key,
    home: text('home') ?? '/nonexistent',
    shell: text('shell') ?? '/usr/sbin/nologin',
  }
}

function readGroup(reader: TemplateReader, {value}: Field, what: string): GroupSpec | null | undefined {
  const plain = reader.plain(value)
  if (plain === false) return null
  if (typeof plain === 'number') return {id: accountId(reader, value, what), members: []}
  const fields = known(reader, value, what, ['id', 'members'])
  return {
    id: optional(fields.get('id'), node => accountId(reader, node, what)),
    members: texts(reader, fields.get('members'), `${what}: members`, isAccount),
  }
}

function accountId(reader: TemplateReader, node: Node | undefined, what: string): number | undefined {
  const id = reader.integer(node, `${what}: id`)
  if (id === undefined || (id >= 0 && id <= 65_534)) return id
  reader.problem(node, `${what}: id must be 0 to 65534`)
  return undefined
}

function readParameters(
  reader: TemplateReader,
  node: Node | undefined,
): Record<string, Partial<ParameterSpec>> {
  const found: Record<string, Partial<ParameterSpec>> = {}
  for (const {key, keyNode, value} of reader.fields(node, 'parameters')) {
    if (key === 'name' || !/^[a-z][a-zA-Z0-9]*$/.test(key)) {
      reader.problem(keyNode, `${key} can not be the name of a parameter`)
      continue
    }
    found[key] = readParameter(reader, value, `parameters: ${key}`)
  }
  return found
}

function readParameter(reader: TemplateReader, node: Node | undefined, what: string): Partial<ParameterSpec> {
  const fields = known(reader, node, what, ['type', 'default', 'description', 'pattern', 'choices'])
  const type = optional(fields.get('type'), value => oneOf(reader, value, `${what}: type`, TYPES))
  const description = optional(fields.get('description'), value =>
    reader.string(value, `${what}: description`),
  )
  const pattern = optional(fields.get('pattern'), value => readPattern(reader, value, `${what}: pattern`))
  const choices = fields.has('choices')
    ? texts(reader, fields.get('choices'), `${what}: choices`, () => undefined)
    : undefined
  return {
    ...(type === undefined ? {} : {type}),
    ...(description === undefined ? {} : {description}),
    ...(pattern === undefined ? {} : {pattern}),
    ...(choices === undefined ? {} : {choices}),
    ...(fields.has('default') ? {default: reader.plain(fields.get('default'))} : {}),
  }
}

function readPattern(reader: TemplateReader, node: Node, what: string): string | undefined {
  const pattern = reader.string(node, what)
  try {
    if (pattern !== undefined) new RegExp(pattern)
    return pattern
  } catch {
    reader.problem(node, `${what} is not a regular expression`)
    return undefined
  }
}

function texts(reader: TemplateReader, node: Node | undefined, what: string, check: Check): string[] {
  return reader.items(node, what).flatMap(item => {
    const text = reader.string(item, what)
    const wrong = text === undefined ? undefined : check(text)
    if (wrong !== undefined) reader.problem(item, `${what}: ${text} ${wrong}`)
    return text === undefined ? [] : [text]
  })
}

function oneOf<Word extends string>(
  reader: TemplateReader,
  node: Node,
  what: string,
  words: readonly Word[],
): Word | undefined {
  const text = reader.string(node, what)
  const word = words.find(candidate => candidate === text)
  if (text !== undefined && word === undefined)
    reader.problem(node, `${what} must be one of ${words.join(', ')}${didYouMean(text, words)}`)
  return word
}

function optional<Value>(node: Node | undefined, read: (node: Node) => Value): Value | undefined {
  return node === undefined ? undefined : read(node)
}
