import {execFileSync} from 'node:child_process'
import {existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import process from 'node:process'
import {findCgroup2, readMounts} from '../../src/host/index.ts'
import {repository} from './host.ts'
import {listProcesses, namespaceOf, type Process, quietly, readProcess, until} from './processes.ts'

/** What of the machine a test suite might leave behind; each a list of things in words. */
export interface Snapshot {
  readonly mounts: readonly string[]
  readonly cgroups: readonly string[]
  readonly processes: readonly string[]
  readonly namespaces: readonly string[]
  readonly links: readonly string[]
  readonly sockets: readonly string[]
  readonly loops: readonly string[]
  readonly temporaries: readonly string[]
  readonly tables: readonly string[]
}

/** The part of the suite that this is, `1/2`; other parts run beside it. */
const [part = '1', parts = '1'] = process.env.VPS_TEST_PART?.split('/') ?? []
const file = join(repository, `build/leaks-snapshot-${part}.json`)

/** One run of the suite: its main process, whose worker we are in. */
const thisRun = `${process.ppid}-${readProcess(process.ppid)?.start}`

/** Writes down how things stand before the suite. */
export async function writeSnapshot(): Promise<void> {
  mkdirSync(dirname(file), {recursive: true})
  writeFileSync(file, JSON.stringify({run: thisRun, snapshot: await takeSnapshot()}))
}

/** What `writeSnapshot` wrote in this run of the suite; `undefined` when it was not part of it. */
export function readSnapshot(): Snapshot | undefined {
  const written = quietly(() => JSON.parse(readFileSync(file, 'utf8')) as {run: string; snapshot: Snapshot})
  rmSync(file, {force: true})
  return written?.run === thisRun ? written.snapshot : undefined
}

/** Says that this part of the suite is through, and returns once all are: what another is at work with is no leak. */
export async function awaitOtherParts(timeoutMs: number): Promise<void> {
  const marks = Array.from({length: Number(parts)}, (_, index) =>
    join(repository, `build/host-part-${index + 1}`),
  )
  writeFileSync(marks[Number(part) - 1] ?? '', '')
  await until(
    'the other parts of the suite are through',
    () => marks.every(mark => existsSync(mark)),
    timeoutMs,
  )
}

export async function takeSnapshot(): Promise<Snapshot> {
  const processes = ownProcesses()
  return {
    mounts: (await readMounts()).map(({type, source, target}) => `${type} ${source} on ${target}`),
    cgroups: await vpsCgroups(),
    processes: processes.map(({pid, start, command}) => `${pid} (${start}) ${command}`),
    namespaces: [...new Set(processes.flatMap(namespacesOf))],
    links: lines('/proc/self/net/dev')
      .slice(2)
      .map(line => line.split(':')[0]?.trim() ?? ''),
    sockets: lines('/proc/self/net/unix')
      .map(line => line.split(' ').at(-1) ?? '')
      .filter(path => path.includes('vps')),
    loops: loopDevices(),
    temporaries: readdirSync(tmpdir()).filter(
      name => name.startsWith('vps-') && !name.startsWith('vps-vitest-'),
    ),
    tables: tables(),
  }
}

/** What is there now and was not before, one line each. */
export function newSince(before: Snapshot, after: Snapshot): string[] {
  return (Object.keys(after) as (keyof Snapshot)[]).flatMap(kind => {
    const known = new Set(before[kind])
    return after[kind].filter(thing => !known.has(thing)).map(thing => `${kind}: ${thing}`)
  })
}

/**
 * All cgroups below a directory of vps or of our tests. One that another run of this machine is at work in is not ours, and
 * empty slices are systemd's own to remove.
 */
async function vpsCgroups(): Promise<string[]> {
  const mount = (await findCgroup2(await readMounts()))?.mount
  if (mount === undefined) return []
  const foreign = strangers().map(({pid}) => quietly(() => readFileSync(`/proc/${pid}/cgroup`, 'utf8')) ?? '')
  return globSync('**/vps*/**/', {cwd: mount}).filter(group => {
    const [top = ''] = group.split('/').filter(part => part.startsWith('vps'))
    return !group.endsWith('.slice') && !foreign.some(groups => groups.includes(`/${top}/`))
  })
}

const KINDS = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'] as const

function namespacesOf({pid, command}: Process): string[] {
  return KINDS.flatMap(kind => namespaceOf(pid, kind) ?? []).map(name => `${name} of ${command}`)
}

/** Every process but kernel threads, the suite's own, zombies, and those of other runs on this machine. */
function ownProcesses(): Process[] {
  const all = listProcesses()
  const foreign = new Set(strangers(all).map(({pid}) => pid))
  const suite = suiteOf(all)
  return all.filter(
    ({pid, parent, zombie}) => !zombie && parent !== 2 && !foreign.has(pid) && !suite.has(pid),
  )
}

/** We, who called us, and our fellow workers. */
function suiteOf(all: readonly Process[]): Set<number> {
  const fellows = all.filter(({parent}) => parent === process.ppid).map(({pid}) => pid)
  return new Set([...fellows, ...ancestry()])
}

/** Our pid, our parent's, and so on. */
function ancestry(): number[] {
  const pids: number[] = []
  for (let at = readProcess(process.pid); at !== undefined; at = readProcess(at.parent)) pids.push(at.pid)
  return pids
}

/**
 * Processes that are no business of this suite, which runs in a network namespace of its own: those of the machine's, what
 * descends from them (other runs of tests, say), and what shares a network namespace with those (their supervisors).
 */
function strangers(all: readonly Process[] = listProcesses()): Process[] {
  const ours = namespaceOf('self', 'net')
  // That of the first of our ancestors; pid 1's own may be hidden from us.
  const machine = ancestry().reduce((found, pid) => namespaceOf(pid, 'net') ?? found, ours)
  if (machine === ours) return []
  const suite = suiteOf(all)
  const network = new Map(all.map(({pid}) => [pid, namespaceOf(pid, 'net')]))
  const ofMachine = all.filter(({pid}) => network.get(pid) === machine && !suite.has(pid))
  const known = withDescendants(all, ofMachine)
  const theirs = new Set(known.map(({pid}) => network.get(pid)).filter(name => name !== ours))
  return withDescendants(
    all,
    all.filter(({pid}) => theirs.has(network.get(pid)) && !suite.has(pid)),
  )
}

function withDescendants(all: readonly Process[], roots: readonly Process[]): Process[] {
  const found = new Set(roots.map(({pid}) => pid))
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const {pid, parent} of all) if (found.has(parent)) found.add(pid)
  }
  return all.filter(({pid}) => found.has(pid))
}

function loopDevices(): string[] {
  return globSync('/sys/block/loop*/loop/backing_file').map(
    path => `${path.split('/')[3]} of ${quietly(() => readFileSync(path, 'utf8').trim())}`,
  )
}

function tables(): string[] {
  if (!existsSync('/usr/sbin/nft')) return []
  return execFileSync('/usr/sbin/nft', ['list', 'tables'], {encoding: 'utf8'}).split('\n').filter(Boolean)
}

function lines(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').filter(Boolean)
}
