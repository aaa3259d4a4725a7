import {string as word} from '@oclif/core/args'
import {boolean} from '@oclif/core/flags'
import {Host, type ProvisionReport} from '../src/server/index.ts'
import {notice, passwordLines, ServersCommand} from '../src/ui/index.ts'

export default class Provision extends ServersCommand {
  static override summary = 'Set servers up as their definitions say.'
  static override description =
    `Users, keys, passwords and files of \`provision\` in the definition are written when a server is made, or by its next start if they were added later; packages and commands are run once it is up. \`vps start --wait\` waits for that; without it a process in the background does it.

This does what is not done yet: after a step that failed, it carries on with that step. With --again everything is done once more, new passwords included; users and files need the server stopped for that.

What commands printed is in the log directory of the server, in provision.log.`
  static override usage = 'NAME… | --all | --tag T [--again]'
  static override examples = [
    'vps provision web1',
    {description: 'everything once more', command: 'vps provision web1 --again'},
    {description: 'the servers that were started and are not set up yet', command: 'vps provision --waiting'},
  ]
  static override strict = false
  static override args = {names: word({description: 'Servers to set up.'})}
  static override flags = {
    again: boolean({description: 'Do what is done already once more, too.'}),
    waiting: boolean({
      description: 'All servers that run and wait for it; nothing where another process is at it.',
      exclusive: ['again', 'all', 'tag'],
    }),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Provision)
    const words = this.settle(parsed)
    const {again, waiting} = parsed.flags
    const host = await Host.open({notice})
    if (waiting) {
      const names = await host.provisionWaiting()
      return await this.answer(names, () => names.map(name => `${name}: set up`).join('\n'))
    }
    await this.each(
      await this.chosen(host, words, parsed.flags),
      (name, progress) => host.provision(name, {again, progress}),
      reportLines,
    )
  }
}

function reportLines({name, done, waiting, generated}: ProvisionReport): string {
  const rest = waiting.length > 0 ? `; waits for the server to run: ${waiting.join(', ')}` : ''
  const line = done.length > 0 ? `${name}: done: ${done.join(', ')}${rest}` : `${name}: nothing to do${rest}`
  return [line, ...passwordLines(name, generated)].join('\n')
}
