import {existsSync} from 'node:fs'
import {lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {execa} from 'execa'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {type HostPaths, hostPaths} from '../../src/host/index.ts'
import {
  buildImage,
  ensureImage,
  imageUsers,
  listImages,
  removeImage,
  showImage,
} from '../../src/image/index.ts'
import {repository, requires} from '../helpers/host.ts'

let root: string
let paths: HostPaths
let said: string[]
const progress = (line: string): void => {
  said.push(line)
}
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vps-image-'))
  paths = hostPaths(root)
  said = []
})
afterEach(async () => await rm(root, {recursive: true, force: true}))

/** Another process that makes images; it writes what it makes to standard output. */
function elsewhere(template: Record<string, unknown>) {
  const program = `
import {ensureImage} from '${repository}/src/image/index.ts'
import {hostPaths} from '${repository}/src/host/index.ts'
const image = await ensureImage(${JSON.stringify(template)}, {paths: hostPaths(), progress: line => console.error(line)})
console.log(image.id)`
  const env = {VPS_ROOT: root}
  return execa(process.execPath, ['--input-type=module', '-e', program], {
    env,
    reject: false,
    timeout: 60_000,
  })
}

async function record(directory: string, image: string): Promise<void> {
  await mkdir(join(paths.servers, directory), {recursive: true})
  await writeFile(join(paths.servers, directory, 'server.json'), JSON.stringify({image}))
}

const needsRoot = requires('root')

describe('the host template', needsRoot, () => {
  test('is small, quick, and shares programs only', async () => {
    const image = await ensureImage({name: 'host'}, {paths})
    expect(image.hostTrees).toContainEqual({source: '/usr', target: '/usr'})
    expect(image.sizeBytes).toBeLessThan(2 * 2 ** 20)
    expect(await readdir(join(image.rootfs, 'usr'))).toEqual([])
    const start = performance.now()
    await ensureImage({name: 'host'}, {paths})
    expect(performance.now() - start).toBeLessThan(500)
  })

  test('has nothing of the host that not everybody there may read', async () => {
    const {rootfs} = await ensureImage({name: 'host'}, {paths})
    const shadow = await readFile(join(rootfs, 'etc/shadow'), 'utf8')
    for (const line of shadow.trim().split('\n')) expect(line.split(':')[1]).toBe('*')
    expect((await stat(join(rootfs, 'etc/shadow'))).mode & 0o7777).toBe(0o640)
    expect((await stat(join(rootfs, 'root'))).mode & 0o7777).toBe(0o700)
    expect((await stat(join(rootfs, 'tmp'))).mode & 0o7777).toBe(0o1777)
    for (const path of [
      'etc/ssh',
      'etc/ssl/private',
      'etc/sudoers',
      'etc/apt',
      'etc/machine-id-',
      'etc/resolv.conf',
      'etc/cron.d/x',
    ])
      expect(existsSync(join(rootfs, path)), path).toBe(false)
    expect(await readFile(join(rootfs, 'etc/machine-id'), 'utf8')).toBe('')
    const passwd = await readFile(join(rootfs, 'etc/passwd'), 'utf8')
    const people = (await readFile('/etc/passwd', 'utf8')).split('\n').filter(line => {
      const id = Number(line.split(':')[2])
      return id >= 1000 && id < 65_000
    })
    for (const line of people) expect(passwd).not.toContain(`\n${line.split(':')[0]}:`)
  })

  test('runs as a root: shell, accounts and the loader work in it', async () => {
    const {rootfs} = await ensureImage({name: 'host'}, {paths})
    const script = `
mount --bind '${rootfs}' /mnt
mount --rbind /usr /mnt/usr
for part in bin sbin lib lib32 lib64 libx32; do [ ! -d /$part ] || [ -L /$part ] || mount --bind /$part /mnt/$part; done
exec chroot /mnt su root -c 'id -un; awk "BEGIN{print 6*7}"; cat /etc/os-release | head -c 12; getent group shadow | cut -d: -f1'`
    const command = ['--mount', '--propagation', 'private', 'sh', '-euc', script]
    expect((await execa('unshare', command)).stdout).toMatch(/^root\n42\nPRETTY_NAME=\s*shadow$/)
  })
})

describe('the busybox template', needsRoot, () => {
  test('is one static program that is everything', async () => {
    const image = await ensureImage({name: 'busybox'}, {paths})
    expect(image.init).toEqual({kind: 'busybox', path: '/sbin/init'})
    expect(image.hostTrees).toEqual([])
    expect(image.sizeBytes).toBeLessThan(4 * 2 ** 20)
    const {stdout} = await execa('chroot', [
      image.rootfs,
      '/bin/sh',
      '-lc',
      'whoami; awk "BEGIN{print 6*7}"; ls -ln /etc/shadow',
    ])
    expect(stdout).toMatch(/^root\n42\n-rw-r-----\s+1 0\s+42/)
  })

  test("an admin's template on top of it", async () => {
    await mkdir(paths.templates, {recursive: true})
    const text = `extends: busybox
parameters: {greeting: {type: string, default: hello, description: shown at logins}}
directories: {/srv/www: {mode: 2750, owner: "nobody:users"}}
files: {/etc/motd: {content: "{{greeting}}", mode: 0600, owner: "1234:5678"}}
`
    await writeFile(join(paths.templates, 'web.yaml'), text)
    const image = await ensureImage({name: 'web', greeting: 'hi'}, {paths})
    expect(image.id).toMatch(/^web-[0-9a-f]{12}$/)
    expect(await readFile(join(image.rootfs, 'etc/motd'), 'utf8')).toBe('hi')
    expect(await lstat(join(image.rootfs, 'etc/motd'))).toMatchObject({uid: 1234, gid: 5678, mode: 0o100600})
    expect(await lstat(join(image.rootfs, 'srv/www'))).toMatchObject({uid: 65_534, gid: 100, mode: 0o42750})
    expect((await ensureImage({name: 'web'}, {paths})).id).not.toBe(image.id)
    await writeFile(join(paths.templates, 'web.yaml'), `${text}links: {/l: x}\n`)
    expect((await ensureImage({name: 'web', greeting: 'hi'}, {paths})).id).not.toBe(image.id)
  })
})

describe('the cache', needsRoot, () => {
  test('is empty at first; shows and lists what is there', async () => {
    expect(await listImages(paths)).toEqual([])
    const image = await ensureImage({name: 'busybox'}, {paths})
    expect(await listImages(paths)).toEqual([image])
    expect(await showImage(image.id, {paths})).toEqual(image)
    await expect(showImage('busybox-0', {paths})).rejects.toMatchObject({code: 'NO_SUCH_IMAGE'})
    await expect(showImage('../servers', {paths})).rejects.toMatchObject({code: 'NO_SUCH_IMAGE'})
  })

  test('many at once, in this process and others, build one image once', async () => {
    const others = [1, 2, 3].map(() => elsewhere({name: 'busybox'}))
    const here = await Promise.all([1, 2, 3, 4].map(() => ensureImage({name: 'busybox'}, {paths, progress})))
    const results = await Promise.all(others)
    const [image] = await listImages(paths)
    expect(results.map(({stdout}) => stdout)).toEqual([image?.id, image?.id, image?.id])
    expect(here.every(({id}) => id === image?.id)).toBe(true)
    const builds = [...said, ...results.flatMap(({stderr}) => stderr.split('\n'))].filter(line =>
      line.startsWith('building'),
    )
    expect(builds).toEqual([`building image ${image?.id}`])
    expect(await readdir(paths.images)).toEqual([image?.id])
  })

  test('an image in use is kept, and its servers are named', async () => {
    const {id} = await ensureImage({name: 'busybox'}, {paths})
    await record('web1', id)
    await record('.creating-web2', id)
    await record('.destroying-web3.0123abcd', id)
    await record('other', 'busybox-000000000000')
    expect(await imageUsers(paths, id)).toEqual(['web1', 'web2'])
    await expect(removeImage(id, {paths})).rejects.toMatchObject({
      code: 'IMAGE_IN_USE',
      exitCode: 4,
      message: `image ${id} can not be removed: servers web1, web2 use it`,
    })
    await expect(buildImage({name: 'busybox'}, {paths})).rejects.toMatchObject({code: 'IMAGE_IN_USE'})
    expect((await showImage(id, {paths})).id).toBe(id)
    await rm(paths.servers, {recursive: true})
    await removeImage(id, {paths})
    expect(await readdir(paths.images)).toEqual([])
    await expect(removeImage(id, {paths})).rejects.toMatchObject({code: 'NO_SUCH_IMAGE'})
  })

  test('an image can be built anew', async () => {
    const first = await ensureImage({name: 'busybox'}, {paths})
    await rm(join(first.rootfs, 'etc/passwd'))
    const second = await buildImage({name: 'busybox'}, {paths})
    expect(second.id).toBe(first.id)
    expect(existsSync(join(second.rootfs, 'etc/passwd'))).toBe(true)
    expect(await readdir(paths.images)).toEqual([first.id])
  })

  test('what killed builds and removals left is removed by the next build, a used image is rescued', async () => {
    const {id} = await ensureImage({name: 'busybox'}, {paths})
    await execa('mv', [join(paths.images, id), join(paths.images, `.removing-${id}-999999999`)])
    await record('web1', id)
    await mkdir(join(paths.images, '.building-debian-0123456789ab-999999999/rootfs/x'), {recursive: true})
    await mkdir(join(paths.images, `.building-debian-0123456789ac-${process.ppid}`)) // one that is at work
    await ensureImage({name: 'host'}, {paths})
    expect((await showImage(id, {paths})).id).toBe(id)
    const left = (await readdir(paths.images)).filter(name => name.startsWith('.'))
    expect(left).toEqual([`.building-debian-0123456789ac-${process.ppid}`])
  })

  test('a full disk undoes the build and says so', async () => {
    await mkdir(root, {recursive: true})
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'vps-test', root])
    try {
      await expect(ensureImage({name: 'busybox'}, {paths})).rejects.toMatchObject({
        code: 'NO_SPACE',
        message: expect.stringContaining('no space left to write'),
      })
      expect(await readdir(paths.images)).toEqual([])
    } finally {
      await execa('umount', [root])
    }
  })

  test('a template that fails in the middle leaves nothing', async () => {
    await mkdir(paths.templates, {recursive: true})
    await writeFile(join(paths.templates, 'bad.yaml'), 'extends: busybox\nfiles: {/bin/busybox/x: y}\n')
    await expect(ensureImage({name: 'bad'}, {paths})).rejects.toThrow(
      '/bin/busybox in the new root is not a directory',
    )
    expect(await readdir(paths.images)).toEqual([])
  })

  test('kill -9 at any moment of a build is repaired by the next', async () => {
    for (let round = 0; round < 12; round++) {
      const builder = elsewhere({name: 'busybox'})
      await sleep(60 + round * 25)
      builder.kill('SIGKILL')
      await builder
      const image = await ensureImage({name: 'busybox'}, {paths})
      expect(await readdir(paths.images)).toEqual([image.id])
      expect((await execa('chroot', [image.rootfs, '/bin/sh', '-c', 'echo up'])).stdout).toBe('up')
      await removeImage(image.id, {paths})
      expect(await readdir(paths.images)).toEqual([])
    }
  })
})
