import {expect, test} from 'vitest'
import {requires} from '../helpers/host.ts'
import {newSince, takeSnapshot, writeSnapshot} from '../helpers/leaks.ts'

/* The first file of the suite by its name; zz-leaks, the last, compares. */

test('how things stand before the suite is written down', requires('root'), async () => {
  await writeSnapshot()
})

test('a leak would be seen', requires('root'), async () => {
  const before = await takeSnapshot()
  const after = await takeSnapshot()
  expect(newSince({...before, mounts: before.mounts.slice(1)}, after)).toContain(`mounts: ${after.mounts[0]}`)
})
