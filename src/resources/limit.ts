import type {Path} from '../definition/index.ts'

/**
 * `server`: the server's cgroup, which counts among its neighbours. `payload`: the one below it that holds everything but the
 * supervisor, so that no ceiling throttles or kills the supervisor.
 */
export type Group = 'server' | 'payload'

/** One write to a cgroup's file, and what the file says afterwards. */
export interface Limit {
  /** The key of the definition that asks for it. */
  readonly key: Path
  readonly controller: string
  readonly group: Group
  readonly file: string
  readonly value: string
  /** The kernel's own spelling of `value`: one line of the file is this. */
  readonly expect: string
}

/** A limit that this host cannot keep. */
export interface Unenforceable {
  readonly key: Path
  readonly controller: string
  readonly reason: string
  readonly remedy: string
}

/** Files with a line for each device or resource: a write changes the line that begins with its first word. */
const KEYED: ReadonlySet<string> = new Set(['io.max', 'io.latency', 'rdma.max', 'misc.max'])

/** What a file says of something that nobody limited. */
const DEFAULTS: Readonly<Record<string, string>> = {
  'cpu.max': 'max 100000',
  'cpu.max.burst': '0',
  'cpu.weight': '100',
  'cpu.idle': '0',
  'cpuset.cpus': '',
  'cpuset.mems': '',
  'memory.max': 'max',
  'memory.high': 'max',
  'memory.min': '0',
  'memory.low': '0',
  'memory.swap.max': 'max',
  'memory.oom.group': '0',
  'pids.max': 'max',
  'io.max': 'rbps=max wbps=max riops=max wiops=max',
  'io.latency': 'target=0',
  'io.weight': 'default 100',
  'io.bfq.weight': 'default 100',
  'rdma.max': 'hca_handle=max hca_object=max',
  'misc.max': 'max',
}

/** The device or resource that a write is about; empty for files that hold one value. */
export function entryOf({file, value}: Pick<Limit, 'file' | 'value'>): string {
  return KEYED.has(file) ? (value.split(' ')[0] ?? '') : ''
}

/** What distinguishes one limit from another: the same twice is a change of its value. */
export function identityOf(limit: Pick<Limit, 'group' | 'file' | 'value'>): string {
  return `${limit.group}/${limit.file}/${entryOf(limit)}`
}

/** What is to be written so that there is no such limit. */
export function unlimited({file, value}: Pick<Limit, 'file' | 'value'>): string {
  const plain = DEFAULTS[file] ?? 'max' // hugetlb.SIZE.max
  const entry = entryOf({file, value})
  return entry === '' ? plain : `${entry} ${plain}`
}

/** What `text`, the content of a limit's file, says of it; the default where it has no line. */
export function presentValue(limit: Pick<Limit, 'file' | 'value'>, text: string): string {
  const lines = text.trimEnd().split('\n')
  const entry = entryOf(limit)
  if (entry === '') return lines[0] ?? ''
  return lines.find(line => line.startsWith(`${entry} `)) ?? unlimited(limit)
}
