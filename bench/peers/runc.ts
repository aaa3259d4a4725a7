/*
 * runc and crun take the same bundles. They know neither overlays nor links: the loop mounts the one, a hook makes the other.
 */
import {chmod, chown, mkdir, readFile, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import {execa} from 'execa'
import {
  addressOf,
  type Command,
  type Contender,
  FIRST_ID,
  IDS,
  INIT,
  loop,
  numbersTo,
  type Scene,
} from './contender.ts'

/** Of the file that `runc spec` writes, what is changed. */
interface Config {
  readonly process: object
  readonly linux: {readonly namespaces: readonly object[]; readonly resources?: object}
}

function runtime(program: 'runc' | 'crun'): Contender {
  return {
    title: `${program} run -d`,
    program: [program, '--version'],
    async prepare(scene, count) {
      const {directory} = scene
      await execa(program, ['spec'], {cwd: directory})
      const base = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8')) as Config
      const hook = join(directory, 'hook')
      await writeFile(hook, linkHook(scene))
      await chmod(hook, 0o755)
      for (const number of [0, ...numbersTo(count)]) {
        const bundle = join(directory, `c${number}`)
        for (const name of ['root', 'upper', 'work']) await mkdir(join(bundle, name), {recursive: true})
        await chown(join(bundle, 'upper'), FIRST_ID, FIRST_ID)
        await writeFile(join(bundle, 'config.json'), JSON.stringify(configOf(base, hook, number)))
      }
      const script = join(directory, 'one')
      await writeFile(script, startOne(program, scene))
      const each: Command = ['sh', script, '{}']
      await loop(each, [0])
      return {each}
    },
  }
}

export const runc = runtime('runc')
export const crun = runtime('crun')

function configOf(base: Config, hook: string, number: number): object {
  const ids = [{containerID: 0, hostID: FIRST_ID, size: IDS}]
  // Without rules for devices, which are a program for the kernel: a user namespace can make no devices, and crun fails with them
  // where it can't raise RLIMIT_MEMLOCK.
  const {resources: _, ...linux} = base.linux
  return {
    ...base,
    process: {...base.process, terminal: false, args: INIT},
    root: {path: 'root', readonly: false},
    hooks: {createRuntime: [{path: hook, args: ['hook', String(number), addressOf(number)]}]},
    linux: {
      ...linux,
      namespaces: [...linux.namespaces, {type: 'user'}],
      uidMappings: ids,
      gidMappings: ids,
      cgroupsPath: `/peers/c${number}`,
    },
  }
}

/** As few programs as can be. */
function linkHook({bridge, gateway}: Scene): string {
  return `#!/bin/sh
set -eu
pid=$(sed -n 's/.*"pid": *\\([0-9]*\\).*/\\1/p')
ip link add "veth$1" master ${bridge} up type veth peer name eth0 netns "$pid"
nsenter -t "$pid" -n ip -batch - <<END
link set lo up
link set eth0 up
address add $2 dev eth0
route add default via ${gateway}
END
`
}

function startOne(program: string, {directory, shifted}: Scene): string {
  return `set -eu
cd ${directory}/c$1
mount -t overlay overlay -o lowerdir=${shifted},upperdir=upper,workdir=work root
exec ${program} --root /run/peer run -d c$1 </dev/null >/dev/null
`
}
