import {VpsError} from '../errors.ts'
import type {AccountFiles, Names} from './accounts.ts'
import type {Entry, Owned, Recipe} from './types.ts'

const SYSTEMD = '/etc/systemd/system'

/** What a recipe says to make in the root: directories, files, links, and what becomes of systemd's units. */
export function recipeEntries(recipe: Recipe, names: Names): Entry[] {
  const own = (spec: Owned, path: string): {uid: number; gid: number; mode: number} => ({
    mode: spec.mode,
    uid: idOf(spec.user, names.users, 'user', path, recipe),
    gid: idOf(spec.group, names.groups, 'group', path, recipe),
  })
  const root = {uid: 0, gid: 0}
  return [
    ...Object.entries(recipe.directories).map(
      ([path, spec]): Entry => ({kind: 'directory', path, ...own(spec, path)}),
    ),
    ...Object.entries(recipe.files).map(
      ([path, spec]): Entry => ({kind: 'file', path, content: spec.content, ...own(spec, path)}),
    ),
    ...Object.entries(recipe.links).map(([path, target]): Entry => ({kind: 'link', path, target, ...root})),
    ...Object.keys(recipe.mask).map(
      (unit): Entry => ({kind: 'link', path: `${SYSTEMD}/${unit}`, target: '/dev/null', ...root}),
    ),
    ...Object.entries(recipe.enable).map(
      ([unit, by]): Entry => ({
        kind: 'link',
        path: `${SYSTEMD}/${by}.wants/${unit}`,
        target: `/lib/systemd/system/${unit}`,
        ...root,
      }),
    ),
  ]
}

function idOf(
  name: string,
  ids: ReadonlyMap<string, number>,
  kind: 'user' | 'group',
  path: string,
  recipe: Recipe,
): number {
  if (/^\d+$/.test(name)) return Number(name)
  const id = name === 'root' ? 0 : ids.get(name)
  if (id !== undefined) return id
  throw new VpsError('INVALID_TEMPLATE', `template ${recipe.name}: ${path} has an unknown ${kind} ${name}`)
}

/** The account files, readable by those that shall. */
export function accountEntries({passwd, group, shadow, gshadow, names}: AccountFiles): Entry[] {
  const secret = {mode: 0o640, uid: 0, gid: names.groups.get('shadow') ?? 0}
  const open = {mode: 0o644, uid: 0, gid: 0}
  return [
    {kind: 'file', path: '/etc/passwd', content: passwd, ...open},
    {kind: 'file', path: '/etc/group', content: group, ...open},
    {kind: 'file', path: '/etc/shadow', content: shadow, ...secret},
    {kind: 'file', path: '/etc/gshadow', content: gshadow, ...secret},
  ]
}
