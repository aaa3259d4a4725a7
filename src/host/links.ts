/*
 * Directories of symbolic links that are allocations, `ids` and `addresses`: the name is what is taken, the target says by whom. To know
 * who has what means to read every link; a program that makes hundreds of servers knows most of them already.
 */
import {readdirSync, readlinkSync, rmSync, statSync, symlinkSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {readTargets} from '../native/index.ts'
import {errno} from './errno.ts'

/** By name, what each link says. */
export type Links = ReadonlyMap<string, string>

interface Known {
  /** Of the directory, after the last look or change of ours. */
  readonly stamp: string
  readonly links: Map<string, string>
  readonly until: number
}

/** However sure it looks, after this long everything is read anew: kernels before 6.13 give two changes within one tick one time. */
const BELIEVED_MS = 1000

const known = new Map<string, Known>()

/** The links in `directory`; none when it is missing. What others have changed since the last look is seen by the directory's time. */
export function readLinks(directory: string): Links {
  const last = known.get(directory)
  const isYoung = last !== undefined && uptimeMs() < last.until
  const stamp = stampOf(directory)
  if (isYoung && last.stamp === stamp) return last.links
  const links = new Map<string, string>()
  const names = namesIn(directory)
  const targets = readTargets(names.map(name => `${directory}/${name}`))
  for (const [index, name] of names.entries()) {
    const target = targets[index]
    if (target !== undefined) links.set(name, target)
  }
  known.set(directory, {stamp, links, until: uptimeMs() + BELIEVED_MS})
  return links
}

/** Reads `directory` anew the next time, whatever its times are. */
export function forgetLinks(directory: string): void {
  known.delete(directory)
}

/** symlink(2) of a new name. @throws EEXIST, as it is the allocation */
export function addLink(directory: string, name: string, target: string): void {
  const add = () => symlinkSync(target, join(directory, name))
  change(directory, add, links => links.set(name, target))
}

/** unlink(2); a missing one is fine. */
export function removeLink(directory: string, name: string): void {
  const remove = () => rmSync(join(directory, name), {force: true})
  change(directory, remove, links => links.delete(name))
}

/** What one link says; `undefined` when it is missing or no symbolic link. */
export function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    if (['ENOENT', 'EINVAL'].includes(errno(error) ?? '')) return undefined
    throw error
  }
}

/** What is known stays so, with a change of ours added, if it was true right before that. */
function change(directory: string, act: () => void, note: (links: Map<string, string>) => void): void {
  const last = known.get(directory)
  const isTrue = last !== undefined && stampOf(directory) === last.stamp
  if (!isTrue) known.delete(directory)
  act()
  if (!isTrue) return
  note(last.links)
  known.set(directory, {...last, stamp: stampOf(directory)})
}

/** A clock that nobody sets, as `performance.now()` is; but that one loads 8 ms of Node first. */
function uptimeMs(): number {
  return process.uptime() * 1000
}

function stampOf(directory: string): string {
  const found = statSync(directory, {throwIfNoEntry: false, bigint: true})
  return found === undefined ? 'none' : `${found.dev} ${found.ino} ${found.mtimeNs} ${found.ctimeNs}`
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (errno(error) === 'ENOENT') return []
    throw error
  }
}
