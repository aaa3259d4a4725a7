import {closeSync, constants, fstatSync, mkdtempSync, openSync, readdirSync, rmdirSync} from 'node:fs'
import {rm} from 'node:fs/promises'
import {join} from 'node:path'
import process from 'node:process'
import {VpsError} from '../../errors.ts'
import {errno, writeError} from '../../host/index.ts'
import {isProcess} from '../run-state.ts'
import {startOf} from '../throwaway.ts'

const NAME = /^\.vps-cp-(\d+)-(\d+)-\w{6}$/

/** A directory of our own beside the target, that nobody else may look into: what comes from a server is put together there. */
export interface Staging extends AsyncDisposable {
  /** By its descriptor: whoever owns the directory around it may give its name to something else meanwhile. */
  readonly path: string
}

/** Makes one in `directory`, and removes those that copies left which were killed. @throws VpsError WRITE_FAILED, READ_ONLY, NO_SPACE */
export async function openStaging(directory: string): Promise<Staging> {
  await removeStrays(directory)
  try {
    const name = mkdtempSync(join(directory, `.vps-cp-${process.pid}-${startOf(process.pid)}-`))
    const fd = openOurs(name)
    if (fd === undefined)
      throw new VpsError(
        'WRITE_FAILED',
        `cannot write to ${directory}: somebody else moves files about in it`,
      )
    return {
      path: pathOf(fd),
      async [Symbol.asyncDispose]() {
        await remove(name, fd)
      },
    }
  } catch (error) {
    throw await writeError(join(directory, '.vps-cp'), error)
  }
}

function pathOf(fd: number): string {
  return `/proc/self/fd/${fd}`
}

/** Only what belongs to us and is closed to others: nobody can have put a link of his into it. */
function openOurs(path: string): number | undefined {
  const {O_RDONLY, O_DIRECTORY, O_NOFOLLOW} = constants
  const fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  const {uid, mode} = fstatSync(fd)
  if (uid === process.geteuid?.() && (mode & 0o777) === 0o700) return fd
  closeSync(fd)
  return undefined
}

async function remove(name: string, fd: number): Promise<void> {
  try {
    for (const entry of readdirSync(pathOf(fd)))
      await rm(join(pathOf(fd), entry), {recursive: true, force: true})
    rmdirSync(name)
  } finally {
    closeSync(fd)
  }
}

async function removeStrays(directory: string): Promise<void> {
  for (const entry of readdirSync(directory)) {
    const [, pid, start = ''] = NAME.exec(entry) ?? []
    if (pid === undefined || isProcess(Number(pid), start)) continue
    const path = join(directory, entry)
    try {
      const fd = openOurs(path)
      if (fd !== undefined) await remove(path, fd)
    } catch (error) {
      if (errno(error) === undefined) throw error // no directory, or another copy removes it just now
    }
  }
}
