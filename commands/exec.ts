import {string as word} from '@oclif/core/args'
import {boolean, string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../src/errors.ts'
import {isPattern} from '../src/patterns.ts'
import {Host} from '../src/server/index.ts'
import {BulkCommand, becomeAttach, bulkFlags, environmentOf, isNarrowed, splitWords} from '../src/ui/index.ts'

export default class Exec extends BulkCommand {
  static override summary = 'Run a command in a running server, or in many.'
  static override description =
    `In one server standard input, output and error are passed through byte by byte; with -t the command gets a terminal of the server's own. All words after the server's name and its flags, or after --, are the command's; no shell is involved.

In many (a pattern of names, --all, --tag …; only those that run) the command reads nothing, and its output is grouped: a line ==> NAME, then what it said; standard error comes with the names before its lines. --prefix shows lines as they come. --json has it all for each server.

Ends with the command's status; 128+n when signal n ended it, 127 when it was not found, 126 when it cannot be executed, 125 when vps itself fails. In many: 0 when all are 0, else the highest; 124 counts for one that took longer than --timeout.`
  static override usage = [
    'NAME [--user U] [--env K=V …] [--cwd DIR] [-t] -- COMMAND…',
    "'PATTERN' | --all | --tag T | --project P [--parallel N] [--timeout D] [--prefix] -- COMMAND…",
  ]
  static override examples = [
    'vps exec web1 -- systemctl is-system-running',
    {
      description: 'a dump, binary-safe',
      command: 'vps exec db1 --user postgres -- pg_dump -Fc shop > shop.dump',
    },
    {description: 'a full-screen program', command: 'vps exec web1 -t -- top'},
    {description: 'with a shell', command: `vps exec web1 -- sh -c 'echo $HOSTNAME; df -h /'`},
    {description: 'in many', command: `vps exec 'web*' --timeout 30s -- uptime`},
    {
      description: 'where it failed',
      command: `vps exec --all --json -- test -e /etc/debian_version | jq -r '.[] | select(.ok | not).name'`,
    },
  ]
  static override strict = false
  static override args = {name: word({description: 'The server, or a pattern of names.'})}
  static override flags = {
    user: string({description: 'Name or number, or uid:gid, in the server; default: root.', helpValue: 'U'}),
    env: string({
      description: 'An environment variable.',
      helpValue: 'K=V',
      multiple: true,
      multipleNonGreedy: true,
    }),
    cwd: string({description: "Where it starts; default: the user's home.", helpValue: 'DIR'}),
    tty: boolean({
      char: 't',
      description: "Give it a terminal of the server's own.",
      exclusive: ['parallel', 'timeout', 'prefix', 'all', 'tag', 'project', 'state', 'fleet'],
    }),
    ...bulkFlags,
  }
  static override ownWords = 1

  async run(): Promise<void> {
    const {own, command} = splitWords(this.argv, {...Exec.baseFlags, ...Exec.flags}, Exec.ownWords)
    const parsed = await this.parse(Exec, [...own])
    const {flags} = parsed
    const names = this.settle(parsed)
    const [name = ''] = names
    this.requireSelection(names, flags)
    if (command.length === 0) throw noCommand()
    const {user, env, cwd, tty, timeout} = flags
    const asked = {
      argv: [...command],
      env: environmentOf(env ?? []),
      ...(user !== undefined && {user}),
      ...(cwd !== undefined && {cwd}),
    }
    const host = await Host.open()
    const isOne = flags.all !== true && !isNarrowed(flags) && !isPattern(name)
    if (isOne && timeout === undefined && flags.parallel === undefined && !flags.prefix)
      return await becomeAttach(
        await host.attachWords(name, {
          ...asked,
          tty,
          login: false,
          ignoreHangup: process.env.VPS_NOHUP === '1',
        }),
      )
    const servers = await this.chosen(host, names, flags, ['running'])
    await this.inEach(servers, flags, (server, run) =>
      host.exec(server, {...asked, ...run, ...(timeout !== undefined && {timeoutMs: timeout})}),
    )
  }
}

function noCommand(): VpsError {
  return new VpsError('WRONG_USE', 'there is no command to run', {
    exitCode: ExitCode.wrongUse,
    suggestions: ['vps exec NAME -- COMMAND…', 'vps enter NAME for a shell'],
  })
}
