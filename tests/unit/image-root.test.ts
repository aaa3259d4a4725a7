import {chmod, mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import process from 'node:process'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {isStatic} from '../../src/image/busybox.ts'
import {detectInit, resolveInRoot} from '../../src/image/index.ts'
import {writeTree} from '../../src/image/tree.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vps-unit-'))
})
afterEach(async () => await rm(root, {recursive: true, force: true}))

async function put(path: string, content = '', mode = 0o755): Promise<void> {
  await mkdir(dirname(join(root, path)), {recursive: true})
  await writeFile(join(root, path), content)
  await chmod(join(root, path), mode)
}

async function link(path: string, target: string): Promise<void> {
  await mkdir(dirname(join(root, path)), {recursive: true})
  await symlink(target, join(root, path))
}

describe('resolveInRoot', () => {
  const resolve = (path: string): string => resolveInRoot(root, path).path

  test('absolute links start at the root', async () => {
    await link('etc/a', '/etc/passwd')
    expect(resolve('/etc/a')).toBe('/etc/passwd')
    expect(resolveInRoot(root, '/etc/a').stat).toBeUndefined() // the root has no passwd; the host's is not meant
  })

  test('no number of .. leaves the root', async () => {
    await link('a/up', '../../../../../../etc')
    expect(resolve('/a/up/passwd')).toBe('/etc/passwd')
    expect(resolve('/../../..')).toBe('/')
    expect(resolveInRoot(root, '/a/up/passwd').onHost).toBe(`${root}/etc/passwd`)
  })

  test('chains of links, and links in the middle', async () => {
    await put('usr/lib/systemd/systemd')
    await link('lib', 'usr/lib')
    await link('sbin/init', '/lib/systemd/systemd')
    expect(resolve('/sbin/init')).toBe('/usr/lib/systemd/systemd')
    expect(resolveInRoot(root, '/sbin/init').stat?.isFile()).toBe(true)
  })

  test('the last link can be left alone', async () => {
    await link('l', '/x')
    expect(resolveInRoot(root, '/l', {followLast: false}).stat?.isSymbolicLink()).toBe(true)
  })

  test('a circle is an error', async () => {
    await link('a', 'b')
    await link('b', 'a')
    expect(() => resolve('/a')).toThrow('too many symbolic links on the way to /a')
  })

  test('a file in the middle is the end', async () => {
    await put('file')
    expect(resolveInRoot(root, '/file/x').stat).toBeUndefined()
  })

  test('trees of the host lie over the root, and their links lead back into it', async () => {
    await put('host-usr/bin/bash')
    await link('host-usr/bin/awk', '/etc/alternatives/awk')
    await link('guest/etc/alternatives/awk', '/usr/bin/bash')
    const trees = [{source: `${root}/host-usr`, target: '/usr'}]
    const found = resolveInRoot(`${root}/guest`, '/usr/bin/awk', {trees})
    expect(found).toMatchObject({path: '/usr/bin/bash', onHost: `${root}/host-usr/bin/bash`})
    expect(resolveInRoot(`${root}/guest`, '/usrx', {trees}).onHost).toBe(`${root}/guest/usrx`)
  })
})

describe('detectInit', () => {
  test.each([
    ['systemd', '/sbin/init', {link: '/lib/systemd/systemd', file: 'lib/systemd/systemd'}],
    ['systemd', '/lib/systemd/systemd', {file: 'lib/systemd/systemd'}],
    ['busybox', '/sbin/init', {link: '/bin/busybox', file: 'bin/busybox'}],
    ['openrc', '/sbin/init', {link: 'openrc-init', file: 'sbin/openrc-init'}],
    ['sysvinit', '/sbin/init', {file: 'sbin/init', content: 'INIT: version %s booting, sysvinit'}],
    ['other', '/sbin/init', {file: 'sbin/init', content: '#!/bin/sh\n'}],
  ])('%s at %s', async (kind, path, made: {link?: string; file: string; content?: string}) => {
    await put(made.file, made.content)
    if (made.link !== undefined) await link('sbin/init', made.link)
    expect(detectInit(root)).toEqual({kind, path})
  })

  test('none without a program, and never one of the host', async () => {
    expect(detectInit(root)).toEqual({kind: 'none', path: null})
    await link('sbin/init', process.execPath)
    await put('etc/init', '', 0o644)
    await mkdir(join(root, 'bin/init'), {recursive: true})
    expect(detectInit(root)).toEqual({kind: 'none', path: null})
  })
})

describe('writeTree', () => {
  const own = {uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0}

  test('makes parents, replaces files, follows directory links inside the root only', async () => {
    await link('etc', '/real')
    await link('real/config', '/elsewhere')
    await writeTree(root, [
      {kind: 'file', path: '/etc/config', mode: 0o640, content: 'x', ...own},
      {kind: 'directory', path: '/etc/d', mode: 0o1777, ...own},
      {kind: 'link', path: '/etc/l', target: 'config', ...own},
    ])
    expect(await readFile(join(root, 'real/config'), 'utf8')).toBe('x')
    expect((await stat(join(root, 'real/config'))).mode & 0o7777).toBe(0o640)
    expect((await stat(join(root, 'real/d'))).mode & 0o7777).toBe(0o1777)
    expect(await readlink(join(root, 'real/l'))).toBe('config')
  })

  test('a file in the place of a directory is an error', async () => {
    await put('etc')
    const entry = {kind: 'file', path: '/etc/x', mode: 0o644, content: '', ...own} as const
    await expect(writeTree(root, [entry])).rejects.toThrow('/etc in the new root is not a directory')
  })
})

test('a program that needs the dynamic linker is not static', async () => {
  expect(isStatic(await readFile('/bin/sh'))).toBe(false)
  expect(isStatic(Buffer.from('#!/bin/sh\n'.padEnd(100)))).toBe(false)
  const head = Buffer.alloc(128) // an ELF head for 64 bits, little endian, with one segment to load
  head.write('\x7fELF\x02\x01', 'latin1')
  head.writeBigUInt64LE(64n, 32)
  head.writeUInt16LE(56, 54)
  head.writeUInt16LE(1, 56)
  head.writeUInt32LE(1, 64)
  expect(isStatic(head)).toBe(true)
  head.writeUInt32LE(3, 64) // PT_INTERP
  expect(isStatic(head)).toBe(false)
})
