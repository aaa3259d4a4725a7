import process from 'node:process'
import {ExitCode} from '../errors.ts'
import {paintFor} from './color.ts'
import {renderError} from './errors.ts'
import {exitCodeOfMany, forEachName, manyJson} from './many.ts'
import {toJson, write} from './output.ts'
import {progressLine} from './progress.ts'

export interface EachOptions<Value extends object> {
  readonly json: boolean
  readonly work: (name: string, progress: (line: string) => void) => Promise<Value>
  /** What to say of a result. */
  readonly text: (value: Value, name: string) => string
  /** What went wrong though it was done; says so on standard error, and makes the exit code 1. */
  readonly problems?: ((value: Value) => readonly Error[]) | undefined
}

/**
 * Does `work` for every name, a few at once. Says `text` of each result as soon as it is there, or the error on standard error;
 * with JSON one array of all in the order of the names. Returns the exit code: that of the first name that failed.
 */
export async function reportEach<Value extends object>(
  names: readonly string[],
  {json, work, text, problems = () => []}: EachOptions<Value>,
): Promise<number> {
  const progress = progressLine()
  const outcomes = await forEachName(
    names,
    name => work(name, line => progress.report(`${name}: ${line}`)),
    async outcome => {
      progress.clear()
      if (json) return
      if (outcome.ok) {
        await write(`${text(outcome.value, outcome.name)}\n`)
        for (const problem of problems(outcome.value))
          process.stderr.write(`${renderError(problem, paintFor(process.stderr))}\n`)
      } else process.stderr.write(`${renderError(outcome.error, paintFor(process.stderr))}\n`)
    },
  )
  progress.end()
  if (json) await write(toJson(manyJson(outcomes)))
  const isWhole = outcomes.every(outcome => !outcome.ok || problems(outcome.value).length === 0)
  return exitCodeOfMany(outcomes) || (isWhole ? ExitCode.done : ExitCode.failed)
}
