// Where Node takes a second or two to begin (an emulated machine), vps runs in a process that has begun already. It is the built CLI, with
// its arguments, its output and its exit code; what a process of its own is for (signals, terminals, standard input) is not there.
import {type ChildProcess, spawn} from 'node:child_process'
import {closeSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'

export interface Question {
  readonly args: readonly string[]
  readonly root: string
}

export interface Answer {
  readonly status: number
}

export interface Outcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Of this process: those that wait for a command. */
const idle: WarmCli[] = []

/** Runs vps for the host below `root`. Kills it and throws when it takes longer than `timeoutMs`. */
export async function runWarm(args: readonly string[], root: string, timeoutMs: number): Promise<Outcome> {
  const cli = idle.pop() ?? new WarmCli()
  const outcome = await cli.run({args, root}, timeoutMs)
  idle.push(cli)
  return outcome
}

/** Ends those that wait, for whoever looks for what was left. */
export async function endWarm(): Promise<void> {
  await Promise.all(idle.splice(0).map(cli => cli.end()))
}

class WarmCli {
  readonly #directory = mkdtempSync(join(tmpdir(), 'warm-cli-'))
  readonly #stdout = join(this.#directory, 'stdout')
  readonly #stderr = join(this.#directory, 'stderr')
  readonly #child: ChildProcess
  readonly #ended: Promise<never>

  constructor() {
    const [out, err] = [openSync(this.#stdout, 'a'), openSync(this.#stderr, 'a')]
    this.#child = spawn(process.execPath, [join(import.meta.dirname, 'warm-cli-process.ts')], {
      stdio: ['ignore', out, err, 'ipc'],
      env: {...process.env, NO_COLOR: '1'},
    })
    closeSync(out)
    closeSync(err)
    process.once('exit', () => rmSync(this.#directory, {recursive: true, force: true}))
    this.#ended = new Promise((_, reject) => {
      this.#child.once('error', reject)
      this.#child.once('exit', (code, signal) => reject(new Error(`vps ended by itself (${signal ?? code})`)))
    })
    this.#ended.catch(() => {}) // whoever waits for an answer races against it
  }

  async run(question: Question, timeoutMs: number): Promise<Outcome> {
    for (const file of [this.#stdout, this.#stderr]) truncateSync(file)
    const words = `vps ${question.args.join(' ')}`
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      this.#child.kill('SIGKILL')
      late.reject(new Error(`${words}: took longer than ${timeoutMs} ms\n${this.#output(this.#stderr)}`))
    }, timeoutMs)
    try {
      const answer = new Promise<Answer>(resolve => this.#child.once('message', resolve))
      this.#child.send(question)
      const {status} = await Promise.race([answer, this.#ended, late.promise])
      return {exitCode: status, stdout: this.#output(this.#stdout), stderr: this.#output(this.#stderr)}
    } finally {
      clearTimeout(timer)
    }
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended.catch(() => {})
  }

  /** Without the last newline, as execa has it. */
  #output(file: string): string {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  }
}
