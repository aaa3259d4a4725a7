import process from 'node:process'
import {string as word} from '@oclif/core/args'
import {string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../src/errors.ts'
import {isPattern} from '../src/patterns.ts'
import {Host} from '../src/server/index.ts'
import {
  bytes,
  bytesFlag,
  durationFlag,
  interruption,
  type PlaceWord,
  ServersCommand,
  splitPlace,
} from '../src/ui/index.ts'

export default class Cp extends ServersCommand {
  static override summary = 'Copy files to servers, from one, or from one to others.'
  static override description =
    `NAME:PATH is a place in a server, absolute or from root's home; anything else is one of the host (write ./a:b for a file a:b). A directory at the target takes things in; else the target is the new name. Directories are copied with all that is in them; modes, times and symbolic links stay as they are.

To servers: it is owned by root or as --owner says. Directories that are there are added to, files are replaced. To many: 'web*:PATH', or :PATH with --all or --tag and the like, which mean servers that run unless --state says otherwise.

A server that runs reads and writes its files itself, with its own sh and tar. One that does not is kept from starting until the copy is over; what a start makes anew or mounts (/dev, /run, \`mounts\`, trees of the host) is refused.

From a server: what comes is taken for a hostile tenant's. Devices, pipes, and names that lead elsewhere are refused; set-user-ID and its like are left out; all is owned by whoever runs vps. Nothing gets its name before all has come, and only a file is replaced. Links may point anywhere: look before you follow them. From a server to others nothing lies on the host meanwhile, and the same is refused.`
  static override usage = [
    'SRC… NAME:PATH [--owner USER[:GROUP]] [--timeout D]',
    "SRC… 'PATTERN:PATH' | SRC… :PATH --all | --tag T | --project P | --state S | --fleet F",
    'NAME:PATH… DST [--max-size BYTES] [--timeout D]',
    'NAME:PATH… OTHER:PATH [--owner USER[:GROUP]] [--max-size BYTES] [--timeout D]',
  ]
  static override examples = [
    'vps cp nginx.conf web1:/etc/nginx/',
    {description: 'to all web servers that run', command: 'vps cp motd :/etc/motd --tag web'},
    {description: 'by a pattern, for a user of theirs', command: "vps cp site 'web*:/srv' --owner www-data"},
    {description: 'from one server to another', command: 'vps cp web1:/srv/site web2:/srv/'},
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
    const paths = sources.map(({path}) => path)
    const from = await this.#sender(host, sources)
    const common = {sources: paths, target: target.path, ...timing}
    if (target.server === undefined) {
      if (from === undefined)
        throw wrongUse('things come from one server, or go to some: NAME:PATH', 'write ./a:b for a file a:b')
      if (flags.owner !== undefined) throw wrongUse('--owner is for what goes to servers')
      await this.each(
        await this.chosen(host, [from], flags),
        server => host.copyOut(server, {...common, maxBytes: flags['max-size']}),
        report => `${report.name}: copied to ${report.targets.join(', ')} (${bytes(report.bytes)})`,
      )
    } else {
      if (from === undefined && flags['max-size'] !== undefined)
        throw wrongUse('--max-size is for what comes from a server')
      const names = target.server === '' ? [] : [target.server]
      const options = {...common, owner: flags.owner}
      await this.each(
        await this.chosen(host, names, flags, ['running']),
        name =>
          from === undefined
            ? host.copyIn(name, options)
            : host.copyBetween(from, name, {...options, maxBytes: flags['max-size']}),
        report => `${report.name}: copied to ${report.target} (${bytes(report.bytes)})`,
      )
    }
    if (caught.signal.aborted) process.exitCode = ExitCode.interrupted
  }

  /** The server that all sources are of; undefined when they are the host's. */
  async #sender(host: Host, sources: readonly PlaceWord[]): Promise<string | undefined> {
    const [server, ...more] = new Set(sources.map(source => source.server))
    if (more.length > 0 || server === '')
      throw wrongUse('things come from one server, or from the host: NAME:PATH', 'write ./a:b for a file a:b')
    if (server === undefined || !isPattern(server)) return server
    const [name, ...others] = await host.resolve({names: [server]})
    if (others.length > 0) throw wrongUse('things are copied from one server at a time')
    return name
  }
}

function wrongUse(message: string, ...suggestions: string[]): VpsError {
  return new VpsError('WRONG_USE', message, {exitCode: ExitCode.wrongUse, suggestions})
}
