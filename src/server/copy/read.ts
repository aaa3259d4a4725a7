import {closeSync} from 'node:fs'
import {posix} from 'node:path'
import {VpsError} from '../../errors.ts'
import {errno} from '../../host/index.ts'
import type {Context} from '../types.ts'
import {type Ended, failed, inside} from './inside.ts'
import {insidePath, wrongPlace} from './places.ts'
import type {StoppedServer} from './stopped.ts'
import {noMoreThan} from './time.ts'
import {packedTree} from './tree-pack.ts'

/** A file or a directory of a server. */
export interface Source {
  readonly directory: string
  readonly base: string
}

export function splitSource(source: string): Source {
  const path = insidePath(source)
  const base = posix.basename(path)
  if (['', '.', '..', '/'].includes(base))
    throw wrongPlace(
      `${JSON.stringify(source)} has no name of its own`,
      'name a file or a directory of the server',
    )
  return {directory: posix.dirname(path), base}
}

interface Reading {
  readonly name: string
  /** Undefined when it runs. */
  readonly stopped: StoppedServer | undefined
  readonly source: Source
  readonly timeoutMs: number | undefined
  /** What takes its time here slows the server down; what it throws is the end. */
  readonly onChunk: (chunk: Buffer) => void | Promise<void>
}

/** Reads a source of a server as a tar stream: its own tar's, or where it does not run one that is made of its tree. */
export async function readSource(context: Context, reading: Reading): Promise<void> {
  const {stopped} = reading
  if (stopped === undefined) await readRunning(context, reading)
  else await readStopped(context, stopped, reading)
}

async function readRunning(
  context: Context,
  {name, source: {directory, base}, timeoutMs, onChunk}: Reading,
): Promise<void> {
  const end = await inside(context, name, {argv: packing(directory, base), timeoutMs, onOutput: onChunk})
  if (!isWhole(end)) throw failed(`copy ${posix.join(directory, base)} from ${name}`, end)
}

async function readStopped(
  {signal}: Context,
  stopped: StoppedServer,
  {name, source: {directory, base}, timeoutMs, onChunk}: Reading,
): Promise<void> {
  const path = posix.join(stopped.absolute(directory), base)
  const fd = stopped.enter(directory)
  if (fd === undefined) throw nothingThere(name, path)
  try {
    const inTime = noMoreThan(timeoutMs, name, signal)
    for await (const chunk of packedTree(name, fd, base)) {
      inTime()
      await onChunk(chunk)
    }
  } catch (error) {
    throw isMissing(error) ? nothingThere(name, path) : error
  } finally {
    closeSync(fd)
  }
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errno(error) ?? '')
}

function nothingThere(name: string, path: string): VpsError {
  return new VpsError('COPY_FAILED', `cannot copy ${path} from ${name}: there is no such file or directory`)
}

/** GNU tar takes a backslash in a name for the beginning of an escape, unless it is told; busybox does not know the option. */
const UNQUOTED = `case $(tar --version 2>/dev/null) in *GNU*) set -- --no-unquote "$@";; esac; exec tar "$@"`

function packing(directory: string, base: string): string[] {
  const words = ['-c', '-f', '-', '-C', directory, `./${base}`]
  return base.includes('\\') ? ['sh', '-c', UNQUOTED, 'vps-cp', ...words] : ['tar', ...words]
}

/** GNU tar ends with 1, too, for files that changed while it read them, as logs do. */
function isWhole({exitCode, complaint}: Ended): boolean {
  const changed = /: (file changed as we read it|File removed before we read it|socket ignored)$/
  return (
    exitCode === 0 ||
    (exitCode === 1 && complaint !== '' && complaint.split('; ').every(line => changed.test(line)))
  )
}
