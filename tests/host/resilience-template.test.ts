import {execFileSync, spawn} from 'node:child_process'
import {mkdirSync, readdirSync, truncateSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {inconsistencies, settledInconsistencies, standingOf} from '../helpers/consistency.ts'
import {requires, type ScratchHost, scratchHost, vpsProgram} from '../helpers/host.ts'
import {listProcesses} from '../helpers/processes.ts'
import {seededRandom} from '../helpers/random.ts'

/* A server whose image can't be built, or whose creation is killed while it is: an admin's template of an archive. */

const KILLS = 8
const random = seededRandom('kill -9 of an image build')

let host: ScratchHost
let archive: string

/** A root file system with a busybox, and enough else that unpacking takes a while. */
function makeArchive(directory: string): string {
  const root = join(directory, 'rootfs')
  for (const name of ['bin', 'etc', 'dev', 'proc', 'sys', 'run', 'tmp', 'root', 'usr/share'])
    mkdirSync(join(root, name), {recursive: true})
  execFileSync('cp', ['/bin/busybox', join(root, 'bin/busybox')])
  execFileSync('ln', ['-s', 'busybox', join(root, 'bin/sh')])
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n')
  for (let file = 0; file < 200; file++)
    writeFileSync(join(root, 'usr/share', `file${file}`), Buffer.alloc(60_000, file))
  const path = join(directory, 'root.tar')
  execFileSync('tar', ['--create', `--file=${path}`, '--owner=0', '--group=0', `--directory=${root}`, '.'])
  return path
}

const ownImages = (): string[] => readdirSync(host.paths.images).filter(name => name.includes('mine'))

describe('a template that fails', requires('root'), () => {
  beforeAll(async () => {
    host = await scratchHost()
    archive = makeArchive(host.root)
    mkdirSync(host.paths.templates, {recursive: true})
    const template = `extends: tarball\nparameters:\n  source: {default: ${archive}}\n`
    writeFileSync(join(host.paths.templates, 'mine.yaml'), template)
  })

  afterAll(async () => {
    await host[Symbol.asyncDispose]()
  })

  test('in the middle leaves nothing, and works once it is mended', async () => {
    const whole = `${archive}.whole`
    execFileSync('cp', [archive, whole])
    truncateSync(archive, 10_000_000)
    const {exitCode, stderr} = await host.vps(['create', 'one', '--template', 'mine'])
    expect(exitCode, String(stderr)).toBe(1)
    expect(stderr).toContain(archive)
    expect(standingOf(host, 'one')).toBe('none')
    expect(ownImages()).toEqual([])
    expect(await settledInconsistencies(host, ['one'])).toEqual([])
    execFileSync('mv', [whole, archive])
    await host.must(['create', 'one', '--template', 'mine', '--set', 'init=persist', '--start'])
    expect(await host.inside('one', 'echo in')).toBe('in')
    await host.must(['destroy', 'one', '--force', '--yes'])
    await host.must(['image', 'remove', ...ownImages()])
    expect(ownImages()).toEqual([])
  })

  test('to be valid is reported with its place', async () => {
    writeFileSync(join(host.paths.templates, 'bad.yaml'), 'extends: tarball\nfils: {}\n')
    const {exitCode, stderr} = await host.vps(['create', 'one', '--template', 'bad'])
    expect({exitCode, stderr}).toEqual({exitCode: 2, stderr: expect.stringMatching(/bad\.yaml:2:1/)})
    expect(await settledInconsistencies(host, ['one'])).toEqual([])
  })

  test(`because it is killed, at ${KILLS} random moments`, {timeout: 90_000}, async () => {
    const words = ['create', 'two', '--template', 'mine', '--set', 'init=persist']
    const begin = performance.now()
    await host.must(words)
    const whole = performance.now() - begin
    let interrupted = 0
    for (let round = 0; round < KILLS; round++) {
      await host.vps(['destroy', 'two', '--yes'])
      const images = ownImages().filter(name => !name.startsWith('.'))
      if (images.length > 0) await host.must(['image', 'remove', ...images])
      const child = spawn(vpsProgram, words, {env: {...process.env, VPS_ROOT: host.root}, stdio: 'ignore'})
      const ended = new Promise(resolve => child.once('exit', resolve))
      await Promise.race([ended, sleep(whole * (0.2 + 0.8 * random.next()))])
      child.kill('SIGKILL')
      await ended
      if (inconsistencies(host, ['two']).some(problem => problem.includes('.building'))) interrupted++
      await diesAlone()
    }
    expect(interrupted).toBeGreaterThan(0)
    await host.vps(['destroy', 'two', '--yes'])
    await host.must([...words, '--start'])
    expect(
      await host.inside('two', 'ls /usr/share | wc -l 2>/dev/null || busybox ls /usr/share | busybox wc -l'),
    ).toBe('200')
    expect(ownImages()).toHaveLength(1)
    expect(await settledInconsistencies(host, ['two'])).toEqual([])
  })
})

/** The programs of a build die with the command that was killed, within the second; a removal may come to its end. */
async function diesAlone(): Promise<void> {
  const deadline = performance.now() + 1_000
  const left = (): string[] =>
    listProcesses()
      .filter(
        ({command, zombie}) => !zombie && command.includes(`${host.root}/`) && !command.startsWith('rm '),
      )
      .map(({command}) => command)
  while (left().length > 0 && performance.now() < deadline) await sleep(10)
  expect(left()).toEqual([])
}
