// What is built once: the base and the saved state, each in a directory named by its key, made under a lock so that
// two drivers do not build the same at once.
import {spawn} from 'node:child_process'
import {existsSync} from 'node:fs'
import {mkdir, readdir, rename, rm} from 'node:fs/promises'
import {join} from 'node:path'
import {chooseAccelerator} from './accelerator.ts'
import {buildBase} from './base.ts'
import {ensurePackages} from './packages.ts'
import type {Accelerator} from './qemu.ts'
import {baseKey, cacheDirectory, stateKey} from './recipe.ts'
import {buildState, type State} from './state.ts'

function locate(accelerator: Accelerator): State {
  return {
    accelerator,
    base: join(cacheDirectory, `base-${baseKey()}`),
    directory: join(cacheDirectory, `state-${stateKey(accelerator)}`),
  }
}

/** The state to restore, built if need be. */
export async function cachedState(): Promise<State> {
  await ensurePackages()
  const accelerator = await chooseAccelerator()
  const state = locate(accelerator)
  if (existsSync(state.directory)) return state
  await mkdir(cacheDirectory, {recursive: true})
  await buildLocked(accelerator)
  return state
}

/** Builds in a child that holds a flock: the kernel drops it however the child ends. */
async function buildLocked(accelerator: Accelerator): Promise<void> {
  const words = [
    join(cacheDirectory, 'lock'),
    process.execPath,
    join(import.meta.dirname, 'build.ts'),
    accelerator,
  ]
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', 'flock', ...words], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const {promise, resolve} = Promise.withResolvers<number | null>()
  child.once('close', resolve)
  if ((await promise) !== 0) throw new Error('the test host could not be built')
}

/** To be called with the lock held. Builds what is missing and removes what older recipes left. */
export async function build(accelerator: Accelerator): Promise<void> {
  const state = locate(accelerator)
  if (!existsSync(state.base)) await timed('base', () => makeBase(state.base))
  if (!existsSync(state.directory)) await timed('saved state', () => buildState(state))
  const keep = [state.base, state.directory]
  for (const name of await readdir(cacheDirectory)) {
    const path = join(cacheDirectory, name)
    if (/^(base|state)-/.test(name) && !keep.includes(path)) await rm(path, {recursive: true, force: true})
  }
}

async function makeBase(final: string): Promise<void> {
  const directory = `${final}.building`
  await rm(directory, {recursive: true, force: true})
  await buildBase(directory)
  await rename(directory, final)
}

async function timed(what: string, work: () => Promise<void>): Promise<void> {
  const start = performance.now()
  await work()
  console.error(`vm: ${what} built in ${((performance.now() - start) / 1000).toFixed(1)} s`)
}
