import {string as word} from '@oclif/core/args'
import {boolean, string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../src/errors.ts'
import {type HistoryPoint, Host} from '../src/server/index.ts'
import {
  canAsk,
  changeText,
  confirm,
  diffText,
  historyPoint,
  notice,
  paintFor,
  VpsCommand,
} from '../src/ui/index.ts'

export default class Rollback extends VpsCommand {
  static override summary = "Bring a server's definition back to an earlier one."
  static override description =
    'Without --to: to the one before the present one; done twice it is as it was. What can be is in effect at once, and what waits for a restart is said. Shows what would change and asks on a terminal; without one --yes is needed. The files in the server stay as they are. The rollback is a change in the history itself. `vps diff NAME --to N` says what it would change.'
  static override usage = 'NAME [--to N|WHEN] [--yes]'
  static override examples = [
    'vps rollback web1',
    {description: 'to what it was after its third change', command: 'vps rollback web1 --to 3 --yes'},
    {description: 'to what it was yesterday', command: 'vps rollback web1 --to 24h'},
  ]
  static override args = {name: word({description: 'The server.', required: true})}
  static override flags = {
    to: string({
      description: 'The number of a change in `vps history`, how long ago (2h), or a time.',
      helpValue: 'N|WHEN',
    }),
    yes: boolean({description: 'Do not ask.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Rollback)
    const [name = ''] = this.settle(parsed)
    const {to: text, yes} = parsed.flags
    const to = text === undefined ? ('previous' as const) : await historyPoint('to', text)
    const host = await Host.open({notice})
    if (!yes) await this.ask(host, name, to)
    const report = await host.rollback(name, {to})
    await this.answer(report, () => `${name}: back to change ${report.entry}\n${changeText(report)}`)
  }

  private async ask(host: Host, name: string, to: HistoryPoint): Promise<void> {
    const difference = await host.diff(name, {to})
    if (this.json || !canAsk())
      throw new VpsError('NOT_CONFIRMED', `not changing ${name} without being asked to on a terminal`, {
        exitCode: ExitCode.wrongUse,
        suggestions: ['add --yes'],
      })
    process.stderr.write(`${diffText(difference, paintFor(process.stderr))}\n`)
    if (await confirm(`Change ${name} so?`, false)) return
    throw new VpsError('NOT_CONFIRMED', `${name} was not changed`)
  }
}
