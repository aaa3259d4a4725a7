/*
 * Looks at many small files in one call each; a list of a thousand servers is thousands of files. What is not there is
 * `undefined`, any other failure throws a NativeError with the path.
 */
import {addon} from './addon.ts'

/**
 * What the files hold. A directory has no text, nor has a file that went with its process or cgroup, or one that this
 * kernel only seems to have.
 */
export function readTexts(paths: readonly string[]): (string | undefined)[] {
  return paths.length === 0 ? [] : addon().readTexts(terminated(paths))
}

/** Inode, size and time of change as one text: the same as long as the file is. */
export function fileVersions(paths: readonly string[]): (string | undefined)[] {
  return paths.length === 0 ? [] : addon().fileVersions(terminated(paths))
}

/** Where symbolic links lead; what is none has no target. */
export function readTargets(paths: readonly string[]): (string | undefined)[] {
  return paths.length === 0 ? [] : addon().readTargets(terminated(paths))
}

/** One string for all: the fewer values cross over to C, the better. */
function terminated(paths: readonly string[]): string {
  const joined = `${paths.join('\0')}\0`
  if (joined.split('\0').length !== paths.length + 1) throw new RangeError('a path contains a NUL byte')
  return joined
}
