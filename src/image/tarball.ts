import type {Builder} from './builder.ts'
export const tarballBuilder: Builder = {
  prepare: async () => {
    throw new Error('soon')
  },
}
