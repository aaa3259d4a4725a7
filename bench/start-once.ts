import {mkdir, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {execa} from 'execa'
import {serverPaths} from '../src/host/index.ts'
import {encode, type LaunchPlan} from '../src/launch/index.ts'
import {nativeFile} from '../src/native/index.ts'
import type {BenchHost} from './host.ts'

/** Starts a server by starter.c, without Node; returns the milliseconds until init's exec has succeeded. */
export async function startOnce(
  {host, compiled}: BenchHost,
  name: string,
  plan: LaunchPlan,
): Promise<number> {
  const file = join(host.paths.root, 'plan')
  await writeFile(file, encode(plan))
  const {run} = serverPaths(host.paths, name)
  await mkdir(run, {mode: 0o700})
  const {stdout} = await execa(compiled('starter'), [nativeFile('vps-supervisor'), file])
  return Number(stdout) / 1000
}
