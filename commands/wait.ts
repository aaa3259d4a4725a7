import process from 'node:process'
import {string as word} from '@oclif/core/args'
import {string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../src/errors.ts'
import {isPattern} from '../src/patterns.ts'
import {Host, WAIT_STATES, type WaitState} from '../src/server/index.ts'
import {duration, durationFlag, reportEach, VpsCommand} from '../src/ui/index.ts'

export default class Wait extends VpsCommand {
  static override summary = 'Wait until servers are running, ready, healthy, stopped or gone.'
  static override description =
    `Returns when all of them are: \`running\`: its init runs and is not paused; \`ready\`: it said that it is up; \`healthy\`: the checks of \`health:\` are passed; \`stopped\`: it does not run, for whatever reason; \`gone\`: there is no such server. The kernel tells of changes, so waiting takes no processor time.

Ends with 4 when the time is over before that, and with 3 when a server is destroyed meanwhile.`
  static override usage = 'NAME… --state S [--timeout D]'
  static override examples = [
    'vps wait web1 --state ready',
    {
      description: 'in a script: give up after ten seconds',
      command: 'vps wait db1 --state stopped --timeout 10s || vps stop db1 --kill',
    },
    {description: 'until both are removed by somebody else', command: 'vps wait web1 web2 --state gone'},
  ]
  static override strict = false
  static override args = {names: word({description: 'Servers to wait for.', required: true})}
  static override flags = {
    state: string({
      description: 'What to wait for.',
      helpValue: 'S',
      required: true,
      options: [...WAIT_STATES],
    }),
    timeout: durationFlag({description: 'How long to wait for all of them, default 60s.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Wait)
    const words = this.settle(parsed)
    const {state, timeout = 60_000} = parsed.flags
    if (words.length === 0) {
      throw new VpsError('WRONG_USE', 'no server is named', {
        exitCode: ExitCode.wrongUse,
        suggestions: [`vps wait NAME --state ${state}`],
      })
    }
    const host = await Host.open()
    // A plain name may be of no server any more: that is what `gone` waits for.
    const patterns = words.filter(isPattern)
    const found = patterns.length === 0 ? [] : await host.resolve({names: patterns})
    const names = [...new Set([...words.filter(text => !isPattern(text)), ...found])]
    let end: number | undefined
    const left = (): number => {
      end ??= performance.now() + timeout // all of them together have so long
      return Math.max(0, Math.ceil(end - performance.now()))
    }
    const until = state as WaitState // the parser lets nothing else through
    process.exitCode = await reportEach(names, {
      json: this.json,
      work: name => host.wait(name, {state: until, timeoutMs: left()}),
      text: ({tookMs}, name) => `${name}: ${state} after ${duration(tookMs)}`,
    })
  }
}
