import {readFileSync} from 'node:fs'
import {join} from 'node:path'

/** What oclif.manifest.json says of one flag. */
export interface FlagInfo {
  readonly name: string
  readonly char?: string
  readonly type: 'boolean' | 'option'
  readonly description?: string
  readonly summary?: string
  readonly helpValue?: string
  readonly helpGroup?: string
  readonly options?: readonly string[]
  readonly default?: unknown
  readonly required?: boolean
  readonly multiple?: boolean
  readonly allowNo?: boolean
  readonly hidden?: boolean
}

export interface ArgumentInfo {
  readonly name: string
  readonly description?: string
  readonly required?: boolean
  readonly options?: readonly string[]
  readonly hidden?: boolean
}

/** What oclif.manifest.json says of one command; `ownWords` and `failsWith` are our own statics. */
export interface CommandInfo {
  readonly id: string
  readonly summary?: string
  readonly description?: string
  readonly usage?: string | readonly string[]
  readonly examples?: readonly (string | {readonly description: string; readonly command: string})[]
  readonly flags: Readonly<Record<string, FlagInfo>>
  readonly args: Readonly<Record<string, ArgumentInfo>>
  readonly hidden?: boolean
  readonly ownWords?: number
  readonly failsWith?: number
  readonly relativePath?: readonly string[]
}

export interface Manifest {
  readonly version: string
  readonly commands: Readonly<Record<string, CommandInfo>>
}

/** Reads the list of commands that the build made, so that only the wanted command is loaded. */
export function readManifest(root: string): Manifest {
  return JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as Manifest
}

/** `image:list` of oclif is `image list` of the admin. */
export function spokenName(id: string): string {
  return id.replaceAll(':', ' ')
}
