import {mkdtempSync} from 'node:fs'
import {mkdir, rm, rmdir} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {findCgroup2, readMounts} from '../src/host/index.ts'
import {Host} from '../src/index.ts'

export const repository = join(import.meta.dirname, '..')

/** A host of the bench's own, below a scratch directory. */
export interface BenchHost extends AsyncDisposable {
  readonly host: Host
  /** The cgroup that holds its servers. */
  readonly cgroup: string
  /** The path of a C program of bench/, compiled. */
  compiled(name: 'floor' | 'starter' | 'waiter'): string
}

export async function benchHost(): Promise<BenchHost> {
  const root = mkdtempSync(join(tmpdir(), 'vps-bench-'))
  process.env.VPS_ROOT = root
  const host = await Host.open()
  const mount = (await findCgroup2(await readMounts()))?.mount
  if (mount === undefined) throw new Error('no cgroup2 file system is mounted')
  const cgroup = join(mount, host.paths.cgroupName)
  const compiled = (name: string): string => join(root, 'bin', name)
  await mkdir(join(root, 'bin'))
  for (const name of ['floor', 'starter', 'waiter'])
    await execa('gcc', [
      '-O2',
      '-std=c11',
      '-D_GNU_SOURCE',
      '-static',
      `${repository}/bench/${name}.c`,
      '-o',
      compiled(name),
    ])
  return {
    host,
    cgroup,
    compiled,
    async [Symbol.asyncDispose]() {
      await rmdir(cgroup).catch(() => undefined)
      await rm(root, {recursive: true, force: true})
    },
  }
}
