// Run once before the state is saved, so that Node, vitest and the packages of the product are in memory.
import {expect, test} from 'vitest'

test('the packages load', async () => {
  for (const name of ['execa', 'yaml', 'tar', '@oclif/core']) expect(await import(name)).toBeTypeOf('object')
})
