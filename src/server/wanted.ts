import {existsSync, rmSync, writeFileSync} from 'node:fs'
import {errno, type HostPaths, serverPaths} from '../host/index.ts'

/*
 * Whether a server is wanted up: the empty file `up` in its storage. A start by a verb makes it. A stop that is the admin's wish
 * removes it, and so does the supervisor when the server ends by itself for good (native/supervisor/ending.c). A crash of the host,
 * of the supervisor, and `vps shutdown` leave it: so `vps boot` knows who ran. It is not flushed: a power cut may take those that were
 * made in the last seconds.
 */

export function noteUp(paths: HostPaths, name: string): void {
  try {
    writeFileSync(serverPaths(paths, name).up, '', {mode: 0o600})
  } catch (error) {
    // A full disk is no reason not to run; without storage it is no server yet, and the start says so.
    if (!['ENOSPC', 'EDQUOT', 'ENOENT'].includes(errno(error) ?? '')) throw error
  }
}

export function noteDown(paths: HostPaths, name: string): void {
  rmSync(serverPaths(paths, name).up, {force: true})
}

export function isWantedUp(paths: HostPaths, name: string): boolean {
  return existsSync(serverPaths(paths, name).up)
}
