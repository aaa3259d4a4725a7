import type {Builder} from './builder.ts'
export const debianBuilder: Builder = {
  prepare: async () => {
    throw new Error('soon')
  },
}
