/*
 * What a start costs beside Node: from before the supervisor's fork until init's exec has succeeded, timed by a C program
 * (starter.c), against the same namespaces and mounts made by one that does nothing else (floor.c). Both alternate.
 */
import {mkdir, rmdir} from 'node:fs/promises'
import {join} from 'node:path'
import {execa} from 'execa'
import type {BenchHost} from './host.ts'
import {startOnce} from './start-once.ts'
import {type Figure, median, milliseconds} from './statistics.ts'

const RUNS = 40

export async function startFigure(bench: BenchHost): Promise<Figure> {
  const {host, cgroup, compiled} = bench
  await host.create('bench', {
    template: 'busybox',
    set: [
      {path: 'init', value: 'persist'},
      {path: 'network', value: 'none'}, // the floor has none
    ],
  })
  const {image} = await host.show('bench')
  const layer = join(host.paths.root, 'floor')
  await mkdir(join(layer, 'upper'), {recursive: true})
  await mkdir(join(layer, 'work'))
  const floorCgroup = join(cgroup, 'floor')
  await mkdir(floorCgroup, {recursive: true})
  const rootfs = join(host.paths.images, String(image), 'rootfs')
  const floor = async (): Promise<number> => {
    const {stdout} = await execa(compiled('floor'), ['1', rootfs, layer, floorCgroup, '/bin/true'])
    return Number(stdout) / 1000
  }
  const ours: number[] = []
  const floors: number[] = []
  try {
    for (let run = 0; run < RUNS; run++) {
      floors.push(await floor())
      ours.push(await startOnce(bench, 'bench', await host.explain('bench')))
      await host.stop('bench', {kill: true})
    }
  } finally {
    await host.destroy('bench', {force: true})
    await rmdir(floorCgroup)
  }
  return {
    what: `Start of a server without Node (median of ${RUNS})`,
    measured: milliseconds(median(ours)),
    against: `${milliseconds(median(floors))} for the same namespaces and mounts in C`,
    ratio: median(ours) / median(floors),
    atMost: 3,
  }
}
