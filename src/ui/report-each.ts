import process from 'node:process'
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
}

/**
 * Does `work` for every name, a few at once. Says `text` of each result as soon as it is there, or the error on standard error;
 * with JSON one array of all in the order of the names. Returns the exit code: that of the first name that failed.
 */
export async function reportEach<Value extends object>(
  names: readonly string[],
  {json, work, text}: EachOptions<Value>,
): Promise<number> {
  const progress = progressLine()
  const outcomes = await forEachName(
    names,
    name => work(name, line => progress.report(`${name}: ${line}`)),
    async outcome => {
      progress.clear()
      if (json) return
      if (outcome.ok) await write(`${text(outcome.value, outcome.name)}\n`)
      else process.stderr.write(`${renderError(outcome.error, paintFor(process.stderr))}\n`)
    },
  )
  progress.end()
  if (json) await write(toJson(manyJson(outcomes)))
  return exitCodeOfMany(outcomes)
}
