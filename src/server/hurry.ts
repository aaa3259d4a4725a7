import {VpsError} from '../errors.ts'
import {errno, type HostPaths, serverPaths} from '../host/index.ts'
import {request} from './control.ts'

/** What a supervisor needs to kill a server and to clean up. */
const KILL_MS = 15_000

/**
 * Has the supervisor of `name` kill its server now, whichever command holds the server's lock: the last resort of a shutdown. One
 * that is gone is as good.
 */
export async function killNow(paths: HostPaths, name: string): Promise<void> {
  try {
    await request(serverPaths(paths, name).socket, ['kill'], {timeoutMs: KILL_MS})
  } catch (error) {
    const gone = ['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(errno(error) ?? '')
    if (!gone && !(error instanceof VpsError && error.code === 'CONTROL_CLOSED')) throw error
  }
}
