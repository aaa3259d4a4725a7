import {spawn} from 'node:child_process'
import {text as readAll} from 'node:stream/consumers'
import {ExitCode, VpsError} from '../../errors.ts'
import {errno} from '../../host/index.ts'

const PATH = '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin'

/** What a program of the host's printed. @throws VpsError HOST_CANNOT (exit 5) without it, PROGRAM_FAILED */
export async function run(argv: readonly [string, ...string[]], input = ''): Promise<string> {
  const [program, ...args] = argv
  const child = spawn(program, args, {stdio: ['pipe', 'pipe', 'pipe'], env: {PATH}})
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  child.stdin.on('error', () => {}) // it may be gone before it has read all
  child.stdin.end(input)
  try {
    const [code, out, err] = await Promise.all([ended, readAll(child.stdout), readAll(child.stderr)])
    if (code === 0) return out
    throw new VpsError('PROGRAM_FAILED', `${argv.slice(0, 4).join(' ')} failed: ${err.trim().split('\n')[0]}`)
  } catch (error) {
    if (errno(error) !== 'ENOENT') throw error
    throw new VpsError('HOST_CANNOT', `this host has no ${program}`, {
      suggestions: ['apt-get install iproute2 nftables util-linux'],
      exitCode: ExitCode.hostCannot,
    })
  }
}

/** As JSON; nothing printed is an empty list, as `ip -j` has it. */
export async function runJson<T>(argv: readonly [string, ...string[]], input?: string): Promise<T> {
  const text = await run(argv, input)
  return JSON.parse(text.trim() === '' ? '[]' : text) as T
}
