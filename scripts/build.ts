/*
 * Bundles the CLI and the API with esbuild: dist/main.js, dist/commands/…, dist/index.js and chunks they share, then makes
 * oclif.manifest.json from the built commands. `--check` builds nothing but compares the manifest with the commands.
 *
 *   node scripts/build.ts [--check]
 */
import {existsSync, globSync} from 'node:fs'
import {readFile, rm, writeFile} from 'node:fs/promises'
import {join, relative, resolve} from 'node:path'
import process from 'node:process'
import {build, type Plugin} from 'esbuild'

const root = join(import.meta.dirname, '..')
const manifestFile = join(root, 'oclif.manifest.json')

/** CommonJS packages in an ES module still call `require` for Node's own modules. */
const banner = `import {createRequire as __createRequire} from 'node:module'; const require = __createRequire(import.meta.url);`

/**
 * oclif's CommonJS modules require everything at their top, half of Node included. This makes each `const x = require(…)` of
 * theirs happen at its first use, which takes a third off the start of every command (see bench/).
 */
const lazyRequires: Plugin = {
  name: 'lazy-requires',
  setup({onLoad}) {
    onLoad({filter: /node_modules\/@oclif\/core\/lib\/.*\.js$/}, async ({path}) => ({
      contents: makeRequiresLazy(await readFile(path, 'utf8')),
      loader: 'js',
    }))
  },
}

/** Only TypeScript's own output has this shape, and there an imported name is used as `name.member` only. */
function makeRequiresLazy(source: string): string {
  const required =
    /^const (\w+) = ((?:__importDefault|__importStar)\(require\("[^"]+"\)\)|require\("[^"]+"\));$/gm
  const names: string[] = []
  let text = source.replaceAll(required, (_line, name: string, value: string) => {
    names.push(name)
    return `let ${name}__value; const ${name}__lazy = () => ${name}__value ??= ${value};`
  })
  for (const name of names) {
    text = text.replaceAll(new RegExp(`(?<![\\w.$])${name}(?=\\.)`, 'g'), `(${name}__lazy())`)
    if (new RegExp(`(?<![\\w.$])${name}(?![\\w])`).test(text))
      throw new Error(`${name} is used in a way that is not lazy`)
  }
  return text
}

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
    minifyWhitespace: true,
    minifySyntax: true,
    keepNames: false,
    legalComments: 'none',
    banner: {js: banner},
    plugins: [lazyRequires],
    metafile: true,
    logLevel: 'warning',
  })
  const made = new Set(Object.keys(metafile.outputs).map(path => resolve(root, path)))
  for (const path of globSync(['*.js', 'commands/**/*.js', 'chunks/*.js'], {cwd: target})) {
    if (!made.has(join(target, path))) await rm(join(target, path))
  }
}

function outputName(path: string): string {
  return relative(root, path)
    .replace(/^(bin|src)\//, '')
    .replace(/\.ts$/, '')
}

/** The manifest as oclif's own `Plugin` makes it, the commands in a stable order. */
async function manifest(): Promise<string> {
  const {Plugin: OclifPlugin} = await import('@oclif/core')
  const plugin = new OclifPlugin({
    errorOnManifestCreate: true,
    ignoreManifest: true,
    respectNoCacheDefault: true,
    root,
    type: 'core',
  })
  await plugin.load()
  const {commands, version} = plugin.manifest
  const sorted = Object.fromEntries(Object.entries(commands).sort(([a], [b]) => (a < b ? -1 : 1)))
  return `${JSON.stringify({commands: sorted, version}, undefined, 2)}\n`
}

if (process.argv.includes('--check')) {
  const current = existsSync(manifestFile) ? await readFile(manifestFile, 'utf8') : ''
  if ((await manifest()) !== current) {
    console.error("oclif.manifest.json is stale: run 'node scripts/build.ts' and commit it")
    process.exitCode = 1
  }
} else {
  await bundle(join(root, 'dist'))
  await writeFile(manifestFile, await manifest())
}
