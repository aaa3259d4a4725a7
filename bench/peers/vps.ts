/* Ours, by the commands that take many servers at once. */
import {writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {execa} from 'execa'
import {repository} from '../programs.ts'
import {type Contender, INIT, type Scene} from './contender.ts'

const PROGRAM = join(repository, 'bin/vps')

/** Starts servers that are there, as the loops of `lxc-start`, `runc` and `crun` do. */
export const vpsStart: Contender = {
  title: 'vps start --all',
  program: [PROGRAM, 'version'],
  async prepare(scene, count) {
    await startFirst()
    await execa(PROGRAM, await applyOf(scene, count, 'stopped'))
    return {all: [PROGRAM, 'start', '--all']}
  },
}

/** Makes and starts them, as `podman run` does. */
export const vpsApply: Contender = {
  title: 'vps apply',
  program: [PROGRAM, 'version'],
  async prepare(scene, count) {
    await startFirst()
    return {all: [PROGRAM, ...(await applyOf(scene, count, 'running'))]}
  },
}

async function startFirst(): Promise<void> {
  await execa(PROGRAM, ['create', 'c0', '--template', 'busybox', '--set', `init=${JSON.stringify(INIT)}`])
  await execa(PROGRAM, ['start', 'c0'])
}

async function applyOf({directory}: Scene, count: number, state: 'stopped' | 'running'): Promise<string[]> {
  const file = join(directory, 'fleet.yaml')
  await writeFile(
    file,
    `fleet: peers
servers:
  - {name: "c{1..${count}}", template: busybox, init: ${JSON.stringify(INIT)}, state: ${state}}
`,
  )
  return ['apply', '-f', file, '--yes']
}
