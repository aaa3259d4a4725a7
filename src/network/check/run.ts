import {ExitCode, VpsError} from '../../errors.ts'
import {errno} from '../../host/index.ts'
import {runProgram, SYSTEM_PATH} from '../../native/index.ts'

/** What a program of the host's printed. @throws VpsError HOST_CANNOT (exit 5) without it, PROGRAM_FAILED */
export async function run(argv: readonly [string, ...string[]], input = ''): Promise<string> {
  const [program, ...args] = argv
  try {
    const {code, stdout, stderr} = await runProgram(program, args, {input, env: {PATH: SYSTEM_PATH}})
    if (code === 0) return stdout
    throw new VpsError(
      'PROGRAM_FAILED',
      `${argv.slice(0, 4).join(' ')} failed: ${stderr.trim().split('\n')[0]}`,
    )
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
