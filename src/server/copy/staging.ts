import {lstatSync, mkdtempSync, readdirSync} from 'node:fs'
import {rm} from 'node:fs/promises'
import {join} from 'node:path'
import process from 'node:process'
import {errno, writeError} from '../../host/index.ts'
import {isProcess} from '../run-state.ts'
import {startOf} from '../throwaway.ts'

const NAME = /^\.vps-cp-(\d+)-(\d+)-\w{6}$/

/** A directory of our own beside the target, that nobody else may look into: what comes from a server is put together there. */
export interface Staging extends AsyncDisposable {
  readonly path: string
}

/** Makes one in `directory`, and removes those that copies left which were killed. @throws VpsError WRITE_FAILED, READ_ONLY, NO_SPACE */
export async function openStaging(directory: string): Promise<Staging> {
  await removeStrays(directory)
  try {
    const path = mkdtempSync(join(directory, `.vps-cp-${process.pid}-${startOf(process.pid)}-`))
    return {
      path,
      async [Symbol.asyncDispose]() {
        await rm(path, {recursive: true, force: true})
      },
    }
  } catch (error) {
    throw await writeError(join(directory, '.vps-cp'), error)
  }
}

/** Only what is our own and closed to others: nobody can have put a link of his into it. */
async function removeStrays(directory: string): Promise<void> {
  for (const entry of readdirSync(directory)) {
    const [, pid, start = ''] = NAME.exec(entry) ?? []
    if (pid === undefined || isProcess(Number(pid), start)) continue
    const path = join(directory, entry)
    try {
      const found = lstatSync(path)
      const isOurs =
        found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o777) === 0o700
      if (isOurs) await rm(path, {recursive: true, force: true})
    } catch (error) {
      if (errno(error) === undefined) throw error // another copy removes it just now
    }
  }
}
