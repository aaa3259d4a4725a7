import {basename, dirname} from 'node:path'
import process from 'node:process'
import {VpsError} from '../../errors.ts'
import {readable} from './inside.ts'

interface Packing {
  /** Absolute paths. */
  readonly sources: readonly string[]
  /** What the only source is called in the archive. */
  readonly renamed: string | undefined
  readonly uid: number
  readonly gid: number
}

/** The exit status of GNU tar for what changed while it was read: what was there is in the archive. */
const CHANGED = 1

/**
 * Files of the host as a tar stream. In GNU's format, for busybox reads no long names in POSIX's; holes, attributes and names of
 * owners stay behind.
 * @throws VpsError COPY_FAILED; MISSING_PROGRAM
 */
export async function* packed(
  {sources, renamed, uid, gid}: Packing,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const {execa} = await import('execa')
  const named = sources.flatMap(path => ['-C', dirname(path), `./${basename(path)}`])
  const [first = ''] = sources
  const program = execa(
    'tar',
    [
      ...[
        '-c',
        '-f',
        '-',
        '--format=gnu',
        '--no-unquote',
        '--numeric-owner',
        `--owner=vps:${uid}`,
        `--group=vps:${gid}`,
      ],
      ...(renamed === undefined
        ? []
        : [`--transform=flags=rhS;s,${pattern(first)},${replacement(renamed)},`]),
      ...named,
    ],
    {
      env: {LC_ALL: 'C', PATH: process.env.PATH},
      extendEnv: false,
      stdin: 'ignore',
      buffer: {stdout: false},
      reject: false,
      ...(signal !== undefined && {cancelSignal: signal}),
    },
  )
  try {
    yield* program.stdout as AsyncIterable<Uint8Array>
    const {exitCode, code, stderr, originalMessage} = await program
    if (exitCode === 0 || exitCode === CHANGED) return
    if (code === 'ENOENT')
      throw new VpsError('MISSING_PROGRAM', 'tar is not installed; it is needed to copy files to servers', {
        suggestions: ['apt-get install tar'],
      })
    const why = readable(stderr.trim() || (originalMessage ?? `tar ended with ${exitCode}`))
    throw new VpsError('COPY_FAILED', `cannot read what is to be copied: ${why}`)
  } finally {
    program.kill('SIGKILL') // the reader may have had enough
  }
}

/** Fits the beginning of every name in the archive: all are that of the source, or below it. */
function pattern(source: string): string {
  return `^\\./${basename(source).replaceAll(/[\\.*[\]^$,]/g, String.raw`\$&`)}`
}

function replacement(name: string): string {
  return `./${name.replaceAll(/[\\&,]/g, String.raw`\$&`)}`
}
