import type {Stats} from 'node:fs'
import {lstat} from 'node:fs/promises'
import {basename, posix, resolve} from 'node:path'
import {ExitCode, VpsError} from '../../errors.ts'
import {throwIfAborted} from '../../host/index.ts'
import type {Context} from '../types.ts'
import {failed, inside} from './inside.ts'
import {packed} from './pack.ts'
import {insidePath, wrongPlace} from './places.ts'

/** What is copied from the host into a server. */
export interface CopyInOptions {
  /** Files and directories of the host. */
  readonly sources: readonly string[]
  /** In the server: a directory that takes them in, or the new name of the only one. From root's home, unless absolute. */
  readonly target: string
  /** Who shall own it there, `user` or `user:group`, by name or number; default: root. */
  readonly owner?: string | undefined
  /** After so many milliseconds it is given up. Default: never. */
  readonly timeoutMs?: number | undefined
}

export interface CopyInReport {
  readonly name: string
  /** The directory that took things in, or their new name. */
  readonly target: string
  /** Of the archive that was sent. */
  readonly bytes: number
}

/**
 * Looks where the target leads, and who the owner is: `directory 0 0`. Arguments: the target, the directory it is in, user, group.
 * It is the server's shell that runs this: a tenant who makes it lie is only lied to himself.
 */
const LOOK = `
uid=$3
case $3 in *[!0-9]*) uid=$(id -u "$3") || exit 1;; esac
gid=$4
case $4 in
'') gid=$(id -g "$3" 2>/dev/null) || gid=$uid;;
*[!0-9]*)
  gid=
  while IFS=: read -r group _ number _; do [ "$group" = "$4" ] && gid=$number; done </etc/group
  [ -n "$gid" ] || { echo "no group $4" >&2; exit 1; };;
esac
if [ -d "$1" ]; then kind=directory
elif [ -e "$1" ] || [ -L "$1" ]; then kind=file
elif [ -d "$2" ]; then kind=none
else kind=nowhere
fi
echo "$kind $uid $gid"
`

/**
 * Copies files of the host into the running server `name`. Modes, times and links stay; what is there already is replaced, and
 * directories are added to. It is not taken back when it fails in the middle.
 * @throws VpsError BAD_PLACE, NO_SUCH_FILE (exit 2); WRONG_STATE (exit 4); COPY_FAILED, TIMED_OUT, ABORTED
 */
export async function copyIn(context: Context, name: string, options: CopyInOptions): Promise<CopyInReport> {
  const {sources, timeoutMs} = options
  throwIfAborted(context.signal, `copy to ${name}`)
  const found = await Promise.all(sources.map(lookAt))
  const path = insidePath(options.target)
  const target = await look(context, name, path, options)
  const renamed = newName(name, path, target.kind, found, options.target.endsWith('/'))
  let bytes = 0
  async function* counted() {
    for await (const chunk of packed(
      {sources: found.map(({path}) => path), renamed, ...target},
      context.signal,
    )) {
      bytes += chunk.length
      yield chunk
    }
  }
  const directory = renamed === undefined ? path : posix.dirname(path)
  const argv = ['tar', '-x', '-p', '-f', '-', '-C', directory]
  const end = await inside(context, name, {argv, input: counted(), timeoutMs})
  if (end.exitCode !== 0) throw failed(`copy to ${name}:${path}`, end)
  return {name, target: path, bytes}
}

type Kind = 'directory' | 'file' | 'none' | 'nowhere'

interface Source {
  /** Absolute. */
  readonly path: string
  readonly stat: Stats
}

async function lookAt(source: string): Promise<Source> {
  if (['', '.', '..'].includes(posix.basename(source)))
    throw wrongPlace(
      `${JSON.stringify(source)} has no name of its own`,
      'name the directory, or what is in it: site/*',
    )
  const path = resolve(source)
  try {
    return {path, stat: await lstat(path)}
  } catch (error) {
    throw new VpsError('NO_SUCH_FILE', `cannot copy ${path}`, {cause: error, exitCode: ExitCode.wrongUse})
  }
}

async function look(
  context: Context,
  name: string,
  path: string,
  {owner = '0:0', timeoutMs}: CopyInOptions,
): Promise<{kind: Kind; uid: number; gid: number}> {
  const [, user, group = ''] = /^([\w][\w.-]*\$?)(?::([\w][\w.-]*\$?))?$/.exec(owner) ?? []
  if (user === undefined)
    throw wrongPlace(`${JSON.stringify(owner)} is no owner`, 'write it as user or user:group')
  let said = ''
  const end = await inside(context, name, {
    argv: ['sh', '-c', LOOK, 'vps-cp', path, posix.dirname(path), user, group],
    timeoutMs,
    onOutput: chunk => {
      said = (said + chunk.toString('latin1')).slice(0, 100)
    },
  })
  const [, kind, uid, gid] = /^(directory|file|none|nowhere) (\d{1,5}) (\d{1,5})\n$/.exec(said) ?? []
  if (end.exitCode !== 0 || kind === undefined) throw failed(`copy to ${name}:${path}`, end)
  return {kind: kind as Kind, uid: Number(uid), gid: Number(gid)}
}

/** What the only source is called at its target; undefined where a directory takes things in. */
function newName(
  name: string,
  path: string,
  kind: Kind,
  sources: readonly Source[],
  asDirectory: boolean,
): string | undefined {
  const place = `${name}:${path}`
  const [first] = sources
  if (first === undefined) throw wrongPlace('nothing to copy is named')
  if (kind === 'directory') {
    const names = sources.map(source => basename(source.path))
    const twice = names.find((one, index) => names.indexOf(one) !== index)
    if (twice !== undefined) throw wrongPlace(`two things would be copied to ${place}/${twice}`)
    return undefined
  }
  if (kind === 'nowhere')
    throw wrongPlace(
      `there is no directory ${posix.dirname(path)} in ${name}`,
      `make it: \`vps exec ${name} -- mkdir -p ${posix.dirname(path)}\``,
    )
  const isDirectory = first.stat.isDirectory()
  if (sources.length > 1 || (asDirectory && !isDirectory)) throw wrongPlace(`${place} is not a directory`)
  if (kind === 'file' && isDirectory)
    throw wrongPlace(`${place} is not a directory, and ${first.path} is one`)
  return posix.basename(path)
}
