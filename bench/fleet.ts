/*
 * Many servers made and started by one apply: what each takes, and whether the last take what the first did; against the same namespaces,
 * mounts and links made by one C program one after the other (floor.c), which does nothing else. Exits with 1 when a bound is missed.
 *
 *   scripts/in-own-namespaces node bench/fleet.ts [COUNT]
 */
import {mkdir, rmdir, writeFile} from 'node:fs/promises'
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {type BenchHost, benchHost} from './host.ts'
import {type Figure, milliseconds, publish} from './statistics.ts'

const SERVERS = Number(process.argv[2] ?? 300)
/** At the begin and at the end: so many are compared. */
const PART = Math.min(50, Math.floor(SERVERS / 3))

/** Of no machine; sshd is not there. */
const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl'

/** Milliseconds each, at the begin, at the end, and over all. */
interface Course {
  readonly first: number
  readonly last: number
  readonly each: number
}

const FLEET = `fleet: bench
profiles:
  base: {template: busybox, init: persist}
servers:
  - from: tenants.csv
    name: "\${name}"
    profiles: [base]
    provision:
      users:
        - {name: admin, sudo: false, sshKeys: ["\${key} admin@example"]}
        - {name: dev, sshKeys: ["\${key} dev@example"]}
`

async function writeFleet(directory: string): Promise<string> {
  const rows = Array.from({length: SERVERS}, (_, index) => `lab-${String(index + 1).padStart(4, '0')},${KEY}`)
  await writeFile(join(directory, 'tenants.csv'), `name,key\n${rows.join('\n')}\n`)
  const file = join(directory, 'fleet.yaml')
  await writeFile(file, FLEET)
  return file
}

/** @param ends milliseconds from the begin until each was done, ascending */
function courseOf(ends: readonly number[]): Course {
  const at = (index: number): number => ends.at(index) ?? 0
  return {
    first: at(PART - 1) / PART,
    last: (at(-1) - at(-1 - PART)) / PART,
    each: at(-1) / ends.length,
  }
}

async function applied({host}: BenchHost, file: string): Promise<Course> {
  const ends: number[] = []
  const begin = performance.now()
  const report = await host.apply([file], {
    fit: false, // whether the host can hold connections of all of them does not matter here
    onEvent: event => {
      if (event.event !== 'server') return
      if (event.outcome !== 'done') throw new Error(`${event.name} is ${event.outcome}`, {cause: event.error})
      ends.push(performance.now() - begin)
    },
  })
  if (ends.length !== SERVERS)
    throw new Error(`${ends.length} servers of ${SERVERS}: ${JSON.stringify(report)}`)
  return courseOf(ends)
}

/** All of them stay until the last is there. */
async function floors({host, cgroup, compiled}: BenchHost): Promise<Course> {
  const {image} = await host.show('warm')
  const rootfs = join(host.paths.images, String(image), 'rootfs')
  const layers = join(host.paths.root, 'floors')
  const group = join(cgroup, 'floor')
  await mkdir(layers)
  await mkdir(group)
  try {
    const {stdout} = await execa(compiled('floor'), [
      '-k',
      String(SERVERS),
      rootfs,
      layers,
      group,
      '/bin/busybox',
    ])
    let sum = 0
    return courseOf(stdout.split('\n').map(line => (sum += Number(line) / 1000)))
  } finally {
    await writeFile(join(group, 'cgroup.kill'), '1')
    while (
      !(await rmdir(group).then(
        () => true,
        () => false,
      ))
    )
      await new Promise(resolve => setTimeout(resolve, 50))
  }
}

function flat(what: string, {first, last}: Course, atMost: number | null): Figure {
  return {
    what: `${what}: each of the last ${PART}, against each of the first`,
    measured: milliseconds(last),
    against: milliseconds(first),
    ratio: last / first,
    atMost,
  }
}

await using bench = await benchHost()
const {host} = bench
// As on a host that was booted.
await mkdir(join(host.paths.root, 'run'))
await execa('mount', ['-t', 'tmpfs', 'run', join(host.paths.root, 'run')])
try {
  await host.create('warm', {template: 'busybox', set: [{path: 'init', value: 'persist'}], start: true})
  const file = await writeFleet(host.paths.root)
  const before = await floors(bench)
  const ours = await applied(bench, file)
  const again = await host.plan([file], {fit: false})
  if (again.pending) throw new Error('a second apply would change something')
  const figures: Figure[] = [
    {
      what: `Create and start of a server in an apply of ${SERVERS}, with a link, two users and their keys`,
      measured: milliseconds(ours.each),
      against: `${milliseconds(before.each)} for namespaces, mounts and link in C, one after the other`,
      ratio: ours.each / before.each,
      atMost: 2,
    },
    flat(`The same`, ours, 1.3),
    flat(`Namespaces, mounts and link in C, ${SERVERS} that stay`, before, null),
  ]
  if (!figures.map(publish).every(held => held)) process.exitCode = 1
} finally {
  const names = (await host.list()).map(({name}) => name)
  for (let at = 0; at < names.length; at += 4)
    await Promise.all(names.slice(at, at + 4).map(name => host.destroy(name, {force: true})))
  await execa('umount', [join(host.paths.root, 'run')])
}
