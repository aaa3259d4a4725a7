// vitest inside the test host: one ring (a directory below tests/) at a time, with long time limits. A project of the
// same name in the root's vitest.config.ts brings its settings. Files share a worker: loading them is dear here.
import {existsSync} from 'node:fs'
import {join} from 'node:path'
import {defineConfig, type TestProjectInlineConfiguration} from 'vitest/config'
import {testFiles} from './files.ts'

const root = join(import.meta.dirname, '../..')
const ring = process.env.VPS_TEST_RING ?? 'vm'
const slow = Number(process.env.VPS_TEST_SLOW ?? 1)

/** Bundled (bundle.ts), unless the state is being made that all runs begin with. */
const include =
  ring === 'vm/warm'
    ? [`tests/${ring}/*.test.ts`]
    : testFiles(ring, root).map(name => name.replace(/\.ts$/, '.js'))

type Settings = NonNullable<TestProjectInlineConfiguration['test']>

/** What the root's configuration says of the ring; it knows VPS_TEST_SLOW itself. */
async function ownSettings(): Promise<Settings> {
  const file = join(root, 'vitest.config.ts')
  if (!existsSync(file)) return {}
  const {default: config} = (await import(file)) as {default: {test?: Settings & {projects?: unknown[]}}}
  const {projects = [], ...common} = config.test ?? {}
  const project = (projects as TestProjectInlineConfiguration[]).find(({test}) => test?.name === ring)
  return {...common, ...project?.test}
}

export default defineConfig(async () => {
  const own = await ownSettings()
  return {
    root,
    cacheDir: '/tmp/vite',
    test: {
      ...own,
      include,
      fileParallelism: false,
      // Node loads them itself: there is nothing left to transform.
      experimental: {viteModuleRunner: false},
      // Rates and shares are measured here, on an emulated machine that shares its cores with others.
      retry: ring === 'vm' ? 2 : 0,
      maxWorkers: 1,
      isolate: false,
      testTimeout: own.testTimeout ?? 10_000 * slow,
      hookTimeout: own.hookTimeout ?? 20_000 * slow,
    },
  }
})
