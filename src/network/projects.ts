/*
 * Projects have numbers, which the kernel compares instead of names. The symbolic link `projects/NUMBER` names the project; a number
 * is never given to another one.
 */
import {readdirSync, readlinkSync} from 'node:fs'
import {symlink} from 'node:fs/promises'
import {join} from 'node:path'
import {errno, type HostPaths, makeDirectory, syncDirectory, writeError} from '../host/index.ts'

type Paths = Pick<HostPaths, 'projects'>

/** The number of `project`; a new one takes the lowest that is free. */
export async function projectNumber(paths: Paths, project: string): Promise<number> {
  for (;;) {
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
  const numbers = namesIn(projects)
    .map(Number)
    .sort((a, b) => a - b)
  const known = numbers.find(number => readlinkSync(join(projects, String(number))) === project)
  let free = 1
  for (const number of numbers) if (number === free) free++
  return {known, free}
}

async function claim({projects}: Paths, number: number, project: string): Promise<boolean> {
  const path = join(projects, String(number))
  await makeDirectory(projects, 0o700)
  try {
    await symlink(project, path)
    await syncDirectory(projects)
    return true
  } catch (error) {
    if (errno(error) === 'EEXIST') return false
    throw await writeError(path, error)
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter(name => /^[1-9]\d*$/.test(name))
  } catch (error) {
    if (errno(error) === 'ENOENT') return []
    throw error
  }
}
