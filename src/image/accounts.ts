import type {GroupSpec, Recipe, UserSpec} from './types.ts'

/** Numbers of accounts by name. */
export interface Names {
  readonly users: ReadonlyMap<string, number>
  readonly groups: ReadonlyMap<string, number>
}

/** Ids up to here belong to the system; people's accounts of the host are never taken over. See login.defs(5). */
const LAST_SYSTEM_ID = 999
const NOBODY = 65_534

/** A fresh date of the last password change; 0 would force a change at the first login. See shadow(5). */
const CHANGED = 20_000

export interface AccountFiles {
  readonly passwd: string
  readonly group: string
  readonly shadow: string
  readonly gshadow: string
  readonly names: Names
}

/**
 * Fresh account files of a recipe, every password locked. A name that `host` has gets the host's number, because files in
 * the host's /usr that servers see carry these; nothing else of the host's accounts is looked at.
 */
export function renderAccounts(recipe: Recipe, host: Names): AccountFiles {
  const groups = numbered(recipe.groups, host.groups)
  const users = numbered(recipe.users, host.users)
  const gid = ({group}: UserSpec): number => groups.get(group) ?? NOBODY
  const spec = <Value>(record: Readonly<Record<string, Value>>, name: string): Value => {
    const value = record[name]
    if (value === undefined) throw new Error(`no account ${name}`)
    return value
  }
  const members = (group: GroupSpec): string => group.members.filter(member => users.has(member)).join(',')
  const userNames = [...users.keys()]
  const groupNames = [...groups.keys()]
  return {
    passwd: lines(
      userNames.map(name => {
        const user = spec(recipe.users, name)
        return `${name}:x:${users.get(name)}:${gid(user)}:${user.gecos}:${user.home}:${user.shell}`
      }),
    ),
    group: lines(
      groupNames.map(name => `${name}:x:${groups.get(name)}:${members(spec(recipe.groups, name))}`),
    ),
    shadow: lines(userNames.map(name => `${name}:*:${CHANGED}:0:99999:7:::`)),
    gshadow: lines(groupNames.map(name => `${name}:*::${members(spec(recipe.groups, name))}`)),
    names: {users, groups},
  }
}

/** The names and numbers in passwd(5) and group(5) files. */
export function parseNames(passwd: string, group: string): Names {
  return {users: parseIds(passwd), groups: parseIds(group)}
}

export const noNames: Names = {users: new Map(), groups: new Map()}

function parseIds(text: string): Map<string, number> {
  const ids = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':')
    if (name && id && /^\d+$/.test(id) && !ids.has(name)) ids.set(name, Number(id))
  }
  return ids
}

function numbered(
  specs: Readonly<Record<string, {readonly id: number | undefined}>>,
  host: ReadonlyMap<string, number>,
): Map<string, number> {
  const ids = new Map<string, number>()
  for (const [name, {id: own}] of Object.entries(specs)) {
    const theirs = host.get(name)
    const usable = theirs !== undefined && (theirs <= LAST_SYSTEM_ID || theirs === NOBODY)
    const id = usable ? theirs : own
    if (id !== undefined) ids.set(name, id)
  }
  return ids
}

function lines(list: readonly string[]): string {
  return list.map(line => `${line}\n`).join('')
}
