import {isUtf8} from 'node:buffer'
import {open} from 'node:fs/promises'
import {basename} from 'node:path'
import {ExitCode, VpsError} from '../errors.ts'
import {defaultsOf} from './defaults.ts'
import {MAX_TEXT, originOf, originOfValue, parseSource, type Source} from './document.ts'
import {nameComplaint} from './names.ts'
import {type Origin, type Path, type Problem, renderProblems} from './problems.ts'
import {MAX_PROBLEMS, Reader} from './read.ts'
import {type Definition, definitionSchema} from './schema.ts'
import {SENSE} from './sense/index.ts'
import {count} from './words.ts'

/** A definition as it was read: never half of one. With errors among the problems it is not to be used: `requireValid`. */
export interface Loaded {
  readonly definition: Definition
  readonly file: string
  /** The text it was read from, for `renderProblems` and `editDefinition`. */
  readonly text: string
  /** All of them, in the order of the file. */
  readonly problems: readonly Problem[]
  /** Where a key stands, or the nearest place around it when it is a default. */
  origin(path: Path): Origin
}

export interface ParseOptions {
  /** How messages name the text; a file `NAME.yaml` also says what the server must be called. */
  readonly file: string
  /** What the server must be called, if not after the file. */
  readonly name?: string
  /** Directories no server may be shown; by default the three trees of a host without VPS_ROOT. */
  readonly reserved?: readonly string[]
}

const TREES = ['/etc/vps', '/var/lib/vps', '/run/vps']

/** Reads a definition from YAML. Never throws on bad input: what is wrong is in `problems`. */
export function parseDefinition(text: string, options: ParseOptions): Loaded {
  const clean = text.replace(/^\ufeff/, '')
  const {source, problems} = parseSource(clean, options.file)
  const expectedName = options.name ?? nameOfFile(options.file)
  const read =
    problems.length > 0 ? {definition: defaults(), problems} : readSource(source, expectedName, options)
  return {
    definition: withNames(read.definition, expectedName),
    file: options.file,
    text: clean,
    problems: read.problems.toSorted(byPlace),
    origin: path => {
      const {length: _, ...origin} = originOf(source, path)
      return origin
    },
  }
}

function readSource(
  source: Source,
  expectedName: string | undefined,
  options: ParseOptions,
): {definition: Definition; problems: Problem[]} {
  const reader = new Reader(source)
  const {contents} = source.document
  if (contents === null) {
    reader.report(null, [], 'the file holds no definition', 'write at least the template: template: debian')
    return {definition: defaults(), problems: reader.problems}
  }
  // The schema's types are those of Definition (ValueOf); the reader returns what the schema says.
  const definition = (reader.read(definitionSchema, contents, []) ?? defaults()) as Definition
  if (
    definition.name === '' &&
    expectedName === undefined &&
    reader.problems.every(({origin}) => origin.key !== 'name')
  ) {
    reader.report(null, ['name'], 'name is missing', 'for example name: web1')
  }
  const named = withNames(definition, expectedName)
  checkSense(named, source, reader.problems, expectedName, options)
  return {definition: named, problems: reader.problems}
}

function checkSense(
  definition: Definition,
  source: Source,
  problems: Problem[],
  expectedName: string | undefined,
  options: ParseOptions,
): void {
  const written = (path: Path) => source.document.hasIn(path)
  for (const rule of SENSE) {
    rule({
      definition,
      expectedName,
      isNameOfFile: options.name === undefined,
      reserved: options.reserved ?? TREES,
      written,
      report: (grade, path, message, suggestion) => {
        if (problems.length >= MAX_PROBLEMS) return
        const {length, ...origin} = originOfValue(source, path)
        problems.push({grade, message, origin, length, ...(suggestion ? {suggestion} : {})})
      },
    })
  }
}

function defaults(): Definition {
  return defaultsOf(definitionSchema) as Definition
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

function byPlace(a: Problem, b: Problem): number {
  return a.origin.line - b.origin.line || a.origin.column - b.origin.column
}

/**
 * Reads a definition from a file.
 * @throws VpsError UNREADABLE_DEFINITION (exit 1) when the file cannot be read; bad contents are problems instead
 */
export async function loadDefinition(
  file: string,
  options: Omit<ParseOptions, 'file'> = {},
): Promise<Loaded> {
  const bytes = await readBounded(file)
  const text = bytes.toString('utf8')
  const loaded = parseDefinition(text, {file, ...options})
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
  return {...loaded, problems: [...loaded.problems, problem].toSorted(byPlace)}
}

/** The error of a definition that cannot be used; `problems` for programs, the message for people. */
export class InvalidDefinition extends VpsError {
  readonly problems: readonly Problem[]

  constructor(loaded: Loaded) {
    const errors = loaded.problems.filter(({grade}) => grade === 'error')
    const rendered = renderProblems(errors, loaded.text)
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
