import {type ProfileLookup, profilesIn} from '../definition/index.ts'
import {type HostPaths, reservedTrees} from '../host/index.ts'

/** How definitions of one host are read, see `parseOptions`. Kept, it reads each profile once. */
export type ParsingOptions = ReturnType<typeof parseOptions>

/** How a definition of this host is read: what no server may be shown, and where its profiles are. */
export function parseOptions(paths: HostPaths): {
  readonly reserved: readonly string[]
  readonly profiles: ProfileLookup
} {
  return {reserved: reservedTrees(paths), profiles: profilesIn(paths.profiles)}
}
