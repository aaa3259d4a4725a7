import {createRequire} from 'node:module'
import {NativeError} from './error.ts'
import {nativeFile} from './files.ts'

/** What stands at a place of a server's tree; `mode` holds the type too, see inode(7). */
export interface TreeStat {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** How many names the file has, see link(2). */
  readonly names: number
}

/** Kind, path, mode, uid, gid, content; see native/addon/layer.h. */
export type NativeEntry =
  | readonly ['image', string, number, number, number, undefined]
  | readonly ['directory', string, number, number, number, boolean]
  | readonly ['file', string, number, number, number, Buffer]
  | readonly ['link', string, number, number, number, string]

/** What vps.node exports; arguments are checked by this room, the addon only converts them. */
interface Addon {
  setErrorClass(errorClass: typeof NativeError): void
  memfd(name: string, bytes: Buffer): number
  launch(supervisor: string, title: string, words: Buffer): Promise<{pid: number; reportFd: number}>
  readReport(fd: number): Promise<string>
  durably(steps: readonly (readonly string[])[]): Promise<void>
  flock(fd: number, exclusive: boolean, wait: boolean): Promise<boolean>
  readTexts(paths: string): (string | undefined)[]
  fileVersions(paths: string): (string | undefined)[]
  readTargets(paths: string): (string | undefined)[]
  pidfdOpen(pid: number): number
  pidfdSignal(pidfd: number, signal: number): void
  pidfdWait(pidfd: number): {promise: Promise<boolean>; cancel(): void}
  runProgram(
    path: string,
    argv: readonly string[],
    environment: readonly string[],
    input: Buffer,
    plan: Buffer | undefined,
  ): Promise<{status: number; stdout: string; stderr: string}>
  prepareExec(words: Buffer): void
  treeOpen(lower: readonly string[], upper: string, work: string): Promise<number>
  treeStat(tree: number, path: string, follow: boolean): TreeStat | undefined
  treeRead(tree: number, path: string, follow: boolean, most: number): Buffer | undefined
  treeReadLink(tree: number, path: string, follow: boolean): string | undefined
  treeList(tree: number, path: string, follow: boolean): string[] | undefined
  treeEnter(tree: number, path: string, follow: boolean): number | undefined
  treeWrite(
    tree: number,
    path: string,
    follow: boolean,
    bytes: Buffer,
    mode: number,
    uid: number,
    gid: number,
  ): void
  treeLink(tree: number, path: string, follow: boolean, target: string, uid: number, gid: number): void
  treeDirectory(
    tree: number,
    path: string,
    follow: boolean,
    mode: number,
    uid: number,
    gid: number,
    own: boolean,
  ): boolean
  layerFill(image: string, layer: string, entries: readonly NativeEntry[]): Promise<void>
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
