import {link, mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {execa} from 'execa'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {makeStorage, removeStorage, sizeOnDisk} from '../../src/storage/index.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vps-unit-'))
})
afterEach(async () => await rm(root, {recursive: true, force: true}))

test('a layer is three closed directories and an open root', async () => {
  const storage = join(root, 'web1')
  await makeStorage(storage)
  const mode = async (path: string): Promise<number> => (await stat(join(storage, path))).mode & 0o7777
  expect(await mode('')).toBe(0o700)
  expect(await mode('layer')).toBe(0o700)
  expect(await mode('layer/upper')).toBe(0o755)
  expect(await mode('layer/work')).toBe(0o700)
  await expect(makeStorage(storage)).rejects.toMatchObject({code: 'WRITE_FAILED'})
})

test('sizes are of blocks: holes do not count, a second name does not count again', async () => {
  const before = await sizeOnDisk(root)
  await writeFile(join(root, 'one'), Buffer.alloc(1 << 20, 1))
  await link(join(root, 'one'), join(root, 'two'))
  await writeFile(join(root, 'hole'), '')
  await truncate(join(root, 'hole'), 2 ** 40)
  const grown = (await sizeOnDisk(root)) - before
  expect(grown).toBeGreaterThanOrEqual(1 << 20)
  expect(grown).toBeLessThan((1 << 20) + 65_536)
  expect(await sizeOnDisk(join(root, 'none'))).toBe(0)
})

test('a tree deeper than a path can be is measured as far as it goes, and removed', async () => {
  const name = 'd'.repeat(200)
  const script = `mkdir deep && cd deep && for i in $(seq 30); do mkdir ${name} && cd -P ./${name} || exit 1; done; echo x > file`
  await execa('bash', ['-c', script], {cwd: root})
  await mkdir(join(root, 'kept'))
  await execa('ln', ['-s', join(root, 'kept'), join(root, 'deep/link')])
  expect(await sizeOnDisk(join(root, 'deep'))).toBeGreaterThan(4096)
  await removeStorage(join(root, 'deep'))
  await removeStorage(join(root, 'deep'))
  expect(await readdir(root)).toEqual(['kept'])
})
