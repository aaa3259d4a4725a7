import {existsSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {VpsError} from '../errors.ts'

/** What `make native` builds. */
export type NativeName = 'vps-supervisor' | 'vps-attach' | 'vps-init' | 'vps-probe' | 'vps.node'

let root: string | undefined

/** The package's root: the nearest directory above this file (or the bundle it is in) that holds a package.json. */
function packageRoot(): string {
  if (root !== undefined) return root
  let directory = import.meta.dirname
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory)
    if (parent === directory)
      throw new VpsError('NATIVE_MISSING', 'cannot find the directory vps is installed in')
    directory = parent
  }
  root = directory
  return directory
}

/**
 * The absolute path of a part of vps written in C.
 * @throws VpsError NATIVE_MISSING when it has not been built
 */
export function nativeFile(name: NativeName): string {
  const file = join(packageRoot(), 'dist', 'native', name)
  if (!existsSync(file))
    throw new VpsError('NATIVE_MISSING', `the native part ${name} of vps is missing (${file})`, {
      suggestions: ['build it with `make native`, or install vps again'],
    })
  return file
}

/** The JavaScript of the command line, for Node. */
export function mainProgram(): string {
  return join(packageRoot(), 'dist', 'main.js')
}

/** The absolute path of the command `vps` that belongs to this installation: PREFIX/bin/vps, or that of a checkout. */
export function vpsProgram(): string {
  const installed = join(packageRoot(), '../../bin/vps')
  const isInstalled = packageRoot().endsWith('/lib/vps') && existsSync(installed)
  return isInstalled ? installed : join(packageRoot(), 'bin/vps')
}
