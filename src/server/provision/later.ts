import {spawn} from 'node:child_process'
import {existsSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {type HostPaths, serverPaths} from '../../host/index.ts'
import {mainProgram} from '../../native/index.ts'
import {readState} from './state.ts'

/*
 * Commands in servers whose start nobody waits for. One process sets up all of them: hundreds that start together must not be
 * as many processes. Whoever starts a server leaves a call; the process at work looks for calls before it goes.
 */

/** A call that nobody has answered for so long is of a process that was killed. */
const STALE_MS = 10_000

/** After a start: has the server set up by a process of its own, if it waits for it. */
export function provisionLater(paths: HostPaths, name: string): void {
  if (!readState(serverPaths(paths, name).storage).waiting || isCalled(paths)) return
  writeFileSync(callPath(paths), '')
  const child = spawn(process.execPath, [mainProgram(), 'provision', '--waiting'], {
    detached: true,
    stdio: 'ignore',
    cwd: '/',
    env: {...process.env, VPS_ROOT: paths.root},
  })
  child.on('error', () => {}) // the steps stay as they are, and `vps provision` does them
  child.unref()
}

/** Somebody wants servers to be looked at, and nobody has begun yet. */
export function hasCall(paths: HostPaths): boolean {
  return existsSync(callPath(paths))
}

export function answerCall(paths: HostPaths): void {
  rmSync(callPath(paths), {force: true})
}

function isCalled(paths: HostPaths): boolean {
  const call = statSync(callPath(paths), {throwIfNoEntry: false})
  return call !== undefined && Date.now() - call.mtimeMs < STALE_MS
}

function callPath(paths: HostPaths): string {
  return join(paths.run, 'provision')
}
