import {string as word} from '@oclif/core/args'
import {parseAssignments} from '../src/definition/index.ts'
import {ExitCode, VpsError} from '../src/errors.ts'
import {isPattern} from '../src/patterns.ts'
import {Host} from '../src/server/index.ts'
import {changeText, isNarrowed, notice, type SelectionFlags, ServersCommand} from '../src/ui/index.ts'

export default class SetKeys extends ServersCommand {
  static override summary = 'Change keys of definitions.'
  static override description =
    'Comments and layout of the file stay as they are. Says which changes are in effect at once and which wait for the next start. Values are YAML; `list+=item` appends to a list; `key=` or `key-` alone takes the key out, so that its default holds. A change that makes the definition invalid is refused.'
  static override usage = ['NAME… key=value…', '--all | --tag T | --project P | --state S key=value…']
  static override examples = [
    'vps set web1 hostname=web1.example.net',
    'vps set web1 restart.policy=always restart.max=10',
    {
      description: 'lists and maps as YAML',
      command: `vps set web1 'tags=[web, miller]' 'mounts[0].readonly=true'`,
    },
    {description: 'one more mount', command: `vps set web1 'mounts+={source: /srv/web1, target: /srv/www}'`},
    {description: 'back to the default', command: 'vps set web1 stop.timeout='},
    {description: 'many servers', command: 'vps set --tag web autostart=true'},
  ]
  static override strict = false
  static override args = {
    names: word({description: 'Servers to change.'}),
    assignments: word({description: 'What to change: key=value.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(SetKeys)
    const {flags} = parsed
    const {names, assignments} = split(this.settle(parsed), flags)
    if (assignments.length === 0) throw nothingToSet(names[0])
    const [name = ''] = names
    const changes = parseAssignments(assignments)
    const host = await Host.open({notice})
    if (names.length === 1 && !isPattern(name) && !flags.all && !isNarrowed(flags)) {
      const report = await host.set(name, changes)
      return await this.answer(report, () => changeText(report))
    }
    await this.each(
      await this.chosen(host, names, flags),
      one => host.set(one, changes),
      report => changeText(report),
    )
  }
}

/**
 * The first word names a server, unless flags select them. Of the words after it those are names that look like no assignment,
 * up to the first that does.
 */
function split(
  words: readonly string[],
  flags: SelectionFlags,
): {readonly names: readonly string[]; readonly assignments: readonly string[]} {
  const atLeast = flags.all === true || isNarrowed(flags) ? 0 : 1
  const first = words.findIndex((text, index) => index >= atLeast && /=|-$/.test(text))
  const count = first === -1 ? atLeast : first
  return {names: words.slice(0, count), assignments: words.slice(count)}
}

function nothingToSet(name = 'NAME'): VpsError {
  return new VpsError('WRONG_USE', 'there is nothing to set', {
    exitCode: ExitCode.wrongUse,
    suggestions: [`vps set ${name} key=value`],
  })
}
