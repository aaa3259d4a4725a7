/*
 * The limits of setrlimit(2): their names, what each counts, and how they are written.
 */

import {parseBytes, parseDuration, writeBytes} from '../units.ts'
import {type Complaint, type RlimitUnit, type RlimitValue, rlimit, type TableName} from './kinds.ts'

const named = (unit: RlimitUnit, says: string) => ({is: rlimit(unit), says}) satisfies TableName

export const RLIMITS = {
  as: named('bytes', 'Address space of a process.'),
  core: named('bytes', 'Size of a core dump; `0` for none.'),
  cpu: named('seconds', 'CPU time of a process, after which it gets SIGXCPU.'),
  data: named('bytes', 'Data segment and private memory of a process.'),
  fsize: named('bytes', 'Size of a file that is written.'),
  locks: named('count', 'File locks. Without effect since Linux 2.4.'),
  memlock: named('bytes', 'Memory that may be locked (mlock, io_uring, BPF maps of old kernels).'),
  msgqueue: named('bytes', 'POSIX message queues of a user of the server.'),
  nice: named('count', 'The best nice value, as 20 minus it: 1 to 40.'),
  nofile: named('count', 'Open files of a process.'),
  nproc: named(
    'count',
    'Processes and threads of a user of the server; `resources.pids` bounds the whole server.',
  ),
  rss: named('bytes', 'Resident memory. Without effect since Linux 2.4: use `resources.memory.limit`.'),
  rtprio: named('count', 'The best real-time priority: 0 to 99.'),
  rttime: named('microseconds', 'CPU time of a real-time process without a pause.'),
  sigpending: named('count', 'Signals that are queued for a user of the server.'),
  stack: named('bytes', 'Stack of a process.'),
} as const

export type RlimitName = keyof typeof RLIMITS

/** The kernel's largest value is infinity itself; a larger number is no limit either. */
const MAX = 2n ** 63n

/** `unlimited`, `4096`, `soft:hard`; with units for those that count bytes or time. A complaint reads on after the key. */
export function readRlimit(written: string, unit: RlimitUnit): {value: RlimitValue} | Complaint {
  const parts = written.split(':')
  const values = parts.map(part => amount(part.trim(), unit))
  const [soft, hard = soft] = values
  const bad = values.indexOf(undefined)
  if (parts.length <= 2 && bad < 0 && soft !== undefined && hard !== undefined) return {value: {soft, hard}}
  const suggestion = hint(written, parts[bad] ?? '', unit)
  return {
    says: `must be ${RLIMIT_EXPECTED[unit]}, "unlimited", or two of these as soft:hard, not "${written}"`,
    ...(suggestion ? {suggestion} : {}),
  }
}

export const RLIMIT_EXPECTED: Readonly<Record<RlimitUnit, string>> = {
  count: 'a whole number',
  bytes: 'an amount of data such as 64MiB',
  seconds: 'a span of time such as 10m, or a number of seconds',
  microseconds: 'a span of time such as 200ms, or a number of microseconds',
}

function amount(text: string, unit: RlimitUnit): string | undefined {
  if (text === 'unlimited' || text === 'infinity') return 'infinity'
  if (/^[0-9]{1,19}$/.test(text)) return BigInt(text) < MAX ? `${BigInt(text)}` : undefined
  if (unit === 'bytes') return parseBytes(text)?.toString()
  if (unit === 'count') return undefined
  const milliseconds = parseDuration(text)
  if (milliseconds === undefined) return undefined
  if (unit === 'microseconds') return `${milliseconds * 1000}`
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000}` : undefined
}

function hint(written: string, part: string, unit: RlimitUnit): string | undefined {
  if (/^(-1|max|none|inf|no)$/i.test(part)) return 'write unlimited'
  const pair = /^([0-9]+)[\s,/-]+([0-9]+)$/.exec(written.trim())
  if (pair) return `write ${pair[1]}:${pair[2]}`
  if (unit === 'count' && parseBytes(part) !== undefined)
    return 'it counts things, not bytes: write a plain number'
  const [, number, letter] = /^([0-9]+)\s*([kmgt])(?:i?b?)$/i.exec(part) ?? []
  return unit === 'bytes' && number && letter ? `write ${number}${letter.toUpperCase()}iB` : undefined
}

/** As the file may hold it. */
export function writeRlimit({soft, hard}: RlimitValue, unit: RlimitUnit): string {
  const one = (text: string) =>
    text === 'infinity' ? 'unlimited' : unit === 'bytes' ? writeBytes(Number(text)) : text
  return soft === hard ? one(soft) : `${one(soft)}:${one(hard)}`
}

/** Keys that are taken for rlimits, and where they are. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  memory: 'resources.memory.limit',
  mem: 'resources.memory.limit',
  ram: 'resources.memory.limit',
  swap: 'resources.memory.swap',
  cpus: 'resources.cpu.limit',
  cores: 'resources.cpu.cores',
  pids: 'resources.pids',
  processes: 'resources.pids',
  disk: 'resources.io',
  io: 'resources.io',
}

/** What other tools call an rlimit: `LimitNOFILE`, `openfiles`, `lxc.prlimit.nofile`. */
const OTHER_NAMES: Readonly<Record<string, RlimitName>> = {
  openfiles: 'nofile',
  files: 'nofile',
  numfile: 'nofile',
  fds: 'nofile',
  maxproc: 'nproc',
  processes: 'nproc',
  coredumpsize: 'core',
  stacksize: 'stack',
  memorylocked: 'memlock',
  memoryuse: 'rss',
  vmem: 'as',
  filesize: 'fsize',
}

export function rlimitNameHint(name: string): string | undefined {
  const plain = name
    .toLowerCase()
    .replace(/^(limit|rlimit_|lxc\.prlimit\.)/, '')
    .replaceAll(/[._-]/g, '')
  const key = Object.hasOwn(RLIMITS, plain) ? plain : OTHER_NAMES[plain]
  if (key !== undefined) return `did you mean ${key}?`
  const elsewhere = ELSEWHERE[plain]
  return elsewhere && `limits holds those of setrlimit(2): write ${elsewhere}`
}
