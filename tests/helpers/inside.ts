import type {ChildProcess} from 'node:child_process'
import {nativeFile} from '../../src/native/index.ts'
import {Host} from '../../src/server/index.ts'
import {collect, type Result, spawnWithWords} from './bare-server.ts'
import type {ScratchHost} from './host.ts'

/** A command at work in a server. */
export interface Running {
  /** vps-attach. */
  readonly process: ChildProcess
  readonly result: Promise<Result>
  /** Bytes that it has written to standard output so far. */
  written(): number
}

/**
 * Commands in the servers of a host, run by vps-attach as `vps exec` runs them, without the Node that takes a second or two to
 * begin in an emulated machine.
 */
export class Inside {
  readonly #host: Host

  private constructor(host: Host) {
    this.#host = host
  }

  static async open({root}: Pick<ScratchHost, 'root'>): Promise<Inside> {
    return new Inside(await Host.open({root}))
  }

  /** Begins a command; returns before it runs. */
  async begin(server: string, argv: readonly string[], input = ''): Promise<Running> {
    const words = await this.#host.attachWords(server, {argv})
    const process = spawnWithWords([nativeFile('vps-attach')], words, ['pipe', 'pipe', 'pipe'])
    let written = 0
    process.stdout?.on('data', (chunk: Buffer) => {
      written += chunk.length
    })
    return {process, result: collect(process, input), written: () => written}
  }

  /** Runs a command to its end. */
  async run(server: string, argv: readonly string[], input = ''): Promise<Result> {
    return await (await this.begin(server, argv, input)).result
  }

  /** Runs a shell script; its standard output, trimmed. @throws when it fails */
  async sh(server: string, script: string): Promise<string> {
    const {code, stdout, stderr} = await this.run(server, ['/bin/sh', '-c', script])
    if (code !== 0) throw new Error(`status ${code} in ${server} of: ${script}\n${stdout}\n${stderr}`)
    return stdout.trim()
  }

  /** Runs `/probes/load` (load.c) to its end and returns the words of its last line. */
  async load(server: string, ...words: readonly (string | number)[]): Promise<Loaded> {
    const {code, signal, stdout, stderr} = await this.run(server, ['/probes/load', ...words.map(String)])
    return {code: signal ?? code, stderr, ...lastLine(stdout)}
  }
}

/** How a run of load.c ended. */
export interface Loaded {
  /** Its exit status, 128+n for a signal. */
  readonly code: number | string | null
  readonly stderr: string
  /** The numbers of its last line. */
  readonly numbers: readonly number[]
  readonly text: string
}

export function lastLine(stdout: string): Pick<Loaded, 'numbers' | 'text'> {
  const text = stdout.trimEnd().split('\n').at(-1) ?? ''
  return {text, numbers: text.split(' ').slice(1).map(Number)}
}
