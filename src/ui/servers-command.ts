import process from 'node:process'
import {boolean, string} from '@oclif/core/flags'
import {ExitCode, VpsError} from '../errors.ts'
import {VpsCommand} from './command.ts'
import {reportEach} from './report-each.ts'

/** Which servers a command is about, as the API's `resolve` takes it. */
export interface Selection {
  readonly names: string[]
  readonly all?: boolean
  readonly tag?: string
}

/** A command that does the same to several servers: names, `--all` or `--tag`; every one is tried and reported. */
export abstract class ServersCommand extends VpsCommand {
  static override strict = false
  static override baseFlags = {
    ...VpsCommand.baseFlags,
    all: boolean({description: 'All servers of this host.', exclusive: ['tag']}),
    tag: string({description: 'The servers that have this tag.', helpValue: 'T'}),
  }

  /** Names, `--all` or `--tag`: exactly one of the three; throws VpsError WRONG_USE otherwise. */
  protected selection(names: string[], flags: {all?: boolean; tag?: string | undefined}): Selection {
    const ways = [names.length > 0, flags.all === true, flags.tag !== undefined].filter(Boolean).length
    if (ways === 1) {
      return {names, ...(flags.all === true && {all: true}), ...(flags.tag !== undefined && {tag: flags.tag})}
    }
    throw new VpsError(
      'WRONG_USE',
      ways === 0 ? 'no server is named' : 'names, --all and --tag exclude each other',
      {
        exitCode: ExitCode.wrongUse,
        suggestions: [`vps ${this.id} NAME…, vps ${this.id} --all, or vps ${this.id} --tag T`],
      },
    )
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
