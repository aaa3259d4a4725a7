import {type ChildProcess, spawn} from 'node:child_process'
import {closeSync} from 'node:fs'
import process from 'node:process'
import {Readable} from 'node:stream'
import {pipeline} from 'node:stream/promises'
import {errno, pause, throwIfAborted} from '../host/index.ts'
import {memfd, nativeFile} from '../native/index.ts'
import {type AttachOptions, attachWords} from './attach.ts'
import {requireServer} from './known.ts'
import {type Script, scriptArguments} from './script.ts'
import type {Context} from './types.ts'

/** Where output comes from. */
export type OutputStream = 'stdout' | 'stderr'

/** A command to run in a server beside this process, not in its place. */
export interface ExecOptions extends Pick<AttachOptions, 'argv' | 'user' | 'env' | 'cwd'> {
  /** What it reads from standard input; default: nothing. */
  readonly input?: Uint8Array | string | AsyncIterable<Uint8Array> | undefined
  /** After so many milliseconds it is asked to end (SIGTERM), and 2 s later killed. Default: never. */
  readonly timeoutMs?: number | undefined
  /** Of each stream so many bytes are kept, the rest is read and dropped. Default: 16 MiB; 0 keeps nothing. */
  readonly maxOutputBytes?: number | undefined
  /** Told of output as it comes; what takes its time here slows the command down. */
  readonly onOutput?: ((stream: OutputStream, chunk: Buffer) => void | Promise<void>) | undefined
}

/** How a command in a server ended, and what it said. */
export interface ExecResult {
  readonly name: string
  /** Its status as a shell has it, 127 and 126 included for what could not be run; null when a signal ended it. */
  readonly exitCode: number | null
  /** The signal that ended it. */
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  readonly stderr: Buffer
  /** It took longer than it may, and was ended for that. */
  readonly timedOut: boolean
  /** It said more than is kept. */
  readonly truncated: boolean
}

const KEPT_BYTES = 16 * 1024 * 1024
const KILL_AFTER_MS = 2_000

/**
 * Runs a command in the running server `name` and waits for its end. No lock is taken.
 * @throws VpsError WRONG_STATE (exit 4) unless it runs; ABORTED, and then the command is killed
 */
export async function exec(context: Context, name: string, options: ExecOptions): Promise<ExecResult> {
  return await run(context, name, options, undefined)
}

/** Runs a script of the host's in the running server `name`; no file of it appears there. Else as `exec`. */
export async function runScript(
  context: Context,
  name: string,
  script: Script,
  options: Omit<ExecOptions, 'argv'> & {readonly args?: readonly string[] | undefined},
): Promise<ExecResult> {
  const {argv, index} = scriptArguments(script, options.args ?? [])
  return await run(context, name, {...options, argv}, {text: script.text, index})
}

interface Attached {
  readonly text: Buffer
  /** The argument that becomes its path. */
  readonly index: number
}

async function run(
  context: Context,
  name: string,
  options: ExecOptions,
  script: Attached | undefined,
): Promise<ExecResult> {
  const {signal} = context
  const what = `run a command in ${name}`
  throwIfAborted(signal, what)
  requireServer(context, name)
  const words = await attachWords(context, name, {...options, scriptIndex: script?.index, asSignalled: true})
  const child = spawnBeside(words, script?.text, options.input !== undefined)
  const kill = () => child.kill('SIGKILL') // its watcher takes the command down with it
  signal?.addEventListener('abort', kill, {once: true})
  if (signal?.aborted) kill() // it came while the words were put together
  const limit = deadline(child, options.timeoutMs)
  try {
    const [ended, stdout, stderr] = await Promise.all([
      endOf(child),
      collect(child, 'stdout', options),
      collect(child, 'stderr', options),
      feed(child, options.input),
    ])
    throwIfAborted(signal, what)
    return {
      name,
      exitCode: ended.code,
      signal: ended.signal,
      stdout: stdout.bytes,
      stderr: stderr.bytes,
      timedOut: limit.passed(),
      truncated: stdout.truncated || stderr.truncated,
    }
  } catch (error) {
    kill()
    throw error
  } finally {
    signal?.removeEventListener('abort', kill)
    limit.end()
  }
}

function spawnBeside(words: Buffer, script: Buffer | undefined, hasInput: boolean): ChildProcess {
  using descriptors = new DisposableStack() // the child has its own
  const give = (name: string, bytes: Buffer): number =>
    descriptors.adopt(memfd(name, bytes), fd => closeSync(fd))
  const extra = [give('vps-attach', words), ...(script === undefined ? [] : [give('vps-script', script)])]
  const {TERM} = process.env
  return spawn(nativeFile('vps-attach'), [], {
    stdio: [hasInput ? 'pipe' : 'ignore', 'pipe', 'pipe', ...extra],
    env: TERM === undefined ? {} : {TERM},
  })
}

async function endOf(child: ChildProcess): Promise<{code: number | null; signal: NodeJS.Signals | null}> {
  const {promise, resolve, reject} = Promise.withResolvers<{
    code: number | null
    signal: NodeJS.Signals | null
  }>()
  child.once('error', reject)
  child.once('exit', (code, signal) => resolve({code, signal}))
  return await promise
}

/** All of a stream is read, whatever of it is kept: a command that nobody listens to would stand still. */
async function collect(
  child: ChildProcess,
  stream: OutputStream,
  {maxOutputBytes = KEPT_BYTES, onOutput}: ExecOptions,
): Promise<{bytes: Buffer; truncated: boolean}> {
  const kept: Buffer[] = []
  let room = maxOutputBytes
  let truncated = false
  for await (const chunk of child[stream] as AsyncIterable<Buffer>) {
    await onOutput?.(stream, chunk)
    if (room > 0) kept.push(chunk.subarray(0, room))
    if (chunk.length > room && maxOutputBytes > 0) truncated = true
    room = Math.max(0, room - chunk.length)
  }
  return {bytes: Buffer.concat(kept), truncated}
}

/** A command need not read all that it is offered. */
async function feed(child: ChildProcess, input: ExecOptions['input']): Promise<void> {
  if (child.stdin === null || input === undefined) return
  const source = typeof input === 'string' || input instanceof Uint8Array ? [Buffer.from(input)] : input
  try {
    await pipeline(Readable.from(source), child.stdin)
  } catch (error) {
    if (errno(error) !== 'EPIPE' && errno(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  }
}

/** Ends the child once its time is over: first as one asks, then for good. */
function deadline(child: ChildProcess, milliseconds: number | undefined): {passed(): boolean; end(): void} {
  if (milliseconds === undefined) return {passed: () => false, end() {}}
  const done = new AbortController()
  let passed = false
  const watch = async () => {
    await pause(milliseconds, done.signal, '')
    passed = true
    child.kill('SIGTERM')
    await pause(KILL_AFTER_MS, done.signal, '')
    child.kill('SIGKILL')
  }
  watch().catch(() => {}) // it has ended in time
  return {passed: () => passed, end: () => done.abort()}
}
