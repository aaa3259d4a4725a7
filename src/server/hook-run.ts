import {open, rename, stat} from 'node:fs/promises'
import {join} from 'node:path'
import process from 'node:process'
import {setTimeout as sleep} from 'node:timers/promises'
import {execa} from 'execa'
import {errno, ifMissing} from '../host/index.ts'

/** What is kept of what one run says: the last. */
const OUTPUT_BYTES = 64 * 1024
/** `hooks.log` becomes `hooks.log.1` when it is larger. */
const LOG_BYTES = 256 * 1024
/** What a program wrote just before it ended may still be on its way. */
const LAST_WORDS_MS = 50
const LAST_LINES = 10

export interface Program {
  readonly argv: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** For its standard input. */
  readonly input: string
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

export interface Ended {
  /** `exited 3`, `signaled 9`, `was killed after 30 s`; undefined when all went well. */
  readonly problem: string | undefined
  readonly output: string
}

/**
 * Runs a program of the host in a session and an environment of its own. When its time is over, it and everything that it started
 * in its process group is killed. It has ended when its first process has: what goes on in the background is not waited for.
 */
export async function runProgram({argv, environment, input, timeoutMs, signal}: Program): Promise<Ended> {
  const [file = '', ...words] = argv
  const child = execa(file, words, {
    env: environment,
    extendEnv: false,
    cwd: '/',
    detached: true, // a session of its own: its group can be killed as a whole, and no terminal's keys reach it
    buffer: false,
    reject: false,
    stdin: 'pipe',
    all: true,
  })
  const output = new Output()
  child.all?.on('data', (chunk: Buffer) => output.add(chunk))
  child.stdin?.on('error', () => undefined) // it need not read
  child.stdin?.end(input)
  child.catch(() => undefined) // its end is taken from the process itself: the pipes may be held by others
  const ended = Promise.withResolvers<string | undefined>()
  child.nodeChildProcess.once('error', error => ended.resolve(`cannot be run: ${error.message}`))
  child.nodeChildProcess.once('exit', (code, name) => ended.resolve(howItEnded(code, name)))

  const killed = Promise.withResolvers<string>()
  const kill = (why: string) => {
    killGroup(child.pid)
    killed.resolve(why)
  }
  const timer = setTimeout(() => kill(`was killed after ${timeoutMs / 1000} s`), timeoutMs)
  const abort = () => kill('was called off')
  signal?.addEventListener('abort', abort, {once: true})
  if (signal?.aborted) abort()
  try {
    const problem = await Promise.race([killed.promise, ended.promise])
    await Promise.race([output.closed(child.all), sleep(LAST_WORDS_MS)])
    return {problem, output: output.text}
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
    child.all?.destroy()
    child.stdout?.destroy()
    child.stderr?.destroy()
    child.nodeChildProcess.unref()
  }
}

/** The last of what a program says. */
class Output {
  #chunks: Buffer[] = []
  #size = 0

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    if (this.#size > 2 * OUTPUT_BYTES) this.#cut()
  }

  #cut(): void {
    const kept = Buffer.concat(this.#chunks).subarray(-OUTPUT_BYTES)
    this.#chunks = [kept]
    this.#size = kept.length
  }

  get text(): string {
    this.#cut()
    return Buffer.concat(this.#chunks).toString('utf8')
  }

  async closed(stream: NodeJS.ReadableStream | undefined): Promise<void> {
    await new Promise<void>(resolve => stream?.once('end', resolve))
  }
}

function howItEnded(code: number | null, signal: NodeJS.Signals | null): string | undefined {
  if (code === 0) return undefined
  return code === null ? `was killed by ${signal}` : `ended with status ${code}`
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if (errno(error) !== 'ESRCH') throw error
  }
}

/** The last lines of what a program said, without empty ones. */
export function lastLines(output: string): string[] {
  return output
    .split('\n')
    .map(line => line.trimEnd())
    .filter(line => line !== '')
    .slice(-LAST_LINES)
}

/** Appends to `hooks.log`, which the supervisor writes to as well (native/supervisor/hook.c). A full disk loses it. */
export async function appendHookLog(directory: string, text: string): Promise<void> {
  try {
    const file = join(directory, 'hooks.log')
    const found = await ifMissing(stat(file), undefined)
    if (found !== undefined && found.size > LOG_BYTES) await rename(file, `${file}.1`)
    await using log = await open(file, 'a', 0o600)
    await log.writeFile(text)
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT', 'ENOENT'].includes(errno(error) ?? '')) throw error
  }
}
