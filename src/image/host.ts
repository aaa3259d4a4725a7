import {createHash} from 'node:crypto'
import {lstatSync, readdirSync, readFileSync, readlinkSync, type Stats} from 'node:fs'
import {dirname, join} from 'node:path'
import {ExitCode, VpsError} from '../errors.ts'
import {errno} from '../host/index.ts'
import {type Names, parseNames, renderAccounts} from './accounts.ts'
import type {Builder, BuildRequest, PreparedBuild} from './builder.ts'
import {accountEntries, recipeEntries} from './entries.ts'
import {resolveInRoot} from './resolve.ts'
import {writeTree} from './tree.ts'
import type {Entry, HostTree, Init, Recipe} from './types.ts'

/*
 * The sparse root: the host's programs seen read-only, everything else made fresh. What is copied from the host is on the
 * template's allow-list, and of that only what every user of the host may read, so that no secret can get in by mistake.
 */

const READABLE_BY_ALL = 0o004
const SEARCHABLE_BY_ALL = 0o005
const BIGGEST_COPY = 4 * 1024 * 1024

export const hostBuilder: Builder = {
  prepare: async request => prepareHost(request, ''),
}

/** As the builder does, with another host root than `/`. */
export function prepareHost({recipe}: BuildRequest, host: string): PreparedBuild {
  const {trees, links} = shareTrees(recipe.trees, host)
  const accounts = renderAccounts(withShells(recipe, host, trees), namesOf(host))
  const copied = recipe.copy.flatMap(path => copyPublic(host, path))
  // The recipe comes last: what it spells out wins over a copy.
  const entries = [...links, ...copied, ...accountEntries(accounts), ...recipeEntries(recipe, accounts.names)]
  return {
    facts: {
      entries: entries.map(printable),
      trees,
      osRelease: readPublic(host, '/usr/lib/os-release')?.toString(),
    },
    hostTrees: trees,
    init: systemdOf(host, trees),
    build: async ({rootfs}) => await writeTree(rootfs, [...trees.map(mountPoint), ...entries]),
  }
}

/** A directory of the host becomes a mount, a link (merged /bin, /lib …) is made again, what does not exist is left out. */
function shareTrees(paths: readonly string[], host: string): {trees: HostTree[]; links: Entry[]} {
  const trees: HostTree[] = []
  const links: Entry[] = []
  for (const path of paths) {
    const stat = statOf(host + path)
    if (stat?.isSymbolicLink()) links.push(link(path, readlinkSync(host + path)))
    else if (stat?.isDirectory()) trees.push({source: host + path, target: path})
  }
  if (trees.length === 0)
    throw new VpsError(
      'NO_HOST_TREES',
      `this host has none of the directories that the template shares: ${paths.join(', ')}`,
      {
        exitCode: ExitCode.hostCannot,
      },
    )
  return {trees, links}
}

/** `path` and what is below it, as far as all may read it; links stay links. */
function copyPublic(host: string, path: string): Entry[] {
  const stat = statOf(host + path)
  if (stat === undefined || !reachable(host, path)) return []
  if (stat.isSymbolicLink()) return [link(path, readlinkSync(host + path))]
  if (stat.isFile()) {
    const content = readPublic(host, path)
    return content === undefined
      ? []
      : [{kind: 'file', path, mode: stat.mode & 0o755, uid: 0, gid: 0, content}]
  }
  if (!stat.isDirectory() || (stat.mode & SEARCHABLE_BY_ALL) !== SEARCHABLE_BY_ALL) return []
  const below = readdirSync(host + path)
    .sort()
    .flatMap(name => copyPublic(host, join(path, name)))
  return [{kind: 'directory', path, mode: 0o755, uid: 0, gid: 0}, ...below]
}

function readPublic(host: string, path: string): Buffer | undefined {
  const stat = statOf(host + path)
  if (!stat?.isFile() || (stat.mode & READABLE_BY_ALL) === 0 || stat.size > BIGGEST_COPY) return undefined
  return readFileSync(host + path)
}

/** Whether every directory on the way lets all users through. */
function reachable(host: string, path: string): boolean {
  for (let directory = dirname(path); directory !== '/'; directory = dirname(directory)) {
    const stat = statOf(host + directory)
    if (!stat?.isDirectory() || (stat.mode & 0o001) === 0) return false
  }
  return true
}

/** Only systemd: another init of the host would look for its services in an /etc that is not there. */
function systemdOf(host: string, trees: readonly HostTree[]): Init {
  for (const path of ['/usr/lib/systemd/systemd', '/lib/systemd/systemd'])
    if (resolveInRoot(host, path, {trees}).stat?.isFile()) return {kind: 'systemd', path}
  return {kind: 'none', path: null}
}

/** Accounts whose shell the host does not have get /bin/sh. */
function withShells(recipe: Recipe, host: string, trees: readonly HostTree[]): Recipe {
  const exists = (path: string): boolean => resolveInRoot(host, path, {trees}).stat !== undefined
  const users = Object.entries(recipe.users).map(([name, user]) => [
    name,
    user.shell.endsWith('/nologin') || exists(user.shell) ? user : {...user, shell: '/bin/sh'},
  ])
  return {...recipe, users: Object.fromEntries(users)}
}

function namesOf(host: string): Names {
  return parseNames(
    readPublic(host, '/etc/passwd')?.toString() ?? '',
    readPublic(host, '/etc/group')?.toString() ?? '',
  )
}

function mountPoint({target}: HostTree): Entry {
  return {kind: 'directory', path: target, mode: 0o755, uid: 0, gid: 0}
}

function link(path: string, target: string): Entry {
  return {kind: 'link', path, target, uid: 0, gid: 0}
}

/** For the hash: a big file by its own hash. */
function printable(entry: Entry): unknown {
  if (entry.kind !== 'file') return entry
  return {...entry, content: createHash('sha256').update(entry.content).digest('hex')}
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path)
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined
    throw error
  }
}
