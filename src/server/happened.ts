import {type HostEvent, recordEvent} from '../host/index.ts'
import type {Context} from './types.ts'

/** Notes in the host's log what a verb did to a server. */
export function happened(
  {paths, unrecorded}: Context,
  type: HostEvent['type'],
  server: string,
  detail?: HostEvent['detail'],
): void {
  if (!unrecorded) recordEvent(paths, {type, server, ...(detail !== undefined && {detail})})
}
