import {readdirSync} from 'node:fs'
import {join} from 'node:path'
import {ExitCode, VpsError} from '../errors.ts'
import {errno, type HostPaths} from '../host/index.ts'

/*
 * A verb that needs several steps keeps its journal as the name of a directory in /var/lib/vps/servers, because a
 * rename is atomic, needs no space on a full disk, and the files it speaks of move with it:
 *
 *   .creating-NAME                     storage in the making; done when the definition is there and server.json is whole
 *   .destroying-NAME.UUID8.INO-MTIME   storage to be removed, together with the definition, if that still is the same file
 *   .renaming-OLD.NEW                  storage on its way; done when NEW.yaml is there
 *
 * Names of servers have no dots. Whoever holds the locks of the names in a journal may finish it.
 */
export type Journal =
  | {readonly kind: 'creating'; readonly path: string; readonly name: string}
  | {readonly kind: 'destroying'; readonly path: string; readonly name: string; readonly definition: string}
  | {readonly kind: 'renaming'; readonly path: string; readonly name: string; readonly to: string}

/** Every journal below `paths.servers`. Reads one directory, synchronously: cheaper than a trip through the pool. */
export function readJournals(paths: HostPaths): Journal[] {
  return listDirectory(paths.servers).flatMap(entry => {
    const journal = entry.startsWith('.') ? parseJournal(paths, entry) : undefined
    return journal === undefined ? [] : [journal]
  })
}

/** The journals that speak of `name`. */
export function journalsOf(paths: HostPaths, name: string): Journal[] {
  return readJournals(paths).filter(journal => journalNames(journal).includes(name))
}

/** The servers that a journal is about: their locks are needed to finish it. */
export function journalNames(journal: Journal): string[] {
  return journal.kind === 'renaming' ? [journal.name, journal.to] : [journal.name]
}

export function creatingPath(paths: HostPaths, name: string): string {
  return join(paths.servers, `.creating-${name}`)
}

/** @param definition what `fileKey` said of the definition, `none` without one */
export function destroyingPath(paths: HostPaths, name: string, uuid: string, definition: string): string {
  return join(paths.servers, `.destroying-${name}.${uuid.slice(0, 8)}.${definition}`)
}

export function renamingPath(paths: HostPaths, from: string, to: string): string {
  return join(paths.servers, `.renaming-${from}.${to}`)
}

function parseJournal(paths: HostPaths, entry: string): Journal | undefined {
  const [, kind, rest = ''] = /^\.(creating|destroying|renaming)-(.+)$/.exec(entry) ?? []
  const path = join(paths.servers, entry)
  const [name = '', second = '', third = 'none'] = rest.split('.')
  if (kind === 'creating') return {kind, path, name}
  if (kind === 'destroying') return {kind, path, name, definition: third}
  if (kind === 'renaming' && second !== '') return {kind, path, name, to: second}
  return undefined
}

/** The names in a directory; none when it is missing. */
export function listDirectory(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if (errno(error) === 'ENOENT') return []
    if (errno(error) === 'EACCES') throw needsRoot(path)
    throw error
  }
}

/** The error of a reader whom a directory of ours is closed to (exit 5). */
export function needsRoot(path: string): VpsError {
  return new VpsError('HOST_CANNOT', `cannot read ${path}: this needs root`, {
    suggestions: ['run it as root of the host, for instance with sudo'],
    exitCode: ExitCode.hostCannot,
  })
}
