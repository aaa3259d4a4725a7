import {readFileSync} from 'node:fs'
import {type Names, parseNames} from './accounts.ts'
import {resolveInRoot} from './resolve.ts'

/** The accounts that a root file system itself has; links are followed inside it only. */
export function rootNames(rootfs: string): Names {
  return parseNames(readIn(rootfs, '/etc/passwd'), readIn(rootfs, '/etc/group'))
}

function readIn(rootfs: string, path: string): string {
  const {onHost, stat} = resolveInRoot(rootfs, path)
  return stat?.isFile() ? readFileSync(onHost, 'utf8') : ''
}
