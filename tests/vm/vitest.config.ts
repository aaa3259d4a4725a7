// vitest inside the test host: one ring (a directory below tests/) at a time, with long time limits. A project of the
// same name in the root's vitest.config.ts brings its own set-up files.
import {existsSync} from 'node:fs'
import {join} from 'node:path'
import {defineConfig, type TestProjectInlineConfiguration} from 'vitest/config'

const root = join(import.meta.dirname, '../..')
const ring = process.env.VPS_TEST_RING ?? 'vm'
const slow = Number(process.env.VPS_TEST_SLOW ?? 1)
const include = ring === 'vm' ? 'tests/vm/**/*.vm.test.ts' : `tests/${ring}/**/*.test.ts`

async function ownSettings(): Promise<NonNullable<TestProjectInlineConfiguration['test']>> {
  const file = join(root, 'vitest.config.ts')
  if (!existsSync(file)) return {}
  const {default: config} = (await import(file)) as {default: {test?: {projects?: unknown[]}}}
  const projects = (config.test?.projects ?? []) as TestProjectInlineConfiguration[]
  return projects.find(({test}) => test?.name === ring)?.test ?? {}
}

export default defineConfig(async () => {
  const own = await ownSettings()
  return {
    root,
    cacheDir: '/tmp/vite',
    test: {
      ...own,
      include: own.include ?? [include],
      fsModuleCache: false,
      fileParallelism: false,
      maxWorkers: 1,
      isolate: false,
      testTimeout: Math.max(own.testTimeout ?? 5000, 5000) * slow,
      hookTimeout: Math.max(own.hookTimeout ?? 10_000, 10_000) * slow,
    },
  }
})
