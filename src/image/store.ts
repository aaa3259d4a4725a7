import {createHash} from 'node:crypto'
import {existsSync, readFileSync, statSync} from 'node:fs'
import {readdir, readFile, rename} from 'node:fs/promises'
import {join} from 'node:path'
import process from 'node:process'
import {ExitCode, VpsError} from '../errors.ts'
import {
  errno,
  type HostPaths,
  ifMissing,
  lockFile,
  makeDirectory,
  renameDurable,
  requirePrivilege,
  silent,
  throwIfAborted,
  writeError,
  writeFileAtomic,
} from '../host/index.ts'
import {didYouMean} from '../nearest.ts'
import type {Builder, BuildRequest, PreparedBuild} from './builder.ts'
import {finishRoot} from './finish.ts'
import {resolveParameters, substitute, textParameter} from './parameters.ts'
import {removeRoot} from './remove.ts'
import {loadTemplate} from './template.ts'
import type {BuilderName, ImageInfo, ImageOptions, TemplateChoice} from './types.ts'

/** Raised when builders change what they make of the same recipe: old images stay, new servers get new ones. */
const FORMAT = 1

const BUILDING = '.building-'
const REMOVING = '.removing-'

/** Part of an address that is shown and used in names. */
const SHORT = 12

/** `image.json`: what is known without looking at the disk. */
type Stored = Omit<ImageInfo, 'rootfs'>

interface Planned {
  readonly id: string
  readonly digest: string
  readonly request: BuildRequest
  readonly prepared: PreparedBuild
  /** Files it was made from, and their state at that time. */
  readonly inputs: readonly string[]
  readonly stamp: string
}

/**
 * The image of a template with these parameters, built now if there is none yet. Of several callers at once, in this process or in
 * others, one builds and the others wait.
 *
 * Who writes the image's id down (a server's record) asks `imageExists` after that: a removal may have been under way.
 * @throws VpsError INVALID_TEMPLATE, NO_SUCH_TEMPLATE, INVALID_PARAMETER (exit 2), BUILD_FAILED, NO_SPACE, or what the host lacks (exit 5)
 */
export async function ensureImage(template: TemplateChoice, options: ImageOptions): Promise<ImageInfo> {
  const planned = await planImage(template, options)
  return readImage(options.paths, planned.id) ?? (await buildLocked(planned, options, false))
}

/** Builds the image anew although there is one, for the newest packages. Refused (exit 4) while servers use it. */
export async function buildImage(template: TemplateChoice, options: ImageOptions): Promise<ImageInfo> {
  await requirePrivilege('build an image')
  return await buildLocked(await planImage(template, options), options, true)
}

/** All images, by id. */
export async function listImages(paths: HostPaths): Promise<ImageInfo[]> {
  const names = (await ifMissing(readdir(paths.images), [])).filter(name => !name.startsWith('.')).sort()
  const images = names.map(name => readImage(paths, name))
  return images.filter(image => image !== undefined)
}

/** @throws VpsError NO_SUCH_IMAGE */
export async function showImage(id: string, {paths}: ImageOptions): Promise<ImageInfo> {
  const image = /^[a-z0-9][a-z0-9-]*$/.test(id) ? readImage(paths, id) : undefined
  if (image !== undefined) return image
  const known = (await listImages(paths)).map(one => one.id)
  throw new VpsError('NO_SUCH_IMAGE', `there is no image ${JSON.stringify(id)}${didYouMean(id, known)}`, {
    suggestions: ['see the images with: vps image list'],
  })
}

/** Whether the image is there at this moment. */
export function imageExists(paths: HostPaths, id: string): boolean {
  return existsSync(imageFile(paths, id))
}

/**
 * Removes the image. @throws VpsError NO_SUCH_IMAGE, IMAGE_IN_USE (exit 4) naming the servers
 *
 * A server that is being created takes no lock of the image. Instead we move the image away first and look for users then; the
 * creator writes its record first and looks for the image then. So at least one of the two sees the other.
 */
export async function removeImage(id: string, options: ImageOptions): Promise<void> {
  const {paths} = options
  await requirePrivilege('remove an image')
  await showImage(id, options)
  await using lock = await lockImage(paths, id, 'remove image', options)
  await sweep(paths, id)
  await moveAway(paths, id)
  await sweep(paths, id)
  await lock.remove()
}

/** Names of the servers whose record names the image, those just being created included. */
export async function imageUsers(paths: HostPaths, id: string): Promise<string[]> {
  const names = await ifMissing(readdir(paths.servers), [])
  const users = await Promise.all(
    names.map(async name => {
      if (name.startsWith('.destroying-')) return []
      const record = await ifMissing(readFile(join(paths.servers, name, 'server.json'), 'utf8'), '')
      return namesImage(record, id) ? [name.replace(/^\.creating-/, '')] : []
    }),
  )
  return users.flat().sort()
}

/** How long a plan is believed. Many servers made at once, of one template, then read the host's facts once. */
const FRESH_MS = 1000
const recent = new Map<string, {readonly planned: Promise<Planned>; readonly until: number}>()

/** What image a template with these parameters leads to; changes nothing. */
export async function planImage(template: TemplateChoice, options: ImageOptions): Promise<Planned> {
  const now = performance.now()
  for (const [key, {until}] of recent) if (until < now) recent.delete(key)
  const key = canonical([template, options.paths.root, options.directory])
  const known = await recent.get(key)?.planned
  if (known !== undefined && stampOf(known.inputs) === known.stamp) return known
  const planned = planAnew(template, options)
  recent.set(key, {planned, until: now + FRESH_MS})
  planned.catch(() => recent.delete(key))
  return await planned
}

/** What identifies the state of these files. */
function stampOf(files: readonly string[]): string {
  return files.map(stampOfFile).join(',')
}

function stampOfFile(file: string): string {
  try {
    const {dev, ino, size, mtimeNs, ctimeNs} = statSync(file, {bigint: true})
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch {
    return 'none' // whoever needs the file says so
  }
}

/** The files that a plan was made from: templates, and what parameters name. */
function inputsOf({recipe, parameters}: BuildRequest): string[] {
  const named = Object.entries(recipe.parameters)
    .filter(([, spec]) => spec.type === 'file')
    .map(([key]) => textParameter(parameters, key) ?? '')
  return [...recipe.sources, ...named]
}

async function planAnew(template: TemplateChoice, options: ImageOptions): Promise<Planned> {
  const raw = await loadTemplate(template.name, options.paths)
  const parameters = resolveParameters(raw, template, options.directory)
  const recipe = substitute(raw, parameters)
  const request: BuildRequest = {recipe, parameters}
  const inputs = inputsOf(request)
  const stamp = stampOf(inputs)
  const builder = await loadBuilder(recipe.builder)
  const prepared = await builder.prepare(request)
  const digest = addressOf(request, prepared)
  return {id: `${template.name}-${digest.slice(0, SHORT)}`, digest, request, prepared, inputs, stamp}
}

async function buildLocked(planned: Planned, options: ImageOptions, anew: boolean): Promise<ImageInfo> {
  const {paths} = options
  await makeDirectory(paths.images, 0o700)
  await using lock = await lockImage(paths, planned.id, 'build image', options)
  await sweep(paths)
  await sweep(paths, planned.id)
  const existing = readImage(paths, planned.id)
  if (existing !== undefined && !anew) return existing
  if (existing !== undefined) await refuseIfUsed(paths, planned.id)
  await build(planned, options)
  await lock.remove()
  const image = readImage(paths, planned.id)
  if (image === undefined)
    throw new VpsError('BUILD_FAILED', `image ${planned.id} is gone right after its build`)
  return image
}

async function build(planned: Planned, {paths, progress = silent, signal}: ImageOptions): Promise<void> {
  const {id, prepared, request, digest} = planned
  const directory = join(paths.images, `${BUILDING}${id}-${process.pid}`)
  await using undo = new AsyncDisposableStack()
  undo.defer(async () => await removeRoot(directory))
  const rootfs = join(directory, 'rootfs')
  const scratch = join(directory, 'scratch')
  await makeDirectory(directory, 0o700)
  await makeDirectory(rootfs)
  await makeDirectory(scratch, 0o700)
  progress(`building image ${id}`)
  try {
    await prepared.build({rootfs, scratch, progress, signal})
    throwIfAborted(signal, `build image ${id}`)
  } catch (error) {
    throwIfAborted(signal, `build image ${id}`)
    throw await buildError(request.recipe.name, rootfs, error)
  }
  await removeRoot(scratch)
  const {init, sizeBytes} = await finishRoot(rootfs, prepared, progress)
  const stored: Stored = {
    id,
    template: request.recipe.name,
    parameters: request.parameters,
    hostTrees: prepared.hostTrees,
    init,
    sizeBytes,
    created: new Date().toISOString(),
    digest,
  }
  await writeFileAtomic(join(directory, 'image.json'), `${JSON.stringify(stored, null, 2)}\n`)
  if (imageExists(paths, id)) await moveAway(paths, id) // built anew
  await renameDurable(directory, join(paths.images, id))
  undo.move()
  await sweep(paths, id)
}

async function buildError(template: string, rootfs: string, error: unknown): Promise<unknown> {
  if (error instanceof VpsError) return error
  const written = await writeError(rootfs, error)
  if (written.code === 'NO_SPACE' || written.code === 'READ_ONLY') return written
  return new VpsError('BUILD_FAILED', `cannot build an image from template ${template}`, {cause: error})
}

async function refuseIfUsed(paths: HostPaths, id: string): Promise<void> {
  const users = await imageUsers(paths, id)
  if (users.length === 0) return
  const servers = users.length === 1 ? `server ${users[0]} uses` : `servers ${users.join(', ')} use`
  throw new VpsError('IMAGE_IN_USE', `image ${id} can not be removed: ${servers} it`, {
    exitCode: ExitCode.wrongState,
    suggestions: [`destroy ${users.length === 1 ? 'that server' : 'those servers'} first`],
  })
}

/** Renames the image to a name that `sweep` removes, unless a server uses it. Its lock is held. */
async function moveAway(paths: HostPaths, id: string): Promise<void> {
  await refuseIfUsed(paths, id)
  const from = join(paths.images, id)
  const to = join(paths.images, `${REMOVING}${id}-${process.pid}`)
  await rename(from, to)
  try {
    await refuseIfUsed(paths, id)
  } catch (error) {
    await renameDurable(to, from)
    throw error
  }
}

/**
 * Removes what builds and removals left that were killed: of the image `id`, whose lock the caller holds, or of all images
 * that nobody is at work on now.
 */
async function sweep(paths: HostPaths, id?: string): Promise<void> {
  for (const name of await ifMissing(readdir(paths.images), [])) {
    const owner = /^\.(?:building|removing)-(.+)-(\d+)$/.exec(name)
    if (owner === null || (id !== undefined && owner[1] !== id)) continue
    if (id === undefined && isAlive(Number(owner[2]))) continue
    await rescue(paths, owner[1] ?? '', name)
  }
}

/** A removal that was killed between its rename and its second look may have taken a server's image. */
async function rescue(paths: HostPaths, id: string, name: string): Promise<void> {
  const from = join(paths.images, name)
  if (name.startsWith(REMOVING) && !imageExists(paths, id) && (await imageUsers(paths, id)).length > 0)
    await renameDurable(from, join(paths.images, id))
  else await removeRoot(from)
}

/** Whether a process with this id runs; it may be another than the one meant, which only delays the sweep. */
function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}

async function lockImage(
  paths: HostPaths,
  id: string,
  verb: string,
  {progress, signal}: Pick<ImageOptions, 'progress' | 'signal'>,
): ReturnType<typeof lockFile> {
  return await lockFile(join(paths.locks, `image-${id}.lock`), {verb, progress, signal, what: `image ${id}`})
}

interface Read {
  readonly stamp: string
  readonly image: ImageInfo
}

/** What was read of images, by their files. */
const readOnce = new Map<string, Read>()

function readImage(paths: HostPaths, id: string): ImageInfo | undefined {
  const file = imageFile(paths, id)
  const stamp = stampOfFile(file)
  const last = readOnce.get(file)
  if (last?.stamp === stamp) return last.image
  readOnce.delete(file)
  const image = readImageNow(paths, id)
  if (image !== undefined) readOnce.set(file, {stamp, image})
  return image
}

function readImageNow(paths: HostPaths, id: string): ImageInfo | undefined {
  let text: string
  try {
    text = readFileSync(imageFile(paths, id), 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errno(error) ?? '')) return undefined
    throw error
  }
  try {
    const stored = JSON.parse(text) as Stored
    return {...stored, rootfs: join(paths.images, id, 'rootfs')}
  } catch (error) {
    throw new VpsError('BROKEN_IMAGE', `${imageFile(paths, id)} is damaged`, {
      cause: error,
      suggestions: [`remove ${join(paths.images, id)} and build the image again`],
    })
  }
}

function imageFile(paths: HostPaths, id: string): string {
  return join(paths.images, id, 'image.json')
}

function namesImage(record: string, id: string): boolean {
  try {
    const {image} = JSON.parse(record) as {image?: unknown}
    return image === id || (typeof image === 'object' && image !== null && 'id' in image && image.id === id)
  } catch {
    return record.includes(`"${id}"`) // a record cut short: rather keep the image
  }
}

async function loadBuilder(name: BuilderName): Promise<Builder> {
  switch (name) {
    case 'host':
      return (await import('./host.ts')).hostBuilder
    case 'busybox':
      return (await import('./busybox.ts')).busyboxBuilder
    case 'mmdebstrap':
      return (await import('./debian.ts')).debianBuilder
    case 'tarball':
      return (await import('./tarball.ts')).tarballBuilder
  }
}

/** Of a parameter that is a file its content counts, which is among the facts, not its name. */
function addressOf({recipe, parameters}: BuildRequest, {facts}: PreparedBuild): string {
  const {description: _, file: __, sources: ___, parameters: specs, ...content} = recipe
  const values = Object.entries(parameters).filter(([key]) => specs[key]?.type !== 'file')
  const what = canonical({format: FORMAT, content, parameters: Object.fromEntries(values), facts})
  return createHash('sha256').update(what).digest('hex')
}

/** JSON that does not depend on the order of keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
