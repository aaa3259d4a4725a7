import type {Builder} from './builder.ts'
export const busyboxBuilder: Builder = {
  prepare: async () => {
    throw new Error('soon')
  },
}
