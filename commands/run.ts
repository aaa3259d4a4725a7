import {randomBytes} from 'node:crypto'
import {constants} from 'node:os'
import process from 'node:process'
import {boolean, string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../src/errors.ts'
import {Host} from '../src/server/index.ts'
import {notice, progressLine, spawnAttach, splitWords, VpsCommand} from '../src/ui/index.ts'

const INTERRUPTIONS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export default class Run extends VpsCommand {
  static override summary = 'Run one command in a server made for it.'
  static override description =
    `Creates a server with a name of its own (run-…), starts it, runs the command in it, and destroys it when the command has ended. When vps itself is interrupted the server is left for a look, unless --rm says that it shall go then too.

Without --file the server has no services of its own (init: persist). The command gets a terminal when standard input and output are one. Ends with the command's status as \`vps exec\` does.`
  static override usage = '[--template T | -f FILE] [--rm] [--allow-unenforced] -- COMMAND…'
  static override examples = [
    'vps run -- id',
    {description: 'look around in a fresh Debian', command: 'vps run --template debian --rm -- bash'},
    {
      description: 'a build that cannot harm the host',
      command: 'vps run -f build.yaml --rm -- make -C /src check',
    },
  ]
  static override strict = false
  static override flags = {
    template: string({
      description: 'The template of its root file system; default: host.',
      helpValue: 'T',
      exclusive: ['file'],
    }),
    file: string({char: 'f', description: 'A definition for the server.', helpValue: 'FILE'}),
    'allow-unenforced': boolean({
      description: 'Start without the limits that this host cannot enforce, and say so in list and show.',
    }),
    rm: boolean({description: 'Destroy it also when vps is interrupted (SIGINT, SIGTERM, SIGHUP).'}),
  }
  static override ownWords = 0
  static override failsWith = 125

  async run(): Promise<void> {
    const {own, command} = splitWords(this.argv, {...Run.baseFlags, ...Run.flags}, Run.ownWords)
    const parsed = await this.parse(Run, [...own])
    this.settle(parsed)
    if (command.length === 0) throw noCommand()
    const {template, file, rm, 'allow-unenforced': allowUnenforced} = parsed.flags
    const host = await Host.open({notice})
    const name = `run-${randomBytes(4).toString('hex')}`
    const interruption = rm ? catchInterruptions() : undefined
    const progress = progressLine()
    try {
      await host.create(name, {
        ...(file === undefined
          ? {template: template ?? 'host', set: [{path: 'init', value: 'persist'}]}
          : {file}),
        progress: progress.report,
      })
      interruption?.throwIfCaught()
      await host.start(name, {wait: true, allowUnenforced, progress: progress.report})
      progress.end()
      interruption?.throwIfCaught()
      process.exitCode = await this.execute(host, name, command, interruption)
    } finally {
      progress.end()
      await destroyIfMade(host, name)
    }
  }

  private async execute(
    host: Host,
    name: string,
    command: readonly string[],
    interruption: Interruption | undefined,
  ): Promise<number> {
    const tty = process.stdin.isTTY === true && process.stdout.isTTY === true
    const child = await spawnAttach(
      await host.attachWords(name, {argv: [...command], env: {}, tty, login: false}),
    )
    interruption?.pass(child.kill)
    const status = await child.status
    return interruption?.exitCode() ?? status
  }
}

/** Signals that end vps, held back so that the server can be destroyed first. */
interface Interruption {
  /** Once there is a child it is told too. */
  readonly pass: (kill: (signal: NodeJS.Signals) => void) => void
  readonly throwIfCaught: () => void
  /** 128+n after an interruption. */
  readonly exitCode: () => number | undefined
}

function catchInterruptions(): Interruption {
  let caught: NodeJS.Signals | undefined
  let kill: (signal: NodeJS.Signals) => void = () => {}
  for (const signal of INTERRUPTIONS) {
    process.on(signal, () => {
      caught ??= signal
      kill('SIGTERM')
    })
  }
  return {
    pass(child) {
      kill = child
      if (caught !== undefined) child('SIGTERM')
    },
    throwIfCaught() {
      if (caught !== undefined) throw new VpsError('INTERRUPTED', `interrupted by ${caught}`)
    },
    exitCode: () => (caught === undefined ? undefined : 128 + constants.signals[caught]),
  }
}

/** Nothing is there when the creation failed, and that is the error to be told then. */
async function destroyIfMade(host: Host, name: string): Promise<void> {
  const [server] = await host.list({names: [name]}).catch(() => [])
  if (server !== undefined) await host.destroy(name, {force: true})
}

function noCommand(): VpsError {
  return new VpsError('WRONG_USE', 'there is no command to run', {
    exitCode: ExitCode.wrongUse,
    suggestions: ['vps run -- COMMAND…'],
  })
}
