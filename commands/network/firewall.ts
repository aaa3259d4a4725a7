import {string as word} from '@oclif/core/args'
import {type FirewallView, Host} from '../../src/server/index.ts'
import {bytes, table, VpsCommand} from '../../src/ui/index.ts'

export default class NetworkFirewall extends VpsCommand {
  static override summary = 'Show the rules of a server, and how often each has fit.'
  static override description =
    'In the order in which they are asked; the last line of a direction is for what no rule fits. PACKETS are those that opened a connection, or tried to: all others of a connection pass without being asked. Counts begin anew when the rules change and when the server starts.'
  static override examples = [
    'vps network firewall web1',
    {
      description: 'what is turned away',
      command: `vps network firewall web1 --json | jq '.policy.in.packets'`,
    },
  ]
  static override args = {name: word({description: 'The server.', required: true})}

  async run(): Promise<void> {
    const parsed = await this.parse(NetworkFirewall)
    this.settle(parsed)
    const host = await Host.open()
    const view = await host.firewall(parsed.args.name)
    await this.answer(view, () =>
      table(
        rowsOf(view),
        [
          {title: 'DIRECTION', value: ({direction}) => direction},
          {title: 'RULE', value: ({rule}) => rule},
          {title: 'FROM', value: ({from}) => from.join(' ')},
          {title: 'TO', value: ({to}) => to.join(' ')},
          {title: 'PACKETS', value: ({count}) => (count === null ? '' : `${count.packets}`), right: true},
          {title: 'BYTES', value: ({count}) => (count === null ? '' : bytes(count.bytes)), right: true},
        ],
        this.paint,
      ),
    )
  }
}

type Row = Pick<FirewallView['rules'][number], 'direction' | 'from' | 'to' | 'count'> & {rule: string}

function rowsOf({rules, policy, ...view}: FirewallView): Row[] {
  return (['in', 'out'] as const).flatMap(direction => [
    ...rules
      .filter(rule => rule.direction === direction)
      .map(rule => ({
        ...rule,
        rule: `${rule.action} ${rule.protocol}${rule.ports === null ? '' : `/${rule.ports}`}`,
      })),
    {direction, rule: `${view[direction]} the rest`, from: [], to: [], count: policy[direction]},
  ])
}
