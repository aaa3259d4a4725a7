import process from 'node:process'
import {string as word} from '@oclif/core/args'
import {string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../src/errors.ts'
import {Host} from '../src/server/index.ts'
import {bytes, bytesFlag, durationFlag, interruption, ServersCommand, splitPlace} from '../src/ui/index.ts'

export default class Cp extends ServersCommand {
  static override summary = 'Copy files to servers, or from one.'
  static override description =
    `NAME:PATH is a place in a running server, absolute or from root's home; anything else is one of the host (write ./a:b for a file a:b). A directory at the target takes things in; else the target is the new name. Directories are copied with all that is in them; modes, times and symbolic links stay as they are.

To servers: the tar of the server writes what the host packs, owned by root or as --owner says. Directories that are there are added to, files are replaced. To many: 'web*:PATH', or :PATH with --all or --tag and the like, which mean servers that run.

From a server: what comes is taken for a hostile tenant's. Devices, pipes, and names that lead elsewhere are refused; set-user-ID and its like are left out; all is owned by whoever runs vps. Nothing gets its name before all has come, and only a file is replaced. Links may point anywhere: look before you follow them.`
  static override usage = [
    'SRC… NAME:PATH [--owner USER[:GROUP]] [--timeout D]',
    "SRC… 'PATTERN:PATH' | SRC… :PATH --all | --tag T | --project P | --state S | --fleet F",
    'NAME:PATH… DST [--max-size BYTES] [--timeout D]',
  ]
  static override examples = [
    'vps cp nginx.conf web1:/etc/nginx/',
    {description: 'to all web servers that run', command: 'vps cp motd :/etc/motd --tag web'},
    {description: 'by a pattern, for a user of theirs', command: "vps cp site 'web*:/srv' --owner www-data"},
    {description: 'out of a server', command: 'vps cp web1:/var/log/nginx web1:/etc/nginx /srv/saved'},
  ]
  static override strict = false
  static override args = {paths: word({description: 'What to copy; the last one: where to.'})}
  static override flags = {
    owner: string({
      description: 'Who owns it in the servers, by name or number; default: root.',
      helpValue: 'U[:G]',
    }),
    'max-size': bytesFlag({description: 'What may come from a server at most; default: 10GiB.'}),
    timeout: durationFlag({description: 'Give up after D.'}),
  }

  async run(): Promise<void> {
    const parsed = await this.parse(Cp)
    const words = this.settle(parsed)
    const {flags} = parsed
    const [last, ...others] = words.toReversed()
    if (last === undefined || others.length === 0)
      throw wrongUse(
        'name what to copy, and where to',
        'vps cp FILE NAME:/PATH',
        'vps cp NAME:/PATH DIRECTORY',
      )
    const sources = others.toReversed().map(splitPlace)
    const target = splitPlace(last)
    using caught = interruption(() => {})
    const timing = {signal: caught.signal, timeoutMs: flags.timeout}
    const host = await Host.open()
    if (target.server !== undefined) {
      if (sources.some(({server}) => server !== undefined))
        throw wrongUse('one end is on the host', 'copy from one server to the host, then to the other')
      if (flags['max-size'] !== undefined) throw wrongUse('--max-size is for what comes from a server')
      const names = target.server === '' ? [] : [target.server]
      const options = {sources: sources.map(({path}) => path), target: target.path, owner: flags.owner}
      await this.each(
        await this.chosen(host, names, flags, ['running']),
        name => host.copyIn(name, {...options, ...timing}),
        report => `${report.name}: copied to ${report.target} (${bytes(report.bytes)})`,
      )
    } else {
      const [name = '', ...more] = new Set(sources.map(({server}) => server ?? ''))
      if (name === '' || more.length > 0)
        throw wrongUse('things come from one server, or go to some: NAME:PATH', 'write ./a:b for a file a:b')
      if (flags.owner !== undefined) throw wrongUse('--owner is for what goes to servers')
      const options = {sources: sources.map(({path}) => path), target: target.path}
      const names = await this.chosen(host, [name], flags)
      if (names.length > 1) throw wrongUse('things are copied from one server at a time')
      await this.each(
        names,
        server => host.copyOut(server, {...options, ...timing, maxBytes: flags['max-size']}),
        report => `${report.name}: copied to ${report.targets.join(', ')} (${bytes(report.bytes)})`,
      )
    }
    if (caught.signal.aborted) process.exitCode = ExitCode.interrupted
  }
}

function wrongUse(message: string, ...suggestions: string[]): VpsError {
  return new VpsError('WRONG_USE', message, {exitCode: ExitCode.wrongUse, suggestions})
}
