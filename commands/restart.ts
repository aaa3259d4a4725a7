import {string as word} from '@oclif/core/args'
import {boolean} from '@oclif/core/flags'
import {Host, hookError} from '../src/server/index.ts'
import {durationFlag, notice, passwordLines, ServersCommand} from '../src/ui/index.ts'

export default class Restart extends ServersCommand {
  static override summary = 'Stop servers and start them again.'
  static override description =
    'The server comes back with its definition as it is now, so this is how changes that `vps set` and `vps edit` could not make live take effect.'
  static override usage = 'NAME… | --all | --tag T [--timeout D] [--wait] [--allow-unenforced]'
  static override examples = ['vps restart web1', 'vps restart --tag web --wait']
  static override strict = false
  static override args = {names: word({description: 'Servers to restart.'})}
  static override flags = {
    timeout: durationFlag({
      description: 'How long stopping may take; default: stop.timeout of the definition.',
    }),
    wait: boolean({description: 'Return when the server says that it is up.'}),
    'allow-unenforced': boolean({
      description: 'Start without the limits that this host cannot enforce, and say so in list and show.',
    }),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Restart)
    const words = this.settle(parsed)
    const {timeout, wait, 'allow-unenforced': allowUnenforced} = parsed.flags
    const host = await Host.open({notice})
    await this.each(
      await this.chosen(host, words, parsed.flags, ['running', 'starting', 'paused', 'crashed']),
      name => host.restart(name, {...(timeout !== undefined && {timeoutMs: timeout}), wait, allowUnenforced}),
      ({name, pid, ready, generated}) =>
        [
          `${name}: ${ready ? 'up again' : 'restarted'}, init is process ${pid}`,
          ...passwordLines(name, generated),
        ].join('\n'),
      ({hookFailures}) => hookFailures.map(hookError),
    )
  }
}
