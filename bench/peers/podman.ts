import {join} from 'node:path'
import {execa} from 'execa'
import {type Command, type Contender, FIRST_ID, IDS, INIT, loop} from './contender.ts'

const IMAGE = 'peer'

/**
 * With Debian's defaults: overlay storage, a bridge with address translation, conmon. Only the limit of processes is taken away, as
 * nobody else has one.
 */
export const podman: Contender = {
  title: 'podman run -d',
  program: ['podman', '--version'],
  async prepare({directory, rootfs}) {
    const global = [
      ...['--root', join(directory, 'storage'), '--runroot', '/run/peer', '--tmpdir', '/run/peer-tmp'],
      ...['--network-config-dir', join(directory, 'networks')],
      ...['--cgroup-manager', 'cgroupfs', '--events-backend', 'file'],
    ]
    const archive = join(directory, 'image.tar')
    await execa('tar', ['-C', rootfs, '-cf', archive, '.'])
    await execa('podman', [...global, 'import', archive, IMAGE])
    const run = (name: string, ...runtime: string[]): Command => [
      'podman',
      ...[...global, ...runtime, 'run', '-d', '--name', name, '--pids-limit', '0'],
      ...['--uidmap', `0:${FIRST_ID}:${IDS}`, '--gidmap', `0:${FIRST_ID}:${IDS}`],
      IMAGE,
      ...INIT,
    ]
    try {
      await loop(run('default'), [0])
      return {each: run('c{}')}
    } catch (error) {
      console.error(`podman cannot start with its default runtime, so with runc: ${(error as Error).message}`)
      await loop(run('runc', '--runtime', 'runc'), [0])
      return {each: run('c{}', '--runtime', 'runc')}
    }
  },
}
