import {string as word} from '@oclif/core/args'
import {boolean} from '@oclif/core/flags'
import {Host, hookError, type StartReport} from '../src/server/index.ts'
import {duration, notice, passwordLines, ServersCommand, timingsTable} from '../src/ui/index.ts'

export default class Start extends ServersCommand {
  static override summary = 'Start servers.'
  static override description =
    `Returns when the server's init runs; with --wait when the server says that it is up (systemd: all of its default target; others: at once) and, where the definition has \`health\`, that it is healthy.

A start that fails leaves nothing behind. If a step of it fails, the line and column of the definition that asked for the step is part of the message.

A preStart hook that fails keeps the server from starting; a postStart hook that fails is reported, the server runs, and the exit code is 1.

A limit that this host cannot enforce keeps the server from starting, unless --allow-unenforced is given or the definition says \`enforce: best-effort\`.`
  static override usage = 'NAME… | --all | --tag T [--wait] [--timings] [--explain] [--allow-unenforced]'
  static override examples = [
    'vps start web1',
    {description: 'return when systemd has reached its target', command: 'vps start db1 --wait'},
    {description: 'what each phase took', command: 'vps start web1 --timings'},
    {description: 'what would be done, step by step; starts nothing', command: 'vps start web1 --explain'},
    'vps start --tag web',
  ]
  static override strict = false
  static override args = {names: word({description: 'Servers to start.'})}
  static override flags = {
    wait: boolean({description: 'Return when the server is up, and healthy if its health is checked.'}),
    timings: boolean({description: 'Print what each phase took.'}),
    'allow-unenforced': boolean({
      description: 'Start without the limits that this host cannot enforce, and say so in list and show.',
    }),
    explain: boolean({
      description: 'Print the plan of the start in words, and start nothing.',
      exclusive: ['wait', 'timings'],
    }),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Start)
    const words = this.settle(parsed)
    const {wait, timings, explain, 'allow-unenforced': allowUnenforced} = parsed.flags
    const host = await Host.open({notice})
    const names = await this.chosen(host, words, parsed.flags, ['stopped', 'crashed', 'defined', 'invalid'])
    if (explain) {
      return this.each(
        names,
        async name => await host.explain(name, {allowUnenforced}),
        plan => plan.text,
      )
    }
    await this.each(
      names,
      (name, progress) => host.start(name, {wait, allowUnenforced, progress}),
      report =>
        timings
          ? `${startedLine(report, wait)}\n${timingsTable(report.phases, this.paint)}`
          : startedLine(report, wait),
      ({hookFailures}) => hookFailures.map(hookError),
    )
  }
}

function startedLine({name, pid, ready, health, phases, generated}: StartReport, wait: boolean): string {
  const total = phases.reduce((sum, phase) => sum + phase.microseconds, 0) / 1000
  const line = `${name}: ${wait && ready ? `up${health === null ? '' : ' and healthy'}` : 'started'} in ${duration(total)}, init is process ${pid}`
  return [line, ...passwordLines(name, generated)].join('\n')
}
