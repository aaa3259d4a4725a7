import {existsSync} from 'node:fs'
import {serverName} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import {type HostPaths, serverPaths} from '../host/index.ts'
import type {Context} from './types.ts'

/** @throws VpsError BAD_NAME (exit 2); NO_SUCH_SERVER (exit 3) when `name` has neither a definition nor storage */
export function requireServer({paths}: Context, name: string): void {
  serverName(name) // before it becomes part of a path
  if (!isServer(paths, name)) throw noSuchServer(name)
}

/** Whether `name` has a definition or storage. */
export function isServer(paths: HostPaths, name: string): boolean {
  const {definition, storage} = serverPaths(paths, name)
  return existsSync(definition) || existsSync(storage)
}

export function noSuchServer(name: string): VpsError {
  return new VpsError('NO_SUCH_SERVER', `there is no server ${name}`, {
    suggestions: ['see which there are with `vps list`'],
    exitCode: ExitCode.noSuchServer,
  })
}
