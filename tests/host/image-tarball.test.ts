import {existsSync} from 'node:fs'
import {lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {execa} from 'execa'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import type {VpsError} from '../../src/errors.ts'
import {type HostPaths, hostPaths} from '../../src/host/index.ts'
import {ensureImage, type ImageInfo, listImages} from '../../src/image/index.ts'
import {requires} from '../helpers/host.ts'
import {plainRoot, type RawEntry, rawTar} from './image-archive.ts'

let root: string
let paths: HostPaths
let said: string[]
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vps-image-'))
  paths = hostPaths(root)
  said = []
})
afterEach(async () => await execa('rm', ['-rf', root]))

async function image(source: string, parameters: Record<string, unknown> = {}): Promise<ImageInfo> {
  return await ensureImage(
    {name: 'tarball', source, ...parameters},
    {paths, progress: line => said.push(line)},
  )
}

async function rawImage(
  entries: readonly RawEntry[],
  parameters: Record<string, unknown> = {},
): Promise<ImageInfo> {
  const file = join(root, 'raw.tar')
  await writeFile(file, rawTar(entries))
  return await image(file, parameters)
}

/** Of a build that must fail: its message, after checking that nothing is left. */
async function refusal(building: Promise<unknown>): Promise<string> {
  const error = await building.then(
    () => new Error('was built'),
    (caught: VpsError) => caught,
  )
  expect((await readdir(paths.images)).filter(name => name !== 'image.json')).toEqual([])
  return error.message.replaceAll(`${root}/`, '')
}

const needsRoot = requires('root')

describe('an honest archive', needsRoot, () => {
  /** A small root with everything that is easily lost. */
  async function pack(directory: string): Promise<void> {
    await mkdir(join(directory, 'etc'), {recursive: true})
    await mkdir(join(directory, 'usr/bin'), {recursive: true})
    await mkdir(join(directory, 'tmp'))
    await writeFile(join(directory, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n')
    await writeFile(join(directory, 'usr/bin/tool'), '#!/bin/sh\n')
    const script = `
set -e
ln etc/passwd etc/hard
ln -s /etc/passwd etc/absolute
ln -s ../../../../../etc/passwd etc/above
mkfifo tmp/fifo
mknod tmp/disk b 8 0
mknod tmp/null c 1 3
chown 33:65535 etc/passwd
chmod 4755 usr/bin/tool
setcap cap_net_raw+ep usr/bin/tool
chmod 4755 usr/bin/tool
truncate -s 1T tmp/huge
chmod 1777 tmp`
    await execa('sh', ['-c', script], {cwd: directory})
  }

  test.each([
    ['plain', '.tar', []],
    ['gzip', '.tar.gz', ['--gzip']],
    ['xz', '.tar.xz', ['--xz']],
    ['zstd', '.tar.zst', ['--zstd']],
  ])(
    '%s: owners, modes, links, attributes and holes are kept; devices are not',
    async (_, suffix, options) => {
      const source = join(root, `a${suffix}`)
      await pack(join(root, 'root'))
      const flags = ['--sparse', '--format=pax', '--xattrs', '--xattrs-include=*', ...options]
      await execa('tar', ['-C', join(root, 'root'), ...flags, '-cf', source, '.'])
      const built = await image(source)
      const at = (path: string): string => join(built.rootfs, path)

      expect(await lstat(at('etc/passwd'))).toMatchObject({uid: 33, gid: 65_535, nlink: 2})
      expect(await readlink(at('etc/absolute'))).toBe('/etc/passwd')
      expect(await readlink(at('etc/above'))).toBe('../../../../../etc/passwd')
      expect((await lstat(at('usr/bin/tool'))).mode & 0o7777).toBe(0o4755)
      expect((await execa('getcap', [at('usr/bin/tool')])).stdout).toContain('cap_net_raw=ep')
      expect((await lstat(at('tmp'))).mode & 0o7777).toBe(0o1777)
      expect((await lstat(at('tmp/fifo'))).isFIFO()).toBe(true)
      const huge = await lstat(at('tmp/huge'))
      expect(huge.size).toBe(2 ** 40)
      expect(huge.blocks).toBeLessThan(64)
      expect(existsSync(at('tmp/disk')) || existsSync(at('tmp/null'))).toBe(false)
      expect(said).toContain('left out 2 device nodes (/tmp/disk, /tmp/null): servers get their own /dev')
      for (const mountPoint of ['proc', 'sys', 'dev', 'run'])
        expect((await lstat(at(mountPoint))).isDirectory()).toBe(true)
      expect(built.init).toEqual({kind: 'none', path: null})
      expect(built.sizeBytes).toBeLessThan(1_000_000)
    },
  )

  test('old GNU sparse files, which the npm package can not read', async () => {
    await pack(join(root, 'root'))
    const source = join(root, 'old.tar')
    await execa('tar', ['-C', join(root, 'root'), '--sparse', '--format=gnu', '-cf', source, '.'])
    expect((await lstat(join((await image(source)).rootfs, 'tmp/huge'))).size).toBe(2 ** 40)
  })

  test('a single wrapping directory is stripped', async () => {
    const entries = plainRoot.map(entry => ({...entry, path: `rootfs/${entry.path}`}))
    const built = await rawImage([{path: 'rootfs/', type: '5', mode: 0o755}, ...entries])
    expect((await readdir(built.rootfs)).sort()).toEqual(['dev', 'etc', 'proc', 'run', 'sys', 'usr'])
    expect(said).toContain('taking the directory rootfs of the archive as the root')
  })

  test('the same content is the same image, whatever the name', async () => {
    const first = await rawImage(plainRoot)
    await writeFile(join(root, 'copy.tar'), rawTar(plainRoot))
    expect((await image(join(root, 'copy.tar'))).id).toBe(first.id)
    expect((await rawImage([...plainRoot, {path: 'etc/x'}])).id).not.toBe(first.id)
    expect(await listImages(paths)).toHaveLength(2)
  })
})

describe('a hostile archive', needsRoot, () => {
  test.each<[string, RawEntry[], string]>([
    ['an absolute path', [{path: '/tmp/vps-evil'}], 'has an entry with an absolute path: /tmp/vps-evil'],
    ['a path above', [{path: 'etc/../../evil'}], 'has an entry that leads out of the root: etc/../../evil'],
    [
      'a link out, and a file behind it',
      [
        {path: 'out', type: '2', target: '/tmp'},
        {path: 'out/vps-evil', content: 'x'},
      ],
      'has an entry behind a link that leads out of the root: out/vps-evil',
    ],
    [
      'a link to a link out',
      [
        {path: 'etc/up', type: '2', target: '../..'},
        {path: 'two', type: '2', target: 'etc/up'},
        {path: 'two/vps-evil', content: 'x'},
      ],
      'has an entry behind a link that leads out of the root: two/vps-evil',
    ],
    [
      'a hard link to the host',
      [{path: 'shadow', type: '1', target: '/etc/shadow'}],
      'has a hard link that leads out of the root: shadow to /etc/shadow',
    ],
    [
      'a hard link above',
      [{path: 'shadow', type: '1', target: '../../../../../../etc/shadow'}],
      'has a hard link that leads out of the root: shadow to ../../../../../../etc/shadow',
    ],
    [
      'an id out of range',
      [{path: 'etc/big', uid: 100_000}],
      "has an entry of owner 100000:0, but a server's ids are 0 to 65535: etc/big",
    ],
    [
      'a bomb',
      [{path: 'bomb', size: 2 ** 32}],
      'needs more than the 1073741824 bytes that it may take, with entry bomb',
    ],
  ])('%s is refused before anything is unpacked', async (_, entries, message) => {
    expect(await refusal(rawImage([...plainRoot, ...entries], {maxGiB: 1}))).toBe(
      `the archive raw.tar ${message}`,
    )
    expect(said.some(line => line.startsWith('unpacking'))).toBe(false)
    expect(existsSync('/tmp/vps-evil')).toBe(false)
  })

  test('a compressed bomb is seen while it is read', async () => {
    const bomb = rawTar([...plainRoot, {path: 'bomb', size: 2 ** 32, content: '\0'.repeat(2 ** 24)}])
    await writeFile(
      join(root, 'bomb.tar.zst'),
      (await execa('zstd', ['-c'], {input: bomb, encoding: 'buffer'})).stdout,
    )
    expect((await lstat(join(root, 'bomb.tar.zst'))).size).toBeLessThan(10_000)
    expect(await refusal(image(join(root, 'bomb.tar.zst'), {maxGiB: 1}))).toContain('with entry bomb')
  })

  test.each(['proc', 'sys', 'dev', 'run'])('a link in the place of /%s is refused', async name => {
    const entries: RawEntry[] = [...plainRoot, {path: name, type: '2', target: '/etc'}]
    expect(await refusal(rawImage(entries))).toBe(`/${name} of the new root is not a directory`)
  })

  test('what is no archive, is cut short or is not there', async () => {
    await writeFile(join(root, 'text'), 'hello\n'.repeat(1000))
    expect(await refusal(image(join(root, 'text')))).toBe(
      'the archive text is not a tar archive, or an empty one',
    )
    await writeFile(
      join(root, 'cut.tar'),
      rawTar([...plainRoot, {path: 'f', content: 'x'.repeat(9000)}]).subarray(0, 4096),
    )
    expect(await refusal(image(join(root, 'cut.tar')))).toMatch(
      /^the archive cut.tar is damaged after 4 entries: Truncated/,
    )
    await writeFile(
      join(root, 'cut.tar.xz'),
      (await execa('xz', ['-c'], {input: rawTar(plainRoot), encoding: 'buffer'})).stdout.subarray(0, 100),
    )
    expect(await refusal(image(join(root, 'cut.tar.xz')))).toMatch(/xz/)
    await expect(image(join(root, 'none.tar'))).rejects.toMatchObject({code: 'NO_SUCH_ARCHIVE', exitCode: 2})
    await expect(image(root)).rejects.toMatchObject({code: 'NO_SUCH_ARCHIVE', exitCode: 2})
  })

  test('directories nested deeper than a path can be are refused, and removed', async () => {
    // Each link shortens the way to the next hundred levels, as GNU tar follows links inside the root.
    const long = 'd'.repeat(90)
    const entries: RawEntry[] = [...plainRoot]
    for (let level = 0; level < 60; level++) {
      const from = level === 0 ? '' : `l${level - 1}/`
      entries.push(
        {path: `${from}${long}/`, type: '5'},
        {path: `l${level}`, type: '2', target: `${from}${long}`},
      )
    }
    const message = await refusal(rawImage(entries))
    expect(message).toMatch(/nested too deeply|File name too long|Too many levels/)
  })
})

describe('the sandbox', needsRoot, () => {
  test('sees programs and the target, and can write to the target only', async () => {
    const {runConfined} = await import('../../src/image/sandbox.ts')
    const target = join(root, 'target')
    await mkdir(target)
    const script = `
exec > /target/seen 2>&1
echo / *; ls /; ls -A /proc /dev /etc
id -u
touch /etc/x /usr/x /x
mknod /target/disk b 254 0 && cat /target/disk
mount -t tmpfs none /etc
ls /proc/1/root
echo $(ls /sys/class/net 2>&1)
kill -0 1 && echo alone`
    await runConfined({command: ['sh', '-c', `cd /\n${script}`], input: '/dev/null', target})
    const seen = await readFile(join(target, 'seen'), 'utf8')
    const lines = seen.split('\n')
    expect(lines[0]).toMatch(/^\/ bin dev etc lib( lib32)?( lib64)?( libx32)? old proc sbin target usr$/)
    for (const file of ['/etc/x', '/usr/x', '/x'])
      expect(seen).toContain(`touch: cannot touch '${file}': Read-only file system`)
    expect(seen).toMatch(/\/target\/disk: Permission denied/)
    expect(seen).toMatch(/mount: .*(permission denied|must be superuser)/i)
    expect(seen).not.toContain('lost+found')
    await rm(target, {recursive: true})
  })

  test('has no capabilities but those for owners and modes', async () => {
    const {runConfined} = await import('../../src/image/sandbox.ts')
    const target = join(root, 'target')
    await mkdir(target)
    await runConfined({
      command: ['sh', '-c', 'setpriv --dump > /target/caps'],
      input: '/dev/null',
      target,
    })
    const caps = await readFile(join(target, 'caps'), 'utf8')
    expect(caps).toMatch(/Capability bounding set: chown,dac_override,fowner,fsetid,mknod,setfcap\n/)
    expect(caps).toMatch(/no_new_privs: 1\n/)
  })
})
