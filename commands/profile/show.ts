import process from 'node:process'
import {string as word} from '@oclif/core/args'
import {renderProblems} from '../../src/definition/index.ts'
import {ExitCode} from '../../src/errors.ts'
import {Host, type ProfileDetails} from '../../src/server/index.ts'
import {fields, type Paint, paintProblems, problemJson, VpsCommand} from '../../src/ui/index.ts'

export default class ProfileShow extends VpsCommand {
  static override summary = 'Show a profile: its text, who uses it, and its problems.'
  static override description =
    'The profile is checked by itself; what it leaves to definitions is no problem. Ends with 2 if there is an error. What a server gets of it is shown by `vps show NAME --effective`.'
  static override examples = ['vps profile show small']
  static override args = {profile: word({description: 'The profile.', required: true})}

  async run(): Promise<void> {
    const [name = ''] = this.settle(await this.parse(ProfileShow))
    const host = await Host.open()
    const profile = await host.profile(name)
    const {problems, ...rest} = profile
    const valid = problems.every(({grade}) => grade !== 'error')
    await this.answer({...rest, valid, problems: problems.map(problemJson)}, () => page(profile, this.paint))
    if (!valid) process.exitCode = ExitCode.wrongUse
  }
}

function page({name, file, description, servers, problems, text}: ProfileDetails, paint: Paint): string {
  const about = fields(
    [
      ['name', name],
      ['about', description],
      ['file', file],
      ['servers', servers.join(', ')],
    ],
    paint,
  )
  const found = problems.length === 0 ? [] : [paintProblems(renderProblems(problems, text), paint)]
  return [about, text.trimEnd(), ...found].filter(part => part !== '').join('\n\n')
}
