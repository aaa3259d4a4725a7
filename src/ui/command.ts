import process from 'node:process'
import {Command} from '@oclif/core/command'
import {boolean} from '@oclif/core/flags'
import {forbidColor, type Paint, paintFor} from './color.ts'
import {toJson, write} from './output.ts'

/** The part of oclif's parser that says which word stood where. */
interface Parsed {
  readonly raw: readonly {readonly type: string; readonly input: string}[]
  readonly flags: {json?: boolean; 'no-color'?: boolean}
}

/**
 * What every command of vps is: oclif's command with `--json` and `--no-color`, words in the order they were typed, and
 * output that a closed pipe cannot break. Errors are not handled here: they travel to `main`, which prints them once.
 */
export abstract class VpsCommand extends Command {
  static override baseFlags = {
    json: boolean({description: 'Answer in JSON on standard output.', helpGroup: 'global'}),
    'no-color': boolean({
      description: 'No colour on a terminal; NO_COLOR does the same.',
      helpGroup: 'global',
    }),
  }

  /** For commands that pass words on to another program: how many words before those are ours (`exec`: the name). */
  static ownWords: number | undefined = undefined

  /** The exit code when vps itself fails, where the others belong to another program's status (`exec`: 125). */
  static failsWith: number | undefined = undefined

  protected json = false

  abstract override run(): Promise<void>

  /** oclif's own start looks for aliases and deprecations of plugins, of which there are none. */
  protected override async init(): Promise<void> {}

  /** Errors are rendered at the edge, so oclif's own handling stays out of the way. */
  protected override async catch(error: Error): Promise<never> {
    throw error
  }

  /** Notes the global flags. Returns the words that are no flags, in the order typed (oclif's `argv` loses it). */
  protected settle(parsed: Parsed): string[] {
    this.json = parsed.flags.json ?? false
    if (parsed.flags['no-color'] === true) forbidColor()
    return parsed.raw.filter(token => token.type === 'arg').map(token => token.input)
  }

  /** The paint for standard output. */
  protected get paint(): Paint {
    return paintFor(process.stdout)
  }

  /** Text for people; nothing with `--json`. */
  protected async print(text: string): Promise<void> {
    if (!this.json && text !== '') await write(text.endsWith('\n') ? text : `${text}\n`)
  }

  /** The answer: JSON with `--json`, else the text. */
  protected async answer(value: unknown, text: () => string): Promise<void> {
    if (this.json) await write(toJson(value))
    else await this.print(text())
  }
}
