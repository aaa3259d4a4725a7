// Entry of the process that builds the cache with the lock held.
import {build} from './cache.ts'

process.once('SIGTERM', () => process.exit(143)) // an exit ends the programs that it started, a signal would not
try {
  await build()
} catch (error) {
  console.error(`vm: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
