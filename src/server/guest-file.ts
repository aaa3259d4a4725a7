import {closeSync, constants, fstatSync, openSync, readFileSync} from 'node:fs'
import {errno} from '../host/index.ts'

const LARGEST_BYTES = 1024 * 1024

/**
 * The text of a file that a guest controls, or `undefined`. `root` is a directory of the guest, `path` the way from there.
 * The guest's links are not followed (an absolute one would lead into the host), and nothing but a regular file is read (a
 * pipe would never end).
 */
export function readGuestText(root: string, path: string): string | undefined {
  const {O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY} = constants
  const opened: number[] = []
  try {
    const steps = path.split('/')
    const name = steps.pop() ?? ''
    let directory = hold(openSync(root, O_RDONLY | O_DIRECTORY))
    for (const step of steps)
      directory = hold(openSync(`/proc/self/fd/${directory}/${step}`, O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
    const file = hold(openSync(`/proc/self/fd/${directory}/${name}`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK))
    const found = fstatSync(file)
    return found.isFile() && found.size <= LARGEST_BYTES ? readFileSync(file, 'utf8') : undefined
  } catch (error) {
    if (errno(error) === undefined) throw error
    return undefined
  } finally {
    for (const fd of opened) closeSync(fd)
  }

  function hold(fd: number): number {
    opened.push(fd)
    return fd
  }
}
