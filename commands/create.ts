import process from 'node:process'
import {text as readStream} from 'node:stream/consumers'
import {string as word} from '@oclif/core/args'
import {boolean, string} from '@oclif/core/flags'
import {parseAssignments} from '../src/definition/index.ts'
import {Host} from '../src/server/index.ts'
import {notice, passwordLines, progressLine, VpsCommand} from '../src/ui/index.ts'

export default class Create extends VpsCommand {
  static override summary = 'Make a server.'
  static override description =
    `Writes the server's definition to /etc/vps/servers/NAME.yaml, builds the image of its template if there is none yet, takes a range of 65,536 user ids and makes the server's own layer on top of the image. Nothing is copied.

The definition comes from --file, or is a new one with the template of --template. If /etc/vps/servers/NAME.yaml is there already, the server is made from it. --set changes single keys of it; comments are kept.`
  static override examples = [
    {description: "the smallest: the host's own /usr, made in milliseconds", command: 'vps create web1'},
    {
      description: 'a Debian with systemd, started at once',
      command: 'vps create db1 --template debian --start',
    },
    {description: 'from a definition', command: 'vps create web1 -f web1.yaml'},
    {
      description: 'with some keys set',
      command: 'vps create web2 --set hostname=web2.example.net --set restart.policy=always',
    },
  ]
  static override args = {name: word({description: 'Name of the new server.', required: true})}
  static override flags = {
    file: string({char: 'f', description: 'The definition; - reads standard input.', helpValue: 'FILE'}),
    template: string({
      description: 'The template of its root file system.',
      helpValue: 'T',
      exclusive: ['file'],
    }),
    set: string({
      description: 'Set a key of the definition.',
      helpValue: 'key=value',
      multiple: true,
      multipleNonGreedy: true,
    }),
    start: boolean({description: 'Start it too.'}),
    'allow-unenforced': boolean({
      description:
        'With --start: start without the limits that this host cannot enforce, and say so in list and show.',
    }),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Create)
    const [name = ''] = this.settle(parsed)
    const {file, template, set, start, 'allow-unenforced': allowUnenforced} = parsed.flags
    const host = await Host.open({notice})
    const progress = progressLine()
    const view = await host
      .create(name, {
        ...(file === '-' && {definitionText: await readStream(process.stdin)}),
        ...(file !== undefined && file !== '-' && {file}),
        ...(template !== undefined && {template}),
        set: parseAssignments(set ?? []),
        start,
        allowUnenforced,
        progress: progress.report,
      })
      .finally(progress.end)
    const made =
      view.pid === null ? `${name}: created` : `${name}: created and started, init is process ${view.pid}`
    await this.answer(view, () => [made, ...passwordLines(name, view.generated)].join('\n'))
  }
}
