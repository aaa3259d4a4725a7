// The npm packages that tests need in the guest (what the product depends on, and vitest), with Node itself, as a
// read-only disk. Compilers and linters stay outside: this is a third of node_modules.
import {existsSync} from 'node:fs'
import {cp, mkdir, readFile, rm, symlink} from 'node:fs/promises'
import {dirname, join} from 'node:path'
import {execa} from 'execa'
import {repository} from './recipe.ts'

interface LockedPackage {
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
}

const nodePackage = `node-linux-${process.arch}`

/** Leaves out what no program reads, and of Node's package everything but the program. */
function wanted(source: string): boolean {
  const [, within] = source.split(`/node_modules/${nodePackage}`)
  if (within) return ['/bin', '/bin/node', '/package.json'].includes(within)
  return !/\.(map|md|d\.[cm]?ts)$/.test(source)
}

/** Makes an ext4 image of a pruned node_modules. */
export async function buildModules(image: string): Promise<void> {
  const tree = `${image}.d`
  await mkdir(join(tree, '.bin'), {recursive: true})
  for (const path of await closure()) {
    const to = join(tree, path.slice('node_modules/'.length))
    await mkdir(dirname(to), {recursive: true})
    await cp(join(repository, path), to, {recursive: true, filter: wanted})
  }
  await symlink(`../${nodePackage}/bin/node`, join(tree, '.bin/node'))
  await symlink('../vitest/vitest.mjs', join(tree, '.bin/vitest'))
  await execa('mke2fs', [
    '-q',
    '-t',
    'ext4',
    '-O',
    '^has_journal',
    '-L',
    'modules',
    '-d',
    tree,
    image,
    '512M',
  ])
  await rm(tree, {recursive: true})
}

/** Installed packages reachable from the product's dependencies and vitest, as paths below the repository. */
async function closure(): Promise<Set<string>> {
  const lock = JSON.parse(await readFile(join(repository, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockedPackage>
  }
  const found = new Set<string>()
  const visit = (name: string, from: string): void => {
    const path = resolve(name, from, lock.packages)
    if (!path || found.has(path) || !existsSync(join(repository, path))) return
    found.add(path)
    const {dependencies, optionalDependencies, peerDependencies} = lock.packages[path] as LockedPackage
    for (const next of Object.keys({...dependencies, ...optionalDependencies, ...peerDependencies}))
      if (next !== 'esbuild') visit(next, path)
  }
  for (const name of [...Object.keys(lock.packages['']?.dependencies ?? {}), 'vitest', nodePackage])
    visit(name, '')
  return found
}

/** Finds a package as Node does: nearest node_modules first. */
function resolve(name: string, from: string, packages: Record<string, LockedPackage>): string | undefined {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf('/node_modules/')))) {
    const path = base === '' ? `node_modules/${name}` : `${base}/node_modules/${name}`
    if (packages[path]) return path
    if (base === '') return undefined
  }
}
