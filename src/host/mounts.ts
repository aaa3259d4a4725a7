import {readFile, realpath} from 'node:fs/promises'

/** One line of /proc/PID/mountinfo, see proc_pid_mountinfo(5). */
export interface Mount {
  readonly target: string
  /** The directory of the file system that is mounted here, `/` for its root. */
  readonly directory: string
  readonly type: string
  readonly source: string
  readonly options: readonly string[]
  readonly superOptions: readonly string[]
}

/** The mounts that this process sees, in mount order. */
export async function readMounts(file = '/proc/self/mountinfo'): Promise<Mount[]> {
  return parseMounts(await readFile(file, 'utf8'))
}

export function parseMounts(text: string): Mount[] {
  const mounts: Mount[] = []
  for (const line of text.split('\n')) {
    const [left = '', right = ''] = line.split(' - ')
    const [, , , directory, target, options] = left.split(' ')
    const [type, source, superOptions] = right.split(' ')
    if (!directory || !target || !type) continue
    mounts.push({
      target: unescaped(target),
      directory: unescaped(directory),
      type,
      source: unescaped(source ?? ''),
      options: (options ?? '').split(','),
      superOptions: (superOptions ?? '').split(','),
    })
  }
  return mounts
}

/** The mount that `path` (which must exist) is on: the longest target that holds it, the last mounted of equals. */
export async function mountOf(path: string, mounts?: readonly Mount[]): Promise<Mount> {
  const real = await realpath(path)
  let best: Mount | undefined
  for (const mount of mounts ?? (await readMounts())) {
    const prefix = mount.target === '/' ? '/' : `${mount.target}/`
    const holds = real === mount.target || real.startsWith(prefix)
    if (holds && (best === undefined || mount.target.length >= best.target.length)) best = mount
  }
  if (best === undefined) throw new Error(`no mount holds ${path}`)
  return best
}

/** mountinfo writes space, tab, newline and backslash as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
