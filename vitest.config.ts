import {defineConfig} from 'vitest/config'
import {ByName} from './tests/helpers/by-name.ts'

const slow = Number(process.env.VPS_TEST_SLOW ?? 1)

export default defineConfig({
  test: {
    sequence: {sequencer: ByName}, // vitest looks for it only here
    projects: [
      {
        test: {
          name: 'unit',
          include: ['tests/unit/**/*.test.ts'],
          testTimeout: 10_000 * slow,
        },
      },
      {
        test: {
          name: 'host',
          include: ['tests/host/**/*.test.ts'],
          testTimeout: 60_000 * slow,
          hookTimeout: 180_000 * slow,
          fileParallelism: false,
        },
      },
    ],
  },
})
