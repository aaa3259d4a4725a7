/*
 * Runs a command in all servers that run and have a tag, four at a time; says where it failed and what it said there.
 *
 *   node examples/in-all.ts tenant -- sh -c 'apt-get -qy update && apt-get -qy upgrade'
 */
import process from 'node:process'
import {forEachServer, Host} from 'vps'

const [tag = '', dashes, ...argv] = process.argv.slice(2)
if (dashes !== '--' || argv.length === 0) throw new Error('in-all.ts TAG -- COMMAND…')
const host = await Host.open()
const names = await host.resolve({tag, state: 'running'})
const signal = AbortSignal.timeout(3_600_000)
const outcomes = await forEachServer(names, name => host.exec(name, {argv, timeoutMs: 600_000, signal}), {
  parallel: 4,
})
for (const outcome of outcomes) {
  if (!outcome.ok) console.error(`${outcome.name}: ${outcome.error}`)
  else if (outcome.value.exitCode !== 0) console.error(`${outcome.name}: ${outcome.value.stderr.toString()}`)
}
const done = outcomes.filter(outcome => outcome.ok && outcome.value.exitCode === 0)
console.log(`${done.length} of ${names.length} servers done`)
process.exitCode = done.length === names.length ? 0 : 1
