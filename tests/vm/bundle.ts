// The test files as they run in the test host: bundled with what they import, since emulation makes it dear to load hundreds of files and
// to strip each of its types.
import {readFile} from 'node:fs/promises'
import {dirname, join, relative} from 'node:path'
import {build, type Plugin} from 'esbuild'
import {rings, testFiles} from './files.ts'
import {repository} from './recipe.ts'

/** Where the checkout is in the guest. */
const checkout = '/vps'

/** What a module knows of its place is what it would know if it was not bundled. */
const places: Plugin = {
  name: 'places',
  setup({onLoad}) {
    onLoad({filter: /\/(src|tests|bench)\/.*\.ts$/}, async ({path}) => {
      const place = join(checkout, relative(repository, path))
      const source = await readFile(path, 'utf8')
      const contents = source
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(place)))
        .replaceAll('import.meta.url', JSON.stringify(`file://${place}`))
      return {contents, loader: 'ts'}
    })
  },
}

/** Writes `X.test.js` for each `X.test.ts` of all rings into `tree`, at the same place, and what they share into its build directory. */
export async function bundleTests(tree: string): Promise<void> {
  await build({
    absWorkingDir: repository,
    entryPoints: rings.flatMap(ring => testFiles(ring, repository)),
    outbase: repository,
    outdir: tree,
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node24',
    chunkNames: 'build/test-chunks/[name]-[hash]',
    plugins: [places],
    logLevel: 'warning',
  })
}
