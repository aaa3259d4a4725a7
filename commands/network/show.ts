import {Host} from '../../src/server/index.ts'
import {table, VpsCommand} from '../../src/ui/index.ts'

export default class NetworkShow extends VpsCommand {
  static override summary = 'Show the pools that servers get addresses from, and how much is given.'
  static override description =
    'Pools are in host.yaml (`network.pools`); those that are there without it are `private` and `private6`. DEFAULT: `auto` takes an address of it. MASQUERADE: the world sees an address of the host instead.'
  static override examples = [
    'vps network show',
    {
      description: 'addresses that are left',
      command: `vps network show --json | jq '.[] | {name, left: (.size - .used)}'`,
    },
  ]

  async run(): Promise<void> {
    this.settle(await this.parse(NetworkShow))
    const host = await Host.open()
    const pools = await host.pools()
    await this.answer(pools, () =>
      pools.length === 0
        ? 'This host has no pools: its host.yaml takes them all away.'
        : table(
            pools,
            [
              {title: 'POOL', value: ({name}) => name},
              {title: 'RANGE', value: ({range}) => range},
              {title: 'GIVEN', value: ({used}) => `${used}`, right: true},
              {title: 'OF', value: ({size}) => amount(size), right: true},
              {title: 'DEFAULT', value: ({default: isDefault}) => yesNo(isDefault)},
              {title: 'MASQUERADE', value: ({masquerade}) => yesNo(masquerade)},
              {title: 'EXCLUDED', value: ({exclude}) => exclude.join(' ')},
            ],
            this.paint,
          ),
    )
  }
}

/** Nobody counts those of IPv6. */
function amount(size: number): string {
  return size > 2 ** 32 ? `2^${Math.round(Math.log2(size))}` : `${size}`
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no'
}
