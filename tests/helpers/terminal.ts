import {type ChildProcess, spawn} from 'node:child_process'
import process from 'node:process'
import type {Workshop} from './bare-server.ts'

/** A command on a terminal of its own (on-terminal.c), typed at and looked at as a person would. */
export class Terminal {
  /** All that has appeared. */
  screen = ''
  /** What the terminal itself had to say at the end: whether its modes are the same as before. */
  note = ''
  readonly #child: ChildProcess
  #seen = 0
  /** The command's exit status, 128+n for a signal. */
  readonly ended: Promise<number | null>

  constructor(
    workshop: Workshop,
    argv: readonly string[],
    {rows = 24, columns = 80, env = {}}: {rows?: number; columns?: number; env?: Record<string, string>} = {},
  ) {
    const program = workshop.compile('on-terminal')
    this.#child = spawn(program, [String(rows), String(columns), ...argv], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {...process.env, TERM: 'xterm', ...env},
    })
    this.#child.stdout?.on('data', data => {
      this.screen += data
    })
    this.#child.stderr?.on('data', data => {
      this.note += data
    })
    this.ended = new Promise(resolve => this.#child.once('close', resolve))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  type(text: string): void {
    this.#child.stdin?.write(text)
  }

  /** Makes the window 50x132. */
  resize(): void {
    this.#child.kill('SIGUSR1')
  }

  hangUp(): void {
    this.#child.kill('SIGUSR2')
  }

  /** Waits until something new on the screen matches; later looks begin behind it. */
  async sees(pattern: RegExp, timeoutMs = 10_000): Promise<RegExpExecArray> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const match = pattern.exec(this.screen.slice(this.#seen))
      if (match) {
        this.#seen += match.index + match[0].length
        return match
      }
      if (performance.now() > deadline)
        throw new Error(
          `not on the screen: ${pattern}\n${JSON.stringify(this.screen.slice(this.#seen))} ${this.note}`,
        )
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  /** Ends it by force. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended
  }
}
