import process from 'node:process'
import {string as word} from '@oclif/core/args'
import {string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../src/errors.ts'
import {Host} from '../src/server/index.ts'
import {diffText, historyPoint, reportEach, VpsCommand} from '../src/ui/index.ts'

export default class Diff extends VpsCommand {
  static override summary = 'Compare what runs with what is written, or one definition with another.'
  static override description =
    'Without --to: in which keys running servers differ from their definitions, because a change waits for a restart or the file was changed by hand, and limits that the kernel has otherwise. Default: all servers. With --to: in which keys an earlier definition differs from the present one, or from another earlier one (--from). Ends with 0 when there is no difference and with 6 when there is one.'
  static override usage = ['[NAME…]', 'NAME --to N|WHEN [--from N|WHEN]']
  static override examples = [
    'vps diff',
    'vps diff web1',
    {description: 'what a rollback would change', command: 'vps diff web1 --to 3'},
    {description: 'what changed since yesterday', command: 'vps diff web1 --from 24h --to 0s'},
    {
      description: 'in a check of the monitoring',
      command: 'vps diff >/dev/null || echo "restarts are waiting"',
    },
  ]
  static override strict = false
  static override args = {names: word({description: 'Servers, default: all.'})}
  static override flags = {
    to: string({
      description: 'The number of a change in `vps history`, how long ago (2h), or a time.',
      helpValue: 'N|WHEN',
    }),
    from: string({
      description: 'The same, in place of the present definition.',
      helpValue: 'N|WHEN',
      dependsOn: ['to'],
    }),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Diff)
    const words = this.settle(parsed)
    const {to, from} = parsed.flags
    if (to !== undefined && words.length !== 1)
      throw new VpsError('WRONG_USE', '--to is about one server', {
        exitCode: ExitCode.wrongUse,
        suggestions: [`vps diff NAME --to ${to}`],
      })
    const options = {
      ...(to !== undefined && {to: await historyPoint('to', to)}),
      ...(from !== undefined && {from: await historyPoint('from', from)}),
    }
    const host = await Host.open()
    // One that is destroyed has a history, and no list has it.
    const names =
      to === undefined ? await host.resolve(words.length > 0 ? {names: words} : {all: true}) : words
    let differs = false
    const failed = await reportEach(names, {
      json: this.json,
      work: async name => {
        const difference = await host.diff(name, options)
        differs ||= difference.changes.length + difference.limits.length > 0
        return difference
      },
      text: difference => diffText(difference, this.paint),
    })
    process.exitCode = failed || (differs ? ExitCode.changesPending : ExitCode.done)
  }
}
