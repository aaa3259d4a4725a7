import {type ChildProcess, spawn} from 'node:child_process'
import {closeSync} from 'node:fs'
import {createInterface} from 'node:readline'
import {VpsError} from '../../errors.ts'
import {memfd, nativeFile} from '../../native/index.ts'
import {attachWords} from '../attach.ts'
import type {Context} from '../types.ts'

/** Where vps-probe is inside a server made for it. */
export const PROBE = '/vps-probe'

/** What the machinery around a probe may take on top of its own time. */
const GRACE_MS = 10_000

/** vps-probe at work in a server. It says `NAME VALUE` lines; disposed of, it is gone. */
export interface Probe extends AsyncDisposable {
  /** The value of the first line NAME; rejects when it ends without having said so. */
  said(name: string): Promise<string>
  /** The value of the last line NAME that was said so far. */
  last(name: string): number | undefined
  /** All values of lines NAME so far. */
  every(name: string): readonly string[]
  /** Lets a probe go that holds what it has got. */
  release(): void
  /** Its exit status, 128+n when signal n ended it. */
  readonly status: Promise<number>
}

/**
 * Runs the experiment `words` in the server `name`.
 * @param seconds after which the probe ends by itself, whatever becomes of us
 */
export async function startProbe(
  context: Context,
  name: string,
  seconds: number,
  words: readonly (string | number)[],
  signal?: AbortSignal,
): Promise<Probe> {
  signal?.throwIfAborted()
  const argv = [PROBE, seconds, ...words].map(String)
  const fd = memfd('vps-attach', await attachWords(context, name, {argv, cwd: '/'}))
  const child = spawn(nativeFile('vps-attach'), [], {stdio: ['pipe', 'pipe', 'pipe', fd]})
  closeSync(fd)
  return new RunningProbe(child, words.join(' '), seconds * 1000 + GRACE_MS, signal)
}

class RunningProbe implements Probe {
  readonly status: Promise<number>
  readonly #child: ChildProcess
  readonly #title: string
  readonly #lines: (readonly [name: string, value: string])[] = []
  readonly #waiting = new Set<() => void>()
  #errors = ''
  #ended = false

  constructor(child: ChildProcess, title: string, limitMs: number, signal: AbortSignal | undefined) {
    this.#child = child
    this.#title = title
    const kill = (): void => void child.kill('SIGKILL')
    const timer = setTimeout(kill, limitMs)
    signal?.addEventListener('abort', kill, {once: true})
    child.stdin?.on('error', () => {}) // it may be gone already
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text
    })
    if (child.stdout !== null)
      createInterface({input: child.stdout}).on('line', line => {
        const [name = '', ...rest] = line.split(' ')
        this.#lines.push([name, rest.join(' ')])
        this.#wake()
      })
    this.status = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, ended) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', kill)
        this.#ended = true
        this.#wake()
        resolve(code ?? (ended === null ? 255 : 137))
      })
    })
    this.status.catch(() => {}) // told to whoever waits for a line
  }

  async said(name: string): Promise<string> {
    for (;;) {
      const found = this.#lines.find(([said]) => said === name)
      if (found !== undefined) return found[1]
      if (this.#ended) throw await this.#silent(name)
      await new Promise<void>(resolve => this.#waiting.add(resolve))
    }
  }

  last(name: string): number | undefined {
    const value = this.every(name).at(-1)
    return value === undefined ? undefined : Number(value)
  }

  every(name: string): readonly string[] {
    return this.#lines.filter(([said]) => said === name).map(([, value]) => value)
  }

  release(): void {
    this.#child.stdin?.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.#child.kill('SIGKILL')
    await this.status.catch(() => {})
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }

  async #silent(name: string): Promise<VpsError> {
    const status = await this.status
    const reason = this.#errors.trim().split('\n').at(-1) || `it ended with ${status}`
    return new VpsError('PROBE_FAILED', `the probe \`${this.#title}\` did not say ${name}: ${reason}`)
  }
}
