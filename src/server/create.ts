import {existsSync, readFileSync} from 'node:fs'
import {readFile, rm} from 'node:fs/promises'
import {dirname, resolve} from 'node:path'
import {editDefinition, type Loaded, parseDefinition, requireValid} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {
  type HostPaths,
  releaseIdSlot,
  serverPaths,
  stageDefinition,
  storagePaths,
  takeIdSlot,
  throwIfAborted,
  writeError,
} from '../host/index.ts'
import {ensureImage, imageExists} from '../image/index.ts'
import {durably} from '../native/index.ts'
import {claimAddresses} from '../network/index.ts'
import {makeStorage, removeStorage} from '../storage/index.ts'
import type {Assignment} from './change.ts'
import {happened} from './happened.ts'
import {type HistoryOrigin, recordHistory} from './history.ts'
import {creatingPath} from './journal.ts'
import {parseOptions} from './parse-options.ts'
import {type GeneratedPassword, provisionFiles} from './provision/index.ts'
import {newRecord, writeNewRecord} from './record.ts'
import {wrongState} from './session.ts'
import type {Context} from './types.ts'

/** What the definition of a new server is made from: a text, a file or a template's name, and changes to that. */
export interface CreateSource {
  readonly definitionText?: string | undefined
  readonly file?: string | undefined
  readonly template?: string | undefined
  readonly set?: readonly Assignment[] | undefined
  /** The fleet that the server belongs to. */
  readonly fleet?: string | undefined
}

/** For callers that know what the text says, as they wrote it. */
export interface WrittenSource extends CreateSource {
  /** What `definitionText` is read as once it stands in `file`; undefined: it has to be read. */
  readonly loadedAt?: ((file: string) => Loaded | undefined) | undefined
}

interface Draft {
  readonly loaded: Loaded
  /** To be written as the server's definition; `undefined` when it is there already. */
  readonly text: string | undefined
  /** What relative paths in the definition are relative to. */
  readonly directory: string
}

/**
 * Makes the server `name`, under its lock: its storage, its id range, its definition, and what that says is set up in it.
 * @returns passwords that were made for its users; its definition as it was read, if that was done where it stands now
 */
export async function create(
  context: Context,
  name: string,
  {fleet, loadedAt, ...source}: WrittenSource,
  origin: HistoryOrigin = {},
): Promise<{readonly generated: GeneratedPassword[]; readonly loaded: Loaded | undefined}> {
  const {paths, config, progress, signal} = context
  const off = () => throwIfAborted(signal, `create ${name}`)
  const files = serverPaths(paths, name)
  if (existsSync(files.storage))
    throw wrongState(`server ${name} exists already`, `see it with \`vps show ${name}\``)
  const known = existsSync(files.definition) ? undefined : loadedAt?.(files.definition)
  const draft = known === undefined ? await draftDefinition(paths, name, source) : draftOf(known)
  const image = await ensureImage(draft.loaded.definition.template, {
    paths,
    progress,
    signal,
    directory: draft.directory,
  })
  off()

  await using undo = new AsyncDisposableStack() // runs unless moved: undone on any failure
  const journal = creatingPath(paths, name)
  undo.defer(async () => await removeStorage(journal))
  await makeStorage(journal)
  const slot = undo.adopt(await takeIdSlot(paths, config, name), taken => releaseIdSlot(paths, taken, name))
  await writeNewRecord(journal, newRecord(slot, image.id, fleet))
  if (!imageExists(paths, image.id))
    // removed by another command before our record said that we need it
    throw new VpsError('IMAGE_GONE', `image ${image.id} was just removed`, {suggestions: ['try again']})
  const claim = await claimAddresses(context, {name, storage: journal, loaded: draft.loaded}, false)
  undo.defer(claim.undo)
  off()
  await claim.settle()
  // What is below commits what was written, and the state of it.
  const generated = await provisionFiles({
    storage: journal,
    image,
    definition: draft.loaded.definition,
    isNew: true,
  })
  await commit(context, name, draft.text, claim.grants.length > 0)
  undo.move()
  for (const password of generated) context.onPassword?.(name, password)
  const file = draft.text === undefined ? files.definition : source.file
  recordHistory(context, name, {
    verb: 'create',
    text: draft.text ?? draft.loaded.text,
    ...(file !== undefined && {source: resolve(file)}),
    ...origin,
  })
  happened(context, 'created', name, {template: draft.loaded.definition.template.name})
  return {generated, loaded: draft.loaded.file === files.definition ? draft.loaded : undefined}
}

/**
 * All of the new server is there but its definition, and nothing of it is durable: once that is, the last rename makes it a server. See
 * docs/decisions/0007-many-at-once.md
 * @param text to be written as its definition, unless that is there
 */
async function commit(
  {paths}: Context,
  name: string,
  text: string | undefined,
  hasAddresses: boolean,
): Promise<void> {
  const {definition, storage} = serverPaths(paths, name)
  const journal = creatingPath(paths, name)
  const staged = text === undefined ? undefined : await stageDefinition(definition, text)
  const changed = [journal, paths.servers, paths.ids, paths.definitions]
  try {
    await durably([
      [storagePaths(journal).record],
      ...(staged === undefined ? [] : ([[staged], [staged, definition]] as const)),
      ...[...changed, ...(hasAddresses ? [paths.addresses] : [])].map(path => [path] as const),
      [journal, storage],
      [paths.servers],
    ])
  } catch (error) {
    for (const file of staged === undefined ? [] : [staged, definition]) await rm(file, {force: true})
    throw await writeError(storage, error)
  }
}

function draftOf(loaded: Loaded): Draft {
  return {loaded, text: loaded.text, directory: dirname(loaded.file)}
}

async function draftDefinition(paths: HostPaths, name: string, source: CreateSource): Promise<Draft> {
  const {definition: target} = serverPaths(paths, name)
  const present = presentDefinition(target)
  if (present === undefined) return await newDefinition(paths, name, source)
  if (
    Object.values(source).some(value => value !== undefined && !(Array.isArray(value) && value.length === 0))
  )
    throw wrongState(
      `there is a definition of ${name} already: ${target}`,
      `create the server from it with \`vps create ${name}\` alone, or remove the file`,
    )
  const loaded = parseDefinition(present, {file: target, name, ...parseOptions(paths)})
  requireValid(loaded)
  return {loaded, text: undefined, directory: dirname(target)}
}

function presentDefinition(file: string): string | undefined {
  if (!existsSync(file)) return undefined
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw cannotRead(file, error)
  }
}

async function newDefinition(paths: HostPaths, name: string, source: CreateSource): Promise<Draft> {
  const {text: original, file} = await sourceText(serverPaths(paths, name).definition, name, source)
  const options = {file, name, ...parseOptions(paths)}
  const read = parseDefinition(original, options)
  const changes = [...nameChange(read, name), ...(source.set ?? [])]
  const text = changes.length === 0 ? original : editDefinition(original, changes).text
  const loaded = changes.length === 0 ? read : parseDefinition(text, options)
  requireValid(loaded)
  return {loaded, text, directory: dirname(file)}
}

async function sourceText(
  target: string,
  name: string,
  {definitionText, file, template, set}: CreateSource,
): Promise<{text: string; file: string}> {
  if ([definitionText, file, template].filter(value => value !== undefined).length > 1)
    throw new VpsError('WRONG_USE', 'give a definition or a template, not both', {
      exitCode: ExitCode.wrongUse,
    })
  if (definitionText !== undefined) return {text: definitionText, file: target}
  if (file === undefined) {
    // A profile may have a template: one that nobody asked for would win over it.
    const profiled = template === undefined && set?.some(({path}) => path.startsWith('profiles'))
    const line = profiled ? '' : `template: ${template ?? 'host'}\n`
    return {text: `name: ${name}\n${line}`, file: target}
  }
  try {
    return {text: await readFile(file, 'utf8'), file: resolve(file)}
  } catch (error) {
    throw cannotRead(file, error)
  }
}

function cannotRead(file: string, error: unknown): VpsError {
  return new VpsError('CANNOT_READ', `cannot read ${file}`, {cause: error, exitCode: ExitCode.wrongUse})
}

/** The name that was asked for wins over the one in the text, so that one file can make many servers. */
function nameChange({definition}: Loaded, name: string): Assignment[] {
  return definition.name === name ? [] : [{path: 'name', value: name}]
}
