import {closeSync} from 'node:fs'
import {lstat} from 'node:fs/promises'
import {basename, posix, resolve} from 'node:path'
import {ExitCode, VpsError} from '../../errors.ts'
import {throwIfAborted} from '../../host/index.ts'
import type {Context} from '../types.ts'
import {openEnds} from './ends.ts'
import {failed, inside} from './inside.ts'
import {packed} from './pack.ts'
import {insidePath, wrongPlace} from './places.ts'
import {Receiver} from './receiver.ts'
import type {StoppedServer} from './stopped.ts'
import {noMoreThan} from './time.ts'
import {type Owner, TreeSink} from './tree-sink.ts'

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
 * Copies files of the host into the server `name`. Modes, times and links stay; what is there already is replaced, and directories are
 * added to. It is not taken back when it fails in the middle.
 * @throws VpsError BAD_PLACE, NO_SUCH_FILE (exit 2); WRONG_STATE (exit 4); COPY_FAILED, TIMED_OUT, ABORTED
 */
export async function copyIn(context: Context, name: string, options: CopyInOptions): Promise<CopyInReport> {
  throwIfAborted(context.signal, `copy to ${name}`)
  const found = await Promise.all(options.sources.map(lookAt))
  const path = insidePath(options.target)
  await using ends = await openEnds(context, name)
  const stopped = ends.stopped(name)
  const target = await look(context, {
    name,
    stopped,
    path,
    owner: options.owner,
    timeoutMs: options.timeoutMs,
  })
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
  if (stopped === undefined) {
    await unpack(context, name, {path, directory, input: counted(), timeoutMs: options.timeoutMs})
  } else {
    const names = found.map(({path}) => renamed ?? basename(path))
    const inTime = noMoreThan(options.timeoutMs, name, context.signal)
    await write(stopped, {directory, names, archive: counted(), owner: target, inTime})
  }
  return {name, target: path, bytes}
}

interface Unpacking {
  /** What was asked for, for messages. */
  readonly path: string
  readonly directory: string
  readonly input: AsyncIterable<Uint8Array>
  readonly timeoutMs: number | undefined
}

/** The tar of a server that runs reads what is sent to it. */
export async function unpack(
  context: Context,
  name: string,
  {path, directory, input, timeoutMs}: Unpacking,
): Promise<void> {
  const argv = ['tar', '-x', '-p', '-f', '-', '-C', directory]
  const end = await inside(context, name, {argv, input, timeoutMs})
  if (end.exitCode !== 0) throw failed(`copy to ${name}:${path}`, end)
}

interface Writing {
  readonly directory: string
  readonly names: readonly string[]
  readonly archive: AsyncIterable<Uint8Array>
  readonly owner: Owner
  readonly inTime: () => void
}

/** What the host has packed, into the tree of a server that does not run. */
async function write(
  stopped: StoppedServer,
  {directory, names, archive, owner, inTime}: Writing,
): Promise<void> {
  using sink = openTree(stopped, directory, owner)
  const receiver = await Receiver.open({
    from: 'this host',
    names: new Map(names.map(name => [name, name])),
    sink,
    limits: {bytes: Number.MAX_SAFE_INTEGER, entries: Number.MAX_SAFE_INTEGER},
    setId: true,
  })
  try {
    for await (const chunk of archive) {
      inTime()
      receiver.write(Buffer.from(chunk))
    }
    receiver.end()
  } catch (error) {
    throw await stopped.writeError(error)
  } finally {
    receiver.close()
  }
}

/** A sink for a directory that was looked at. */
export function openTree(stopped: StoppedServer, directory: string, owner: Owner): TreeSink & Disposable {
  const fd = stopped.enter(directory)
  if (fd === undefined) throw wrongPlace(`there is no directory ${directory}`)
  const sink = new TreeSink(fd, owner)
  return Object.assign(sink, {[Symbol.dispose]: () => closeSync(fd)})
}

/** What stands at a target, and who shall own what is copied there. */
export interface Found extends Owner {
  readonly kind: Kind
}

type Kind = 'directory' | 'file' | 'none' | 'nowhere'

async function lookAt(source: string): Promise<Named> {
  if (['', '.', '..'].includes(posix.basename(source)))
    throw wrongPlace(
      `${JSON.stringify(source)} has no name of its own`,
      'name the directory, or what is in it: site/*',
    )
  const path = resolve(source)
  try {
    return {path, isDirectory: (await lstat(path)).isDirectory()}
  } catch (error) {
    throw new VpsError('NO_SUCH_FILE', `cannot copy ${path}`, {cause: error, exitCode: ExitCode.wrongUse})
  }
}

interface Looking {
  readonly name: string
  readonly stopped: StoppedServer | undefined
  readonly path: string
  readonly owner: string | undefined
  readonly timeoutMs: number | undefined
}

/** Looks where a target leads, and who the owner is. */
export async function look(
  context: Context,
  {name, stopped, path, owner = '0:0', timeoutMs}: Looking,
): Promise<Found> {
  const [, user, group = ''] = /^([\w][\w.-]*\$?)(?::([\w][\w.-]*\$?))?$/.exec(owner) ?? []
  if (user === undefined)
    throw wrongPlace(`${JSON.stringify(owner)} is no owner`, 'write it as user or user:group')
  if (stopped !== undefined) return stopped.look(path, user, group)
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

/** What is to be copied, as far as that is known. */
export interface Named {
  readonly path: string
  readonly isDirectory: boolean | undefined
}

/** What the only source is called at its target; undefined where a directory takes things in. */
export function newName(
  name: string,
  path: string,
  kind: Kind,
  sources: readonly Named[],
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
  if (kind === 'nowhere') {
    const parent = posix.dirname(path)
    throw wrongPlace(
      `there is no directory ${parent} in ${name}`,
      `make it in the running server: \`vps exec ${name} -- mkdir -p ${parent}\``,
    )
  }
  if (sources.length > 1 || (asDirectory && first.isDirectory !== true))
    throw wrongPlace(`${place} is not a directory`)
  if (kind === 'file' && first.isDirectory === true)
    throw wrongPlace(`${place} is not a directory, and ${first.path} is one`)
  return posix.basename(path)
}
