import {type ChildProcess, execFileSync, type StdioOptions, spawn} from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import {memfd, nativeFile} from '../../src/native/index.ts'
import {COMPILER_FLAGS, testProgram} from './programs.ts'

/** A server's namespaces without a supervisor, see bare-server.c; ids far from those a host gives out. */
export const ID_BASE = 1_900_000_256

/** Programs for tests. */
export class Workshop implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'vps-workshop-'))

  /** A program from beside this file, in `directory`. */
  compile(name: string, more: readonly string[] = []): string {
    const program = join(this.directory, name)
    if (existsSync(program)) return program
    copyFileSync(testProgram(name, more), program)
    return program
  }

  /** A program of vps itself, with the address and undefined-behaviour sanitizers; `sources` are globs below native/. */
  compileNative(name: string, sources: readonly string[]): string {
    const program = join(this.directory, `${name}-checked`)
    const native = join(import.meta.dirname, '../../native')
    const files = globSync([...sources], {cwd: native}).map(file => join(native, file))
    const checks = ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']
    execFileSync('gcc', [
      ...COMPILER_FLAGS,
      ...checks,
      `-I${join(native, 'common')}`,
      ...files,
      '-o',
      program,
    ])
    return program
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, {recursive: true})
  }
}

/** A cgroup of our own below the host's cgroup2 mount. */
export function makeCgroup(): string {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find(mount => mount.includes(' - cgroup2 '))
  const mount = line?.split(' ')[4]
  if (mount === undefined) throw new Error('no cgroup2 file system is mounted')
  const directory = join(mount, `vps-test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`)
  mkdirSync(join(directory, 'payload'), {recursive: true})
  return directory
}

function removeTree(directory: string): void {
  for (const entry of readdirSync(directory, {withFileTypes: true}))
    if (entry.isDirectory()) removeTree(join(directory, entry.name))
  rmdirSync(directory)
}

/** The groups of attached commands that are there now. */
export function attachGroups(cgroup: string): string[] {
  return readdirSync(join(cgroup, 'payload'), {withFileTypes: true})
    .filter(entry => entry.isDirectory() && entry.name.startsWith('vps-attach-'))
    .map(entry => entry.name)
}

export interface BareServerOptions {
  /** Shell script that runs as the server's root before its init. */
  readonly setup?: string
  /** Run by vps-init; none: persist. */
  readonly command?: readonly string[]
  readonly init?: string
  /** Added to the environment of init. */
  readonly env?: Readonly<Record<string, string>>
  /** Standard error of init; default: ours. */
  readonly stderr?: 'pipe'
}

export class BareServer implements AsyncDisposable {
  readonly cgroup: string
  readonly pid: number
  readonly start: string
  /** Its stdout and stderr are what init writes. */
  readonly #child: ChildProcess
  /** What init and its command have written to standard output. */
  output = ''
  /** The exit status of init, 128+n for a signal. */
  readonly ended: Promise<number | null>

  private constructor(cgroup: string, child: ChildProcess, pid: number, start: string) {
    this.cgroup = cgroup
    this.#child = child
    this.pid = pid
    this.start = start
    child.stdout?.on('data', data => {
      this.output += data
    })
    child.stderr?.on('data', data => {
      this.output += data
    })
    this.ended = new Promise(resolve => child.once('exit', resolve))
  }

  static async begin(workshop: Workshop, options: BareServerOptions = {}): Promise<BareServer> {
    const cgroup = makeCgroup()
    const {
      setup = 'true',
      command = [],
      init = nativeFile('vps-init'),
      env = {},
      stderr = 'inherit',
    } = options
    const argv = [String(ID_BASE), join(cgroup, 'payload'), init, setup, ...command]
    const child = spawn(workshop.compile('bare-server'), argv, {
      stdio: ['pipe', 'pipe', stderr, 'pipe'],
      env: {...process.env, ...env},
    })
    const line = await new Promise<string>((resolve, reject) => {
      child.stdio[3]?.once('data', data => resolve(String(data)))
      child.once('exit', code => reject(new Error(`bare-server ended with ${code}`)))
    })
    const [pid = '', start = ''] = line.trim().split(' ')
    return new BareServer(cgroup, child, Number(pid), start)
  }

  /** A signal to init, by number, as a supervisor sends it. */
  signal(number: number): void {
    process.kill(this.pid, number)
  }

  /** The words for vps-attach: this server, `argv` and more keys. */
  words(
    argv: readonly string[],
    keys: Readonly<Record<string, string>> = {},
    env: readonly string[] = [],
  ): Buffer {
    const all = {
      name: 'bare',
      mode: 'exec',
      'init-pid': String(this.pid),
      'init-start': this.start,
      'id-base': String(ID_BASE),
      cgroup: this.cgroup,
      caps: '0,1,2,3,4,5,6,7,8,10,18,21',
      ...keys,
    }
    return encodeWords([
      ...Object.entries(all).flatMap(([key, value]) => ['set', key, value]),
      ...env.flatMap(variable => ['env', variable]),
      ...argv.flatMap(word => ['arg', word]),
    ])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end()
    await this.ended
    for (let attempt = 0; attempt < 100; attempt++) {
      try {
        removeTree(this.cgroup)
        return
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
        await new Promise(resolve => setTimeout(resolve, 10))
      }
    }
    throw new Error(`something still lives in ${this.cgroup}`)
  }
}

export function encodeWords(words: readonly string[]): Buffer {
  return Buffer.from(['vps-attach', '1', ...words, 'end'].map(word => `${word}\0`).join(''))
}

/** Starts a program with `words` at its descriptor 3. */
export function spawnWithWords(
  argv: readonly [string, ...string[]],
  words: Buffer,
  stdio: StdioOptions & unknown[],
  env: NodeJS.ProcessEnv = {TERM: 'xterm'},
): ChildProcess {
  const fd = memfd('words', words)
  try {
    return spawn(argv[0], argv.slice(1), {stdio: [...stdio, fd] as StdioOptions, env})
  } finally {
    closeSync(fd)
  }
}

export interface Result {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export function collect(child: ChildProcess, input?: string | Buffer): Promise<Result> {
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout?.on('data', data => out.push(data))
  child.stderr?.on('data', data => err.push(data))
  child.stdin?.on('error', () => {}) // the command may not want it
  child.stdin?.end(input)
  return new Promise(resolve =>
    child.once('close', (code, signal) =>
      resolve({code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString()}),
    ),
  )
}
