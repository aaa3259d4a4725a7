import {existsSync, mkdirSync, rmdirSync} from 'node:fs'
import {rmdir} from 'node:fs/promises'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {freezeCgroup, removeCgroup} from '../../src/resources/index.ts'
import {makeCgroup} from '../helpers/bare-server.ts'
import {requires} from '../helpers/host.ts'

describe.skipIf(requires('root').skip)('a cgroup that somebody else removes at the same moment', () => {
  let parent: string

  beforeAll(() => {
    parent = makeCgroup()
  })
  afterAll(async () => {
    await removeCgroup(parent)
  })

  /** systemd does it to a scope as soon as the last process is gone: between opening one of its files and writing to it. */
  async function againstRemoval(act: (directory: string) => Promise<void>): Promise<void> {
    for (let round = 0; round < 500; round++) {
      const directory = join(parent, `group${round}`)
      mkdirSync(directory)
      await Promise.all([act(directory), rmdir(directory).catch(() => {})])
      if (existsSync(directory)) rmdirSync(directory)
    }
  }

  test('counts as removed', async () => {
    await expect(againstRemoval(removeCgroup)).resolves.toBeUndefined()
  })

  test('counts as thawed', async () => {
    await expect(
      againstRemoval(async directory => await freezeCgroup(directory, false)),
    ).resolves.toBeUndefined()
  })
})
