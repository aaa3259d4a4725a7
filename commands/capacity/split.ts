import {string as word} from '@oclif/core/args'
import {boolean, string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../../src/errors.ts'
import {Host} from '../../src/server/index.ts'
import {notice, VpsCommand, write} from '../../src/ui/index.ts'

export default class CapacitySplit extends VpsCommand {
  static override summary = 'Write a profile that divides this host into equal servers.'
  static override description =
    `Each of N servers gets the same part of the processors, the memory, the swap and the processes that the host has, after a reserve for the host itself; nothing is promised twice, and half of the memory is guaranteed. The profile goes to /etc/vps/profiles, with what was divided in its comments: change it as you like. \`vps create web1 --set 'profiles=[split-10]'\` makes one of them.`
  static override usage = 'N [--name PROFILE] [--reserve 10%] [--force | --print]'
  static override examples = [
    'vps capacity split 10',
    {
      description: 'under another name, keeping a quarter of the host',
      command: 'vps capacity split 20 --name small --reserve 25%',
    },
    {description: 'a look before', command: 'vps capacity split 50 --print'},
  ]
  static override args = {servers: word({description: 'How many servers.', required: true})}
  static override flags = {
    name: string({description: 'The name of the profile; default: split-N.', helpValue: 'PROFILE'}),
    reserve: string({
      description: 'How much of the host stays with the host.',
      helpValue: 'P%',
      default: '10%',
    }),
    force: boolean({description: 'Replace a profile of that name.', exclusive: ['print']}),
    print: boolean({description: 'Write it to standard output instead.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(CapacitySplit)
    const [servers = ''] = this.settle(parsed)
    const {name, reserve, force, print} = parsed.flags
    const host = await Host.open({notice})
    const report = await host.splitCapacity({
      servers: countOf(servers),
      name,
      reserve: percentOf(reserve),
      force,
      dryRun: print,
    })
    if (print && !this.json) await write(report.text)
    else
      await this.answer(
        report,
        () => `wrote ${report.file}\nuse it in definitions as \`profiles: [${report.name}]\``,
      )
  }
}

function countOf(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw wrongUse(
    `the number of servers is a whole number, not ${JSON.stringify(text)}`,
    'vps capacity split 10',
  )
}

function percentOf(text: string): number {
  const [, number] = /^(\d{1,2}(?:\.\d+)?)%?$/.exec(text) ?? []
  if (number !== undefined) return Number(number) / 100
  throw wrongUse(`--reserve is a percentage, not ${JSON.stringify(text)}`, 'write it as 10%')
}

function wrongUse(message: string, suggestion: string): VpsError {
  return new VpsError('WRONG_USE', message, {exitCode: ExitCode.wrongUse, suggestions: [suggestion]})
}
