import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import {open} from 'node:fs/promises'
import {join} from 'node:path'
import {flock} from '../native/index.ts'
import {errno} from './errno.ts'
import type {HostPaths} from './paths.ts'

/*
 * The log of what happened on this host: JSON lines in `log`, the older ones in `log.1`. Nobody keeps it open: each event is one
 * write with O_APPEND, by commands and by supervisors alike, so lines of several writers never mix. A supervisor writes what
 * only it can see (see native/supervisor), commands write the rest.
 */

/** What happens to servers and to the host. */
export const EVENT_TYPES = [
  'created',
  'started',
  'ready',
  'stopped',
  'failed',
  'restarting',
  'gave-up',
  'paused',
  'resumed',
  'renamed',
  'changed',
  'destroyed',
  'limit',
  'healthy',
  'unhealthy',
  'provisioned',
  'hook-failed',
  'applied',
  'boot',
  'shutdown',
] as const

export type EventType = (typeof EVENT_TYPES)[number]

export interface HostEvent {
  /** ISO 8601 in UTC, with milliseconds */
  readonly time: string
  readonly type: EventType
  /** null: it is about the host as a whole. */
  readonly server: string | null
  /** Facts of this type of event. Never a secret: keys of definitions, no values. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>
}

/** Over this many bytes `log` becomes `log.1`. */
export const MAX_LOG = 4 * 1024 * 1024
/** A line is shorter than this, its newline included, so that it is one write in one page. */
const MAX_LINE = 4096
const SHORTENED = 200
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW

const rotations = new Set<string>()

export function eventFiles({events}: Pick<HostPaths, 'events'>): {
  readonly log: string
  readonly older: string
  readonly lock: string
} {
  return {log: join(events, 'log'), older: join(events, 'log.1'), lock: join(events, 'lock')}
}

/**
 * Appends an event to the log: one write, not flushed. Never throws: a verb must not fail for its log, on a full disk neither.
 */
export function recordEvent(paths: Pick<HostPaths, 'events'>, event: Omit<HostEvent, 'time'>): void {
  try {
    const size = append(paths, eventLine({time: new Date().toISOString(), ...event}))
    if (size > MAX_LOG) void rotate(paths)
  } catch {
    // nobody to tell: the verb that this is about went well
  }
}

/** The line of an event, with its newline. Long texts in it are shortened until it fits. */
export function eventLine({time, type, server, detail}: HostEvent): string {
  const line = `${JSON.stringify({time, type, server, ...(detail !== undefined && {detail})})}\n`
  if (detail === undefined || Buffer.byteLength(line) < MAX_LINE) return line
  const shortened = Object.entries(detail)
    .slice(0, 10)
    .map(([key, value]) => [key, typeof value === 'string' ? shorten(value) : value])
  const short = `${JSON.stringify({time, type, server, detail: Object.fromEntries(shortened)})}\n`
  return Buffer.byteLength(short) < MAX_LINE ? short : eventLine({time, type, server})
}

function shorten(text: string): string {
  return text.length > SHORTENED ? `${text.slice(0, SHORTENED - 1)}…` : text
}

/** Returns the size of the log after it. */
function append({events}: Pick<HostPaths, 'events'>, line: string): number {
  const {log} = eventFiles({events})
  let file: number
  try {
    file = openSync(log, APPEND, 0o600)
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error
    mkdirSync(events, {recursive: true, mode: 0o700})
    file = openSync(log, APPEND, 0o600)
  }
  try {
    writeSync(file, line)
    const {size, mode} = fstatSync(file)
    if ((mode & 0o077) !== 0) fchmodSync(file, 0o600)
    return size
  } finally {
    closeSync(file)
  }
}

/**
 * Makes `log` to `log.1`, under the lock that supervisors take for it too. Whoever comes while another does it has nothing to
 * do; a rotation that was missed is the next writer's.
 */
async function rotate(paths: Pick<HostPaths, 'events'>): Promise<void> {
  if (rotations.has(paths.events)) return
  rotations.add(paths.events)
  const {log, older, lock} = eventFiles(paths)
  try {
    await using file = await open(lock, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
    if (!(await flock(file.fd, 'exclusive', false))) return
    if (statSync(log).size > MAX_LOG) renameSync(log, older)
  } catch {
    // as in recordEvent
  } finally {
    rotations.delete(paths.events)
  }
}
