// Entry of the process that builds the cache with the lock held: node build.ts ACCELERATOR
import {build} from './cache.ts'
import type {Accelerator} from './qemu.ts'

await build(process.argv[2] as Accelerator)
