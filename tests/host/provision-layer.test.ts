import {execFileSync} from 'node:child_process'
import {chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import {ServerTree, type Tree} from '../../src/native/index.ts'
import {NewLayer} from '../../src/server/provision/new-layer.ts'
import {requires} from '../helpers/host.ts'
import {STATIC, testProgram} from '../helpers/programs.ts'

/*
 * The layer of a new server is filled without a mount. What comes of it must be what comes of writing into the mounted tree of the same
 * image: the same calls are made of both, and then both are looked at in the same way.
 */

const ROOT = {mode: 0o644, uid: 0, gid: 0}
const ANNA = {mode: 0o700, uid: 1000, gid: 1000}

/** tests/helpers/attributes.c */
const attributes = testProgram('attributes', STATIC)

let scratch: string
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'vps-layer-'))
  const file = (path: string, text: string, mode = 0o644): void => {
    mkdirSync(dirname(join(scratch, 'image', path)), {recursive: true})
    writeFileSync(join(scratch, 'image', path), text, {mode})
  }
  file('etc/passwd', 'root:x:0:0::/root:/bin/sh\n')
  file('etc/skel/.profile', 'umask 022\n')
  file('srv/data/list', 'one\n')
  mkdirSync(join(scratch, 'image/home'))
  chmodSync(join(scratch, 'image/home'), 0o2751)
  chownSync(join(scratch, 'image/home'), 7, 8)
  execFileSync(attributes, ['set', join(scratch, 'image/home'), 'user.color'])
  symlinkSync('/srv', join(scratch, 'image/data'))
  symlinkSync('../../../../data/data', join(scratch, 'image/etc/far'))
  symlinkSync('loop', join(scratch, 'image/loop'))
})
afterEach(() => rmSync(scratch, {recursive: true, force: true}))

function layer(name: string): {upper: string; work: string} {
  const [upper, work] = [join(scratch, name, 'upper'), join(scratch, name, 'work')]
  mkdirSync(upper, {recursive: true})
  mkdirSync(work)
  return {upper, work}
}

interface Seen {
  readonly path: string
  readonly mode: number
  readonly owner: string
  readonly content: string
}

function look(tree: Tree, path = '/'): Seen[] {
  const found = tree.stat(path, {links: false})
  if (found === undefined) throw new Error(`${path} is missing`)
  const type = tree.type(path, {links: false})
  const content =
    type === 'file' ? tree.read(path)?.toString() : type === 'link' ? tree.readLink(path, {links: false}) : ''
  const own = {path, mode: found.mode, owner: `${found.uid}:${found.gid}`, content: content ?? '?'}
  const names = type === 'directory' ? (tree.list(path) ?? []).sort() : []
  return [own, ...names.flatMap(name => look(tree, `${path === '/' ? '' : path}/${name}`))]
}

/** What a server sees with this layer. */
async function seenWith(name: string): Promise<Seen[]> {
  await using tree = await ServerTree.open(
    [join(scratch, 'image')],
    join(scratch, name, 'upper'),
    join(scratch, name, 'work'),
  )
  return look(tree)
}

function code(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error
  }
}

/** Everything that setting a server up may do, and what it must not be able to. */
function fill(tree: Tree): unknown[] {
  return [
    tree.directory('/home/anna', ANNA),
    tree.directory('/home/anna', {mode: 0o755, uid: 0, gid: 0}),
    tree.directory('/home/anna/.ssh', ANNA),
    tree.directory('/home/anna/.ssh', {mode: 0o750, uid: 1001, gid: 1001}, {own: true}),
    tree.directory('/srv/data', {mode: 0o711, uid: 33, gid: 34}, {own: true}),
    tree.write('/home/anna/.ssh/keys', Buffer.from('key\n'), {mode: 0o4600, uid: 1000, gid: 1000}),
    tree.write('/etc/passwd', Buffer.from('root\nanna\n'), ROOT),
    tree.write('/data/data/more', Buffer.from('two\n'), ROOT),
    tree.write('/etc/far/most', Buffer.from('three\n'), ROOT),
    tree.write('/loop', Buffer.from('no loop\n'), ROOT),
    tree.link('/etc/localtime', '/usr/share/zoneinfo/UTC'),
    tree.link('/etc/localtime', '/usr/share/zoneinfo/Europe/Rome'),
    look(tree),
    tree.list('/etc/far')?.sort(),
    tree.list('/nowhere'),
    tree.read('/etc/far/list')?.toString(),
    tree.stat('/etc/far/../../etc/skel')?.mode,
    tree.stat('/etc/passwd/none'),
    code(() => tree.write('/etc/skel', Buffer.from(''), ROOT)),
    code(() => tree.write('/none/file', Buffer.from(''), ROOT)),
    code(() => tree.write('/data/file', Buffer.from(''), ROOT, {links: false})),
    code(() => tree.directory('/etc/passwd', ROOT)),
    code(() => tree.directory('/data', ROOT)),
    code(() => tree.read('/etc')),
    code(() => tree.read('/etc/passwd', {most: 3})),
  ]
}

describe('the layer of a new server', () => {
  test('becomes what writing into the mounted tree makes', requires('root'), async () => {
    const mounted = layer('mounted')
    const answers: unknown[][] = []
    {
      await using tree = await ServerTree.open([join(scratch, 'image')], mounted.upper, mounted.work)
      answers.push(fill(tree))
      await tree.commit()
    }
    const {upper} = layer('new')
    {
      await using tree = new NewLayer(join(scratch, 'image'), upper)
      answers.push(fill(tree))
      await tree.commit()
    }
    expect(answers[1]).toEqual(answers[0])
    const [seen, expected] = [await seenWith('new'), await seenWith('mounted')]
    expect(seen).toEqual(expected)
    expect(seen.find(({path}) => path === '/home')).toMatchObject({mode: 0o42751, owner: '7:8'})
    expect(execFileSync(attributes, ['list', join(upper, 'home')]).toString()).toContain('user.color')
  })

  test('is not written to before the commit, and never over what is there', requires('root'), async () => {
    const {upper} = layer('new')
    await using tree = new NewLayer(join(scratch, 'image'), upper)
    tree.write('/etc/passwd', Buffer.from('anna\n'), ROOT)
    expect(await seenWith('new')).toContainEqual(
      expect.objectContaining({path: '/etc/passwd', content: expect.stringContaining('root')}),
    )
    mkdirSync(join(upper, 'etc'))
    await expect(tree.commit()).rejects.toMatchObject({code: 'EEXIST', path: '/etc'})
  })
})
