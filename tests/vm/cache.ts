// What is built once: the base and the saved state, each in a directory named by its key, made under a lock so that
// two drivers do not build the same at once.
import {spawn} from 'node:child_process'
import {existsSync} from 'node:fs'
import {mkdir, readdir, rename, rm} from 'node:fs/promises'
import {join} from 'node:path'
import {chooseAccelerator} from './accelerator.ts'
import {buildBase} from './base.ts'
import {ensurePackages} from './packages.ts'
import {baseKey, cacheDirectory, stateKey} from './recipe.ts'
import {buildState, type State} from './state.ts'

/** The state to restore, built if need be. */
export async function cachedState(): Promise<State> {
  await ensurePackages()
  const state = await findState()
  if (state && existsSync(state.directory)) return state
  await mkdir(cacheDirectory, {recursive: true})
  await buildLocked()
  return (await findState()) as State
}

/** Undefined without a base: how to run it is tried with the base's kernel. */
async function findState(): Promise<State | undefined> {
  const base = join(cacheDirectory, `base-${baseKey()}`)
  if (!existsSync(base)) return undefined
  const accelerator = await chooseAccelerator(base)
  return {accelerator, base, directory: join(cacheDirectory, `state-${stateKey(accelerator)}`)}
}

/** Builds in a child that holds a flock: the kernel drops it however the child ends. */
async function buildLocked(): Promise<void> {
  const program = [process.execPath, join(import.meta.dirname, 'build.ts')]
  const locked = ['flock', '--no-fork', join(cacheDirectory, 'lock'), ...program]
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...locked], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const ended = Promise.withResolvers<number | null>()
  child.once('error', ended.reject)
  child.once('close', ended.resolve)
  if ((await ended.promise) !== 0) throw new Error('the test host could not be built')
}

/** To be called with the lock held. Builds what is missing and removes what older recipes left. */
export async function build(): Promise<void> {
  const base = join(cacheDirectory, `base-${baseKey()}`)
  if (!existsSync(base)) await timed('base', () => makeBase(base))
  const state = (await findState()) as State
  if (!existsSync(state.directory)) await timed('saved state', () => buildState(state))
  for (const name of await readdir(cacheDirectory)) {
    const path = join(cacheDirectory, name)
    if (/^(base|state)-/.test(name) && path !== base && path !== state.directory)
      await rm(path, {recursive: true, force: true})
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
