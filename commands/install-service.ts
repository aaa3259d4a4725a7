import {boolean, string} from '@oclif/core/flags'
import {FleetHost, type ServiceReport} from '../src/fleet/index.ts'
import {durationFlag, notice, VpsCommand} from '../src/ui/index.ts'

export default class InstallService extends VpsCommand {
  static override summary = 'Have servers started when the host boots and stopped when it goes down.'
  static override description =
    `Writes and enables the service \`vps\`, which runs \`vps boot\` at the end of the host's boot and \`vps shutdown\` before the rest of the host goes down: a unit of systemd, or an init script where the host has no systemd. Run it again after a move of \`vps\` to another place.

From the next boot on it counts by itself. With --now it is started at once, and with it the servers that \`vps boot\` would start; then a shutdown of the host already stops servers in their order. (Without a service that runs, each server is stopped by itself, in no order.)`
  static override usage =
    '[--systemd | --sysv] [--now] [--boot-deadline D] [--shutdown-deadline D] [--root DIR] [--remove]'
  static override examples = [
    {description: 'and start what is to run', command: 'vps install-service --now'},
    {
      description: 'servers get five minutes when the host goes down',
      command: 'vps install-service --shutdown-deadline 5m',
    },
    {description: 'into an image of a host', command: 'vps install-service --root /srv/image --systemd'},
    'vps install-service --remove',
  ]
  static override flags = {
    systemd: boolean({description: 'For systemd; default: what the host has.', exclusive: ['sysv']}),
    sysv: boolean({description: 'An init script after the Linux Standard Base.'}),
    now: boolean({description: 'Start it, too.', exclusive: ['remove', 'root']}),
    'boot-deadline': durationFlag({description: 'How long a boot may begin servers; default: 5m.'}),
    'shutdown-deadline': durationFlag({description: 'When a shutdown kills what still runs; default: 90s.'}),
    root: string({
      description: 'The root directory of another system to write it to; this host is told nothing.',
      helpValue: 'DIR',
    }),
    remove: boolean({description: 'Take it away. Servers go on running.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(InstallService)
    this.settle(parsed)
    const {systemd, sysv, now, root, remove, ...deadlines} = parsed.flags
    const host = await FleetHost.open({notice})
    const report = await host.installService({
      ...(systemd && {kind: 'systemd'}),
      ...(sysv && {kind: 'sysv'}),
      now,
      remove,
      ...(root !== undefined && {target: root}),
      ...(deadlines['boot-deadline'] !== undefined && {bootDeadlineMs: deadlines['boot-deadline']}),
      ...(deadlines['shutdown-deadline'] !== undefined && {
        shutdownDeadlineMs: deadlines['shutdown-deadline'],
      }),
    })
    await this.answer(report, () => said(report))
  }
}

function said({file, removed, started}: ServiceReport): string {
  if (removed) return `${file}: removed`
  return started
    ? `${file}: written, enabled and started`
    : `${file}: written and enabled; it counts from the next boot on`
}
