import {expect, test} from 'vitest'
import {requires} from '../helpers/host.ts'
import {awaitOtherParts, newSince, readSnapshot, takeSnapshot} from '../helpers/leaks.ts'
import {endWarm} from '../helpers/warm-cli.ts'

/* The last file of the suite by its name. */

/** For what ends by itself: the last helper of a server that was just destroyed. */
const PATIENCE_MS = 3_000
const OTHERS_MS = 900_000

test('the suite has left nothing behind', {...requires('root'), timeout: OTHERS_MS + 60_000}, async ({
  skip,
}) => {
  const before = readSnapshot()
  if (before === undefined) return skip('00-snapshot was no part of this run')
  await awaitOtherParts(OTHERS_MS)
  await endWarm()
  expect(await settledLeaks(before)).toEqual([])
})

async function settledLeaks(before: Parameters<typeof newSince>[0]): Promise<string[]> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const leaks = newSince(before, await takeSnapshot())
    if (leaks.length === 0 || performance.now() > deadline) return leaks
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
