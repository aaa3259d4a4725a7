import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {profileFile} from '../definition/index.ts'
import {type HostPaths, makeDirectory, serverPaths, writeFileAtomic} from '../host/index.ts'
import {fileVersions} from '../native/index.ts'

/** What lists show of a definition and a record. */
export interface Summary {
  readonly template: string | null
  readonly tags: readonly string[]
  readonly autostart: boolean
  /** How long its start waits at a boot, in milliseconds. */
  readonly delay: number
  /** The servers that come before it. */
  readonly after: readonly string[]
  /** Its restart policy is not `no`. */
  readonly restarts: boolean
  readonly hostname: string | null
  readonly project: string | null
  /** `addresses`: of links that get none from pools. */
  readonly links: readonly {
    readonly name: string
    readonly mode: string
    readonly addresses: readonly string[]
  }[]
  /** The profiles that the definition names. */
  readonly profiles: readonly string[]
  /** Of the record; it is part of the names of links. */
  readonly slot: number | null
  /** The image's id; null before `create`. */
  readonly image: string | null
  /** The fleet that it belongs to. */
  readonly fleet: string | null
  /** Why the definition is of no use; null when it is fine. */
  readonly problem: string | null
  /** What the exit file says. */
  readonly exit: string | null
}

interface Entry {
  /** Inode, size and time of the files it comes from, profiles included: the summary is good while these are true. */
  readonly key: string
  readonly summary: Summary
}

/** Raised whenever a summary or the definition's language changes. */
const VERSION = 7

/**
 * Summaries of `names`. Parsing a thousand definitions takes a second, so the last list's are kept in one file of the
 * cache and compared by inode, size and time of the files they come from.
 */
export async function readSummaries(
  paths: HostPaths,
  names: readonly string[],
): Promise<Map<string, Summary>> {
  const file = join(paths.cache, 'summaries.json')
  const cached = readCache(file)
  const files = new FileVersions(paths)
  const own = files.ownKeys(names)
  const stale = names.filter(name => {
    const known = cached.get(name)
    return known === undefined || known.key !== own.get(name) + files.profilesKey(known.summary.profiles)
  })
  const fresh = stale.length === 0 ? new Map<string, Entry>() : await freshEntries(paths, stale, files)
  if (fresh.size > 0) await writeCache(file, new Map([...cached, ...fresh]), paths)
  const summaries = new Map<string, Summary>()
  for (const name of names) {
    const entry = fresh.get(name) ?? cached.get(name)
    if (entry !== undefined) summaries.set(name, entry.summary)
  }
  return summaries
}

/** The versions of the files of a server that is gone. */
const NOTHING = '-/-/-'

/** The versions of the files that summaries come from. Profiles, which many servers share, are looked at once. */
class FileVersions {
  readonly #paths: HostPaths
  readonly #profiles = new Map<string, string>()

  constructor(paths: HostPaths) {
    this.#paths = paths
  }

  profilesKey(profiles: readonly string[]): string {
    return profiles.map(profile => `/${this.profile(profile)}`).join('')
  }

  /**
   * Of the definition, the record and the exit file of each, all looked at in one go. Not of the directory that they are in: its
   * time changes whenever the supervisor replaces the ledger beside them.
   */
  ownKeys(names: readonly string[]): Map<string, string> {
    const versions = fileVersions(
      names.flatMap(name => {
        const {definition, record, exit} = serverPaths(this.#paths, name)
        return [definition, record, exit]
      }),
    )
    return new Map(
      names.map((name, index) => {
        const [definition = '-', record = '-', exit = '-'] = versions.slice(3 * index, 3 * index + 3)
        return [name, `${definition}/${record}/${exit}`]
      }),
    )
  }

  profile(name: string): string {
    const version = this.#profiles.get(name) ?? this.#look(name)
    this.#profiles.set(name, version)
    return version
  }

  #look(profile: string): string {
    const [version = '-'] = fileVersions([profileFile(this.#paths.profiles, profile)])
    return version
  }
}

/** What understands definitions is loaded only now: mostly there is nothing to understand. */
async function freshEntries(
  paths: HostPaths,
  names: readonly string[],
  files: FileVersions,
): Promise<Map<string, Entry>> {
  const {summariser} = await import('./summarise.ts')
  // The version of a file is noted before it is read: a change meanwhile makes a summary stale, never wrong.
  const summarise = summariser(paths, profile => files.profile(profile))
  const entries = new Map<string, Entry>()
  for (const [name, own] of files.ownKeys(names)) {
    const summary = summarise(name)
    entries.set(name, {key: own + files.profilesKey(summary.profiles), summary})
  }
  return entries
}

function readCache(file: string): Map<string, Entry> {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return isCache(value) ? new Map(value.entries) : new Map()
  } catch {
    return new Map() // missing, not whole or not ours to read: it is only a cache
  }
}

function isCache(value: unknown): value is {version: number; entries: [string, Entry][]} {
  if (typeof value !== 'object' || value === null) return false
  return 'version' in value && value.version === VERSION && 'entries' in value && Array.isArray(value.entries)
}

async function writeCache(
  file: string,
  entries: ReadonlyMap<string, Entry>,
  paths: HostPaths,
): Promise<void> {
  // New versions, as the summaries took their time. A stale profile is seen by the next list.
  const own = new FileVersions(paths).ownKeys([...entries.keys()])
  const living = [...entries].filter(([name, {key}]) => {
    const now = own.get(name) ?? NOTHING
    return now !== NOTHING && key.startsWith(now)
  })
  const text = JSON.stringify({version: VERSION, entries: living})
  try {
    await makeDirectory(paths.cache, 0o700)
    await writeFileAtomic(file, text, {mode: 0o600, sync: false})
  } catch {
    // no root or no space: no cache
  }
}
