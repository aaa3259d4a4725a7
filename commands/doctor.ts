import process from 'node:process'
import {boolean} from '@oclif/core/flags'
import {ExitCode} from '../src/errors.ts'
import {FleetHost as Host, sysctlText} from '../src/fleet/index.ts'
import {countFlag, fitTable, notice, type Style, table, VpsCommand, write} from '../src/ui/index.ts'

const styles: Readonly<Record<string, Style>> = {ok: 'good', warning: 'warning', missing: 'bad'}

export default class Doctor extends VpsCommand {
  static override summary = 'Check what the host needs, and say how to fix what is missing.'
  static override description =
    `Looks at the kernel, its features, privileges, directories and programs. Changes nothing, unless --repair is given: then what interrupted commands left is finished or removed first, as the next command about each server would do. Ends with 5 if something that servers need is missing; a warning does not count.

With --servers it adds up what that many servers need, those that are there included, and holds it against memory, processors, disk, addresses, id ranges and the limits of the kernel, such as processes, open files and the tables of neighbours and connections. A server that is not there yet is counted as a Debian without limits. It ends with 5 if something is too small, and says which sysctl to set; --sysctl writes them as a file.`
  static override examples = [
    'vps doctor',
    {description: 'after a power cut', command: 'vps doctor --repair'},
    {description: 'whether 500 servers would fit', command: 'vps doctor --servers 500'},
    {
      description: "and the kernel's settings for them",
      command: 'vps doctor --servers 500 --sysctl >/etc/sysctl.d/90-vps.conf && sysctl --system',
    },
    {description: 'what is missing', command: `vps doctor --json | jq '.[] | select(.state == "missing")'`},
  ]
  static override flags = {
    repair: boolean({description: 'Finish or remove what interrupted commands left.'}),
    servers: countFlag({
      description: 'Tell whether this host can hold that many servers in all.',
      helpValue: 'N',
      exclusive: ['repair'],
    }),
    sysctl: boolean({
      description: 'With --servers: write a file for /etc/sysctl.d instead.',
      dependsOn: ['servers'],
    }),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Doctor)
    this.settle(parsed)
    const host = await Host.open({notice})
    const {servers, sysctl} = parsed.flags
    if (servers !== undefined) return await this.#fit(host, servers, sysctl)
    if (parsed.flags.repair) await host.repairAll({progress: notice})
    const checks = await host.doctor()
    await this.answer(checks, () => {
      const rows = table(
        checks,
        [
          {title: 'STATE', value: check => this.paint(styles[check.state] ?? 'strong', check.state)},
          {title: 'WHAT', value: check => check.title},
          {title: 'FOUND', value: check => check.found},
        ],
        this.paint,
      )
      const fixes = checks.filter(check => check.fix !== '').map(check => `${check.title}: ${check.fix}`)
      return fixes.length === 0
        ? rows
        : `${rows}\n\n${this.paint('strong', 'How to fix')}\n  ${fixes.join('\n  ')}`
    })
    if (checks.some(check => check.state === 'missing')) process.exitCode = ExitCode.hostCannot
  }

  async #fit(host: Host, servers: number, sysctl: boolean): Promise<void> {
    const rows = await host.fit(servers)
    if (sysctl) {
      await write(sysctlText(rows, `${servers} servers`))
      return
    }
    await this.answer(rows, () => fitTable(rows, this.paint))
    if (rows.some(({ok}) => !ok)) process.exitCode = ExitCode.hostCannot
  }
}
