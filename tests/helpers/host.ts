import {existsSync, globSync, mkdtempSync, readdirSync, rmdirSync, rmSync, symlinkSync} from 'node:fs'
import {mkdir, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {execa, type Options, type Result} from 'execa'
import {type HostPaths, hostPaths} from '../../src/host/index.ts'
import {cgroupPlace} from '../../src/resources/index.ts'
import {runWarm} from './warm-cli.ts'

export const repository = join(import.meta.dirname, '../..')
export const vpsProgram = join(repository, 'bin/vps')

/** Images that take long to build are built once, in the machine's own network, and kept here between runs. */
const keptRoot = join(repository, 'build/test-root')

/** A vps host of a test's own, below a scratch directory; whatever a test leaves in it is taken down at the end. */
export interface ScratchHost extends AsyncDisposable {
  readonly root: string
  readonly paths: HostPaths
  /** Directory that this host's server cgroups are in, and its place in the cgroup2 tree. */
  readonly cgroups: string
  /** The cgroup of a server: in a tree of our own, or a scope where systemd runs the host. */
  cgroup(server: string): string
  /** Runs vps with these arguments; never throws, look at `exitCode`. Strings come back without the last newline. */
  vps(args: readonly string[], options?: Options): Promise<Result>
  /** As `vps`, and throws when it fails. */
  must(args: readonly string[], options?: Options): Promise<string>
  /** The object that `--json` prints. */
  json<T>(args: readonly string[]): Promise<T>
  /** Runs a shell script as root inside a server; its standard output, trimmed. Throws when it fails. */
  inside(server: string, script: string): Promise<string>
}

/** @param neighbour above 0 for a further host beside others of one test: in one network their pools must differ */
export async function scratchHost(neighbour = 0): Promise<ScratchHost> {
  const root = mkdtempSync(join(tmpdir(), 'vps-test-'))
  const paths = hostPaths(root)
  if (neighbour > 0) {
    await mkdir(paths.etc, {recursive: true})
    await writeFile(paths.hostConfig, poolsOf(neighbour))
  }
  const place = await cgroupPlace(paths)
  await lendImages(paths)
  const env = {VPS_ROOT: root, NO_COLOR: '1'}
  const run = (args: readonly string[], options: Options): Promise<Result> =>
    canBeWarm(args, options)
      ? warm(args, root, options)
      : (execa(vpsProgram, args, {env, stdin: 'ignore', timeout: 60_000, ...options}) as Promise<Result>)
  const vps = (args: readonly string[], options: Options = {}): Promise<Result> =>
    run(args, {reject: false, ...options})
  const must = async (args: readonly string[], options: Options = {}): Promise<string> =>
    String((await run(args, options)).stdout)
  return {
    root,
    paths,
    cgroups: place.parent,
    cgroup: server => place.directory(server),
    vps,
    must,
    json: async args => JSON.parse(await must([...args, '--json'])),
    inside: async (server, script) => (await must(['exec', server, '--', 'sh', '-c', script])).trim(),
    async [Symbol.asyncDispose]() {
      await vps(['destroy', '--all', '--force', '--yes'])
      if (!place.systemd) removeCgroups(place.parent)
      rmSync(root, {recursive: true, force: true})
    },
  }
}

/** In the emulated machine, whatever asks for no more of its process than a time limit. */
function canBeWarm([verb, , dashes]: readonly string[], options: Options): boolean {
  const asked = Object.keys(options).filter(key => key !== 'reject' && key !== 'timeout')
  const isOwnProcess = verb === 'enter' || (verb === 'exec' && dashes !== '--')
  return process.env.VPS_TEST_VM === '1' && !isOwnProcess && asked.length === 0
}

async function warm(args: readonly string[], root: string, options: Options): Promise<Result> {
  const outcome = await runWarm(args, root, options.timeout ?? 60_000)
  const failed = outcome.exitCode !== 0
  if (failed && options.reject !== false)
    throw new Error(`vps ${args.join(' ')}: status ${outcome.exitCode}\n${outcome.stderr}`)
  return {...outcome, failed} as Result
}

function poolsOf(neighbour: number): string {
  const ranges = {
    private: {range: `10.${77 + neighbour}.0.0/16`},
    private6: {range: `fd77:7073:7673:${neighbour}::/64`},
  }
  return JSON.stringify({network: {pools: ranges}})
}

/** Links the kept images into this host's cache. */
async function lendImages(paths: HostPaths): Promise<void> {
  await mkdir(paths.images, {recursive: true, mode: 0o700})
  const kept = hostPaths(keptRoot).images
  if (!existsSync(kept)) return
  for (const image of readdirSync(kept).filter(name => name.startsWith('debian-')))
    symlinkSync(join(kept, image), join(paths.images, image))
}

function removeCgroups(directory: string): void {
  if (!existsSync(directory)) return
  for (const child of globSync('**/', {cwd: directory}).sort((a, b) => b.length - a.length))
    rmdirSync(join(directory, child))
  if (existsSync(directory)) rmdirSync(directory)
}

/** What this test needs of the host, with a reason to skip it on a laptop; in CI a missing requirement fails it. */
export function requires(...needs: ('root' | 'debian-image')[]): {skip: boolean} {
  const met = {
    root: process.geteuid?.() === 0,
    'debian-image':
      existsSync(hostPaths(keptRoot).images) &&
      readdirSync(hostPaths(keptRoot).images).some(name => name.startsWith('debian-')),
  }
  return {skip: needs.some(need => !met[need]) && process.env.CI !== 'true'}
}
