/*
 * A server for each line of a CSV (name,port,key): the tenant logs in as admin with his key. Run again, it makes what is missing.
 *
 *   node examples/tenants-from-csv.ts tenants.csv
 */
import {readFile} from 'node:fs/promises'
import process from 'node:process'
import {forEachServer, Host} from 'vps'

const [file = 'tenants.csv'] = process.argv.slice(2)
const [, ...lines] = (await readFile(file, 'utf8')).trim().split('\n')
const tenants = new Map(
  lines.map(line => line.split(',')).map(([name = '', port, key]) => [name, {port, key}]),
)

const host = await Host.open()
const there = new Set((await host.list()).map(({name}) => name))
const missing = [...tenants.keys()].filter(name => !there.has(name))
const outcomes = await forEachServer(missing, async name => {
  const {port, key} = tenants.get(name) ?? {}
  const provision = {users: [{name: 'admin', sshKeys: [key]}]}
  const network = {publish: [`${port}:22/tcp`]}
  const definition = {name, template: 'busybox', tags: ['tenant'], autostart: true, network, provision}
  await host.create(name, {definitionText: JSON.stringify(definition), start: true})
})
for (const {name, ...outcome} of outcomes) console.log(name, outcome.ok ? 'is ready' : String(outcome.error))
process.exitCode = outcomes.every(({ok}) => ok) ? 0 : 1
