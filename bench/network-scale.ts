/*
 * What the network of a server takes when it is the first, the hundredth, the five hundredth: its namespace, and the steps as
 * `vps start` plans them, done by the supervisor's own code (network-crowd.c) in namespaces without processes, beside a real server
 * whose rules they share. That it is what a start does is shown by the phase `network` of a real one. And the steps by hand, with ip
 * and nft.
 */
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {globSync} from 'node:fs'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {execa} from 'execa'
import {parseDefinition, requireValid} from '../src/definition/index.ts'
import {DEFAULT_NETWORK, type HostPaths} from '../src/host/index.ts'
import {type Prefix, parseRange} from '../src/ip.ts'
import {encode} from '../src/launch/index.ts'
import {linkFacts, type NetworkStep, networkSteps} from '../src/network/index.ts'
import {Place} from '../tests/helpers/network.ts'
import {type ByHand, byHand, undone} from './network-by-hand.ts'
import {repository} from './programs.ts'
import {type Figure, median, milliseconds} from './statistics.ts'

const SERVERS = 500
/** Of each point the ten servers around it count, in each pass. */
const POINTS = [1, 100, SERVERS] as const
const AROUND = 10
const PASSES = 7
const PUBLISHED = 2

export async function scaleFigures(paths: HostPaths): Promise<Figure[]> {
  await using crowd = await Crowd.prepare(paths)
  const whole = POINTS.map((): number[] => [])
  const steps = POINTS.map((): number[] => [])
  const hand = {first: [] as number[], last: [] as number[], batched: [] as number[]}
  for (let pass = 0; pass < PASSES; pass++) {
    hand.first.push(await timeByHand(paths, separately))
    hand.batched.push(await timeByHand(paths, batched))
    await using raised = await crowd.raise()
    for (const [index, point] of POINTS.entries()) {
      const near = around(raised.times, point)
      whole[index]?.push(...near.map(({total}) => total))
      steps[index]?.push(...near.map(({total, namespace}) => total - namespace))
    }
    hand.last.push(await timeByHand(paths, separately))
  }
  const [first = 0, , last = 0] = steps.map(median)
  const byHand = (what: string, mine: number, theirs: number, atMost: number | null): Figure => ({
    what,
    measured: milliseconds(mine),
    against: milliseconds(theirs),
    ratio: mine / theirs,
    atMost,
  })
  const grown = (what: string, times: readonly number[][], atMost: number | null): Figure[] => {
    const [begin = 0, ...later] = times.map(median)
    return later.map((mine, index) => ({
      what: `Network of the ${POINTS[index + 1]}th server: ${what} (median around it)`,
      measured: milliseconds(mine),
      against: `${milliseconds(begin)} for the first`,
      ratio: mine / begin,
      atMost,
    }))
  }
  return [
    ...grown(`its namespace, a routed link, ${PUBLISHED} published ports`, whole, 1.3),
    ...grown('of that the link and the ports', steps, null),
    byHand(
      'Network of the first server, against a command of ip or nft for each thing',
      first,
      median(hand.first),
      1 / 5,
    ),
    byHand(`The same with ${SERVERS} servers`, last, median(hand.last), 1 / 5),
    byHand(
      'Network of the first server, against `ip -batch` and `nft -f`',
      first,
      median(hand.batched),
      null,
    ),
  ]
}

/** Milliseconds that a network took to come. */
interface Raised {
  readonly total: number
  /** The part that its namespace took. */
  readonly namespace: number
}

function around(values: readonly Raised[], point: number): Raised[] {
  const begin = Math.min(Math.max(point - 1 - AROUND / 2, 0), values.length - AROUND)
  return values.slice(begin, begin + AROUND)
}

/** The steps of a server that is number `index` of its host. */
function stepsOf(paths: HostPaths, index: number): NetworkStep[] {
  const name = `crowd${index}`
  const publish = [`${10_000 + index}:80/tcp`, `${20_000 + index}:53/udp`]
  const loaded = parseDefinition(JSON.stringify({template: 'busybox', network: {publish}}), {
    file: 'bench',
    name,
  })
  requireValid(loaded)
  const address = (key: number, text: string) => ({
    link: 'eth0',
    range: parseRange(text) as Prefix,
    key: ['network', 'links', 0, 'addresses', key],
  })
  return networkSteps({
    paths,
    loaded,
    server: {name, uuid: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`, slot: index},
    grants: [
      address(0, `10.77.${100 + (index >> 8)}.${index & 255}`),
      address(0, `fd77:7073:7673::1:${index.toString(16)}`),
    ],
    project: 1,
    namesPort: 5300,
    gateway: DEFAULT_NETWORK.gateway,
    classes: DEFAULT_NETWORK.classes,
    facts: linkFacts(),
  })
}

/** The networks that are there at once. */
class Crowd implements AsyncDisposable {
  readonly #program: string
  readonly #directory: string
  readonly #plans: readonly string[]

  private constructor(program: string, directory: string, plans: readonly string[]) {
    this.#program = program
    this.#directory = directory
    this.#plans = plans
  }

  static async prepare(paths: HostPaths): Promise<Crowd> {
    const directory = await mkdtemp(join(tmpdir(), 'vps-bench-crowd-'))
    const plans = Array.from({length: SERVERS}, (_, index) => join(directory, String(index)))
    for (const [index, file] of plans.entries())
      await writeFile(file, encode({settings: {}, steps: stepsOf(paths, index + 1)}))
    return new Crowd(await compileCrowd(directory), directory, plans)
  }

  /** What each took to come; all are gone with the result. */
  async raise(): Promise<AsyncDisposable & {readonly times: readonly Raised[]}> {
    const child = spawn(this.#program, this.#plans, {stdio: ['pipe', 'pipe', 'inherit']})
    const ended = once(child, 'close')
    const times: Raised[] = []
    for await (const line of createInterface(child.stdout)) {
      if (line === '') break
      const [total = 0, namespace = 0] = line
        .split(' ')
        .slice(1)
        .map(microseconds => Number(microseconds) / 1000)
      times.push({total, namespace})
    }
    if (times.length !== SERVERS) throw new Error(`only ${times.length} networks of ${SERVERS} came up`)
    return {
      times,
      [Symbol.asyncDispose]: async () => {
        child.stdin.end()
        child.stdout.resume()
        await ended
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, {recursive: true, force: true})
  }
}

/** With the supervisor's own sources and the flags that its program has. */
async function compileCrowd(directory: string): Promise<string> {
  const program = join(directory, 'network-crowd')
  const native = join(repository, 'native')
  const sources = globSync(['common/{netlink,plan,words,fault}.c', 'supervisor/network/!(live|counters).c'], {
    cwd: native,
  })
  await execa('gcc', [
    '-std=c11',
    '-D_GNU_SOURCE',
    '-O2',
    '-static',
    `-I${join(native, 'common')}`,
    join(repository, 'bench/network-crowd.c'),
    ...sources.map(file => join(native, file)),
    '-o',
    program,
  ])
  return program
}

/** Milliseconds of a shell that makes a server's network in a namespace of its own. */
async function timeByHand(paths: HostPaths, script: (made: ByHand, pid: number) => string): Promise<number> {
  await using place = await Place.make()
  const made = byHand(stepsOf(paths, SERVERS + 1), place.pid)
  const file = join(paths.root, 'by-hand')
  await writeFile(file, script(made, place.pid))
  const begin = performance.now()
  await execa('sh', ['-e', file])
  const took = performance.now() - begin
  Place.here().sh(undone(made).join('\n'))
  return took
}

/** A program for each thing. */
function separately({link, inside, host}: ByHand, pid: number): string {
  return [...link, `nsenter -t ${pid} -n sh -e <<'END'`, ...inside, 'END', ...host].join('\n')
}

/** As few programs as there can be. */
function batched({link, inside, host}: ByHand, pid: number): string {
  const of = (program: string, lines: readonly string[]): string[] =>
    lines
      .filter(line => line.startsWith(`${program} `))
      .map(line => line.slice(program.length + 1).replaceAll("'", ''))
  const here = (command: string, lines: readonly string[]): string[] => [
    `${command} <<'END'`,
    ...lines,
    'END',
  ]
  return [
    ...here('ip -batch -', of('ip', link)),
    ...here(`nsenter -t ${pid} -n ip -batch -`, of('ip', inside)),
    ...host.filter(line => line.startsWith('echo ')),
    ...here('ip -batch -', of('ip', host)),
    ...here('nft -f -', of('nft', host)),
  ].join('\n')
}
