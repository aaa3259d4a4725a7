import process from 'node:process'
import {boolean, string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../errors.ts'
import {VpsCommand} from './command.ts'
import {reportEach} from './report-each.ts'

/** The part of the API's Host that finds servers. */
export interface Lister {
  list(filter: {readonly tag?: string}): Promise<readonly {readonly name: string; readonly state: string}[]>
}

/** Which servers a reading command is about, as the API's Host takes it. */
export interface Selected {
  readonly names?: readonly string[]
  readonly tag?: string
  readonly all?: boolean
}

interface SelectionFlags {
  readonly all?: boolean
  readonly tag?: string | undefined
}

/** A command that does the same to several servers: names, `--all` or `--tag`; every one is tried and reported. */
export abstract class ServersCommand extends VpsCommand {
  static override baseFlags = {
    ...VpsCommand.baseFlags,
    all: boolean({description: 'All servers of this host that it makes sense for.', exclusive: ['tag']}),
    tag: string({description: 'The servers that have this tag.', helpValue: 'T'}),
  }

  /** Refuses a command line that names no server, or all of them and some. */
  protected requireSelection(names: readonly string[], flags: SelectionFlags): void {
    if (flags.all === true ? names.length === 0 : names.length > 0 || flags.tag !== undefined) return
    throw new VpsError(
      'WRONG_USE',
      flags.all === true ? 'names and --all exclude each other' : 'no server is named',
      {
        exitCode: ExitCode.wrongUse,
        suggestions: [`vps ${this.id} NAME…, vps ${this.id} --all, or vps ${this.id} --tag T`],
      },
    )
  }

  /** For commands that only look: without a word they mean all servers. */
  protected allUnlessChosen(names: readonly string[], flags: SelectionFlags): Selected {
    if (names.length === 0 && flags.tag === undefined) return {all: true}
    this.requireSelection(names, flags)
    return {...(names.length > 0 && {names}), ...(flags.tag !== undefined && {tag: flags.tag})}
  }

  /**
   * The servers meant, each once: those named, in the order of the command line, then those that have the tag. A name that is no
   * server is not looked at here, so that it does not keep the others from being done.
   * @param states `--all` and `--tag` mean only servers in one of these: nobody who stops all wants to hear of stopped ones
   */
  protected async chosen(
    host: Lister,
    names: readonly string[],
    flags: SelectionFlags,
    states?: readonly string[],
  ): Promise<string[]> {
    this.requireSelection(names, flags)
    if (flags.all !== true && flags.tag === undefined) return [...new Set(names)]
    const found = await host.list(flags.tag === undefined ? {} : {tag: flags.tag})
    if (found.length === 0 && flags.tag !== undefined)
      process.stderr.write(`vps: no server has the tag ${flags.tag}\n`)
    const suitable = found.filter(({state}) => states === undefined || states.includes(state))
    return [...new Set([...names, ...suitable.map(({name}) => name)])]
  }

  /** `reportEach`, with the exit code set. */
  protected async each<Value extends object>(
    names: readonly string[],
    work: (name: string, progress: (line: string) => void) => Promise<Value>,
    text: (value: Value, name: string) => string,
  ): Promise<void> {
    process.exitCode = await reportEach(names, {json: this.json, work, text})
  }
}
