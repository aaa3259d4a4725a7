import {string as word} from '@oclif/core/args'
import {boolean} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../src/errors.ts'
import {Host} from '../src/server/index.ts'
import {countFlag, historyText, VpsCommand, write} from '../src/ui/index.ts'

/** Of all servers together. */
const LAST = 50

export default class History extends VpsCommand {
  static override summary =
    'Show how definitions were changed: when, by whom, with which verb, from which file.'
  static override description =
    `Every change by create, set, edit, apply, rollback, rename and destroy is kept with the definition after it, the last hundred of each server; a change by hand is noticed by the next of these verbs and called \`by-hand\`. Servers that were destroyed have a history, too. Without a name: the last ${LAST} changes of all servers. Hashes of passwords are shown as (hash).`
  static override usage = '[NAME] [-n N] [--show N [--with-hashes]]'
  static override examples = [
    'vps history web1',
    {description: 'the definition after its third change', command: 'vps history web1 --show 3'},
    {
      description: 'a destroyed server again, without its files',
      command: 'vps history web1 --show 3 --with-hashes | vps create web1 --file -',
    },
    {description: 'who changed what last', command: 'vps history -n 10'},
  ]
  static override args = {name: word({description: 'The server; it may be destroyed.'})}
  static override flags = {
    last: countFlag({char: 'n', description: `Only the last N changes; without a name ${LAST}.`}),
    show: countFlag({description: 'Print the definition as it was after change N.'}),
    'with-hashes': boolean({description: 'Print hashes of passwords, too.', dependsOn: ['show']}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(History)
    const [name] = this.settle(parsed)
    const {show, 'with-hashes': withHashes} = parsed.flags
    const host = await Host.open()
    if (show !== undefined) return await this.show(host, name, show, withHashes)
    const last = parsed.flags.last ?? (name === undefined ? LAST : undefined)
    const items = await host.history({name, last})
    await this.answer(items, () =>
      items.length === 0 ? 'Nothing was changed yet.' : historyText(items, name === undefined, this.paint),
    )
  }

  private async show(
    host: Host,
    name: string | undefined,
    number: number,
    withHashes: boolean,
  ): Promise<void> {
    if (name === undefined)
      throw new VpsError('WRONG_USE', '--show is about one server', {
        exitCode: ExitCode.wrongUse,
        suggestions: [`vps history NAME --show ${number}`],
      })
    const text = await host.historyText(name, number, {withHashes})
    if (this.json) await this.answer({server: name, number, text}, () => '')
    else await write(text)
  }
}
