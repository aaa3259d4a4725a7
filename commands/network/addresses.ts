import {Host} from '../../src/server/index.ts'
import {table, VpsCommand} from '../../src/ui/index.ts'

export default class NetworkAddresses extends VpsCommand {
  static override summary = 'List the addresses that servers have.'
  static override description =
    'In order, those of stopped servers too: an address is kept from `vps create` to `vps destroy`, or until the definition no longer asks for it. A prefix is routed to its server as a whole.'
  static override examples = [
    'vps network addresses',
    {
      description: 'whose is it?',
      command: `vps network addresses --json | jq -r '.[] | select(.address == "10.77.0.5").server'`,
    },
  ]

  async run(): Promise<void> {
    this.settle(await this.parse(NetworkAddresses))
    const host = await Host.open()
    const addresses = await host.addresses()
    await this.answer(addresses, () =>
      addresses.length === 0
        ? 'No server has an address.'
        : table(
            addresses,
            [
              {title: 'ADDRESS', value: ({address}) => address},
              {title: 'SERVER', value: ({server}) => server},
              {title: 'LINK', value: ({link}) => link},
              {title: 'POOL', value: ({pool}) => pool ?? ''},
            ],
            this.paint,
          ),
    )
  }
}
