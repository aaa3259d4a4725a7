import {lstatSync} from 'node:fs'
import {lchown, mkdir, readdir} from 'node:fs/promises'
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {Host} from '../../src/index.ts'
import {FIRST_ID, type Scene} from './contender.ts'

const BRIDGE = {name: 'peers0', gateway: '10.88.0.1', prefix: 16} as const

/** In a sealed world: a host for ours, and the root file system of its servers for all the others. */
export async function makeScene(scratch: string): Promise<Scene> {
  const root = join(scratch, 'host')
  process.env.VPS_ROOT = root
  // As on a host that was booted.
  await mkdir(join(root, 'run'), {recursive: true})
  await execa('mount', ['-t', 'tmpfs', 'run', join(root, 'run')])
  const host = await Host.open()
  await host.create('model', {template: 'busybox'})
  const {image} = await host.show('model')
  await host.destroy('model')

  const directory = join(scratch, 'contender')
  await mkdir(directory)
  const rootfs = join(host.paths.images, String(image), 'rootfs')
  const shifted = join(scratch, 'shifted')
  await execa('cp', ['-a', rootfs, shifted])
  await shiftOwners(shifted)
  return {directory, rootfs, shifted, bridge: await makeBridge(), gateway: BRIDGE.gateway}
}

async function shiftOwners(tree: string): Promise<void> {
  const names = await readdir(tree, {recursive: true})
  for (const path of [tree, ...names.map(name => join(tree, name))]) {
    const {uid, gid} = lstatSync(path)
    await lchown(path, FIRST_ID + uid, FIRST_ID + gid)
  }
}

async function makeBridge(): Promise<string> {
  const {name, gateway, prefix} = BRIDGE
  await execa('ip', ['link', 'add', name, 'type', 'bridge'])
  await execa('ip', ['address', 'add', `${gateway}/${prefix}`, 'dev', name])
  await execa('ip', ['link', 'set', name, 'up'])
  return name
}
