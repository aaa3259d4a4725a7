import {execFileSync} from 'node:child_process'
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import {release} from 'node:os'
import {join} from 'node:path'
import type {Result} from 'execa'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {canIdmap, parseVersion, serverPaths} from '../../src/host/index.ts'
import {settledInconsistencies, standingOf, stateOf} from '../helpers/consistency.ts'
import {requires, type ScratchHost, scratchHost} from '../helpers/host.ts'

/*
 * A whole host (/etc/vps, /var/lib/vps, /run/vps) on one small file system, filled to the last page, then with one page free,
 * two, and so on until the verb works: each write on its way has once been the one that found no room.
 */

const PAGE = 4096
const MIBIBYTES = 24
const BYSTANDER = 'bystander'

/** A file that takes all the room there is. */
class Ballast {
  readonly #path: string

  constructor(root: string) {
    this.#path = join(root, 'ballast')
  }

  /** Takes everything but this many pages. */
  fill(freePages: number): void {
    const file = openSync(this.#path, 'a')
    for (let size = 1024 * 1024; size >= PAGE; size = size > PAGE ? PAGE : 0) writeUntilFull(file, size)
    ftruncateSync(file, Math.max(0, Math.floor(fstatSync(file).size / PAGE) - freePages) * PAGE)
    closeSync(file)
  }

  drop(): void {
    rmSync(this.#path, {force: true})
  }
}

function writeUntilFull(file: number, size: number): void {
  const block = Buffer.alloc(size, 'x')
  try {
    while (writeSync(file, block) === size);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

let host: ScratchHost
let ballast: Ballast
let bystanderInit: string | undefined

function mountSmall(root: string): void {
  const small = join(root, 'small')
  if (canIdmap('tmpfs', parseVersion(release()))) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${MIBIBYTES}m,mode=755`, 'vps-test', root])
    return
  }
  execFileSync('truncate', ['-s', `${MIBIBYTES}M`, small])
  execFileSync('mkfs.ext4', ['-q', '-m', '0', small])
  execFileSync('mount', ['-o', 'loop', small, root]) // the file stays below its own mount
}

/** Undone, and said: what was to be written, and why it could not. */
async function saysFull({exitCode, stderr}: Result, story: string): Promise<void> {
  expect(exitCode, `${story}: ${stderr}`).toBe(1)
  expect(stderr, story).toMatch(/no space left/i)
  expect(stderr, story).toMatch(/no space left to write \/|\/\S+: No space left/) // what it is that found no room
  expect(stderr, story).not.toMatch(/bug of vps/)
  expect(await problems(), story).toEqual([])
}

const problems = (): Promise<string[]> => settledInconsistencies(host, ['one', BYSTANDER])

/** With one page more each time, until it works. Returns how many pages that took. */
async function untilItWorks(words: readonly string[], failed: () => Promise<void>): Promise<number> {
  for (let free = 0; free < 64; free++) {
    ballast.fill(free)
    const result = await host.vps(words)
    if (result.exitCode === 0) return free
    await saysFull(result, `${words.join(' ')} with ${free} pages free`)
    await failed()
  }
  throw new Error(`${words.join(' ')} never worked`)
}

describe('a full disk', requires('root'), () => {
  beforeAll(async () => {
    host = await scratchHost()
    mountSmall(host.root)
    ballast = new Ballast(host.root)
    mkdirSync(host.paths.images, {recursive: true, mode: 0o700})
    await host.must(['create', BYSTANDER, '--set', 'init=persist', '--start'])
    bystanderInit = stateOf(host, BYSTANDER)?.get('init')
  })

  afterAll(async () => {
    ballast.drop()
    await host.vps(['destroy', '--all', '--force', '--yes'])
    execFileSync('umount', [host.root])
    await host[Symbol.asyncDispose]()
  })

  test('during create', {timeout: 60_000}, async () => {
    const pages = await untilItWorks(['create', 'one', '--set', 'init=persist'], async () => {
      expect(standingOf(host, 'one')).toBe('none')
    })
    expect(pages).toBeGreaterThan(0)
    expect(await problems()).toEqual([])
  })

  test('during set', {timeout: 60_000}, async () => {
    const {definition} = serverPaths(host.paths, 'one')
    const before = readFileSync(definition, 'utf8')
    const long = `description=${'long '.repeat(600)}end`
    await untilItWorks(['set', 'one', long], async () => {
      expect(readFileSync(definition, 'utf8')).toBe(before)
    })
    expect(readFileSync(definition, 'utf8')).toContain('long long')
    expect(await problems()).toEqual([])
  })

  test('during start', {timeout: 120_000}, async () => {
    rmSync(host.paths.seccompCache, {recursive: true, force: true}) // so that it, too, is to be written
    const pages = await untilItWorks(['start', 'one'], async () => {
      expect(standingOf(host, 'one')).toBe('stopped')
    })
    expect(pages).toBeGreaterThan(1)
    expect(await problems()).toEqual([])
    expect(await host.inside('one', 'echo in')).toBe('in')
  })

  test('which is full to the last page, a server that runs is seen, used, stopped and destroyed', async () => {
    ballast.fill(0)
    expect(
      (await host.json<{name: string; state: string}[]>(['list'])).map(({name, state}) => `${name} ${state}`),
    ).toEqual([`${BYSTANDER} running`, 'one running'])
    const full = await host.vps([
      'exec',
      'one',
      '--',
      'dd',
      'if=/dev/zero',
      'of=/root/data',
      'bs=9k',
      'count=1',
    ])
    expect(full.stderr).toMatch(/No space left/)
    await host.must(['pause', 'one'])
    await host.must(['resume', 'one'])
    await host.must(['stop', 'one'])
    expect(await problems()).toEqual([])
    ballast.fill(0)
    await host.must(['destroy', 'one', '--yes'])
    expect(await problems()).toEqual([])
    expect(standingOf(host, 'one')).toBe('none')
  })

  test('with not one inode left', {timeout: 60_000}, async ({skip}) => {
    if (!canIdmap('tmpfs', parseVersion(release()))) skip('on tmpfs only')
    ballast.drop()
    await host.vps(['destroy', 'one', '--force', '--yes'])
    const used =
      Number(execFileSync('stat', ['--file-system', '--format=%c', host.root], {encoding: 'utf8'})) -
      Number(execFileSync('stat', ['--file-system', '--format=%d', host.root], {encoding: 'utf8'}))
    for (let free = 0; free < 40; free++) {
      execFileSync('mount', ['-o', `remount,nr_inodes=${used + free}`, host.root])
      const result = await host.vps(['create', 'one', '--set', 'init=persist', '--start'])
      execFileSync('mount', ['-o', 'remount,nr_inodes=100000', host.root])
      if (result.exitCode === 0) return
      // What was created and only failed to start stays, as `create --start` says.
      await saysFull(result, `${free} inodes free`)
      if (standingOf(host, 'one') !== 'none') await host.must(['destroy', 'one', '--yes'])
    }
    throw new Error('it never worked')
  })

  test('the other server has noticed nothing', async () => {
    ballast.drop()
    expect(stateOf(host, BYSTANDER)?.get('init')).toBe(bystanderInit)
    expect(await host.inside(BYSTANDER, 'echo data >/root/data && cat /root/data')).toBe('data')
  })
})
