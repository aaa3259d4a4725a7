// For tests that only make sense inside the test host: refuses to run anywhere else, because they mount, limit and
// load things that a building machine should be spared.
import {spawnSync} from 'node:child_process'

if (process.env.VPS_TEST_VM !== '1')
  throw new Error('tests of the vm ring run inside the test host: make vm-test')

export interface ShellResult {
  status: number
  stdout: string
  stderr: string
}

/** Runs a shell script as root of the test host, stopping at its first failing command. */
export function run(script: string): ShellResult {
  const {status, stdout, stderr} = spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
    encoding: 'utf8',
    // not the socket that Node would make: bash would take itself for a remote shell and read bashrc
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return {status: status ?? -1, stdout: stdout.trim(), stderr: stderr.trim()}
}

/** The same, where a failure is a failure of the test; returns stdout. */
export function must(script: string): string {
  const {status, stdout, stderr} = run(script)
  if (status !== 0) throw new Error(`status ${status} of: ${script}\n${stdout}\n${stderr}`)
  return stdout
}
