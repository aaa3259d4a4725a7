import {isUtf8} from 'node:buffer'
import {open} from 'node:fs/promises'
import {basename} from 'node:path'
import {ExitCode, VpsError} from '../errors.ts'
import {defaultsOf} from './defaults.ts'
import {
  isThere,
  MAX_TEXT,
  originOf,
  originOfValue,
  parseSource,
  provenanceAt,
  type Source,
} from './document.ts'
import {type Commons, complete, isWritten, type Layer, mergeLayers, ownerOf, type Values} from './layers.ts'
import {nameComplaint} from './names.ts'
import {link as linkSchema} from './network-keys.ts'
import {keyText, type Origin, type Path, type Problem, renderProblems} from './problems.ts'
import {type ProfileLookup, profileLayers, profilesIn} from './profiles.ts'
import {MAX_PROBLEMS, type Missing, Reader} from './read.ts'
import {type Definition, definitionSchema, type Link} from './schema.ts'
import {SENSE} from './sense/index.ts'
import {count} from './words.ts'

/** A definition as it was read: never half of one. With errors among the problems it is not to be used: `requireValid`. */
export interface Loaded {
  /** What counts: profiles, the file and defaults together. */
  readonly definition: Definition
  readonly file: string
  /** The text it was read from, for `editDefinition`. */
  readonly text: string
  /** The texts of the file and of its profiles by their files, for `renderProblems`. */
  readonly texts: ReadonlyMap<string, string>
  /** All of them, in the order of the file, then those in profiles. */
  readonly problems: readonly Problem[]
  /** Where a key stands, perhaps in a profile, or the nearest place around it when it is a default. */
  origin(path: Path): Origin
  /** Whether a key is written anywhere, as opposed to being a default. */
  written(path: Path): boolean
}

export interface ParseOptions {
  /** How messages name the text; a file `NAME.yaml` also says what the server must be called. */
  readonly file: string
  /** What the server must be called, if not after the file. */
  readonly name?: string
  /** Directories no server may be shown; by default the three trees of a host without VPS_ROOT. */
  readonly reserved?: readonly string[]
  /** Finds the profiles that the definition names (`profilesIn`); without it there are none. */
  readonly profiles?: ProfileLookup
}

const TREES = ['/etc/vps', '/var/lib/vps', '/run/vps']

/** Reads a definition from YAML. Never throws on bad input: what is wrong is in `problems`. */
export function parseDefinition(text: string, options: ParseOptions): Loaded {
  const clean = text.replace(/^\ufeff/, '')
  const {source, problems} = parseSource(clean, options.file)
  const expectedName = options.name ?? nameOfFile(options.file)
  const {definition, layers, ...read} =
    problems.length > 0
      ? {definition: defaults(), layers: [{source, values: {}}], problems}
      : readSource(source, expectedName, options)
  const sources = [source, ...layers.map(layer => layer.source)]
  return {
    definition: withNames(definition, expectedName),
    file: options.file,
    text: clean,
    texts: new Map(sources.map(one => [one.file, one.text])),
    problems: inOrder(read.problems, [...new Set(sources.map(({file}) => file))]),
    origin: path => {
      const {length: _, ...origin} = originOf(sourceAt(layers, path) ?? source, path)
      return origin
    },
    written: path => ownerOf(definitionSchema, layers, path).written,
  }
}

interface Parsed {
  readonly definition: Definition
  readonly layers: readonly Layer[]
  readonly problems: Problem[]
}

function readSource(source: Source, expectedName: string | undefined, options: ParseOptions): Parsed {
  const reader = new Reader(source)
  const {contents} = source.document
  if (contents === null) {
    reader.report(null, [], 'the file holds no definition', 'write at least the template: template: debian')
    return {definition: defaults(), layers: [{source, values: {}}], problems: reader.problems}
  }
  const values = (reader.read(definitionSchema, contents, []) ?? {}) as Values
  const profiles = profileLayers((values.profiles ?? []) as string[], source, options.profiles)
  const layers = [...profiles.layers, {source, values}]
  const merged = mergeLayers(definitionSchema, layers)
  const problems = [
    ...reader.problems,
    ...profiles.problems,
    ...profiles.layers.flatMap(layer => layer.problems),
    ...stillMissing([...reader.missing, ...profiles.layers.flatMap(({missing}) => missing)], merged),
  ]
  const {definition, problems: senseless} = compose(layers, {
    ...options,
    expectedName,
    values: merged,
    found: problems,
  })
  return {definition, layers, problems: [...problems, ...senseless]}
}

/** How the layers of a definition become one. */
export interface ComposeOptions extends Pick<ParseOptions, 'name' | 'reserved'> {
  /** What the server must be called, if anything. */
  readonly expectedName: string | undefined
  /** The values of all layers in one. */
  readonly values: Values
  /** What is wrong with the layers, each by itself. */
  readonly found: readonly Problem[]
  /** For many definitions: what they share is made once, and frozen. */
  readonly commons?: Commons
}

/** The definition that layers make together, and what is wrong with the whole. */
export function compose(
  layers: readonly Layer[],
  options: ComposeOptions,
): {definition: Definition; problems: Problem[]} {
  const {expectedName, values, found} = options
  const problems: Problem[] = []
  const last = layers.at(-1)
  // The schema's types are those of Definition (ValueOf); the reader returns what the schema says.
  const definition = withLinks(
    complete(definitionSchema, values, options.commons) as Definition,
    values,
    options.commons,
  )
  if (
    last &&
    definition.name === '' &&
    expectedName === undefined &&
    found.every(({origin}) => origin.key !== 'name')
  ) {
    problems.push({
      grade: 'error',
      message: 'name is missing',
      suggestion: 'for example name: web1',
      origin: {...originOf(last.source, []), key: 'name'},
      length: 1,
    })
  }
  const named = withNames(definition, expectedName)
  checkSense(named, layers, problems, MAX_PROBLEMS - found.length, options)
  return {definition: named, problems}
}

/** What no layer has, each once. */
export function stillMissing(missing: readonly Missing[], merged: Values): Problem[] {
  const open = missing.filter(({path}) => !isWritten(merged, path))
  return [...new Map(open.map(({path, problem}) => [keyText(path), problem])).values()]
}

export function sourceAt(layers: readonly Layer[], path: Path): Source | undefined {
  return ownerOf(definitionSchema, layers, path).layer?.source
}

function checkSense(
  definition: Definition,
  layers: readonly Layer[],
  problems: Problem[],
  room: number,
  {expectedName, name, reserved}: ComposeOptions,
): void {
  for (const rule of SENSE) {
    rule({
      definition,
      expectedName,
      isNameOfFile: name === undefined,
      reserved: reserved ?? TREES,
      written: path => {
        const source = sourceAt(layers, path)
        return source !== undefined && isThere(source, path)
      },
      report: (grade, path, message, suggestion) => {
        const source = sourceAt(layers, path)
        if (problems.length >= room || source === undefined) return
        const {length, ...origin} = originOfValue(source, path)
        const from = provenanceAt(source, path)
        problems.push({
          grade,
          message,
          origin,
          length,
          ...(suggestion ? {suggestion} : {}),
          ...(from ? {from} : {}),
        })
      },
    })
  }
}

function defaults(): Definition {
  return withLinks(defaultsOf(definitionSchema) as Definition, {})
}

/** Until a server has links when nothing is said: it has them as soon as something is said of them. */
function modeOf({network}: Definition, written: Values): Definition['network']['mode'] {
  const isMeant = ['links', 'publish', 'firewall', 'connections', 'dns'].some(name =>
    isWritten(written, ['network', name]),
  )
  return isMeant && !isWritten(written, ['network', 'mode']) ? 'links' : network.mode
}

/** What of the links depends on others: that there is one, their names by their places, `auto` where it is possible. */
function withLinks(definition: Definition, written: Values, commons?: Commons): Definition {
  const network = {...definition.network, mode: modeOf(definition, written)}
  const isLeftOut = network.mode === 'links' && !isWritten(written, ['network', 'links'])
  const make = () => defaultsOf(linkSchema)
  const link = isLeftOut && ((commons ? commons.completed(linkSchema, make) : make()) as Link)
  const given = link ? [link] : network.links
  const links = given.map((link, index) => ({
    ...link,
    name: link.name || `eth${index}`,
    addresses: link.mode === 'routed' && link.addresses.length === 0 ? ['auto'] : link.addresses,
  }))
  return {...definition, network: {...network, links}}
}

/** The defaults that come from elsewhere: the name from the file, the host name from the name. */
function withNames(definition: Definition, expectedName: string | undefined): Definition {
  const name = definition.name || expectedName || ''
  // A name may end with a dash, a host name may not (RFC 1123).
  return {...definition, name, hostname: definition.hostname || name.replace(/-+$/, '')}
}

function nameOfFile(file: string): string | undefined {
  const stem = /^(.+)\.ya?ml$/.exec(basename(file))?.[1]
  return stem !== undefined && nameComplaint(stem) === undefined ? stem : undefined
}

/** By file, and in a file by place. */
function inOrder(problems: readonly Problem[], files: readonly string[]): Problem[] {
  const byPlace = (a: Problem, b: Problem) =>
    files.indexOf(a.origin.file) - files.indexOf(b.origin.file) ||
    a.origin.line - b.origin.line ||
    a.origin.column - b.origin.column
  return problems.toSorted(byPlace)
}

export interface LoadOptions extends Omit<ParseOptions, 'file' | 'profiles'> {
  /** The directory of the profiles that the definition may name. */
  readonly profiles?: string
}

/**
 * Reads a definition from a file, and the profiles it names.
 * @throws VpsError UNREADABLE_DEFINITION (exit 1) when the file cannot be read; bad contents are problems instead
 */
export async function loadDefinition(
  file: string,
  {profiles, ...options}: LoadOptions = {},
): Promise<Loaded> {
  const bytes = await readBounded(file)
  const text = bytes.toString('utf8')
  const lookup = profiles === undefined ? {} : {profiles: profilesIn(profiles)}
  const loaded = parseDefinition(text, {file, ...options, ...lookup})
  return text.includes('\ufffd') ? withEncoding(loaded, bytes) : loaded
}

/** Reads at most a little more than a definition may have, so that /dev/zero and a mistaken disk image end soon. */
async function readBounded(file: string): Promise<Buffer> {
  try {
    await using handle = await open(file, 'r')
    const chunks: Buffer[] = []
    let total = 0
    while (total <= 4 * MAX_TEXT) {
      const {bytesRead, buffer} = await handle.read(Buffer.alloc(65_536), 0, 65_536, null)
      if (bytesRead === 0) break
      chunks.push(buffer.subarray(0, bytesRead))
      total += bytesRead
    }
    return Buffer.concat(chunks)
  } catch (error) {
    throw new VpsError('UNREADABLE_DEFINITION', `cannot read ${file}`, {cause: error})
  }
}

function withEncoding(loaded: Loaded, bytes: Buffer): Loaded {
  const lines = bytes.toString('latin1').split('\n')
  const bad = lines.findIndex(line => !isUtf8(Buffer.from(line, 'latin1')))
  if (bad < 0) return loaded
  const message = 'this line is not UTF-8 text'
  const problem: Problem = {
    grade: 'error',
    message,
    origin: {file: loaded.file, line: bad + 1, column: 1, key: ''},
    suggestion: 'save the file as UTF-8',
  }
  return {...loaded, problems: inOrder([...loaded.problems, problem], [...loaded.texts.keys()])}
}

/** The error of a definition that cannot be used; `problems` for programs, the message for people. */
export class InvalidDefinition extends VpsError {
  readonly problems: readonly Problem[]

  constructor(loaded: Loaded) {
    const errors = loaded.problems.filter(({grade}) => grade === 'error')
    const rendered = renderProblems(errors, loaded.texts)
    super('INVALID_DEFINITION', `${loaded.file} has ${count(errors.length, 'error')}\n${rendered}`, {
      exitCode: ExitCode.wrongUse,
    })
    this.problems = loaded.problems
  }
}

/**
 * The definition, if it has no errors.
 * @throws InvalidDefinition (a VpsError INVALID_DEFINITION, exit 2) that lists every error with its place
 */
export function requireValid(loaded: Loaded): Definition {
  if (loaded.problems.some(({grade}) => grade === 'error')) throw new InvalidDefinition(loaded)
  return loaded.definition
}
