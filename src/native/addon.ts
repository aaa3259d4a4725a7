import {createRequire} from 'node:module'
import {NativeError} from './error.ts'
import {nativeFile} from './files.ts'

/** What vps.node exports; arguments are checked by this room, the addon only converts them. */
interface Addon {
  setErrorClass(errorClass: typeof NativeError): void
  memfd(name: string, bytes: Buffer): number
  launch(supervisor: string, title: string, words: Buffer): {pid: number; reportFd: number}
  flock(fd: number, exclusive: boolean, wait: boolean): Promise<boolean>
  pidfdOpen(pid: number): number
  pidfdSignal(pidfd: number, signal: number): void
  pidfdWait(pidfd: number): {promise: Promise<boolean>; cancel(): void}
  prepareExec(words: Buffer): void
}

let loaded: Addon | undefined

/** Loads vps.node on first use, so that a command which needs no native call does not pay for it. */
export function addon(): Addon {
  if (loaded === undefined) {
    const file = nativeFile('vps.node')
    loaded = createRequire(import.meta.url)(file) as Addon
    loaded.setErrorClass(NativeError)
  }
  return loaded
}
