import {existsSync} from 'node:fs'
import {type HostPaths, serverPaths} from '../host/index.ts'
import {readText} from './run-state.ts'
import type {Unenforced} from './types.ts'

/** What a running server was allowed to be without. */
export function readUnenforced(paths: HostPaths, name: string): Unenforced[] {
  const {unenforced} = serverPaths(paths, name)
  const text = existsSync(unenforced) ? readText(unenforced) : undefined // a failing read is dearer than a look
  return parseUnenforced(text)
}

/** @param text of the file, if there is one */
export function parseUnenforced(text: string | undefined): Unenforced[] {
  return text === undefined ? [] : (JSON.parse(text) as Unenforced[]) // our own file, only root can write it
}
