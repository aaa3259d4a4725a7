import {readFileSync, statSync} from 'node:fs'
import {basename, join} from 'node:path'
import {
  type Definition,
  type Loaded,
  type ProfileLookup,
  parseDefinition,
  profileFile,
  profilesIn,
} from '../definition/index.ts'
import {type HostPaths, makeDirectory, serverPaths, writeFileAtomic} from '../host/index.ts'
import {readRecord} from './record.ts'
import {readText} from './run-state.ts'

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
const VERSION = 6

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
  const entries = new Map<string, Entry>()
  const files = new FileVersions(paths)
  let fresh = 0
  for (const name of names) {
    const known = cached.get(name)
    if (known && known.key === files.key(name, known.summary.profiles)) entries.set(name, known)
    else {
      entries.set(name, freshEntry(paths, name, files))
      fresh++
    }
  }
  if (fresh > 0) await writeCache(file, new Map([...cached, ...entries]), paths)
  return new Map([...entries].map(([name, {summary}]) => [name, summary]))
}

/** The versions of the files that summaries come from. Profiles, which many servers share, are looked at once. */
class FileVersions {
  readonly #paths: HostPaths
  readonly #profiles = new Map<string, string>()
  /** Finds a profile, its version noted before it is read: a change meanwhile makes a summary stale, never wrong. */
  readonly lookup: ProfileLookup

  constructor(paths: HostPaths) {
    this.#paths = paths
    const inner = profilesIn(paths.profiles)
    const noting = (name: string) => {
      this.#profile(name)
      return inner(name)
    }
    this.lookup = Object.assign(noting, inner)
  }

  key(name: string, profiles: readonly string[]): string {
    return this.ownKey(name) + this.profilesKey(profiles)
  }

  profilesKey(profiles: readonly string[]): string {
    return profiles.map(profile => `/${this.#profile(profile)}`).join('')
  }

  /** Not the directory that they are in: its time changes whenever the supervisor replaces the ledger beside them. */
  ownKey(name: string): string {
    const {definition, record, exit} = serverPaths(this.#paths, name)
    return [definition, record, exit].map(fileVersion).join('/')
  }

  #profile(name: string): string {
    const version = this.#profiles.get(name) ?? fileVersion(profileFile(this.#paths.profiles, name))
    this.#profiles.set(name, version)
    return version
  }
}

function freshEntry(paths: HostPaths, name: string, files: FileVersions): Entry {
  const own = files.ownKey(name)
  const summary = summarise(paths, name, files.lookup)
  return {key: own + files.profilesKey(summary.profiles), summary}
}

function fileVersion(path: string): string {
  const found = statSync(path, {throwIfNoEntry: false})
  return found === undefined ? '-' : `${found.ino} ${found.size} ${found.mtimeMs}`
}

/** @param known the definition, if it was read already */
export function summarise(
  paths: HostPaths,
  name: string,
  lookup: ProfileLookup,
  known?: Pick<Loaded, 'definition' | 'problems'>,
): Summary {
  const {definition: file, exit: exitFile} = serverPaths(paths, name)
  const record = readRecord(paths, name)
  const {image = null, fleet = null, slot = null} = record ?? {}
  const exit = readText(exitFile)?.trim() || null
  const text = known === undefined ? readText(file) : ''
  if (text === undefined)
    return {...NOTHING, slot, image, fleet, exit, problem: `its definition is missing: ${file}`}
  const {definition, problems} = known ?? parseDefinition(text, {file, name, profiles: lookup})
  const profiles = definition.profiles.filter(profile => profile !== '')
  const error = problems.find(problem => problem.grade === 'error')
  if (error !== undefined) {
    const {file: place, line, column} = error.origin
    const problem = `${basename(place)}:${line}:${column}: ${error.message}`
    return {...NOTHING, slot, image, fleet, exit, profiles, problem}
  }
  const {template, tags, after, autostart, hostname, project, restart} = definition
  return {
    template: template.name,
    tags,
    autostart: autostart.enabled,
    delay: autostart.delay,
    after,
    restarts: restart.policy !== 'no',
    hostname,
    project,
    links: linkSummaries(definition),
    profiles,
    slot,
    image,
    fleet,
    exit,
    problem: null,
  }
}

/** The links of a server, as far as its definition says. */
export function linkSummaries({network}: Definition): Summary['links'] {
  if (network.mode !== 'links') return []
  return network.links.map(({name, mode, addresses}) => ({
    name,
    mode,
    addresses: mode === 'routed' ? [] : addresses,
  }))
}

const NOTHING: Summary = {
  template: null,
  tags: [],
  autostart: false,
  delay: 0,
  after: [],
  restarts: false,
  hostname: null,
  project: null,
  links: [],
  profiles: [],
  slot: null,
  image: null,
  fleet: null,
  problem: null,
  exit: null,
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
  const files = new FileVersions(paths)
  const living = [...entries].filter(([name, {key}]) => {
    const own = files.ownKey(name)
    return own !== '-/-/-' && key.startsWith(own)
  })
  const text = JSON.stringify({version: VERSION, entries: living})
  try {
    await makeDirectory(paths.cache, 0o700)
    await writeFileAtomic(file, text, {mode: 0o600, sync: false})
  } catch {
    // no root or no space: no cache
  }
}
