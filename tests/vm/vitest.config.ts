// vitest inside the test host: one ring (a directory below tests/) at a time, with long time limits. A project of the
// same name in the root's vitest.config.ts brings its settings. Files share a worker: loading them is dear here.
import {existsSync} from 'node:fs'
import {join} from 'node:path'
import {defineConfig, type TestProjectInlineConfiguration} from 'vitest/config'

const root = join(import.meta.dirname, '../..')
const ring = process.env.VPS_TEST_RING ?? 'vm'
const slow = Number(process.env.VPS_TEST_SLOW ?? 1)

/**
 * What of the other rings runs here, too: what depends on the kernel, or on systemd running the host, and has no test of its own in
 * this ring. Not what needs a compiler, a tmpfs with shifted owners (Linux 6.3) or a Debian from the network; nor long loops, which
 * emulation makes ten times as long and the machine outside has run already.
 */
const alsoHere: Readonly<Record<string, readonly string[]>> = {
  unit: ['host-facts', 'host-files', 'native', 'storage'],
  host: ['00-snapshot', 'doctor', 'zz-leaks'],
}
const everything = ring === 'vm' ? 'tests/vm/**/*.vm.test.ts' : `tests/${ring}/**/*.test.ts`
const include = alsoHere[ring]?.map(name => `tests/${ring}/${name}.test.ts`) ?? [everything]

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
      fsModuleCache: false,
      fileParallelism: false,
      // Rates and shares are measured here, on an emulated machine that shares its cores with others.
      retry: ring === 'vm' ? 2 : 0,
      maxWorkers: 1,
      isolate: false,
      testTimeout: own.testTimeout ?? 10_000 * slow,
      hookTimeout: own.hookTimeout ?? 20_000 * slow,
    },
  }
})
