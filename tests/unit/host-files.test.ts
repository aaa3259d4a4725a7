import {existsSync} from 'node:fs'
import {mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {
  hostPaths,
  lockFile,
  mountOf,
  parseMounts,
  removeTemporaries,
  removeTemporariesOf,
  serverPaths,
  writeError,
  writeFileAtomic,
} from '../../src/host/index.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vps-unit-'))
})
afterEach(async () => await rm(root, {recursive: true, force: true}))

describe('paths', () => {
  test('without a root they are those of the host', () => {
    const paths = hostPaths('')
    expect(paths.definitions).toBe('/etc/vps/servers')
    expect(paths.servers).toBe('/var/lib/vps/servers')
    expect(paths.runServers).toBe('/run/vps/servers')
    expect(paths.cgroupName).toBe('vps')
    expect(serverPaths(paths, 'web1').socket).toBe('/run/vps/servers/web1/control.sock')
  })

  test('a root prefixes all three trees and has cgroups of its own', () => {
    const paths = hostPaths('/srv/test/')
    expect(paths.etc).toBe('/srv/test/etc/vps')
    expect(serverPaths(paths, 'web1').upper).toBe('/srv/test/var/lib/vps/servers/web1/layer/upper')
    expect(paths.cgroupName).toMatch(/^vps-[0-9a-f]{8}$/)
    expect(hostPaths('/srv/test').cgroupName).toBe(paths.cgroupName)
    expect(hostPaths('/srv/other').cgroupName).not.toBe(paths.cgroupName)
  })

  test('the root directory as root means the host', () => expect(hostPaths('/')).toEqual(hostPaths('')))
})

describe('atomic writes', () => {
  test('replace a file, keep no temporary one and set the mode whatever the umask is', async () => {
    const file = join(root, 'a.yaml')
    await writeFile(file, 'old', {mode: 0o600})
    await writeFileAtomic(file, 'new', {mode: 0o664})
    expect(await readFile(file, 'utf8')).toBe('new')
    expect((await stat(file)).mode & 0o777).toBe(0o664)
    expect(await readdir(root)).toEqual(['a.yaml'])
  })

  test('that fail leave the old file, no temporary one, and name the file', async () => {
    const file = join(root, 'taken')
    await mkdir(join(file, 'x'), {recursive: true})
    await expect(writeFileAtomic(file, 'new')).rejects.toMatchObject({
      code: 'WRITE_FAILED',
      message: `cannot write ${file}`,
    })
    expect(await readdir(root)).toEqual(['taken'])
    await expect(writeFileAtomic('/dev/full/x', '')).rejects.toMatchObject({code: 'WRITE_FAILED'})
  })

  test('a full file system is named together with the file', async () => {
    const full = Object.assign(new Error('ENOSPC'), {code: 'ENOSPC'})
    const error = await writeError(join(root, 'a'), full)
    expect(error.code).toBe('NO_SPACE')
    expect(error.exitCode).toBe(1)
    expect(error.message).toContain(join(root, 'a'))
    expect(error.message).toMatch(/\(file system \/\S*, .+ bytes free\)/)
  })

  test('temporary files of a crash are found, other files are not', async () => {
    for (const name of [
      '.web1.yaml.0a1b2c3d.tmp',
      '.web2.yaml.0a1b2c3d.tmp',
      'web1.yaml',
      '.hidden',
      'x.tmp',
    ])
      await writeFile(join(root, name), '')
    removeTemporariesOf(root, 'web1.yaml')
    expect(existsSync(join(root, '.web1.yaml.0a1b2c3d.tmp'))).toBe(false)
    expect(removeTemporaries(root)).toEqual(['.web2.yaml.0a1b2c3d.tmp'])
    expect((await readdir(root)).sort()).toEqual(['.hidden', 'web1.yaml', 'x.tmp'])
    expect(removeTemporaries(join(root, 'nowhere'))).toEqual([])
  })
})

describe('locks', () => {
  const options = {verb: 'start', what: 'server web1'}

  test('are exclusive and say who holds them', async () => {
    const file = join(root, 'locks', 'web1.lock')
    const order: string[] = []
    const said: string[] = []
    const first = await lockFile(file, {...options, verb: 'stop'})
    const second = lockFile(file, {...options, progress: line => said.push(line)}).then(lock => {
      order.push('second')
      return lock
    })
    await new Promise(resolve => setTimeout(resolve, 400))
    order.push('first')
    await first[Symbol.asyncDispose]()
    await (await second)[Symbol.asyncDispose]()
    expect(order).toEqual(['first', 'second'])
    expect(said).toEqual([`waiting for server web1: vps stop (pid ${process.pid}) is at work on it`])
  })

  test('a file that was removed while others waited is not mistaken for the lock', async () => {
    const file = join(root, 'web1.lock')
    const first = await lockFile(file, options)
    const waiting = [lockFile(file, options), lockFile(file, options)]
    await new Promise(resolve => setTimeout(resolve, 20))
    await first.remove()
    let held = 0
    let most = 0
    for (const one of waiting.map(async promise => {
      const lock = await promise
      most = Math.max(most, ++held)
      await new Promise(resolve => setTimeout(resolve, 20))
      held--
      await lock.remove()
    }))
      await one
    expect(most).toBe(1)
    expect(await readdir(root)).toEqual([])
  })
})

describe('mounts', () => {
  const text = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:30 / /srv/with\\040space rw - tmpfs none rw
31 22 0:31 /sub /srv ro,nosuid - xfs /dev/sdb rw,attr2
`
  test('are read with their octal escapes', () => {
    expect(parseMounts(text).map(({target, type, directory}) => [target, type, directory])).toEqual([
      ['/', 'ext4', '/'],
      ['/srv/with space', 'tmpfs', '/'],
      ['/srv', 'xfs', '/sub'],
    ])
  })

  test('the longest target that holds a path is its mount', async () => {
    expect((await mountOf('/usr', parseMounts(text))).type).toBe('ext4')
    const mounts = parseMounts(`${text}40 22 0:40 / ${root} rw - btrfs none rw\n`)
    expect((await mountOf(root, mounts)).type).toBe('btrfs')
  })
})
