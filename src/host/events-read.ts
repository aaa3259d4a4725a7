import {closeSync, fstatSync, mkdirSync, openSync, readSync} from 'node:fs'
import {ExitCode, VpsError} from '../errors.ts'
import {isPattern, patternExpression} from '../patterns.ts'
import {errno} from './errno.ts'
import {EVENT_TYPES, type EventType, eventFiles, type HostEvent} from './events.ts'
import type {HostPaths} from './paths.ts'
import {Watch} from './watch.ts'

export interface EventOptions {
  /** Only events of these servers: names, and patterns of names with `*`, `?` and `[…]`; of destroyed ones, too. */
  readonly names?: readonly string[] | undefined
  readonly types?: readonly EventType[] | undefined
  /** Only those from then on. */
  readonly since?: Date | undefined
  /** Goes on with what happens from now on, until `signal` or the consumer stops it. */
  readonly follow?: boolean | undefined
  /** Ends the following; the generator then returns and does not throw. */
  readonly signal?: AbortSignal | undefined
}

const CHUNK = 64 * 1024
/** Every line of ours begins so; what a full disk or a power cut tore off stands before it in the same line. */
const BEGIN = '{"time":"'

/**
 * The events of this host that fit, oldest first. What is no event in the log is skipped.
 * @throws VpsError BAD_PATTERN (exit 2), HOST_CANNOT (exit 5)
 */
export async function* readEvents(
  paths: Pick<HostPaths, 'events'>,
  options: EventOptions = {},
): AsyncGenerator<HostEvent> {
  const {follow, signal} = options
  const fits = filterOf(options)
  using log = new LogReader(paths)
  using watched = follow ? watchLog(paths) : undefined // before the first look: nothing is missed between
  do {
    for (const event of log.news()) {
      if (signal?.aborted) return
      if (fits(event)) yield event
    }
  } while (watched !== undefined && (await watched.next(signal)))
}

function watchLog({events}: Pick<HostPaths, 'events'>): Watch {
  try {
    mkdirSync(events, {recursive: true, mode: 0o700})
  } catch {
    // a full disk, or not ours: looking says so, or finds what comes later
  }
  return new Watch([{directory: events}])
}

/** The event in a line of the log; undefined when there is none. */
export function parseEvent(line: string): HostEvent | undefined {
  return (
    eventIn(line) ?? (line.lastIndexOf(BEGIN) > 0 ? eventIn(line.slice(line.lastIndexOf(BEGIN))) : undefined)
  )
}

function eventIn(text: string): HostEvent | undefined {
  if (!text.startsWith(BEGIN)) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isEvent(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isEvent(value: unknown): value is HostEvent {
  const {time, type, server, detail} = value as Partial<Record<keyof HostEvent, unknown>>
  return (
    typeof time === 'string' &&
    !Number.isNaN(Date.parse(time)) &&
    EVENT_TYPES.some(known => known === type) &&
    (server === null || typeof server === 'string') &&
    (detail === undefined ||
      (typeof detail === 'object' && detail !== null && areFacts(Object.values(detail))))
  )
}

function areFacts(values: readonly unknown[]): boolean {
  return values.every(value => ['string', 'number', 'boolean'].includes(typeof value))
}

function filterOf({names, types, since}: EventOptions): (event: HostEvent) => boolean {
  const isMeant = names === undefined ? undefined : nameTest(names)
  return ({server, type, detail, time}) => {
    const about = [server, ...(type === 'renamed' ? [detail?.to] : [])]
    return (
      (isMeant === undefined || about.some(name => typeof name === 'string' && isMeant(name))) &&
      (types === undefined || types.includes(type)) &&
      (since === undefined || Date.parse(time) >= since.getTime())
    )
  }
}

function nameTest(words: readonly string[]): (name: string) => boolean {
  const plain = new Set(words)
  const expressions = words.filter(isPattern).map(word => {
    const expression = patternExpression(word)
    if (typeof expression !== 'string') return expression
    throw new VpsError('BAD_PATTERN', `${JSON.stringify(word)} is no pattern of names: ${expression}`, {
      exitCode: ExitCode.wrongUse,
      suggestions: ["write it as 'web*', 'web?' or 'lab-0[0-9]', in quotes"],
    })
  })
  return name => plain.has(name) || expressions.some(expression => expression.test(name))
}

interface OpenFile {
  readonly id: string
  readonly fd: number
  position: number
  /** The beginning of a line whose end is not there yet. */
  rest: Buffer
}

/**
 * The files of the log through rotations. They are known by their inodes, and stay open until they are neither `log` nor `log.1`:
 * somebody who opened `log` just before it was moved may still write to it.
 */
class LogReader implements Disposable {
  readonly #paths: Pick<HostPaths, 'events'>
  #open: OpenFile[] = []

  constructor(paths: Pick<HostPaths, 'events'>) {
    this.#paths = paths
  }

  /** What was written since the last call. */
  *news(): Generator<HostEvent> {
    const gone = this.#reopen()
    try {
      for (const file of [...gone, ...this.#open]) {
        for (const line of linesOf(file)) {
          const event = parseEvent(line)
          if (event !== undefined) yield event
        }
      }
    } finally {
      for (const {fd} of gone) closeSync(fd)
    }
  }

  /** Opens what is new; returns what is no longer part of the log, to be read to its end. */
  #reopen(): OpenFile[] {
    const {log, older} = eventFiles(this.#paths)
    // The present one first: a rotation between the two opens it twice rather than not at all.
    const found = [openFile(log), openFile(older)].reverse().filter(file => file !== undefined)
    const present: OpenFile[] = []
    for (const file of found) {
      const known = this.#open.find(({id}) => id === file.id)
      const twice = present.some(({id}) => id === file.id)
      if (known !== undefined || twice) closeSync(file.fd)
      if (!twice) present.push(known ?? file)
    }
    const gone = this.#open.filter(({id}) => !present.some(file => file.id === id))
    this.#open = present
    return gone
  }

  [Symbol.dispose](): void {
    for (const {fd} of this.#open) closeSync(fd)
    this.#open = []
  }
}

function openFile(path: string): OpenFile | undefined {
  try {
    const fd = openSync(path, 'r')
    const {dev, ino} = fstatSync(fd, {bigint: true})
    return {id: `${dev} ${ino}`, fd, position: 0, rest: Buffer.alloc(0)}
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined
    if (errno(error) !== 'EACCES') throw error
    throw new VpsError('HOST_CANNOT', `cannot read ${path}: this needs root`, {
      suggestions: ['run it as root of the host, for instance with sudo'],
      exitCode: ExitCode.hostCannot,
    })
  }
}

/** The whole lines that came to a file. */
function* linesOf(file: OpenFile): Generator<string> {
  const chunk = Buffer.alloc(CHUNK)
  for (;;) {
    const size = readSync(file.fd, chunk, 0, CHUNK, file.position)
    if (size === 0 && fstatSync(file.fd).size < file.position) {
      file.position = 0 // somebody emptied it
      continue
    }
    if (size === 0) return
    file.position += size
    const text = Buffer.concat([file.rest, chunk.subarray(0, size)])
    const end = text.lastIndexOf('\n')
    file.rest = text.subarray(end + 1)
    if (file.rest.length > CHUNK) file.rest = Buffer.alloc(0) // nothing of ours is so long
    if (end >= 0) yield* text.toString('utf8', 0, end).split('\n')
  }
}
