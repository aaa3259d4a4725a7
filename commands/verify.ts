import process from 'node:process'
import {string as word} from '@oclif/core/args'
import {string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../src/errors.ts'
import {Host, VERIFY_PARTS, type VerifyPart, type VerifyReport} from '../src/server/index.ts'
import {notice, progressLine, VpsCommand, verifyTable} from '../src/ui/index.ts'

const INTERRUPTIONS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export default class Verify extends VpsCommand {
  static override summary = "Prove a server's limits by experiment."
  static override description =
    `For each limit of the definition a server is made that has this limit and a probe that wants more: it burns CPU on one thread more than there are processors, holds memory until it is killed, forks until it is refused, reads and writes past the page cache. What it got is measured from outside and told beside what was asked for. The server itself, running or not, is not touched; what was made is removed. Takes a few seconds for each limit, in which the host is as busy as the limits allow.

STATE is held, broken, unproven (not measured, for the reason told) or unenforced (this host can't keep it). Ends with 1 when a limit is broken, else with 5 when one is unenforced. A memory limit is not tried when the host has not that much to spare. Needs a static busybox on the host.`
  static override examples = [
    'vps verify web1',
    {description: 'only some of it', command: 'vps verify web1 --only cpu,memory'},
    {
      description: 'all limits that are not as asked for',
      command: `vps verify web1 --json | jq -r '.findings[] | select(.state == "broken") | .key'`,
    },
  ]
  static override args = {name: word({description: 'The server.', required: true})}
  static override flags = {
    only: string({
      description: `Which limits to try: ${VERIFY_PARTS.join(', ')}; several with commas between.`,
      helpValue: 'PARTS',
    }),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Verify)
    const [name = ''] = this.settle(parsed)
    const only = parsed.flags.only === undefined ? undefined : partsOf(parsed.flags.only)
    const host = await Host.open({notice})
    const interruption = new AbortController()
    for (const signal of INTERRUPTIONS)
      process.on(signal, () => interruption.abort(new VpsError('INTERRUPTED', `interrupted by ${signal}`)))
    const progress = progressLine()
    try {
      const report = await host.verify(name, {only, signal: interruption.signal, progress: progress.report})
      progress.end()
      await this.answer(report, () => verifyTable(report, this.paint))
      process.exitCode = exitCodeOf(report)
    } finally {
      progress.end()
    }
  }
}

function exitCodeOf({findings}: VerifyReport): number {
  if (findings.some(({state}) => state === 'broken')) return ExitCode.failed
  return findings.some(({state}) => state === 'unenforced') ? ExitCode.hostCannot : ExitCode.done
}

function partsOf(text: string): VerifyPart[] {
  return text.split(',').map(part => {
    const found = VERIFY_PARTS.find(known => known === part.trim())
    if (found !== undefined) return found
    throw new VpsError('WRONG_USE', `--only knows no ${JSON.stringify(part)}`, {
      exitCode: ExitCode.wrongUse,
      suggestions: [`it knows ${VERIFY_PARTS.join(', ')}`],
    })
  })
}
