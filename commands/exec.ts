import {string as word} from '@oclif/core/args'
import {boolean, string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../src/errors.ts'
import {Host} from '../src/server/index.ts'
import {becomeAttach, environmentOf, splitWords, VpsCommand} from '../src/ui/index.ts'

export default class Exec extends VpsCommand {
  static override summary = 'Run a command in a running server.'
  static override description =
    `Standard input, output and error are passed through byte by byte; with -t the command gets a terminal of the server's own. All words after the server's name and its flags, or after --, are the command's; no shell is involved.

Ends with the command's status; 128+n when signal n ended it, 127 when it was not found, 126 when it cannot be executed, 125 when vps itself fails.`
  static override usage = 'NAME [--user U] [--env K=V …] [--cwd DIR] [-t] -- COMMAND…'
  static override examples = [
    'vps exec web1 -- systemctl is-system-running',
    {
      description: 'a dump, binary-safe',
      command: 'vps exec db1 --user postgres -- pg_dump -Fc shop > shop.dump',
    },
    {description: 'a full-screen program', command: 'vps exec web1 -t -- top'},
    {description: 'with a shell', command: `vps exec web1 -- sh -c 'echo $HOSTNAME; df -h /'`},
  ]
  static override strict = false
  static override args = {name: word({description: 'The server.', required: true})}
  static override flags = {
    user: string({description: 'Name or number, or uid:gid, in the server; default: root.', helpValue: 'U'}),
    env: string({
      description: 'An environment variable.',
      helpValue: 'K=V',
      multiple: true,
      multipleNonGreedy: true,
    }),
    cwd: string({description: "Where it starts; default: the user's home.", helpValue: 'DIR'}),
    tty: boolean({char: 't', description: "Give it a terminal of the server's own."}),
  }
  static override ownWords = 1
  static override failsWith = 125

  async run(): Promise<void> {
    const {own, command} = splitWords(this.argv, {...Exec.baseFlags, ...Exec.flags}, Exec.ownWords)
    const parsed = await this.parse(Exec, [...own])
    const [name = ''] = this.settle(parsed)
    if (command.length === 0) throw noCommand()
    const {user, env, cwd, tty} = parsed.flags
    const host = await Host.open()
    await becomeAttach(
      await host.attachWords(name, {
        argv: [...command],
        env: environmentOf(env ?? []),
        tty,
        login: false,
        ignoreHangup: process.env.VPS_NOHUP === '1',
        ...(user !== undefined && {user}),
        ...(cwd !== undefined && {cwd}),
      }),
    )
  }
}

function noCommand(): VpsError {
  return new VpsError('WRONG_USE', 'there is no command to run', {
    exitCode: ExitCode.wrongUse,
    suggestions: ['vps exec NAME -- COMMAND…', 'vps enter NAME for a shell'],
  })
}
