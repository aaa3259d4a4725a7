/*
 * What limits add to a start where the cgroup tree is our own: the same server with a full set of limits and without any,
 * each timed by starter.c, against floor.c with and without the same directories and writes; all four alternate. A host that
 * lacks controllers on cgroup v2 is measured with what it has, and what a full set would cost is told at the price of one. Where
 * systemd runs the host it hides that from itself in a mount namespace, so that the tree is the program's own.
 *
 *   node bench/limits.ts [RUNS]
 *
 * Ends with 1 when a bound is missed, and with 77 when this host can't be measured on, saying why.
 */
import {existsSync} from 'node:fs'
import {mkdir, readFile} from 'node:fs/promises'
import {availableParallelism} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {ExitCode, VpsError} from '../src/index.ts'
import type {LaunchPlan} from '../src/launch/index.ts'
import {type BenchHost, benchHost} from './host.ts'
import {startOnce} from './start-once.ts'
import {type Figure, median, milliseconds, publish} from './statistics.ts'

const SYSTEMD = '/run/systemd'
const CANNOT = 77
const RUNS = 40

/** Milliseconds that limits may add to a start on a machine that is not emulated. */
const BUDGET = 2

/** Ceilings that a start does not come near: what they cost to set is measured, not what they hold back. */
const CPUS = availableParallelism()
const MAIN: readonly string[] = [
  `cpu: {cores: ${CPUS}, limit: ${CPUS}, burst: 0.1, weight: 200}`,
  'memory: {limit: 256MiB, high: 240MiB, guarantee: 16MiB, reserve: 32MiB, swap: none, oomGroup: true}',
  'pids: 500',
]
const IO = 'io: {read: {bps: 50MiB, iops: 2000}, write: {bps: 50MiB, iops: 2000}}'
/** Writes for a server with all of `MAIN` and `IO`. */
const FULL_SET = 16
/** From the fullest on: I/O limits need a disk below the scratch directory; some hosts have all but huge pages on cgroup v1. */
const LIMITS: readonly (readonly string[])[] = [[...MAIN, IO], MAIN, ['hugepages: {2MiB: 0, 1GiB: 0}']]

/** Milliseconds of each kind of start, run by run. */
interface Times {
  readonly ours: readonly number[]
  readonly floor: readonly number[]
}

async function measure(
  bench: BenchHost,
  runs: number,
): Promise<{plain: Times; limited: Times; keys: number}> {
  const {host} = bench
  const layer = join(host.paths.root, 'floor')
  await mkdir(join(layer, 'upper'), {recursive: true})
  await mkdir(join(layer, 'work'))
  await create(bench, 'plain', [])
  await createLimited(bench)
  const times = {
    plain: {ours: [] as number[], floor: [] as number[]},
    limited: {ours: [] as number[], floor: [] as number[]},
  }
  let keys = 0
  try {
    for (const name of ['plain', 'limited'] as const) {
      await host.start(name) // hands the controllers down, which a host does once
      await host.stop(name, {kill: true})
    }
    for (let run = 0; run < runs; run++)
      for (const name of ['plain', 'limited'] as const) {
        const plan = await host.explain(name)
        const writes = await groupWrites(bench, plan)
        if (name === 'limited') keys = plan.steps.filter(({op}) => op === 'cgroup-write').length
        times[name].floor.push(await floorOnce(bench, layer, name, writes))
        times[name].ours.push(await startOnce(bench, name, plan))
        await host.stop(name, {kill: true})
      }
  } finally {
    for (const name of ['plain', 'limited']) await host.destroy(name, {force: true}).catch(() => undefined)
  }
  return {...times, keys}
}

async function create({host}: BenchHost, name: string, resources: readonly string[]): Promise<void> {
  const definitionText = `template: busybox\ninit: persist\nnetwork: none\n${
    resources.length === 0 ? '' : `resources:\n${resources.map(line => `  ${line}\n`).join('')}`
  }`
  await host.create(name, {definitionText})
}

/** With as many limits as this host enforces. @throws VpsError UNENFORCEABLE (exit 5) when there is none */
async function createLimited(bench: BenchHost): Promise<void> {
  for (const [index, limits] of LIMITS.entries()) {
    await create(bench, 'limited', limits)
    try {
      await bench.host.explain('limited')
      return
    } catch (error) {
      if (!isUnenforceable(error) || index === LIMITS.length - 1) throw error
      await bench.host.destroy('limited', {force: true})
    }
  }
}

function isUnenforceable(error: unknown): error is VpsError {
  return error instanceof VpsError && error.exitCode === ExitCode.hostCannot
}

/** What the supervisor makes and writes in the cgroup tree for this plan, as words for floor.c. */
async function groupWrites({cgroup}: BenchHost, {steps}: LaunchPlan): Promise<string[]> {
  const present = (await readFile(join(cgroup, 'cgroup.subtree_control'), 'utf8')).trim().split(' ')
  const controllers = steps
    .filter(({op}) => op === 'controllers')
    .flatMap(step => step.arguments.join(',').split(','))
    .filter(name => present.includes(name))
  const writes = steps
    .filter(({op}) => op === 'cgroup-write')
    .flatMap(({arguments: [group = '', file = '', value = '']}) => [
      group === 'payload' ? `payload/${file}` : file,
      value,
    ])
  const enabled = controllers.map(name => `+${name}`).join(' ')
  return [
    ...(enabled === '' ? [] : ['cgroup.subtree_control', enabled]),
    ...['supervisor/', '', 'payload/', ''],
    ...writes,
  ]
}

async function floorOnce(
  bench: BenchHost,
  layer: string,
  name: string,
  writes: readonly string[],
): Promise<number> {
  const {host, cgroup, compiled} = bench
  const {image} = await host.show(name)
  const rootfs = join(host.paths.images, String(image), 'rootfs')
  const words = ['1', rootfs, layer, join(cgroup, 'floor'), '/bin/true', ...writes]
  const {stdout} = await execa(compiled('floor'), words)
  return Number(stdout) / 1000
}

function figures({plain, limited, keys}: Awaited<ReturnType<typeof measure>>, runs: number): Figure[] {
  const [plainOurs, plainFloor, ours, floor] = [plain.ours, plain.floor, limited.ours, limited.floor].map(
    median,
  ) as [number, number, number, number]
  // Each with its neighbour in time: what else the machine does hits both.
  const added = median(limited.ours.map((time, run) => time - (plain.ours[run] ?? time)))
  const addedToFloor = median(limited.floor.map((time, run) => time - (plain.floor[run] ?? time)))
  const what = `${keys} cgroup writes for limits`
  return [
    {
      what: `Start of a server with ${what} (median of ${runs})`,
      measured: milliseconds(ours),
      against: `${milliseconds(floor)} for the same namespaces, mounts and cgroup writes in C`,
      ratio: ours / floor,
      atMost: 3,
    },
    {
      what: 'The same server without limits',
      measured: milliseconds(plainOurs),
      against: `${milliseconds(plainFloor)} for the same in C`,
      ratio: plainOurs / plainFloor,
      atMost: null,
    },
    {
      what: 'So limits add to a start',
      measured: milliseconds(added),
      against: `${milliseconds(addedToFloor)} that they add to the C program`,
      ratio: added / addedToFloor,
      atMost: null,
    },
    ...(keys < FULL_SET ? [atFullSet(added, keys)] : []),
    {
      what: isEmulated()
        ? 'The same as a part of a start without limits (emulated: times say nothing)'
        : 'The same',
      measured: milliseconds(added),
      ...(isEmulated()
        ? {
            against: `${milliseconds(plainOurs)} of a start without limits`,
            ratio: added / plainOurs,
            atMost: null,
          }
        : {against: `a budget of ${milliseconds(BUDGET)}`, ratio: added / BUDGET, atMost: 1}),
    },
  ]
}

/** What a full set would add, at the price of those writes that this host has. */
function atFullSet(added: number, keys: number): Figure {
  const full = (Math.max(added, 0) * FULL_SET) / keys
  return {
    what: `${FULL_SET} limits at that price`,
    measured: milliseconds(full),
    against: `a budget of ${milliseconds(BUDGET)}`,
    ratio: full / BUDGET,
    atMost: isEmulated() ? null : 1,
  }
}

/** The test host says so of itself. */
function isEmulated(): boolean {
  return process.env.VPS_TEST_VM === '1'
}

function giveUp(reason: string): number {
  console.log(`What limits add to a start\n  cannot run here: ${reason}`)
  return CANNOT
}

/** The same program where systemd is not to be seen. */
async function withoutSystemd(): Promise<number> {
  const script = `mount -t tmpfs -o mode=755 none ${SYSTEMD} && exec "$0" "$@"`
  const {exitCode = 1} = await execa(
    'unshare',
    ['--mount', 'sh', '-c', script, process.execPath, ...process.argv.slice(1)],
    {stdio: 'inherit', reject: false},
  )
  return exitCode
}

async function main(runs: number): Promise<number> {
  if (process.geteuid?.() !== 0) return giveUp('it needs root')
  if (existsSync(`${SYSTEMD}/system`)) return await withoutSystemd()
  await using bench = await benchHost()
  try {
    return figures(await measure(bench, runs), runs)
      .map(publish)
      .every(held => held)
      ? 0
      : 1
  } catch (error) {
    if (isUnenforceable(error)) return giveUp(error.message.split('\n').slice(0, 2).join(', first '))
    throw error
  }
}

process.exitCode = await main(Number(process.argv[2] ?? RUNS))
