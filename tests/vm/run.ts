// The test host's driver.
//
//   node tests/vm/run.ts test [RING…] [-- VITEST-ARGUMENT…]   run test rings in the guest (default: all)
//   node tests/vm/run.ts shell                                a root shell in it, in the checkout
//   node tests/vm/run.ts exec [--timeout SECONDS] -- COMMAND… one command; its output and exit status
//   node tests/vm/run.ts build                                only make what is cached
import {cachedState} from './cache.ts'
import type {Machine} from './qemu.ts'
import {runRings} from './rings.ts'
import {shell} from './shell.ts'
import {restore} from './state.ts'
import {within} from './time.ts'
import {guestEnvironment} from './vitest.ts'

const usage =
  'usage: run.ts test [RING…] [-- VITEST-ARGUMENT…] | shell | exec [--timeout S] -- COMMAND… | build'

/** Seconds for all rings together. */
const testLimit = Number(process.env.VPS_VM_TIMEOUT ?? 2100)

async function withMachine(work: (machine: Machine) => Promise<number>): Promise<number> {
  const machine = await restore(await cachedState())
  try {
    return await Promise.race([work(machine), machine.died])
  } catch (error) {
    console.error(`vm: the console's last lines:\n${machine.consoleTail()}`)
    throw error
  } finally {
    await machine.end()
  }
}

async function exec(machine: Machine, argv: string[], seconds: number): Promise<number> {
  const running = machine.agent.run({
    argv,
    cwd: '/vps',
    env: guestEnvironment,
    ...(process.stdin.isTTY ? {} : {stdin: process.stdin}),
    onOutput: (bytes, stream) => process[stream].write(bytes),
  })
  const {status} = await within(seconds, argv.join(' '), running)
  process.stdin.destroy()
  return status
}

async function main([verb, ...words]: string[]): Promise<number> {
  const dashes = words.indexOf('--')
  const before = dashes < 0 ? words : words.slice(0, dashes)
  const after = dashes < 0 ? [] : words.slice(dashes + 1)
  switch (verb) {
    case 'build':
      await cachedState()
      return 0
    case 'shell':
      return withMachine(shell)
    case 'exec': {
      const limit = before[0] === '--timeout' ? Number(before[1]) : 600
      if (after.length === 0 || !(limit > 0)) break
      return withMachine(machine => exec(machine, after, limit))
    }
    case 'test':
      return withMachine(machine => within(testLimit, 'the whole run', runRings(machine, before, after)))
  }
  console.error(usage)
  return 2
}

/** Ends at once: timers of what was waited for would keep the process. */
try {
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  console.error(`vm: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(1)
}
