import {existsSync, globSync, readFileSync} from 'node:fs'
import {lstat, mkdtemp, readdir, readFile, rm} from 'node:fs/promises'
import {createServer, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {execa} from 'execa'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {type HostPaths, hostPaths, readMounts} from '../../src/host/index.ts'
import {ensureImage, listImages} from '../../src/image/index.ts'
import {repository, requires} from '../helpers/host.ts'

// The real build takes most of a minute and a mirror, so it is done once for all tests, by the set-up of the host ring; here what it
// made is looked at, and builds that can not succeed.

describe('a Debian image', requires('root', 'debian-image'), () => {
  const image = async () => {
    const found = (await listImages(hostPaths(join(repository, 'build/test-root')))).find(
      ({template}) => template === 'debian',
    )
    if (found === undefined) throw new Error('no image of the template debian is kept')
    return found
  }

  test('has systemd as init, its packages, and a working package database', async () => {
    const {init, rootfs} = await image()
    expect(init).toEqual({kind: 'systemd', path: '/sbin/init'})
    const {stdout} = await execa('chroot', [rootfs, 'dpkg', '--get-selections'])
    for (const name of ['adduser', 'dbus', 'iproute2', 'libpam-systemd', 'systemd-sysv'])
      expect(stdout).toMatch(new RegExp(`^${name}(:\\w+)?\\s+install$`, 'm'))
    expect((await execa('chroot', [rootfs, 'dpkg', '--audit'])).stdout).toBe('')
  })

  test('has nothing that tells of its host, or that must differ from server to server', async () => {
    const {rootfs} = await image()
    for (const path of ['etc/hostname', 'etc/machine-id'])
      expect(await readFile(join(rootfs, path), 'utf8')).toBe('')
    expect(existsSync(join(rootfs, 'etc/resolv.conf'))).toBe(false)
    expect(globSync('etc/ssh/ssh_host_*', {cwd: rootfs})).toEqual([])
    expect(await readdir(join(rootfs, 'dev'))).toEqual([])
    expect(await readdir(join(rootfs, 'tmp'))).toEqual([])
    expect(await readFile(join(rootfs, 'etc/passwd'), 'utf8')).not.toMatch(/:[1-9]\d{3}:/)
  })

  test('on disk its owners are its own', async () => {
    const {rootfs} = await image()
    const {stdout} = await execa('find', [
      rootfs,
      '-xdev',
      '(',
      '-uid',
      '+65535',
      '-o',
      '-gid',
      '+65535',
      ')',
    ])
    expect(stdout).toBe('')
    const shadow = Number(/^shadow:x:(\d+):/m.exec(await readFile(join(rootfs, 'etc/group'), 'utf8'))?.[1])
    expect(await lstat(join(rootfs, 'etc/shadow'))).toMatchObject({uid: 0, gid: shadow})
  })
})

describe('a Debian that can not be built', requires('root'), () => {
  let root: string
  let paths: HostPaths
  let server: Server
  let asked: number
  let answer: boolean
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'vps-image-'))
    paths = hostPaths(root)
    asked = 0
    answer = true
    server = createServer((_, response) => {
      asked++
      if (answer) response.writeHead(404).end()
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
    await rm(root, {recursive: true, force: true})
  })

  const mirror = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian`

  /** Command lines of processes that have to do with this test's images. */
  const workers = (): string[] =>
    globSync('/proc/[0-9]*/cmdline')
      .map(file => {
        try {
          return readFileSync(file, 'utf8').replaceAll('\0', ' ')
        } catch {
          return '' // it has ended meanwhile
        }
      })
      .filter(line => line.includes(paths.images))

  test('says what mmdebstrap said, and leaves nothing', async () => {
    const said: string[] = []
    const building = ensureImage(
      {name: 'debian', mirror: mirror()},
      {paths, progress: line => said.push(line)},
    )
    await expect(building).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: expect.stringMatching(/^mmdebstrap failed with status \d+:\n[\s\S]*(404|apt-get update)/),
    })
    expect(asked).toBeGreaterThan(0)
    expect(said).toContain('running apt-get update...')
    expect(await readdir(paths.images)).toEqual([])
  })

  test('is gone with all its processes and mounts when vps is killed', async () => {
    answer = false
    const program = `
import {ensureImage} from '${repository}/src/image/index.ts'
import {hostPaths} from '${repository}/src/host/index.ts'
await ensureImage({name: 'debian', mirror: '${mirror()}'}, {paths: hostPaths()})`
    const builder = execa(process.execPath, ['--input-type=module', '-e', program], {
      env: {VPS_ROOT: root},
      reject: false,
    })
    for (let tries = 0; asked === 0 && tries < 400; tries++) await sleep(25)
    expect(asked).toBeGreaterThan(0)
    expect(workers().length).toBeGreaterThan(0)
    builder.kill('SIGKILL')
    await builder
    for (let tries = 0; workers().length > 0 && tries < 80; tries++) await sleep(25)
    expect(workers()).toEqual([])
    expect((await readMounts()).filter(({target}) => target.startsWith(root))).toEqual([])
    expect(await readdir(paths.images)).toHaveLength(1)
    await ensureImage({name: 'busybox'}, {paths})
    expect((await readdir(paths.images)).filter(name => name.startsWith('.'))).toEqual([])
  })
})
