import {mkdir, readdir, readFile, rm, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {VpsError} from '../errors.ts'
import {ifMissing} from '../host/index.ts'
import {rootNames} from './accounts-of-root.ts'
import {type AptSource, debianSources, renderSources, type SourceFile} from './apt-sources.ts'
import type {BuildContext, Builder, BuildRequest} from './builder.ts'
import {recipeEntries} from './entries.ts'
import {textParameter, textsParameter} from './parameters.ts'
import {requireProgram, runIsolated} from './sandbox.ts'
import {writeTree} from './tree.ts'
import type {Entry} from './types.ts'

/* A Debian of its own, by mmdebstrap: the same packages as on a machine of its own, minus what only hardware needs. */

export const debianBuilder: Builder = {
  async prepare(request) {
    await requireProgram('mmdebstrap', 'mmdebstrap', 'to make a Debian')
    const suite = textParameter(request.parameters, 'suite') ?? ''
    const sources = debianSources(suite, textParameter(request.parameters, 'mirror'), await hostSources())
    const {execa} = await import('execa')
    const {stdout: architecture} = await execa('dpkg', ['--print-architecture'])
    return {
      facts: {architecture, sources},
      hostTrees: [],
      build: async context => await buildDebian(request, sources, context),
    }
  },
}

async function buildDebian(
  request: BuildRequest,
  sources: readonly AptSource[],
  context: BuildContext,
): Promise<void> {
  const {rootfs, progress} = context
  await bootstrap(request, sources, context)
  progress('settling the new root')
  await rm(join(rootfs, 'dev'), {recursive: true, force: true})
  await forgetOrigin(rootfs, sources.length > 0)
  await writeTree(rootfs, [...aptSources(sources), ...recipeEntries(request.recipe, rootNames(rootfs))])
}

/**
 * mmdebstrap is given the new root at /mnt/root of a mount namespace of its own: the way there is open to apt's unprivileged
 * downloader, which the way to the images is not. Its temporary files go beside.
 */
const BOOTSTRAP = `
set -eu
rootfs=$1 scratch=$2
shift 2
mount -t tmpfs -o size=64k,mode=755 vps-build /mnt
mkdir /mnt/root /mnt/scratch
mount --bind "$rootfs" /mnt/root
mount --bind "$scratch" /mnt/scratch
export TMPDIR=/mnt/scratch/tmp
exec mmdebstrap "$@"
`

async function bootstrap(
  {recipe, parameters}: BuildRequest,
  sources: readonly AptSource[],
  context: BuildContext,
): Promise<void> {
  const {rootfs, scratch, progress, signal} = context
  const list = join(scratch, 'debian.sources')
  await writeFile(list, renderSources(sources))
  await mkdir(join(scratch, 'tmp'), {mode: 0o777})
  const {execa} = await import('execa')
  await execa('chmod', ['0755', scratch])
  await execa('chmod', ['1777', join(scratch, 'tmp')])
  const packages = [...recipe.packages, ...textsParameter(parameters, 'packages')]
  const command = [
    'mmdebstrap',
    '--mode=root',
    '--format=directory',
    `--variant=${textParameter(parameters, 'variant') ?? 'minbase'}`,
    ...(packages.length > 0 ? [`--include=${packages.join(',')}`] : []),
    ...recipe.run.map(script => `--customize-hook=chroot "$1" sh -euc ${quoted(script)}`),
    textParameter(parameters, 'suite') ?? '',
    '/mnt/root',
    ...(sources.length > 0 ? ['/mnt/scratch/debian.sources'] : []),
  ]
  try {
    await runIsolated({
      signal,
      command: ['sh', '-c', BOOTSTRAP, 'sh', rootfs, scratch, ...command.slice(1)],
      env: await proxies(),
      onLine: line => {
        const said = /^[IW]: (.*)/.exec(line)?.[1]
        if (said !== undefined) progress(said)
      },
    })
  } catch (error) {
    throw bootstrapError(error)
  }
}

function bootstrapError(error: unknown): unknown {
  if (!(error instanceof VpsError) || error.code !== 'PROGRAM_FAILED') return error
  if (/No space left on device|not enough free space/i.test(error.message))
    return new VpsError('NO_SPACE', 'no space left to make a Debian of', {cause: error})
  return new VpsError('BUILD_FAILED', error.message.replace(/^sh /, 'mmdebstrap '))
}

/** What mmdebstrap took over from the host, and what must be different in every server; its sources where ours replace them. */
async function forgetOrigin(rootfs: string, ownSources: boolean): Promise<void> {
  const keys = await ifMissing(readdir(join(rootfs, 'etc/ssh')), [])
  const gone = [
    'etc/hostname',
    'etc/resolv.conf',
    'etc/.pwd.lock',
    ...(ownSources ? ['etc/apt/sources.list'] : []),
    'etc/apt/sources.list.d/0000debian.sources', // mmdebstrap's copy of ours, which apt would call a double
    'var/lib/systemd/random-seed',
    'var/lib/systemd/credential.secret',
    ...keys.filter(name => name.startsWith('ssh_host_')).map(name => `etc/ssh/${name}`),
  ]
  for (const path of gone) await rm(join(rootfs, path), {force: true})
}

/** Where the server's own apt gets its packages from: the same archives. None: mmdebstrap has written its own. */
function aptSources(sources: readonly AptSource[]): Entry[] {
  if (sources.length === 0) return []
  const path = '/etc/apt/sources.list.d/debian.sources'
  return [{kind: 'file', path, mode: 0o644, uid: 0, gid: 0, content: renderSources(sources)}]
}

async function hostSources(): Promise<{suite: string | undefined; files: SourceFile[]}> {
  const release = await ifMissing(readFile('/etc/os-release', 'utf8'), '')
  const value = (key: string): string | undefined => new RegExp(`^${key}="?([^"\n]+)`, 'm').exec(release)?.[1]
  if (value('ID') !== 'debian') return {suite: undefined, files: []}
  const parts = (await ifMissing(readdir('/etc/apt/sources.list.d'), [])).sort()
  const names = ['/etc/apt/sources.list', ...parts.map(name => `/etc/apt/sources.list.d/${name}`)]
  const files = await Promise.all(
    names
      .filter(name => /\.(list|sources)$/.test(name))
      .map(async name => ({name, text: await ifMissing(readFile(name, 'utf8'), '')})),
  )
  return {suite: value('VERSION_CODENAME'), files}
}

/** The proxies that the host's apt uses; only while building, they are not written into the image. */
async function proxies(): Promise<Record<string, string>> {
  const shell =
    'eval "$(apt-config shell H Acquire::http::Proxy S Acquire::https::Proxy)"; printf "%s\\n" "$H" "$S"'
  const {execa} = await import('execa')
  const {stdout} = await execa('sh', ['-c', shell], {reject: false})
  const [http = '', https = ''] = stdout.split('\n')
  const clean = (proxy: string): boolean => proxy !== '' && proxy !== 'DIRECT'
  return {...(clean(http) ? {http_proxy: http} : {}), ...(clean(https) ? {https_proxy: https} : {})}
}

/** For sh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
