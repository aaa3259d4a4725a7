import {lstatSync, readlinkSync, type Stats} from 'node:fs'
import {VpsError} from '../errors.ts'
import {errno} from '../host/index.ts'
import type {HostTree} from './types.ts'

const MOST_LINKS = 40 // the kernel's own limit, path_resolution(7)

export interface Resolved {
  /** As the guest sees it: absolute, without links in it (but perhaps the last part). */
  readonly path: string
  /** The same on the host. Only the last part of it may be a symbolic link, and only without `followLast`. */
  readonly onHost: string
  readonly stat: Stats | undefined
}

export interface ResolveOptions {
  /** Host directories mounted over parts of the root. */
  readonly trees?: readonly HostTree[]
  /** Default true: a symbolic link at the end is followed as well. */
  readonly followLast?: boolean
}

/**
 * Where `path` leads for someone whose root directory is `root`: absolute links and `..` never leave it. Right as long as nobody
 * changes the tree at the same time. A part that does not exist ends the walk: the rest is taken as it is written.
 * @throws VpsError LINK_LOOP
 */
export function resolveInRoot(root: string, path: string, options: ResolveOptions = {}): Resolved {
  const {trees = [], followLast = true} = options
  let todo = parts(path)
  let done: string[] = []
  let links = 0
  for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
    if (part === '..') {
      done.pop()
      continue
    }
    const here = hostPath(root, trees, [...done, part])
    const target = todo.length > 0 || followLast ? linkTarget(here) : undefined
    if (target === undefined) {
      done.push(part)
      continue
    }
    if (++links > MOST_LINKS) throw new VpsError('LINK_LOOP', `too many symbolic links on the way to ${path}`)
    if (target.startsWith('/')) done = []
    todo = [...parts(target), ...todo]
  }
  const onHost = hostPath(root, trees, done)
  return {path: `/${done.join('/')}`, onHost, stat: statOf(onHost)}
}

function parts(path: string): string[] {
  return path.split('/').filter(part => part !== '' && part !== '.')
}

function hostPath(root: string, trees: readonly HostTree[], guest: readonly string[]): string {
  const path = `/${guest.join('/')}`
  const tree = trees.findLast(({target}) => path === target || path.startsWith(`${target}/`))
  return tree === undefined ? `${root}${path}` : `${tree.source}${path.slice(tree.target.length)}`
}

function linkTarget(path: string): string | undefined {
  return statOf(path)?.isSymbolicLink() ? readlinkSync(path) : undefined
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path)
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined
    throw error
  }
}
