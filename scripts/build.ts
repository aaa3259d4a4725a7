/*
 * Bundles the CLI and the API with esbuild: dist/main.js, dist/commands/…, dist/index.js and chunks they share, then makes
 * oclif.manifest.json from the built commands. `--check` builds nothing but compares the manifest with the commands.
 *
 *   node scripts/build.ts [--check]
 */
import {existsSync, globSync} from 'node:fs'
import {copyFile, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join, relative, resolve} from 'node:path'
import process from 'node:process'
import {build} from 'esbuild'
import {cheapImports, lazyRequires} from './build-plugins.ts'

const root = join(import.meta.dirname, '..')
const manifestFile = join(root, 'oclif.manifest.json')

/** CommonJS packages in an ES module still call `require` for Node's own modules. */
const banner = `const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);`

/** Writes the bundle, then removes what an earlier one left: a vps that runs meanwhile still finds its chunks. */
async function bundle(target: string): Promise<void> {
  const api = join(root, 'src', 'index.ts')
  const entries = ['bin/main.ts', ...globSync('commands/**/*.ts', {cwd: root})].map(path => join(root, path))
  const {metafile} = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(
      [...entries, ...(existsSync(api) ? [api] : [])].map(path => [outputName(path), path]),
    ),
    outdir: target,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    chunkNames: 'chunks/[name]-[hash]',
    minifySyntax: true,
    legalComments: 'none',
    banner: {js: banner},
    plugins: [cheapImports, lazyRequires],
    metafile: true,
    logLevel: 'warning',
  })
  const made = new Set(Object.keys(metafile.outputs).map(path => resolve(root, path)))
  for (const path of globSync(['*.js', 'commands/**/*.js', 'chunks/*.js'], {cwd: target})) {
    if (!made.has(join(target, path))) await rm(join(target, path))
  }
  await rm(join(target, '.cache'), {recursive: true, force: true}) // bin/main.ts: the compile cache of the last build
}

function outputName(path: string): string {
  return relative(root, path)
    .replace(/^(bin|src)\//, '')
    .replace(/\.ts$/, '')
}

/** The manifest as oclif's own `Plugin` makes it of the commands in `packageRoot`, in a stable order. */
async function manifest(packageRoot: string): Promise<string> {
  const {Plugin: OclifPlugin} = await import('@oclif/core')
  const plugin = new OclifPlugin({
    errorOnManifestCreate: true,
    ignoreManifest: true,
    respectNoCacheDefault: true,
    root: packageRoot,
    type: 'core',
  })
  await plugin.load()
  const {commands, version} = plugin.manifest
  const sorted = Object.fromEntries(Object.entries(commands).sort(([a], [b]) => (a < b ? -1 : 1)))
  return `${JSON.stringify({commands: sorted, version}, undefined, 2)}\n`
}

/** Compares the manifest with the commands as they are now, whatever was built before. */
async function check(): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'vps-manifest-'))
  try {
    await copyFile(join(root, 'package.json'), join(scratch, 'package.json'))
    await bundle(join(scratch, 'dist'))
    const current = existsSync(manifestFile) ? await readFile(manifestFile, 'utf8') : ''
    if ((await manifest(scratch)) === current) return
    console.error("oclif.manifest.json is stale: run 'make build' and commit it")
    process.exitCode = 1
  } finally {
    await rm(scratch, {recursive: true, force: true})
  }
}

if (process.argv.includes('--check')) {
  await check()
} else {
  await bundle(join(root, 'dist'))
  await writeFile(manifestFile, await manifest(root))
}
