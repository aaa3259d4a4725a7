import {Host} from '../../src/server/index.ts'
import {table, VpsCommand} from '../../src/ui/index.ts'

export default class ProfileList extends VpsCommand {
  static override summary = 'List profiles, and the servers that use them.'
  static override description =
    'A profile is a partial definition in /etc/vps/profiles/NAME.yaml. A definition builds on some with `profiles: [debian, small]`: what a later one says wins, and its own keys win over all.'
  static override examples = [
    'vps profile list',
    {
      description: 'how many servers of each size',
      command: "vps profile list --json | jq '.[] | {name, sold: .servers | length}'",
    },
  ]

  async run(): Promise<void> {
    this.settle(await this.parse(ProfileList))
    const host = await Host.open()
    const profiles = await host.profiles()
    const rows = profiles.map(profile => ({
      ...profile,
      errors: profile.problems.filter(({grade}) => grade === 'error').length,
    }))
    await this.answer(
      profiles.map(({problems, ...profile}) => ({
        ...profile,
        valid: problems.every(({grade}) => grade !== 'error'),
      })),
      () =>
        table(
          rows,
          [
            {title: 'NAME', value: ({name}) => name},
            {title: 'SERVERS', value: ({servers}) => `${servers.length}`, right: true},
            {
              title: 'ABOUT',
              value: ({errors, description}) => (errors > 0 ? `invalid: see vps profile show` : description),
            },
            {title: 'FILE', value: ({file}) => file},
          ],
          this.paint,
        ),
    )
  }
}
