/*
 * Projects have numbers, which the kernel compares instead of names. The symbolic link `projects/NUMBER` names the project; a number
 * is never given to another one.
 */
import {join} from 'node:path'
import {
  addLink,
  errno,
  forgetLinks,
  type HostPaths,
  makeDirectory,
  readLinks,
  syncDirectory,
  writeError,
} from '../host/index.ts'

type Paths = Pick<HostPaths, 'projects'>

/** The number of `project`; a new one takes the lowest that is free. */
export async function projectNumber(paths: Paths, project: string): Promise<number> {
  for (;;) {
    const seen = lookUp(paths, project).known
    if (seen !== undefined) return seen
    forgetLinks(paths.projects) // another program may have taken one just now
    const {known, free} = lookUp(paths, project)
    if (known !== undefined) return known
    if (await claim(paths, free, project)) return free
  }
}

/** What `projectNumber` would give. Takes nothing. */
export function previewProject(paths: Paths, project: string): number {
  const {known, free} = lookUp(paths, project)
  return known ?? free
}

function lookUp({projects}: Paths, project: string): {known: number | undefined; free: number} {
  const links = [...readLinks(projects)].filter(([name]) => /^[1-9]\d*$/.test(name))
  const numbers = links.map(([name]) => Number(name)).sort((a, b) => a - b)
  const known = links.find(([, target]) => target === project)
  let free = 1
  for (const number of numbers) if (number === free) free++
  return {known: known && Number(known[0]), free}
}

async function claim({projects}: Paths, number: number, project: string): Promise<boolean> {
  const path = join(projects, String(number))
  await makeDirectory(projects, 0o700)
  try {
    addLink(projects, String(number), project)
    await syncDirectory(projects)
    return true
  } catch (error) {
    if (errno(error) === 'EEXIST') return false
    throw await writeError(path, error)
  }
}
