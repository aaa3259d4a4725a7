import {readFileSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {execa, type Result} from 'execa'
import {serverPaths} from '../../src/host/index.ts'
import type {Workshop} from './bare-server.ts'
import {type ScratchHost, vpsProgram} from './host.ts'

/** A definition as an object, the name apart; JSON is YAML. */
export type Wanted = Readonly<Record<string, unknown>>

/** Creates servers, all stopped. */
export async function createServers(
  host: ScratchHost,
  servers: Readonly<Record<string, Wanted>>,
): Promise<void> {
  const file = join(host.root, 'wanted.yaml')
  for (const [name, wanted] of Object.entries(servers)) {
    writeFileSync(file, JSON.stringify({name, template: 'host', init: 'persist', ...wanted}))
    await host.must(['create', name, '--file', file])
  }
  rmSync(file)
}

/** Creates servers and starts them. Without more in `wanted` they are of the host template and persist. */
export async function startServers(
  host: ScratchHost,
  servers: Readonly<Record<string, Wanted>>,
): Promise<void> {
  await createServers(host, servers)
  await host.must(['start', ...Object.keys(servers), '--wait'])
}

/** The mount that shows a workshop's programs in a server, at /probes. */
export function probesMount({directory}: Workshop): Wanted {
  return {source: directory, target: '/probes', readonly: true}
}

export {STATIC} from './programs.ts'

/** What a server's state file says, or an empty map when it does not run. */
export function runState(host: ScratchHost, name: string): ReadonlyMap<string, string> {
  try {
    const text = readFileSync(serverPaths(host.paths, name).state, 'utf8')
    return new Map(text.split('\n').map(line => line.split('=', 2) as [string, string]))
  } catch {
    return new Map()
  }
}

/** A number of a running server's state, such as `init` or `id_base`. */
export function stateNumber(host: ScratchHost, name: string, key: string): number {
  const value = Number(runState(host, name).get(key))
  if (!Number.isFinite(value)) throw new Error(`server ${name} has no ${key}`)
  return value
}

/** Runs a shell script on the host, with `vps` and VPS_ROOT set for this host. */
export async function onHost(host: ScratchHost, script: string): Promise<Result> {
  return (await execa('/bin/bash', ['-c', script], {
    env: {VPS_ROOT: host.root, NO_COLOR: '1', vps: vpsProgram},
    stdin: 'ignore',
    reject: false,
    timeout: 60_000,
  })) as Result
}
