import {lstatSync, renameSync, statSync} from 'node:fs'
import {statfs} from 'node:fs/promises'
import {basename, dirname, join, resolve} from 'node:path'
import {errno, throwIfAborted, writeError} from '../../host/index.ts'
import type {Context} from '../types.ts'
import {type Ends, openEnds} from './ends.ts'
import {HostSink} from './host-sink.ts'
import {isOfSystem} from './inside.ts'
import {wrongPlace} from './places.ts'
import {readSource, type Source, splitSource} from './read.ts'
import {type ReceiveLimits, Receiver} from './receiver.ts'
import {openStaging} from './staging.ts'

/** What is copied from a server to the host. */
export interface CopyOutOptions {
  /** Files and directories of the server; from root's home, unless absolute. */
  readonly sources: readonly string[]
  /** On the host: a directory that takes them in, or the new name of the only one. */
  readonly target: string
  /** What all files together may have at most; default: 10 GiB, and in any case what the disk has, but for a twentieth. */
  readonly maxBytes?: number | undefined
  /** After so many milliseconds it is given up. Default: never. */
  readonly timeoutMs?: number | undefined
}

export interface CopyOutReport {
  readonly name: string
  /** What was made on the host, absolute. */
  readonly targets: readonly string[]
  /** Files, directories and links. */
  readonly entries: number
  /** Of all files together. */
  readonly bytes: number
}

/** What may come from a server unless it is told. */
export const MAX_BYTES = 10 * 1024 ** 3
export const MAX_ENTRIES = 1_000_000

/**
 * Copies files of the server `name` to the host. What comes is not trusted: see `Receiver`. It is put together beside the
 * target, and gets its name once it is whole; a file takes the place of one that is there, nothing else does.
 * @throws VpsError BAD_PLACE (exit 2); WRONG_STATE (exit 4); COPY_FAILED, BAD_ARCHIVE, TOO_LARGE, NO_SPACE, TIMED_OUT, ABORTED
 */
export async function copyOut(
  context: Context,
  name: string,
  options: CopyOutOptions,
): Promise<CopyOutReport> {
  throwIfAborted(context.signal, `copy from ${name}`)
  const sources = options.sources.map(splitSource)
  const {directory, names} = destination(
    options.target,
    sources.map(({base}) => base),
  )
  for (const target of names) refuseTaken(join(directory, target), false)
  await using ends = await openEnds(context, name)
  await using staging = await openStaging(directory)
  const limits = await limitsOf(staging.path, options.maxBytes ?? MAX_BYTES)
  const targets = names.map(target => join(directory, target))
  const sum = {entries: 0, bytes: 0}
  for (const [index, source] of sources.entries()) {
    const left = {entries: limits.entries - sum.entries, bytes: limits.bytes - sum.bytes}
    try {
      const {entries, bytes} = await receive(context, {
        name,
        ends,
        source,
        root: staging.path,
        limits: left,
        timeoutMs: options.timeoutMs,
      })
      sum.entries += entries
      sum.bytes += bytes
    } catch (error) {
      throw isOfSystem(error) ? await writeError(targets[index] ?? '', error) : error
    }
  }
  throwIfAborted(context.signal, `copy from ${name}`)
  for (const [index, {base}] of sources.entries()) place(join(staging.path, base), targets[index] ?? '')
  return {name, targets, ...sum}
}

/** Where things go, and what they are called there. */
function destination(
  target: string,
  bases: readonly string[],
): {directory: string; names: readonly string[]} {
  if (bases.length === 0) throw wrongPlace('nothing to copy is named')
  const path = resolve(target)
  if (isDirectory(path)) {
    const twice = bases.find((base, index) => bases.indexOf(base) !== index)
    if (twice !== undefined) throw wrongPlace(`two things would be copied to ${join(path, twice)}`)
    return {directory: path, names: bases}
  }
  if (bases.length > 1 || target.endsWith('/')) throw wrongPlace(`${path} is not a directory`)
  const directory = dirname(path)
  if (!isDirectory(directory))
    throw wrongPlace(`there is no directory ${directory}`, `make it: mkdir -p ${directory}`)
  return {directory, names: [basename(path)]}
}

function isDirectory(path: string): boolean {
  return statSync(path, {throwIfNoEntry: false})?.isDirectory() === true
}

/** Only a file makes room, and only for what is no directory: a device or a link is not to vanish under somebody's hands. */
function refuseTaken(path: string, byDirectory: boolean): void {
  const found = lstatSync(path, {throwIfNoEntry: false})
  if (found === undefined || (found.isFile() && !byDirectory)) return
  throw wrongPlace(`${path} is there already`, 'remove it first, or copy to another name')
}

async function limitsOf(path: string, bytes: number): Promise<ReceiveLimits> {
  const {bavail, blocks, bsize} = await statfs(path)
  const room = Math.max(0, (bavail - blocks / 20) * bsize)
  return {bytes: Math.min(bytes, Math.floor(room)), entries: MAX_ENTRIES}
}

interface Receipt {
  readonly name: string
  readonly ends: Ends
  readonly source: Source
  readonly root: string
  readonly limits: ReceiveLimits
  readonly timeoutMs: number | undefined
}

async function receive(
  context: Context,
  {name, ends, source, root, limits, timeoutMs}: Receipt,
): Promise<{entries: number; bytes: number}> {
  const names = new Map([[source.base, source.base]])
  const receiver = await Receiver.open({from: name, names, sink: new HostSink(root), limits})
  const onChunk = (chunk: Buffer) => receiver.write(chunk)
  try {
    await readSource(context, {name, stopped: ends.stopped(name), source, timeoutMs, onChunk})
    receiver.end()
  } finally {
    receiver.close()
  }
  return {entries: receiver.entries, bytes: receiver.bytes}
}

function place(from: string, to: string): void {
  refuseTaken(to, lstatSync(from).isDirectory())
  try {
    renameSync(from, to)
  } catch (error) {
    throw wrongPlace(`cannot give ${to} its name: ${errno(error)}`)
  }
}
