import {constants} from 'node:os'
import process from 'node:process'
import {boolean} from '@oclif/core/flags'
import {VpsError} from '../errors.ts'
import {type BulkOutput, bulkOutput, type CommandResult} from './bulk-output.ts'
import {countFlag, durationFlag} from './flags.ts'
import {ServersCommand} from './servers-command.ts'

/** What a command is told that runs another in many servers. */
export interface BulkRun {
  readonly signal: AbortSignal
  readonly maxOutputBytes?: number
  readonly onOutput?: (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void>
}

export interface BulkFlags {
  readonly parallel?: number | undefined
  readonly prefix?: boolean
}

const INTERRUPTIONS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A command that runs something in many servers at once: output by server, exit codes summed up, interruptions passed on. */
export abstract class BulkCommand extends ServersCommand {
  static override failsWith = 125

  /** Runs `work` in each, a few at once, shows what came of it and sets the exit code. */
  protected async inEach(
    names: readonly string[],
    {parallel, prefix = false}: BulkFlags,
    work: (name: string, run: BulkRun) => Promise<CommandResult>,
  ): Promise<void> {
    const {forEachServer} = await import('../fleet/index.ts') // most commands do without
    const output = bulkOutput({json: this.json, prefix})
    const stop = new AbortController()
    const caught = catchInterruptions(stop)
    try {
      const outcomes = await forEachServer(
        names,
        name => work(name, {signal: stop.signal, ...listener(output, name)}),
        {
          ...(parallel !== undefined && {parallel: Math.max(1, parallel)}),
          signal: stop.signal,
          onDone: output.onDone,
        },
      )
      process.exitCode = await output.end(outcomes)
    } catch (error) {
      const number = caught()
      if (number === undefined) throw error
      process.exitCode = 128 + number
    }
  }
}

/** The flags that such commands share. */
export const bulkFlags = {
  parallel: countFlag({
    description: 'In so many servers at once; default: two for each processor, at most 16.',
  }),
  timeout: durationFlag({
    description: 'End the command after D; counts as status 124.',
  }),
  prefix: boolean({description: "Show lines as they come, each with its server's name."}),
}

function listener({onOutput}: BulkOutput, name: string): Omit<BulkRun, 'signal'> {
  if (onOutput === undefined) return {}
  return {maxOutputBytes: 0, onOutput: (stream, chunk) => onOutput(name, stream, chunk)}
}

/** Calls all of it off; the function that comes back says which signal it was. */
function catchInterruptions(stop: AbortController): () => number | undefined {
  let number: number | undefined
  for (const signal of INTERRUPTIONS) {
    process.once(signal, () => {
      number ??= constants.signals[signal]
      stop.abort(new VpsError('INTERRUPTED', `interrupted by ${signal}`))
    })
  }
  return () => number
}
