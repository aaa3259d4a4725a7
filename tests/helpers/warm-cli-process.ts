// The other end of warm-cli.ts: runs the built vps again and again in one process, one command after the other. Standard output and
// standard error are files; who asks reads them.
import {constants} from 'node:os'
import {join} from 'node:path'
import process from 'node:process'
import type {Answer, Question} from './warm-cli.ts'

const built = join(import.meta.dirname, '../../dist')
const main = join(built, 'main.js')
let runs = 0

// Each run guards its standard streams anew.
for (const emitter of [process, process.stdout, process.stderr]) emitter.setMaxListeners(0)

async function run(args: readonly string[]): Promise<number> {
  process.argv = [process.execPath, main, ...args]
  process.exitCode = 0
  await import(`${main}?${++runs}`) // waits for the command; all that it imports is loaded once
  return Number(process.exitCode ?? 0)
}

/** `vps exec SERVER -- COMMAND…` would become vps-attach; the API begins that one beside us. */
async function exec(root: string, [server = '', ...argv]: readonly string[]): Promise<number> {
  const {Host} = (await import(join(built, 'index.js'))) as typeof import('../../src/index.ts')
  const host = await Host.open({root})
  const {exitCode, signal, stdout, stderr} = await host.exec(server, {argv})
  process.stdout.write(stdout)
  process.stderr.write(stderr)
  return exitCode ?? 128 + constants.signals[signal ?? 'SIGKILL']
}

process.on('message', async ({args, root}: Question) => {
  process.env.VPS_ROOT = root
  const [verb, server = '', dashes, ...argv] = args
  // What vps-attach would not even be given is for the CLI to refuse.
  const isExec = verb === 'exec' && dashes === '--' && argv.length > 0
  const status = isExec ? await exec(root, [server, ...argv]).catch(() => run(args)) : await run(args)
  process.send?.({status} satisfies Answer)
})
process.once('disconnect', () => process.exit())
