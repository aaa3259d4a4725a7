import {string as word} from '@oclif/core/args'
import {boolean} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../src/errors.ts'
import {Host} from '../src/server/index.ts'
import {canAsk, confirm, notice, ServersCommand} from '../src/ui/index.ts'

export default class Destroy extends ServersCommand {
  static override summary = 'Delete servers with all their data.'
  static override description =
    "Deletes the definition, the server's layer and its log, and frees its id range. The image stays. Asks first on a terminal; without one --yes is needed. A running server is refused unless --force stops it first."
  static override usage = 'NAME… | --all | --tag T [--force] [--yes]'
  static override examples = [
    'vps destroy web1',
    {description: 'in a script', command: 'vps destroy web1 --force --yes'},
    'vps destroy --tag test --force --yes',
  ]
  static override strict = false
  static override args = {names: word({description: 'Servers to destroy.'})}
  static override flags = {
    force: boolean({description: 'Stop it first if it runs.'}),
    yes: boolean({description: 'Do not ask.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Destroy)
    const words = this.settle(parsed)
    const {force, yes} = parsed.flags
    const host = await Host.open({notice})
    const names = await this.chosen(host, words, parsed.flags)
    if (!yes && names.length > 0) await this.ask(names)
    await this.each(
      names,
      async name => {
        await host.destroy(name, {force})
        return {}
      },
      (_, name) => `${name}: destroyed`,
    )
  }

  private async ask(names: readonly string[]): Promise<void> {
    const what = names.length === 1 ? `server ${names[0]}` : `${names.length} servers (${names.join(', ')})`
    if (this.json || !canAsk()) {
      throw new VpsError('NOT_CONFIRMED', `not destroying ${what} without being asked to on a terminal`, {
        exitCode: ExitCode.wrongUse,
        suggestions: ['add --yes'],
      })
    }
    if (await confirm(`Destroy ${what} and all data in ${names.length === 1 ? 'it' : 'them'}?`, false)) return
    throw new VpsError('NOT_CONFIRMED', 'nothing was destroyed')
  }
}
