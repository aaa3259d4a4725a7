import process from 'node:process'
import {boolean} from '@oclif/core/flags'
import {ExitCode} from '../src/errors.ts'
import {Host} from '../src/server/index.ts'
import {notice, type Style, table, VpsCommand} from '../src/ui/index.ts'

const styles: Readonly<Record<string, Style>> = {ok: 'good', warning: 'warning', missing: 'bad'}

export default class Doctor extends VpsCommand {
  static override summary = 'Check what the host needs, and say how to fix what is missing.'
  static override description =
    'Looks at the kernel, its features, privileges, directories and programs. Changes nothing, unless `--repair` is given: then what interrupted commands left is finished or removed first, as the next command about each server would do. Ends with 5 if something that servers need is missing; a warning does not count.'
  static override examples = [
    'vps doctor',
    {description: 'after a power cut', command: 'vps doctor --repair'},
    {description: 'what is missing', command: `vps doctor --json | jq '.[] | select(.state == "missing")'`},
  ]
  static override flags = {
    repair: boolean({description: 'Finish or remove what interrupted commands left.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Doctor)
    this.settle(parsed)
    const host = await Host.open({notice})
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
}
