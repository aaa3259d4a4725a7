import {string as word} from '@oclif/core/args'
import {parseAssignments} from '../src/definition/index.ts'
import {ExitCode, VpsError} from '../src/errors.ts'
import {Host} from '../src/server/index.ts'
import {changeText, notice, VpsCommand} from '../src/ui/index.ts'

export default class SetKeys extends VpsCommand {
  static override summary = 'Change keys of a definition.'
  static override description =
    'Comments and layout of the file stay as they are. Says which changes are in effect at once and which wait for the next start. Values are YAML; `list+=item` appends to a list; `key=` or `key-` alone takes the key out, so that its default holds. A change that makes the definition invalid is refused.'
  static override usage = 'NAME key=value…'
  static override examples = [
    'vps set web1 hostname=web1.example.net',
    'vps set web1 restart.policy=always restart.max=10',
    {
      description: 'lists and maps as YAML',
      command: `vps set web1 'tags=[web, miller]' 'mounts[0].readonly=true'`,
    },
    {description: 'one more mount', command: `vps set web1 'mounts+={source: /srv/web1, target: /srv/www}'`},
    {description: 'back to the default', command: 'vps set web1 stop.timeout='},
  ]
  static override strict = false
  static override args = {
    name: word({description: 'The server.', required: true}),
    assignments: word({description: 'What to change: key=value.', required: true}),
  }

  async run(): Promise<void> {
    const [name = '', ...words] = this.settle(await this.parse(SetKeys))
    if (words.length === 0) {
      throw new VpsError('WRONG_USE', 'there is nothing to set', {
        exitCode: ExitCode.wrongUse,
        suggestions: [`vps set ${name} key=value`],
      })
    }
    const host = await Host.open({notice})
    const report = await host.set(name, parseAssignments(words))
    await this.answer(report, () => changeText(report))
  }
}
