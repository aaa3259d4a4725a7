import type {Stats} from 'node:fs'
import {lstat, readlink} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {errno} from './errno.ts'

/** What the kernel follows in one path, see path_resolution(7). */
const MOST_LINKS = 40
const WRITABLE_BY_OTHERS = 0o022
const STICKY = 0o1000
const EXECUTABLE = 0o111

/**
 * What speaks against running the program `path` as root of the host; undefined when nothing does. Nobody but root may be able to
 * change it, nor any directory or symbolic link on the way to it. (A sticky directory such as /tmp lets nobody replace what is
 * root's.)
 */
export async function programProblem(path: string): Promise<string | undefined> {
  let here = '/'
  let links = 0
  const rest = path.split('/').filter(Boolean)
  for (let step = rest.shift(); step !== undefined; step = rest.shift()) {
    if (step === '.') continue
    const next = step === '..' ? dirname(here) : join(here, step)
    const found = await look(next)
    if (typeof found === 'string') return found
    if (found.uid !== 0) return `${next} belongs to user ${found.uid}, not to root`
    if (found.isSymbolicLink()) {
      if (++links > MOST_LINKS) return `${path} leads through too many symbolic links`
      const target = await readlink(next)
      if (target.startsWith('/')) here = '/'
      rest.unshift(...target.split('/').filter(Boolean))
      continue
    }
    const isLast = rest.length === 0
    if ((found.mode & WRITABLE_BY_OTHERS) !== 0 && (isLast || (found.mode & STICKY) === 0))
      return `${next} can be changed by others than root (mode ${(found.mode & 0o7777).toString(8)})`
    if (isLast && (!found.isFile() || (found.mode & EXECUTABLE) === 0)) return `${next} is no program`
    here = next
  }
  return here === '/' ? `${path} is no program` : undefined
}

async function look(path: string): Promise<Stats | string> {
  try {
    return await lstat(path)
  } catch (error) {
    const code = errno(error)
    if (code === 'ENOENT') return `there is no ${path}`
    if (code === 'ENOTDIR') return `${dirname(path)} is no directory`
    throw error
  }
}
