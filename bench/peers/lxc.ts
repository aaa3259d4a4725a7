import {chown, mkdir, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
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

/** It mounts the overlay from inside the user namespace, and makes the link by itself. */
export const lxc: Contender = {
  title: 'lxc-start',
  program: ['lxc-start', '--version'],
  async prepare(scene, count) {
    const containers = join(scene.directory, 'containers')
    for (const number of [0, ...numbersTo(count)]) {
      const container = join(containers, `c${number}`)
      const upper = join(container, 'upper')
      await mkdir(upper, {recursive: true})
      // In the first the work directory is made, by root of the user namespace.
      for (const path of [container, upper]) await chown(path, FIRST_ID, FIRST_ID)
      await writeFile(join(container, 'config'), config(scene, upper, number))
    }
    const each: Command = ['lxc-start', '-P', containers, '-n', 'c{}']
    await loop(each, [0])
    return {each}
  },
}

function config({shifted, bridge, gateway}: Scene, upper: string, number: number): string {
  return `lxc.include = /usr/share/lxc/config/common.conf
lxc.include = /usr/share/lxc/config/userns.conf
lxc.idmap = u 0 ${FIRST_ID} ${IDS}
lxc.idmap = g 0 ${FIRST_ID} ${IDS}
lxc.rootfs.path = overlay:${shifted}:${upper}
lxc.uts.name = c${number}
lxc.init.cmd = /bin/${INIT.join(' ')}
lxc.apparmor.profile = unconfined
lxc.net.0.type = veth
lxc.net.0.link = ${bridge}
lxc.net.0.flags = up
lxc.net.0.ipv4.address = ${addressOf(number)}
lxc.net.0.ipv4.gateway = ${gateway}
`
}
