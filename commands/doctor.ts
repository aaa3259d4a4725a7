import process from 'node:process'
import {ExitCode} from '../src/errors.ts'
import {Host} from '../src/server/index.ts'
import {notice, type Style, table, VpsCommand} from '../src/ui/index.ts'

const styles: Readonly<Record<string, Style>> = {ok: 'good', warning: 'warning', missing: 'bad'}

export default class Doctor extends VpsCommand {
  static override summary = 'Check what the host needs, and say how to fix what is missing.'
  static override description =
    'Looks at the kernel, its features, privileges, directories and programs. Changes nothing. Ends with 5 if something that servers need is missing; a warning does not count.'
  static override examples = [
    'vps doctor',
    {description: 'what is missing', command: `vps doctor --json | jq '.[] | select(.state == "missing")'`},
  ]

  async run(): Promise<void> {
    this.settle(await this.parse(Doctor))
    const host = await Host.open({notice})
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
