/*
 * `vps list --json` of 1,000 defined servers of which 300 run, Node's own start included, and the table. They are held against
 * `node -e 0`, measured in turn with them. Wants namespaces of its own: scripts/in-own-namespaces node bench/list.ts
 *
 *   VPS_BENCH_SERVERS=1000 VPS_BENCH_RUNNING=300
 */
import {join} from 'node:path'
import process from 'node:process'
import {execa} from 'execa'
import {forEachServer} from '../src/index.ts'
import {benchHost, repository} from './host.ts'
import {type Figure, median, milliseconds, publish} from './statistics.ts'

const SERVERS = Number(process.env.VPS_BENCH_SERVERS ?? 1000)
const RUNNING = Number(process.env.VPS_BENCH_RUNNING ?? 300)
const RUNS = 15
const MOST_MS = 250

async function time(file: string, args: readonly string[]): Promise<number> {
  const begin = performance.now()
  await execa(file, args)
  return performance.now() - begin
}

function must(outcomes: readonly {ok: boolean; error?: unknown}[]): void {
  const failed = outcomes.find(({ok}) => !ok)
  if (failed !== undefined) throw failed.error
}

function figure(command: string, list: readonly number[], node: readonly number[]): Figure {
  return {
    what: `${command} of ${SERVERS} servers, ${RUNNING} running (median of ${RUNS}, the fastest ${milliseconds(Math.min(...list))})`,
    measured: milliseconds(median(list)),
    against: `at most ${MOST_MS} ms (node -e 0: ${milliseconds(median(node))}, ${(median(list) / median(node)).toFixed(1)} times that)`,
    ratio: median(list) / MOST_MS,
    atMost: 1,
  }
}

await using bench = await benchHost()
const {host} = bench
const names = Array.from({length: SERVERS}, (_, index) => `tenant-${String(index).padStart(4, '0')}`)
try {
  must(await forEachServer(names, name => host.create(name, {template: 'busybox'})))
  must(await forEachServer(names.slice(0, RUNNING), name => host.start(name)))
  const vps = join(repository, 'bin/vps')
  const {stdout} = await execa(vps, ['list', '--json'])
  const found = JSON.parse(stdout) as {state: string}[]
  const running = found.filter(({state}) => state === 'running').length
  if (found.length !== SERVERS || running !== RUNNING)
    throw new Error(`${found.length} servers, ${running} of them running`)
  const [node, json, table]: [number[], number[], number[]] = [[], [], []]
  for (let run = 0; run < RUNS; run++) {
    node.push(await time(process.execPath, ['-e', '0']))
    json.push(await time(vps, ['list', '--json']))
    table.push(await time(vps, ['list']))
  }
  const held = [figure('vps list --json', json, node), figure('vps list', table, node)].map(publish)
  if (held.includes(false)) process.exitCode = 1
} finally {
  await forEachServer(names, name => host.destroy(name, {force: true}))
}
