import {
  checkProfile,
  type EffectiveValue,
  effectiveText,
  effectiveValues,
  type Problem,
  profileFile,
  profileNames,
  profilesIn,
} from '../definition/index.ts'
import {ExitCode, VpsError} from '../errors.ts'
import type {HostPaths} from '../host/index.ts'
import {didYouMean} from '../nearest.ts'
import {serverNames} from './list.ts'
import {loadValid} from './plan.ts'
import {readSummaries} from './summaries.ts'
import type {Context} from './types.ts'

/** A profile, and who uses it. */
export interface ProfileView {
  readonly name: string
  readonly file: string
  readonly description: string
  /** The servers whose definitions name it, sorted. */
  readonly servers: readonly string[]
  /** What is wrong in the file. */
  readonly problems: readonly Problem[]
}

export interface ProfileDetails extends ProfileView {
  readonly text: string
}

/** What counts for a server. */
export interface EffectiveDefinition {
  readonly name: string
  /** YAML with comments that say where each value comes from. */
  readonly text: string
  readonly values: readonly EffectiveValue[]
}

/** All profiles of the host, by name. */
export async function listProfiles(paths: HostPaths): Promise<ProfileView[]> {
  const names = profileNames(paths.profiles)
  if (names.length === 0) return []
  const users = await usersOfProfiles(paths)
  return names.flatMap(name => {
    const found = read(paths, name, users)
    if (found === undefined) return [] // gone meanwhile
    const {text: _, ...view} = found
    return [view]
  })
}

/** @throws VpsError NO_SUCH_PROFILE (exit 2) */
export async function showProfile(paths: HostPaths, name: string): Promise<ProfileDetails> {
  const known = profileNames(paths.profiles)
  const found = known.includes(name) ? read(paths, name, await usersOfProfiles(paths)) : undefined
  if (found !== undefined) return found
  throw new VpsError('NO_SUCH_PROFILE', `no profile is called ${name}${didYouMean(name, known)}`, {
    exitCode: ExitCode.wrongUse,
    suggestions: [
      ...(known.length > 0 ? [`profiles: ${known.join(', ')}`] : []),
      `write it to ${profileFile(paths.profiles, 'NAME')}`,
    ],
  })
}

/** @throws VpsError INVALID_DEFINITION (exit 2) */
export async function effective(context: Context, name: string): Promise<EffectiveDefinition> {
  const loaded = await loadValid(context, name)
  return {name, text: effectiveText(loaded), values: effectiveValues(loaded)}
}

function read(
  paths: HostPaths,
  name: string,
  users: ReadonlyMap<string, readonly string[]>,
): ProfileDetails | undefined {
  const found = profilesIn(paths.profiles)(name)
  if (found === undefined) return undefined
  return {name, file: found.file, ...checkProfile(found), servers: users.get(name) ?? [], text: found.text}
}

async function usersOfProfiles(paths: HostPaths): Promise<Map<string, string[]>> {
  const users = new Map<string, string[]>()
  for (const [server, {profiles}] of await readSummaries(paths, serverNames(paths).toSorted())) {
    for (const profile of new Set(profiles)) users.set(profile, [...(users.get(profile) ?? []), server])
  }
  return users
}
