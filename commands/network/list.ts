import {Host, type LinkView, type ServerView} from '../../src/server/index.ts'
import {paintState, table, VpsCommand} from '../../src/ui/index.ts'

type Row = Pick<ServerView, 'name' | 'state' | 'project'> & {readonly link: LinkView}

export default class NetworkList extends VpsCommand {
  static override summary = 'List the links of servers: interface on the host, addresses.'
  static override description =
    'One line for each link, those of stopped servers too. INTERFACE is the end of the link on the host while the server runs: what `ip link` and `tcpdump` know it by.'
  static override examples = [
    'vps network list',
    {
      description: 'the first address of each running server',
      command: `vps network list --json | jq -r '.[] | select(.state == "running") | "\\(.name) \\(.link.addresses[0])"'`,
    },
  ]

  async run(): Promise<void> {
    this.settle(await this.parse(NetworkList))
    const host = await Host.open()
    const rows: Row[] = (await host.list()).flatMap(({name, state, project, links}) =>
      links.map(link => ({name, state, project, link})),
    )
    await this.answer(rows, () =>
      rows.length === 0
        ? 'No server has a link.'
        : table(
            rows,
            [
              {title: 'SERVER', value: ({name}) => name},
              {title: 'STATE', value: ({state}) => paintState(state, this.paint)},
              {title: 'PROJECT', value: ({project}) => project ?? ''},
              {title: 'LINK', value: ({link}) => link.name},
              {title: 'MODE', value: ({link}) => link.mode},
              {title: 'INTERFACE', value: ({link}) => link.interface ?? ''},
              {title: 'ADDRESSES', value: ({link}) => link.addresses.join(' ')},
            ],
            this.paint,
          ),
    )
  }
}
