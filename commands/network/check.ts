import process from 'node:process'
import {boolean} from '@oclif/core/flags'
import {ExitCode} from '../../src/errors.ts'
import {differenceText, Host, type NetworkDifference} from '../../src/server/index.ts'
import {notice, VpsCommand} from '../../src/ui/index.ts'

export default class NetworkCheck extends VpsCommand {
  static override summary = 'Compare the network of the host with what the running servers need.'
  static override description =
    `Looks at rules and their sets, links, routes, addresses, settings, rates, forwarding and names, and says each difference. --repair mends what it can: all but links that are gone, which a restart of their server makes anew. Servers go on running meanwhile.

Run it after \`nft flush ruleset\`, or after a restart of the host's firewall. Ends with 1 when something is left to do.`
  static override examples = [
    'vps network check',
    {description: 'after the rules were flushed', command: 'vps network check --repair'},
    {
      description: 'in a check of the monitoring',
      command: 'vps network check >/dev/null || echo "the network of servers is not as it should be"',
    },
  ]
  static override flags = {repair: boolean({description: 'Mend it.'})}

  async run(): Promise<void> {
    const parsed = await this.parse(NetworkCheck)
    this.settle(parsed)
    const host = await Host.open({notice})
    const differences = await host.checkNetwork({repair: parsed.flags.repair})
    const ok = differences.every(({mended}) => mended)
    await this.answer({ok, differences}, () =>
      differences.length === 0 ? 'All is as it should be.' : differences.map(line).join('\n'),
    )
    if (!ok) process.exitCode = ExitCode.failed
  }
}

function line(difference: NetworkDifference): string {
  const {mended, fix} = difference
  return `${differenceText(difference)} (${mended ? 'mended' : fix})`
}
