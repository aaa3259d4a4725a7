import {string as word} from '@oclif/core/args'
import {boolean} from '@oclif/core/flags'
import {Host, hookError} from '../src/server/index.ts'
import {duration, durationFlag, notice, ServersCommand} from '../src/ui/index.ts'

export default class Stop extends ServersCommand {
  static override summary = 'Stop servers.'
  static override description =
    `Asks the server's init to shut down in the way it understands (systemd SIGRTMIN+3, sysvinit and OpenRC SIGPWR, busybox SIGUSR2, others SIGTERM; stop.signal of the definition overrides that). What is not down after the timeout is killed, with all of its processes. A hook that fails is reported, the server is stopped all the same, and the exit code is 1; --kill runs no preStop.`
  static override usage = 'NAME… | --all | --tag T [--timeout D] [--kill]'
  static override examples = [
    'vps stop web1',
    {description: 'a database gets more time', command: 'vps stop db1 --timeout 5m'},
    {description: 'at once, without asking', command: 'vps stop web1 --kill'},
    'vps stop --all',
  ]
  static override strict = false
  static override args = {names: word({description: 'Servers to stop.'})}
  static override flags = {
    timeout: durationFlag({
      description: 'How long it may take before it is killed; default: stop.timeout of the definition.',
    }),
    kill: boolean({description: 'Kill it without asking.', exclusive: ['timeout']}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Stop)
    const words = this.settle(parsed)
    const {timeout, kill} = parsed.flags
    const host = await Host.open({notice})
    await this.each(
      await this.chosen(host, words, parsed.flags, ['running', 'starting', 'stopping', 'paused']),
      name => host.stop(name, {...(timeout !== undefined && {timeoutMs: timeout}), kill}),
      ({name, exit, tookMs, killed}) =>
        `${name}: stopped after ${duration(tookMs)}${killed && !kill ? ', had to be killed' : ''} (${exit})`,
      ({hookFailures}) => hookFailures.map(hookError),
    )
  }
}
