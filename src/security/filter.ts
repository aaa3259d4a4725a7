import {createHash} from 'node:crypto'
import {readFile} from 'node:fs/promises'
import {join} from 'node:path'
import type {Definition} from '../definition/index.ts'
import {VpsError} from '../errors.ts'
import {Fresh, type HostPaths, ifMissing, makeDirectory, writeFileAtomic} from '../host/index.ts'
import {nativeFile} from '../native/index.ts'
import {seccompRules} from './seccomp.ts'

/** Changes whenever the compiler's output for the same rules does. */
const COMPILER = 'libseccomp-2.5 binary-tree 2'

/**
 * The compiled filter of a server, as hex digits of an array of `struct sock_filter`. Compiled once for each set of rules
 * and kept in var/lib/vps/cache/seccomp.
 * @throws VpsError SECCOMP_FAILED
 */
export async function seccompFilter(paths: HostPaths, security: Definition['security']): Promise<string> {
  const key = JSON.stringify([paths.seccompCache, ...security.allow])
  return await known.get(key, () => findFilter(paths, security))
}

const known = new Fresh<Promise<string>>()

async function findFilter(paths: HostPaths, security: Definition['security']): Promise<string> {
  const rules = seccompRules(security)
  const hash = createHash('sha256')
    .update(COMPILER)
    .update(process.arch)
    .update(rules)
    .digest('hex')
    .slice(0, 32)
  const file = join(paths.seccompCache, `${hash}.bpf`)
  const cached = await ifMissing(readFile(file), null)
  if (cached) return cached.toString('hex')
  const filter = await compile(rules)
  await makeDirectory(paths.seccompCache, 0o700)
  await writeFileAtomic(file, filter)
  return filter.toString('hex')
}

async function compile(rules: string): Promise<Buffer> {
  try {
    const {execa} = await import('execa') // a filter is compiled once
    const {stdout} = await execa(nativeFile('vps-supervisor'), ['seccomp'], {
      input: rules,
      encoding: 'buffer',
    })
    return Buffer.from(stdout)
  } catch (cause) {
    throw new VpsError('SECCOMP_FAILED', 'cannot compile the seccomp filter', {cause})
  }
}
