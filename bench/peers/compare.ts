/*
 * One contender, in a sealed world of its own (in-sealed-world): prints the milliseconds that each server took to start, and those of
 * processors that all programs of the world used for it. Exits with 77, and says why, when its program is not there or starts nothing on this host.
 *
 *   bench/peers/in-sealed-world node bench/peers/compare.ts NAME COUNT
 */
import {readFileSync} from 'node:fs'
import process from 'node:process'
import {execa} from 'execa'
import {checkServers} from './checks.ts'
import {loop, numbersTo, type Start} from './contender.ts'
import {CONTENDERS, type ContenderName} from './contenders.ts'
import {makeScene} from './scene.ts'

const [, , name, words] = process.argv
const contender = CONTENDERS[name as ContenderName]
const count = Number(words)
const {SCRATCH: scratch} = process.env
if (scratch === undefined) throw new Error('this is to be run by bench/peers/in-sealed-world')

/** Milliseconds that all of this world have used, as its cgroup counts them. */
function used(): number {
  const [, microseconds] = /^usage_usec (\d+)$/m.exec(readFileSync('/sys/fs/cgroup/cpu.stat', 'utf8')) ?? []
  return Number(microseconds) / 1000
}

async function run(start: Start): Promise<void> {
  if ('each' in start) return await loop(start.each, numbersTo(count))
  const [program, ...args] = start.all
  await execa(program, args, {stdout: 'ignore'})
}

const scene = await makeScene(scratch)
let start: Start
try {
  const [program, ...args] = contender.program
  await execa(program, args)
  start = await contender.prepare(scene, count)
} catch (error) {
  console.error((error as Error).message)
  process.exit(77)
}
const usedBefore = used()
const begin = performance.now()
await run(start)
const took = performance.now() - begin
const processors = used() - usedBefore
await checkServers(1 + count)
console.log(`${took / count} ${processors / count}`)
