import {closeSync, constants, openSync} from 'node:fs'
import {connect, type Socket} from 'node:net'
import {basename, dirname} from 'node:path'
import {createInterface} from 'node:readline'
import {VpsError} from '../errors.ts'
import {aborted, throwIfAborted} from '../host/index.ts'

/** The version of the protocol, first word of every request. */
const PROTOCOL = 'vps1'

/** Node takes a longer timer for one of 1 ms. Nobody waits for this one: 24 days. */
const LONGEST_TIMER = 2 ** 31 - 1

/** sockaddr_un has room for 107 characters and a NUL, see unix(7). */
const LONGEST_PATH = 107

export interface RequestOptions {
  /** Called with every line after `ok`. */
  readonly onLine?: (line: string) => void
  /** Gives up after this many milliseconds; default 10 s. 0: never. */
  readonly timeoutMs?: number
  /** Hangs up; the supervisor goes on with what it was asked for. */
  readonly signal?: AbortSignal | undefined
  /** What is called off by it, for the error: `stop web1`. */
  readonly what?: string
}

/**
 * One request to a supervisor; resolves with the lines of the answer when the supervisor closes the connection.
 * @throws VpsError CONTROL_REFUSED when it answers with an error, CONTROL_TIMEOUT; ABORTED; errors of connect(2) as they are
 */
export async function request(
  path: string,
  words: readonly string[],
  {onLine, timeoutMs = 10_000, signal, what = words[0] ?? ''}: RequestOptions = {},
): Promise<string[]> {
  throwIfAborted(signal, what)
  const socket = await dial(path)
  const timer =
    timeoutMs > 0 && timeoutMs <= LONGEST_TIMER
      ? setTimeout(() => socket.destroy(noAnswer(words, timeoutMs)), timeoutMs)
      : undefined
  const hangUp = () => socket.destroy(signal && aborted(signal, what))
  signal?.addEventListener('abort', hangUp, {once: true})
  try {
    throwIfAborted(signal, what)
    socket.write(`${[PROTOCOL, ...words].join('\t')}\n`)
    return await readAnswer(socket, onLine)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', hangUp)
    socket.destroy()
  }
}

async function readAnswer(socket: Socket, onLine?: (line: string) => void): Promise<string[]> {
  const lines: string[] = []
  let verdict: string | undefined
  for await (const line of linesOf(socket)) {
    if (verdict === undefined) {
      verdict = line
      if (line !== 'ok') throw refused(line)
    } else {
      lines.push(line)
      onLine?.(line)
    }
  }
  if (verdict === undefined)
    throw new VpsError('CONTROL_CLOSED', 'the supervisor closed its connection without an answer')
  return lines
}

/** The lines of a stream until it ends; an error of the stream is thrown (readline alone would swallow it). */
export async function* linesOf(socket: Socket): AsyncGenerator<string> {
  let failure: Error | undefined
  socket.once('error', error => {
    failure = error
  })
  yield* createInterface({input: socket, crlfDelay: Number.POSITIVE_INFINITY})
  if (failure !== undefined) throw failure
}

/** Connects; a path too long for a socket's address is reached through a descriptor of its directory. */
async function dial(path: string): Promise<Socket> {
  if (Buffer.byteLength(path) <= LONGEST_PATH) return await open(path)
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    return await open(`/proc/self/fd/${directory}/${basename(path)}`)
  } finally {
    closeSync(directory)
  }
}

async function open(path: string): Promise<Socket> {
  const {promise, resolve, reject} = Promise.withResolvers<Socket>()
  const socket = connect({path, allowHalfOpen: true})
  socket.once('error', reject)
  socket.once('connect', () => {
    socket.off('error', reject)
    resolve(socket)
  })
  return await promise
}

function refused(line: string): VpsError {
  const [, , text] = line.split('\t')
  return new VpsError('CONTROL_REFUSED', `the supervisor refused: ${text ?? line}`)
}

function noAnswer(words: readonly string[], timeoutMs: number): VpsError {
  return new VpsError(
    'CONTROL_TIMEOUT',
    `the supervisor did not answer \`${words[0]}\` within ${timeoutMs} ms`,
  )
}
