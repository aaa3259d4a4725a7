import {mkdtempSync} from 'node:fs'
import {rm, rmdir} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {findCgroup2, readMounts} from '../src/host/index.ts'
import {Host} from '../src/index.ts'
import {type BenchProgram, benchProgram} from './programs.ts'

export {repository} from './programs.ts'

/** A host of the bench's own, below a scratch directory. */
export interface BenchHost extends AsyncDisposable {
  readonly host: Host
  /** The cgroup that holds its servers. */
  readonly cgroup: string
  /** The path of a C program of bench/, compiled. */
  compiled(name: BenchProgram): string
}

export async function benchHost(): Promise<BenchHost> {
  const root = mkdtempSync(join(tmpdir(), 'vps-bench-'))
  process.env.VPS_ROOT = root
  const host = await Host.open()
  const mount = (await findCgroup2(await readMounts()))?.mount
  if (mount === undefined) throw new Error('no cgroup2 file system is mounted')
  const cgroup = join(mount, host.paths.cgroupName)
  return {
    host,
    cgroup,
    compiled: benchProgram,
    async [Symbol.asyncDispose]() {
      await rmdir(cgroup).catch(() => undefined)
      await rm(root, {recursive: true, force: true})
    },
  }
}
